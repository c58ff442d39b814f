//! Where the answer of a host object goes.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;
use voice_core::{
    Error, ErrorKind, Pcm, Result, SpokenWord, ToolCall, Transcript, Usage,
    provider::{FinishReason, LlmEvent, ResultStream},
};

use crate::{
    ErrorRecord, Outcome, from_host,
    queue::{Sender, queue},
};

/// How many transcripts of what is being spoken wait for their reader: a later one says all that an earlier one says.
const TRANSCRIPTS: usize = 16;

/// Whether somebody waits for an answer, and who is to learn that nobody does.
#[derive(Default)]
pub struct Interest {
    unwanted: CancellationToken,
    state: Mutex<Wanted>,
}

enum Wanted {
    /// It has not ended; these are called when nobody waits for the rest any more.
    Yes(Vec<Box<dyn FnOnce() + Send>>),
    No,
    /// It has ended, so that nobody needs to be told.
    Given,
}

impl Default for Wanted {
    fn default() -> Self {
        Self::Yes(Vec::new())
    }
}

impl Interest {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) {
        self.unwanted.cancel();
        let mut state = self.lock();
        if let Wanted::Yes(told) = &mut *state {
            let told = mem::take(told);
            *state = Wanted::No;
            drop(state);
            told.into_iter().for_each(|told| told());
        }
    }

    fn given(&self) {
        let before = mem::replace(&mut *self.lock(), Wanted::Given);
        // Outside the lock: what is let go of is the host's.
        drop(before);
    }

    /// Has `told` called as soon as nobody wants the answer any more, on a thread for which it must not wait; at once when that is so
    /// already. An answer that ends before lets go of it uncalled.
    pub fn on_lost(&self, told: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        match &mut *state {
            Wanted::Yes(all) => all.push(Box::new(told)),
            Wanted::No => {
                drop(state);
                told();
            }
            Wanted::Given => {}
        }
    }
}

/// Goes with the stream of an answer.
struct Reader(Arc<Interest>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.lost();
    }
}

/// Where a host's answer goes: items, then [`finish`](Responder::finish) or [`fail`](Responder::fail). Dropping it without
/// either is a failure ("the host gave no answer").
pub struct Responder<T> {
    items: Option<Sender<Result<T>>>,
    interest: Arc<Interest>,
}

impl<T: Send + 'static> Responder<T> {
    pub(crate) fn new() -> (Self, ResultStream<T>) {
        Self::holding(usize::MAX)
    }

    /// The same where at most so many items wait for their reader: then the oldest gives way.
    fn holding(most: usize) -> (Self, ResultStream<T>) {
        let (sender, mut receiver) = queue(most);
        let interest = Arc::<Interest>::default();
        let reader = Reader(Arc::clone(&interest));
        let stream = futures_util::stream::poll_fn(move |cx| {
            // Dropping the stream tells the host that nobody wants the rest.
            let _held = &reader;
            receiver.poll_next(cx)
        });
        (Self { items: Some(sender), interest }, stream.boxed())
    }

    /// Hands over one item. `false`: nobody wants it any more, so the host should stop.
    pub fn send(&self, item: T) -> bool {
        self.items.as_ref().is_some_and(|items| items.send(Ok(item)))
    }

    /// The answer is complete.
    pub fn finish(mut self) {
        self.end(None);
    }

    /// The answer failed.
    pub fn fail(mut self, error: Error) {
        self.end(Some(error));
    }

    /// Cancelled when nobody wants the answer any more.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.interest.unwanted.clone()
    }

    /// Whether anybody waits for it.
    #[must_use]
    pub fn interest(&self) -> Arc<Interest> {
        Arc::clone(&self.interest)
    }
}

impl Responder<Transcript> {
    /// For an utterance that is being spoken, of which there may be any number of transcripts.
    pub(crate) fn listening() -> (Self, ResultStream<Transcript>) {
        Self::holding(TRANSCRIPTS)
    }
}

