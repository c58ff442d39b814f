//! Recognising speech while it is spoken.

use std::{
    any::Any,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::stream::BoxStream;

use crate::audio::Pcm;

/// The sound of one utterance as it is spoken: 16 kHz mono, in pieces of any length, none of them empty. Its end is the end of
/// the utterance, as the library hears it.
pub type SpokenSound = BoxStream<'static, Pcm>;

/// A request to recognise one utterance while it is spoken.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListenRequest {
    /// The language to expect (BCP 47); `None`: detect it.
    pub language: Option<String>,
    /// What is kept for the next utterance of the session.
    pub(crate) kept: Kept,
}

/// A place where a recogniser keeps something from one utterance of a session to the next, such as a connection that is open already.
/// Clones share it; it goes with the session.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

#[cfg_attr(not(feature = "_listening"), allow(dead_code))]
impl Kept {
    /// Whether somebody else has it, too, who may ask for what is kept.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Keeps this in place of whatever was kept.
    pub(crate) fn put<T: Send + 'static>(&self, what: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(what));
    }

    /// Takes out what is kept; what is of another type belongs to another recogniser, and is dropped.
    pub(crate) fn take<T: 'static>(&self) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept?.downcast().ok().map(|what| *what)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(…)")
    }
}

impl ListenRequest {
    /// A request that leaves the language open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the language to expect (BCP 47).
    #[must_use]
    pub fn with_language(mut self, language: Option<String>) -> Self {
        self.language = language;
        self
    }
}
