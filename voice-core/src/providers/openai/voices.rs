//! The voices that OpenAI names in its documentation (November 2026): no address lists them.

use super::call::Endpoint;
use crate::{
    error::Result,
    provider::{Voice, VoicesPage, no_list},
};

/// Those of `/audio/speech`.
#[rustfmt::skip]
pub(super) const SPEECH: &[&str] = &[
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
];

/// Those of them that its first models know.
pub(super) const FIRST: &[&str] = &["alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer"];

/// Those of the Realtime API.
pub(super) const REALTIME: &[&str] =
    &["alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"];

impl Endpoint {
    /// The voices of these names, each of which speaks every language that the model does.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Unsupported`) of a server that is not OpenAI: its voices are its own.
    pub(super) fn voices(&self, names: &[&str]) -> Result<VoicesPage> {
        if !self.is_openai() {
            return Err(no_list(&self.peer.provider));
        }
        let named = |name: &&str| Voice::new(*name).with_name(name[..1].to_uppercase() + &name[1..]);
        Ok(VoicesPage::last(names.iter().map(named).collect()))
    }
}