impl<T> Responder<T> {
    fn end(&mut self, error: Option<Error>) {
        let Some(items) = self.items.take() else { return };
        // Before the reader can see the end, and go.
        self.interest.given();
        if let Some(error) = error {
            let _nobody_waits = items.send(Err(error));
        }
    }
}

impl<T> Drop for Responder<T> {
    fn drop(&mut self) {
        if self.items.is_some() {
            let error = Error::new(ErrorKind::ProviderFailed, "the host's object gave no answer").with_retryable(false);
            self.end(Some(error));
        }
    }
}

enum Kind {
    Transcript(Responder<Transcript>),
    Text(Responder<String>),
    Written(Responder<LlmEvent>),
    Audio(Speech),
    Completeness(Responder<f32>),
    Ready(Responder<()>),
}

/// A voice's answer: its sound, and the words that go with the next of it.
struct Speech {
    sound: Responder<Pcm>,
    words: Vec<SpokenWord>,
    /// The first byte of a sample whose second is still to come.
    half: Option<u8>,
}

const HALF: &str = "the sound ends in the middle of a 16-bit sample";

impl From<Responder<Pcm>> for Speech {
    fn from(sound: Responder<Pcm>) -> Self {
        Self { sound, words: Vec::new(), half: None }
    }
}

impl Speech {
    fn send(&mut self, samples: Vec<i16>, sample_rate: u32) -> bool {
        self.sound.send(Pcm::new(samples, sample_rate).with_words(mem::take(&mut self.words)))
    }

    fn send_bytes(&mut self, bytes: &[u8], sample_rate: u32) -> bool {
        let (first, rest) = match (self.half.take(), bytes.split_first()) {
            (Some(low), Some((high, rest))) => (Some([low, *high]), rest),
            (half, _) => {
                self.half = half;
                (None, bytes)
            }
        };
        let (whole, odd) = rest.as_chunks::<2>();
        self.half = odd.first().copied().or(self.half);
        let samples = first.iter().chain(whole).copied().map(i16::from_le_bytes).collect();
        self.send(samples, sample_rate)
    }

    fn finish(mut self) {
        if self.half.is_some() {
            return self.sound.fail(Error::new(ErrorKind::MalformedResponse, HALF).with_retryable(false));
        }
        // Words that come behind the last sound are told all the same.
        if !self.words.is_empty() {
            self.send(Vec::new(), 24_000);
        }
        self.sound.finish();
    }
}

/// The answer to a question of any role, as a handle that a host may keep for as long as it likes: what comes after its end is
/// dropped. Dropping it before is a failure, as with a [`Responder`].
pub struct Answer {
    kind: Mutex<Option<Kind>>,
    interest: Arc<Interest>,
}

macro_rules! of_responders {
    ($($kind:ident of $item:ty),*) => {
        $(impl From<Responder<$item>> for Answer {
            fn from(responder: Responder<$item>) -> Self {
                let interest = Arc::clone(&responder.interest);
                Self { kind: Mutex::new(Some(Kind::$kind(responder.into()))), interest }
            }
        })*
    };
}

of_responders!(Transcript of Transcript, Text of String, Written of LlmEvent, Audio of Pcm, Completeness of f32, Ready of ());

