//! The parts of a turn that a live session runs one by one: hearing, answering, saying.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{runtime::Handle, time::Instant};

use super::{
    driver::{Run, Sink, panic_error},
    engine::Engine,
    knowledge::Recall,
    machine::{Outcome, TurnMachine},
    tools::GoAhead,
};
use crate::{
    audio::Utterance,
    error::Result,
    interpreter::{Reading, Told},
    layer::{Failed, Stack, TtsService},
    provider::{CallContext, LlmEvent, PromptMessage, TtsCapabilities},
    tool::{Lasting, Toolbox},
};

/// What is to be spoken.
pub(crate) enum Words {
    /// What the model answers to this prompt, with these tools, which wait for its go-ahead; `lasting` takes what they give too late,
    /// and `recall` is looked up first.
    Answer {
        prompt: Vec<PromptMessage>,
        recall: Option<Recall>,
        tools: Arc<Toolbox>,
        lasting: Lasting,
        go_ahead: GoAhead,
    },
    /// These words.
    Fixed(String),
    /// How the model interprets with this prompt.
    Interpretation { prompt: Vec<PromptMessage>, reading: Reading },
    /// An interpretation again.
    Again { text: String, told: Told },
}

impl Engine {
    /// Recognises one utterance. Without words in it, the transcript is empty.
    ///
    /// A panic in a provider comes back as `INTERNAL_ERROR`.
    pub(crate) async fn hear(
        &self,
        utterance: Utterance,
        language: Option<String>,
        ctx: CallContext,
        sink: &Sink,
    ) -> Result<Outcome> {
        let hearing = async {
            let mut run = self.part(ctx, None, sink);
            run.recognise(self.recogniser()?, utterance, language, Failed::default()).await?;
            Ok(run.machine.into_outcome())
        };
        caught(hearing).await
    }

    /// Writes or takes words and speaks them. The sink has text, sound and metrics as they come; sound is not collected.
    ///
    /// A panic in a provider comes back as `INTERNAL_ERROR`.
    pub(crate) async fn say(
        &self,
        words: Words,
        language: Option<String>,
        speak: bool,
        ctx: CallContext,
        sink: &Sink,
    ) -> Result<Outcome> {
        let tts = self.tts.as_ref().filter(|_| speak);
        let saying = async {
            let mut run = self.part(ctx, tts.map(|tts| self.narrowest(tts)), sink);
            run.machine.on_typed(String::new(), language);
            run.utter(words, tts).await?;
            Ok(run.machine.into_outcome())
        };
        caught(saying).await
    }

    pub(super) fn part<'a>(&'a self, ctx: CallContext, tts: Option<TtsCapabilities>, sink: &'a Sink) -> Run<'a> {
        self.run_of(TurnMachine::new(tts.as_ref()).without_sound(), ctx, sink)
    }

    /// A part of a turn that calls no tools.
    pub(super) fn run_of<'a>(&'a self, machine: TurnMachine, ctx: CallContext, sink: &'a Sink) -> Run<'a> {
        let (tools, go_ahead) = (Arc::default(), GoAhead::default());
        Run { engine: self, machine, tools, lasting: None, go_ahead, ctx, started: Instant::now(), sink }
    }
}

impl Run<'_> {
    /// Writes or takes words and speaks them.
    pub(super) async fn utter(&mut self, words: Words, tts: Option<&Arc<Stack<TtsService>>>) -> Result<()> {
        let text = match words {
            Words::Answer { mut prompt, recall, tools, lasting, go_ahead } => {
                (self.tools, self.lasting, self.go_ahead) = (tools, Some(lasting), go_ahead);
                self.recall(&mut prompt, recall).await?;
                return self.write_and_speak(&prompt, tts).await;
            }
            Words::Interpretation { prompt, reading } => {
                self.machine.read_with(reading);
                return self.write_and_speak(&prompt, tts).await;
            }
            Words::Again { text, told } => {
                self.machine.say_again(told.get().cloned());
                text
            }
            Words::Fixed(text) => text,
        };
        let event = self.machine.on_llm(LlmEvent::Text(text), self.at());
        self.sink.emit_some(event).await?;
        self.machine.on_llm_end(self.at())?;
        let speech = self.speech(tts);
        self.speak_out(speech).await
    }
}

/// A panic as the error that it is told as.
pub(super) fn caught<T>(work: impl Future<Output = Result<T>>) -> impl Future<Output = Result<T>> {
    // Boxed at once: it is kilobytes, and what waits for it is moved.
    let work = AssertUnwindSafe(Box::pin(work)).catch_unwind();
    work.map(|done| done.unwrap_or_else(|panic| Err(panic_error(panic.as_ref()))))
}

/// Work that is finished in the background if whoever waits for it goes away.
pub(super) fn finished<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Finished<T> {
    Finished(Some(Box::pin(work)))
}

pub(super) struct Finished<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> Future for Finished<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Taken out: work that panics is over.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let done = work.as_mut().poll(cx);
        if done.is_pending() {
            self.0 = Some(work);
        }
        done
    }
}

impl<T: Send + 'static> Drop for Finished<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}
