//! The parts of a turn that a live session runs one by one: hearing, answering, saying.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::time::Instant;

use super::{
    driver::{Run, Sink, narrowest, panic_error},
    engine::Engine,
    machine::{Outcome, TurnMachine},
    tools::GoAhead,
};
use crate::{
    audio::Utterance,
    error::Result,
    provider::{CallContext, LlmEvent, PromptMessage, TtsCapabilities},
    tool::{Lasting, Toolbox},
};

/// What is to be spoken.
pub(crate) enum Words {
    /// What the model answers to this prompt, with these tools, which wait for its go-ahead; `lasting` takes what they give too late.
    Answer { prompt: Vec<PromptMessage>, tools: Arc<Toolbox>, lasting: Lasting, go_ahead: GoAhead },
    /// These words.
    Fixed(String),
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
            run.recognise(self.recogniser()?, utterance, language, None).await?;
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
            let mut run = self.part(ctx, tts.map(|tts| narrowest(tts)), sink);
            run.machine.on_typed(String::new(), language);
            match words {
                Words::Answer { prompt, tools, lasting, go_ahead } => {
                    (run.tools, run.lasting, run.go_ahead) = (tools, Some(lasting), go_ahead);
                    run.write_and_speak(&prompt, tts).await?;
                }
                Words::Fixed(text) => {
                    let event = run.machine.on_llm(LlmEvent::Text(text), run.at());
                    run.sink.emit_some(event).await?;
                    run.machine.on_llm_end(run.at())?;
                    let speech = run.speech(tts);
                    run.speak_out(speech).await?;
                }
            }
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

/// A panic as the error that it is told as.
pub(super) async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(panic_error(panic.as_ref())))
}