impl Answer {
    fn lock(&self) -> MutexGuard<'_, Option<Kind>> {
        self.kind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over everything recognised so far. `false`: nobody wants it any more, so the host should stop.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the answer consists of something else; the same holds for the other items.
    pub fn send_transcript(&self, text: String, is_final: bool, language: Option<String>) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Transcript(answer)) => {
                let mut transcript = if is_final { Transcript::last(text) } else { Transcript::interim(text) };
                transcript.language = language;
                Ok(answer.send(transcript))
            }
            other => unfit(other.as_ref()),
        }
    }

    /// Hands over a piece of text, a store's JSON, or (a piece of) a tool's result.
    ///
    /// # Errors
    /// As for [`send_transcript`](Self::send_transcript).
    pub fn send_text(&self, piece: String) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Text(answer)) => Ok(answer.send(piece)),
            // A model's pieces are never empty; that one is still wanted.
            Some(Kind::Written(_)) if piece.is_empty() => Ok(!self.interest.unwanted.is_cancelled()),
            Some(Kind::Written(answer)) => Ok(answer.send(LlmEvent::Text(piece))),
            other => unfit(other.as_ref()),
        }
    }

    /// Hands over a language model's call of a tool: `arguments_json` as the model wrote it, usually a JSON object. Text that is no
    /// JSON goes on as it is, and the model is told that it does not fit.
    ///
    /// # Errors
    /// As for [`send_transcript`](Self::send_transcript).
    pub fn send_tool_call(&self, id: String, name: String, arguments_json: &str) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Written(answer)) => {
                let arguments = serde_json::from_str(arguments_json).unwrap_or_else(|_| arguments_json.into());
                Ok(answer.send(LlmEvent::ToolCall(ToolCall::new(id, name, arguments))))
            }
            other => unfit(other.as_ref()),
        }
    }

    /// Says what a language model has used: tokens of its prompt, how many of those came from a cache, and tokens that it wrote.
    /// What is said more than once adds up.
    ///
    /// # Errors
    /// As for [`send_transcript`](Self::send_transcript).
    pub fn send_usage(&self, input_tokens: u64, cached_tokens: u64, output_tokens: u64) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Written(answer)) => {
                let mut usage = Usage::default();
                (usage.input_tokens, usage.cached_tokens, usage.output_tokens) =
                    (input_tokens, cached_tokens, output_tokens);
                Ok(answer.send(LlmEvent::Usage(usage)))
            }
            other => unfit(other.as_ref()),
        }
    }

    /// Says why a language model stopped: `stop` (it was done), `tool_calls`, `length` (it reached the most tokens), `content_filter`
    /// (its provider withheld the answer or the rest of it), `other`. A model that does not say was done, or called tools.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for any other word; otherwise as for [`send_transcript`](Self::send_transcript).
    pub fn send_finish_reason(&self, reason: &str) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Written(answer)) => Ok(answer.send(LlmEvent::Finished(finish_reason(reason)?))),
            other => unfit(other.as_ref()),
        }
    }

    /// Hands over a chunk of mono sound.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` behind [bytes](Self::send_audio_bytes) that end within a sample; otherwise as for
    /// [`send_transcript`](Self::send_transcript).
    pub fn send_audio(&self, samples: Vec<i16>, sample_rate: u32) -> Outcome<bool> {
        match &mut *self.lock() {
            Some(Kind::Audio(Speech { half: Some(_), .. })) => Err(ErrorRecord::invalid(HALF)),
            Some(Kind::Audio(answer)) => Ok(answer.send(samples, sample_rate)),
            other => unfit(other.as_ref()),
        }
    }

    /// The same as the bytes of 16-bit little-endian samples, cut anywhere: what a chunk has of its last sample goes with the next chunk.
    /// A sample that is never completed is a failure at the end of the answer.
    ///
    /// # Errors
    /// As for [`send_transcript`](Self::send_transcript).
    pub fn send_audio_bytes(&self, bytes: &[u8], sample_rate: u32) -> Outcome<bool> {
        match &mut *self.lock() {
            Some(Kind::Audio(answer)) => Ok(answer.send_bytes(bytes, sample_rate)),
            other => unfit(other.as_ref()),
        }
    }

    /// Says when a word of the text is spoken, in seconds from the beginning of the sound of that text. It goes with the next sound,
    /// so it is said before it; words are said in their order, each once, as they stand in the text. Live sessions then know to the
    /// word what was heard.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for times that are no seconds from 0, or an end before the start; otherwise as for
    /// [`send_transcript`](Self::send_transcript).
    pub fn send_word(&self, text: String, start: f64, end: f64) -> Outcome<bool> {
        match &mut *self.lock() {
            Some(Kind::Audio(answer)) => {
                let times = Duration::try_from_secs_f64(start).ok().zip(Duration::try_from_secs_f64(end).ok());
                let Some((start, end)) = times.filter(|(start, end)| start <= end) else {
                    let said = format!(
                        "a word's times: expected seconds from 0, the end not before the start, got {start} and {end}"
                    );
                    return Err(ErrorRecord::invalid(said));
                };
                answer.words.push(SpokenWord::new(text, start, end));
                Ok(!self.interest.unwanted.is_cancelled())
            }
            other => unfit(other.as_ref()),
        }
    }

    /// Says how likely a speaker is done, 0–1.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for what is no number from 0 to 1; otherwise as for [`send_transcript`](Self::send_transcript).
    pub fn send_completeness(&self, likely: f64) -> Outcome<bool> {
        match &*self.lock() {
            Some(Kind::Completeness(answer)) if (0.0..=1.0).contains(&likely) => Ok(answer.send(likely as f32)),
            Some(Kind::Completeness(_)) => {
                Err(ErrorRecord::invalid(format!("completeness: expected a number from 0 to 1, got {likely}")))
            }
            other => unfit(other.as_ref()),
        }
    }

    /// The answer is complete. `false`: it had ended already.
    pub fn finish(&self) -> bool {
        match self.lock().take() {
            Some(Kind::Transcript(answer)) => answer.finish(),
            Some(Kind::Text(answer)) => answer.finish(),
            Some(Kind::Written(answer)) => answer.finish(),
            Some(Kind::Audio(answer)) => answer.finish(),
            Some(Kind::Completeness(answer)) => answer.finish(),
            Some(Kind::Ready(answer)) => answer.finish(),
            None => return false,
        }
        true
    }

    /// The answer failed, for the reason that [`from_host`] understands. `false`: it had ended already.
    pub fn fail(&self, code: Option<&str>, detail: &str, retryable: Option<bool>, retry_after_ms: Option<u64>) -> bool {
        let error = from_host(code, detail, retryable, retry_after_ms);
        match self.lock().take() {
            Some(Kind::Transcript(answer)) => answer.fail(error),
            Some(Kind::Text(answer)) => answer.fail(error),
            Some(Kind::Written(answer)) => answer.fail(error),
            Some(Kind::Audio(answer)) => answer.sound.fail(error),
            Some(Kind::Completeness(answer)) => answer.fail(error),
            Some(Kind::Ready(answer)) => answer.fail(error),
            None => return false,
        }
        true
    }

    /// Ends it without an answer, as dropping it does.
    pub fn abandon(&self) {
        drop(self.lock().take());
    }

    /// Whether nobody wants the answer any more, or it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.interest.unwanted.is_cancelled() || self.lock().is_none()
    }

    /// Cancelled when nobody wants the answer any more.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.interest.unwanted.clone()
    }

    /// Whether anybody waits for it.
    #[must_use]
    pub fn interest(&self) -> Arc<Interest> {
        Arc::clone(&self.interest)
    }
}

