//! Recognising speech while it is spoken.

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
