//! Voices on this machine's CPU.
//!
//! ```text
//! text ──normalize──► words ──pieces──► clauses ──pronounce──► sounds ──kokoro | piper──► sound ──trim──► chunks
//! ```

mod dictionary;
mod espeak;
mod kokoro;
mod letters;
mod normalize;
mod numbers;
mod pieces;
mod piper;
mod pronounce;
mod speech_part;
mod trim;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;

pub use self::{
    kokoro::{KokoroOptions, KokoroTts},
    piper::{PiperOptions, PiperTts},
};
use super::{
    process::PerProcess,
    runtime::{Speaking, run_blocking},
};
use crate::{
    audio::Pcm,
    error::{Error, ErrorKind, Result, Stage},
    provider::{CallContext, ResultStream, SynthesisRequest},
};

/// One piece is spoken at a time in a process, first come first served: two at once would each take twice as long, and
/// a long text of one session would keep the others waiting if whole calls took turns.
static SPEAKING: PerProcess<Semaphore> = PerProcess::new(|| Semaphore::new(1));

/// A piece of normalised text.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    /// Whether an answer begins with it, so that somebody waits for its first sound.
    begins: bool,
}

/// A voice that speaks one piece of normalised text.
trait Voice: Send + Sync + 'static {
    /// Hands over the sound of a piece as soon as there is some, in at most [`MOST_CHUNKS`] chunks, and ends where that
    /// fails. Nothing or an empty chunk when there is nothing to say.
    fn speak(&self, piece: Piece<'_>, heard: &mut dyn FnMut(Pcm) -> Result<()>) -> Result<()>;
}

/// So many chunks of a piece wait unread: a voice never waits for a listener while others wait for the voice.
const MOST_CHUNKS: usize = 8;

/// Speaks a text piece by piece, each on a blocking thread when its turn comes. Dropping the stream lets the piece that
/// is being spoken end unheard and starts no other.
fn speak(
    voice: Arc<dyn Voice>,
    name: &str,
    request: &SynthesisRequest,
    ctx: &CallContext,
) -> Result<ResultStream<Pcm>> {
    let name: Arc<str> = name.into();
    if let Some(language) = request.language.as_deref().filter(|l| !is_english(l)) {
        let message = format!("{name} speaks English (en) only, not {language}; use another voice for it");
        return Err(Error::new(ErrorKind::RejectedByProvider, message).with_stage(Stage::Tts).with_provider(name));
    }
    ctx.check()?;
    let pieces = pieces::cut(&normalize::for_speech(&request.text)).into_iter();
    let begins = request.previous_text.is_none();
    let state = Speech { voice, ctx: ctx.clone(), pieces, begins, piece: None };
    let spoken = stream::unfold(Some(state), move |state| {
        let name = name.clone();
        async move {
            let mut speech = state?;
            match speech.next().await? {
                Ok(sound) => Some((Ok(sound), Some(speech))),
                Err(e) => Some((Err(e.with_stage(Stage::Tts).with_provider(name)), None)),
            }
        }
    });
    Ok(Box::pin(spoken))
}

/// A text that is being spoken.
struct Speech {
    voice: Arc<dyn Voice>,
    ctx: CallContext,
    pieces: std::vec::IntoIter<String>,
    /// Whether the next piece begins an answer.
    begins: bool,
    /// The sound of the piece that is being spoken.
    piece: Option<ResultStream<Pcm>>,
}

impl Speech {
    /// The next chunk that is not empty.
    async fn next(&mut self) -> Option<Result<Pcm>> {
        loop {
            if let Some(piece) = &mut self.piece {
                match piece.next().await {
                    Some(Ok(pcm)) if pcm.is_empty() => continue,
                    Some(sound) => return Some(sound),
                    None => self.piece = None,
                }
            }
            let text = self.pieces.next()?;
            match self.speak_piece(text).await {
                Ok(piece) => self.piece = Some(piece),
                Err(e) => return Some(Err(e)),
            }
        }
    }

    /// Has a piece spoken once it is its turn.
    async fn speak_piece(&mut self, text: String) -> Result<ResultStream<Pcm>> {
        let turn = tokio::select! {
            biased;
            () = self.ctx.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "the turn was cancelled")),
            turn = SPEAKING.get().acquire_owned() => turn.map_err(|_| Error::internal("the voices' queue is closed"))?,
        };
        self.ctx.check()?;
        let voice = self.voice.clone();
        let begins = std::mem::take(&mut self.begins);
        Ok(run_blocking(&self.ctx, MOST_CHUNKS, move |work| {
            let _turn = turn;
            let _speaking = Speaking::begin();
            voice.speak(Piece { text: &text, begins }, &mut |sound| work.send(sound))
        }))
    }
}

/// The files of a folder with an extension, by their names.
fn files_in(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| {
        let message = format!("the voices in {} cannot be listed: {e}", folder.display());
        Error::new(ErrorKind::ModelMissing, message).with_source(e)
    })?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == extension));
    files.sort();
    Ok(files)
}

/// Whether a BCP 47 tag is English.
fn is_english(tag: &str) -> bool {
    tag.split(['-', '_']).next().is_some_and(|language| language.eq_ignore_ascii_case("en"))
}

/// Samples between −1 and 1 as 16-bit sound.
fn to_pcm(samples: &[f32], rate: u32) -> Pcm {
    let samples: Vec<i16> = samples.iter().map(|s| (s.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16).collect();
    Pcm::new(samples, rate)
}