fn finish_reason(word: &str) -> Outcome<FinishReason> {
    Ok(match word {
        "stop" => FinishReason::Stop,
        "tool_calls" => FinishReason::ToolCalls,
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "other" => FinishReason::Other,
        _ => {
            let known = "stop, tool_calls, length, content_filter or other";
            return Err(ErrorRecord::invalid(format!("finish reason: expected {known}, got {word:?}")));
        }
    })
}

fn unfit(other: Option<&Kind>) -> Outcome<bool> {
    match other {
        None => Ok(false),
        Some(_) => Err(ErrorRecord::invalid("this is not what the answer consists of")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_model_says_what_it_used_and_why_it_stopped() {
        let (written, _stream) = Responder::<LlmEvent>::new();
        let model = Answer::from(written);
        assert!(matches!(model.send_usage(1, 0, 2), Ok(true)));
        assert!(matches!(model.send_finish_reason("content_filter"), Ok(true)));
        let refused = model.send_finish_reason("bored").err().map(|e| (e.code, e.detail));
        let expected = r#"finish reason: expected stop, tool_calls, length, content_filter or other, got "bored""#;
        assert_eq!(refused, Some(("VALIDATION_ERROR".to_owned(), expected.to_owned())));

        let (spoken, _stream) = Responder::<Pcm>::new();
        let voice = Answer::from(spoken);
        assert!(voice.send_usage(1, 0, 2).is_err());
        assert!(voice.send_finish_reason("stop").is_err());
        assert!(model.finish() && matches!(model.send_usage(1, 0, 2), Ok(false)));
    }

    /// The samples of sound that came as these bytes, and why it failed, if it did.
    async fn heard(chunks: &[&[u8]]) -> (Vec<i16>, Option<String>) {
        let (spoken, sound) = Responder::<Pcm>::new();
        let voice = Answer::from(spoken);
        for chunk in chunks {
            assert!(matches!(voice.send_audio_bytes(chunk, 24_000), Ok(true)));
        }
        assert!(voice.finish());
        let chunks: Vec<Result<Pcm>> = sound.collect().await;
        let samples = chunks.iter().flatten().flat_map(|pcm| pcm.samples().to_vec()).collect();
        (samples, chunks.into_iter().find_map(|chunk| chunk.err().map(|error| error.message().to_owned())))
    }

    #[tokio::test]
    async fn bytes_of_sound_may_be_cut_anywhere_but_at_the_end() {
        assert_eq!(heard(&[&[1, 0, 2], &[0], &[], &[3, 0, 4, 0]]).await, (vec![1, 2, 3, 4], None));
        assert_eq!(heard(&[&[1], &[], &[0]]).await, (vec![1], None));
        assert_eq!(heard(&[&[1, 0], &[2]]).await, (vec![1], Some(HALF.to_owned())));

        let (spoken, _sound) = Responder::<Pcm>::new();
        let voice = Answer::from(spoken);
        assert!(matches!(voice.send_audio_bytes(&[1, 0, 2], 24_000), Ok(true)));
        assert_eq!(voice.send_audio(vec![3], 24_000).err().map(|error| error.detail), Some(HALF.to_owned()));
    }

    /// How often the host of an answer was told that nobody wants it, after `then`.
    fn told(then: impl FnOnce(Responder<String>, ResultStream<String>)) -> usize {
        let (answer, stream) = Responder::<String>::new();
        let (interest, counted) = (answer.interest(), Arc::new(()));
        let counter = Arc::downgrade(&counted);
        let count = Arc::new(Mutex::new(0));
        let told = Arc::clone(&count);
        interest.on_lost(move || {
            let _held = &counted;
            *told.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        });
        then(answer, stream);
        assert!(counter.upgrade().is_none(), "what was to be called is let go of");
        *count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn a_host_is_told_once_that_nobody_wants_the_answer_unless_it_has_given_it() {
        assert_eq!(told(|_kept, stream| drop(stream)), 1);
        assert_eq!(
            told(|answer, stream| {
                answer.finish();
                drop(stream);
            }),
            0
        );
        let failed = Error::new(ErrorKind::ProviderFailed, "no");
        assert_eq!(
            told(|answer, stream| {
                answer.fail(failed);
                drop(stream);
            }),
            0
        );
        assert_eq!(told(|answer, _stream| drop(answer)), 0);
    }

    #[test]
    fn who_asks_late_is_told_at_once() {
        let (answer, stream) = Responder::<String>::new();
        drop(stream);
        let (told, was_told) = std::sync::mpsc::channel();
        answer.interest().on_lost(move || {
            let _heard = told.send(());
        });
        assert!(was_told.try_recv().is_ok());
    }
}
