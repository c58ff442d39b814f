//! Pieces of text into sound, in order, without gaps: while one piece is heard the next is already asked for.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::Stream;

use crate::{
    audio::Pcm,
    error::{Error, Result},
    event::CallMetrics,
    layer::{Call, Failed, Stack, TtsService},
    provider::{CallContext, SynthesisRequest},
};

use super::machine::Piece;

/// How many pieces are asked for at once: the one that is heard and the one after it.
const LANES: usize = 2;

/// How many characters of what was said before a piece its voice is told: the sentence or two that its tone follows from.
const MOST_BEFORE: usize = 300;

type Opening = Pin<Box<dyn Future<Output = Result<Call<TtsService>>> + Send>>;

enum Lane {
    Opening(Opening),
    Open(Box<Call<TtsService>>),
    Failed(Error),
}

impl Lane {
    fn advance(&mut self, cx: &mut Context<'_>) {
        if let Self::Opening(opening) = self
            && let Poll::Ready(opened) = opening.as_mut().poll(cx)
        {
            *self = opened.map_or_else(Self::Failed, |call| Self::Open(Box::new(call)));
        }
    }
}

/// What came of speaking.
pub(crate) enum Spoken {
    /// Sound, and with the first of a piece its words.
    Audio(Pcm, Option<Piece>),
    /// A piece is complete.
    Piece(CallMetrics),
    /// A piece failed before any of it was heard, at every provider.
    Failed(Error),
    /// A piece broke off after part of it was heard.
    BrokeOff(Error),
}

/// The pieces that are being spoken.
pub(crate) struct Speech {
    /// Who speaks where no language has a voice of its own.
    base: Arc<Stack<TtsService>>,
    stack: Arc<Stack<TtsService>>,
    ctx: CallContext,
    language: Option<String>,
    word_times: bool,
    /// The end of what this voice was given to say so far.
    said: String,
    lanes: VecDeque<(Piece, Lane)>,
    /// Some of the first piece was heard.
    heard: bool,
    /// The provider whose stream broke last; the next pieces go to the others first.
    failed: Failed,
}

impl Speech {
    /// `word_times`: somebody wants to know when each word is heard.
    pub(crate) fn new(stack: Arc<Stack<TtsService>>, ctx: CallContext, word_times: bool) -> Self {
        Self {
            base: Arc::clone(&stack),
            stack,
            ctx,
            language: None,
            word_times,
            said: String::new(),
            lanes: VecDeque::new(),
            heard: false,
            failed: Failed::default(),
        }
    }

    pub(crate) fn wants_piece(&self) -> bool {
        self.lanes.len() < LANES
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(crate) fn push(&mut self, piece: Piece) {
        let mut request = SynthesisRequest::new(Arc::clone(&piece.text));
        request.language.clone_from(&self.language);
        request.word_times = self.word_times;
        request.previous_text = (!self.said.is_empty()).then(|| self.said.as_str().into());
        self.note(&piece.text);
        let (stack, ctx, failed) = (Arc::clone(&self.stack), self.ctx.clone(), self.failed);
        let opening = Lane::Opening(Box::pin(async move { stack.open(request, &ctx, failed).await }));
        self.lanes.push_back((piece, opening));
    }

    /// Keeps the end of what is said, in whole words.
    fn note(&mut self, text: &str) {
        if !self.said.is_empty() {
            self.said.push(' ');
        }
        self.said.push_str(text.trim());
        if let Some((cut, _)) = self.said.char_indices().rev().nth(MOST_BEFORE) {
            let word = self.said[cut..].find(char::is_whitespace).map_or(cut, |space| cut + space);
            self.said = self.said[word..].trim_start().to_owned();
        }
    }

    /// What is pushed from now on is in this language, and spoken by `voice`, if it has one of its own.
    pub(crate) fn turn_to(&mut self, language: &str, voice: Option<&Arc<Stack<TtsService>>>) {
        if self.language.as_deref() == Some(language) {
            return;
        }
        self.language = Some(language.to_owned());
        let voice = voice.unwrap_or(&self.base);
        if !Arc::ptr_eq(voice, &self.stack) {
            // Providers are numbered within their stack.
            (self.stack, self.failed) = (Arc::clone(voice), Failed::default());
            self.said.clear();
        }
    }

    /// Drops every piece that is not finished.
    pub(crate) fn stop(&mut self) {
        self.lanes.clear();
    }

    /// The next thing that comes of speaking. Pending while there is nothing to speak.
    pub(crate) async fn next(&mut self) -> Spoken {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Spoken> {
        // Later lanes are only helped along: their sound waits inside them until it is their turn.
        for (_, lane) in &mut self.lanes {
            lane.advance(cx);
        }
        let (spoken, over) = match self.lanes.front_mut() {
            None | Some((_, Lane::Opening(_))) => return Poll::Pending,
            Some((_, Lane::Failed(error))) => (Spoken::Failed(error.clone()), true),
            Some((piece, Lane::Open(call))) => match std::task::ready!(Pin::new(&mut *call).poll_next(cx)) {
                Some(Ok(pcm)) => (Spoken::Audio(pcm, (!self.heard).then(|| piece.clone())), false),
                None => (Spoken::Piece(call.metrics()), true),
                Some(Err(error)) => {
                    self.failed.add(call.slot());
                    (if self.heard { Spoken::BrokeOff(error) } else { Spoken::Failed(error) }, true)
                }
            },
        };
        self.heard = !over;
        if over {
            self.lanes.pop_front();
        }
        Poll::Ready(spoken)
    }
}
