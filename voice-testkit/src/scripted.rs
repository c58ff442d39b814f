//! Providers that do exactly what a script says, at exact times, and remember what they were asked.
//!
//! ```
//! use std::time::Duration;
//! use voice_core::{Error, ErrorKind, VoiceAgent};
//! use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts, Step};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> voice_core::Result<()> {
//! let llm = ScriptedLlm::saying("It will rain. Take a coat.")
//!     .first_after(Duration::from_millis(100))
//!     .then_every(Duration::from_millis(20))
//!     .call(0, Step::fail(Error::new(ErrorKind::ProviderFailed, "down")));   // the first call fails
//! let agent = VoiceAgent::builder()
//!     .stt(ScriptedStt::hearing("will it rain")).llm(llm.clone()).tts(ScriptedTts::new())
//!     .storage("memory").build().await?;
//! let reply = agent.turn("will it rain?").await?;
//! assert_eq!(reply.text, "It will rain. Take a coat.");
//! assert_eq!(llm.calls(), 2);
//! # Ok(())
//! # }
//! ```

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use voice_core::{
    Error, LanguageModel, Pcm, Result, Role, SpeechToText, TextToSpeech, ToolCall, Transcript, Usage,
    provider::{
        CallContext, FinishReason, GenerateRequest, LlmCapabilities, LlmEvent, ResultStream, SynthesisRequest,
        ToolChoice, TranscribeRequest, TtsCapabilities,
    },
};

/// What goes wrong in one call.
#[derive(Clone, Debug)]
pub struct Step {
    pub(crate) after: usize,
    pub(crate) fault: Fault,
}

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Fail(Error),
    Hang,
    Panic,
    End,
}

impl Step {
    /// The call fails at once.
    #[must_use]
    pub fn fail(error: Error) -> Self {
        Self { after: 0, fault: Fault::Fail(error) }
    }

    /// The call never answers.
    #[must_use]
    pub fn hang() -> Self {
        Self { after: 0, fault: Fault::Hang }
    }

    /// The call panics.
    #[must_use]
    pub fn panic() -> Self {
        Self { after: 0, fault: Fault::Panic }
    }

    /// The call ends without an error where it should go on.
    #[must_use]
    pub fn end() -> Self {
        Self { after: 0, fault: Fault::End }
    }

    /// The same, but only after this many items.
    #[must_use]
    pub fn after(mut self, items: usize) -> Self {
        self.after = items;
        self
    }
}

/// When items come and what goes wrong, the same for every kind of provider.
#[derive(Clone, Debug, Default)]
struct Script {
    first_after: Duration,
    then_every: Duration,
    faults: HashMap<usize, Step>,
    every_call: Option<Step>,
}

struct Shared<R> {
    requests: Mutex<Vec<R>>,
    dropped: Mutex<usize>,
}

impl<R> Default for Shared<R> {
    fn default() -> Self {
        Self { requests: Mutex::default(), dropped: Mutex::default() }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts streams that were dropped before their end.
struct DropCount<R>(Arc<Shared<R>>, bool);

impl<R> DropCount<R> {
    fn finish(mut self) {
        self.1 = true;
    }
}

impl<R> Drop for DropCount<R> {
    fn drop(&mut self) {
        if !self.1 {
            *locked(&self.0.dropped) += 1;
        }
    }
}

/// Plays items on an absolute schedule, so that the timer's rounding does not add up over a long answer.
fn play<T, R>(shared: &Arc<Shared<R>>, request: R, script: &Script, items: Vec<T>) -> ResultStream<T>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    let call = {
        let mut requests = locked(&shared.requests);
        requests.push(request);
        requests.len() - 1
    };
    let step = script.faults.get(&call).or(script.every_call.as_ref()).cloned();
    let (start, first, every) = (Instant::now(), script.first_after, script.then_every);
    let guard = DropCount(Arc::clone(shared), false);
    let state = (items.into_iter(), 0_u32, guard, step);
    stream::unfold(state, move |(mut items, n, mut guard, step)| async move {
        if let Some(Step { after, fault }) = &step
            && n as usize == *after
        {
            sleep_until(start + first + every * n).await;
            match fault {
                Fault::Fail(error) => {
                    let error = error.clone();
                    guard.1 = true;
                    return Some((Err(error), (Vec::new().into_iter(), u32::MAX, guard, None)));
                }
                Fault::Hang => std::future::pending().await,
                #[allow(clippy::panic)]
                Fault::Panic => panic!("scripted panic"),
                Fault::End => {
                    guard.finish();
                    return None;
                }
            }
        }
        let Some(item) = items.next() else {
            guard.finish();
            return None;
        };
        sleep_until(start + first + every * n).await;
        Some((Ok(item), (items, n + 1, guard, step)))
    })
    .boxed()
}

macro_rules! scripted {
    ($name:ident, $request:ty) => {
        impl $name {
            /// Sets its name. Default `scripted/…`.
            #[must_use]
            pub fn named(mut self, name: impl Into<String>) -> Self {
                self.name = name.into();
                self
            }

            /// How long every call takes to its first item. Default: none.
            #[must_use]
            pub fn first_after(mut self, delay: Duration) -> Self {
                self.script.first_after = delay;
                self
            }

            /// How long there is between items. Default: none.
            #[must_use]
            pub fn then_every(mut self, delay: Duration) -> Self {
                self.script.then_every = delay;
                self
            }

            /// What goes wrong in call number `n`, from 0.
            #[must_use]
            pub fn call(mut self, n: usize, step: Step) -> Self {
                self.script.faults.insert(n, step);
                self
            }

            /// What goes wrong in every call that no [`call`](Self::call) speaks of.
            #[must_use]
            pub fn every_call(mut self, step: Step) -> Self {
                self.script.every_call = Some(step);
                self
            }

            /// How often it was called.
            #[must_use]
            pub fn calls(&self) -> usize {
                locked(&self.shared.requests).len()
            }

            /// How many of its answers were dropped before their end.
            #[must_use]
            pub fn dropped(&self) -> usize {
                *locked(&self.shared.dropped)
            }

            /// What it was asked, in order.
            #[must_use]
            pub fn requests(&self) -> Vec<$request> {
                locked(&self.shared.requests).clone()
            }
        }
    };
}

/// A recogniser that hears what the script says. Clones share their calls.
#[derive(Clone)]
pub struct ScriptedStt {
    name: String,
    transcripts: Vec<Transcript>,
    script: Script,
    shared: Arc<Shared<TranscribeRequest>>,
}

impl ScriptedStt {
    /// Hears `text`, at once.
    #[must_use]
    pub fn hearing(text: impl Into<String>) -> Self {
        Self::with(vec![Transcript::last(text)])
    }

    /// Yields these transcripts.
    #[must_use]
    pub fn with(transcripts: Vec<Transcript>) -> Self {
        Self { name: "scripted/stt".into(), transcripts, script: Script::default(), shared: Arc::default() }
    }
}

scripted!(ScriptedStt, TranscribeRequest);

#[async_trait]
impl SpeechToText for ScriptedStt {
    fn name(&self) -> &str {
        &self.name
    }

    async fn transcribe(&self, request: TranscribeRequest, _: &CallContext) -> Result<ResultStream<Transcript>> {
        Ok(play(&self.shared, request, &self.script, self.transcripts.clone()))
    }
}

/// A language model that says what the script says, and calls what tools it says. Clones share their calls.
///
/// With several answers, which one comes depends on the prompt alone: the first to what the user says, the next when the
/// results of the first one's calls are there. So a call that fails and is made again gets the same answer again. Asked for
/// words instead of calls, it gives the next answer without calls, if there is one.
#[derive(Clone)]
pub struct ScriptedLlm {
    name: String,
    answers: Vec<Vec<LlmEvent>>,
    tools: bool,
    finish: FinishReason,
    usage: Option<Usage>,
    script: Script,
    shared: Arc<Shared<GenerateRequest>>,
}

impl ScriptedLlm {
    /// Says `text`, a word a token.
    #[must_use]
    pub fn saying(text: &str) -> Self {
        Self::tokens(text.split_inclusive(' '))
    }

    /// Says these tokens.
    #[must_use]
    pub fn tokens(tokens: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            name: "scripted/llm".into(),
            answers: vec![tokens.into_iter().map(|token| LlmEvent::Text(token.into())).collect()],
            tools: true,
            finish: FinishReason::Stop,
            usage: None,
            script: Script::default(),
            shared: Arc::default(),
        }
    }

    /// Calls a tool, and says nothing before it.
    #[must_use]
    pub fn calling(tool: &str, arguments: Value) -> Self {
        Self::tokens([""; 0]).and_calling(tool, arguments)
    }

    /// Calls a tool, too: behind whatever its last answer holds so far.
    #[must_use]
    pub fn and_calling(mut self, tool: &str, arguments: Value) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            let id = format!("{tool}-{}", answer.len());
            answer.push(LlmEvent::ToolCall(ToolCall::new(id, tool, arguments)));
        }
        self
    }

    /// Says `text`, a word a token, when it has the results of the calls before. The last answer is repeated for ever.
    #[must_use]
    pub fn then_saying(mut self, text: &str) -> Self {
        self.answers.push(text.split_inclusive(' ').map(|token| LlmEvent::Text(token.into())).collect());
        self
    }

    /// Calls a tool when it has the results of the calls before.
    #[must_use]
    pub fn then_calling(self, tool: &str, arguments: Value) -> Self {
        self.then_saying("").and_calling(tool, arguments)
    }

    /// Says of itself that it cannot call tools.
    #[must_use]
    pub fn without_tools(mut self) -> Self {
        self.tools = false;
        self
    }

    /// Says at the end of each answer that it read so many tokens, so many of them from a cache, and wrote so many. Default: it
    /// does not say.
    #[must_use]
    pub fn using(mut self, input: u64, cached: u64, output: u64) -> Self {
        let usage = self.usage.get_or_insert_default();
        (usage.input_tokens, usage.cached_tokens, usage.output_tokens) = (input, cached, output);
        self
    }

    /// Ends its answers for this reason.
    #[must_use]
    pub fn finishing(mut self, reason: FinishReason) -> Self {
        self.finish = reason;
        self
    }
}

scripted!(ScriptedLlm, GenerateRequest);

#[async_trait]
impl LanguageModel for ScriptedLlm {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(self.tools)
    }

    async fn generate(&self, request: GenerateRequest, _: &CallContext) -> Result<ResultStream<LlmEvent>> {
        let said = request.messages.iter().rev().take_while(|m| m.role != Role::User);
        let rounds = said.filter(|m| !m.tool_calls.is_empty()).count().min(self.answers.len() - 1);
        let calls = |answer: &Vec<LlmEvent>| answer.iter().any(|e| matches!(e, LlmEvent::ToolCall(_)));
        let answers = &self.answers[rounds..];
        let allowed = answers.iter().find(|answer| request.tool_choice == ToolChoice::Auto || !calls(answer));
        let mut events = allowed.unwrap_or(&answers[0]).clone();
        events.extend(self.usage.map(LlmEvent::Usage));
        events.push(LlmEvent::Finished(if calls(&events) { FinishReason::ToolCalls } else { self.finish }));
        Ok(play(&self.shared, request, &self.script, events))
    }
}

/// A voice that makes a steady tone: as long as the script says for each text. Clones share their calls.
#[derive(Clone)]
pub struct ScriptedTts {
    name: String,
    sample_rate: u32,
    chunks: usize,
    chunk: Duration,
    capabilities: TtsCapabilities,
    script: Script,
    shared: Arc<Shared<SynthesisRequest>>,
}

impl ScriptedTts {
    /// Five chunks of 100 ms at 24 kHz for each text, at once.
    #[must_use]
    pub fn new() -> Self {
        Self {
            name: "scripted/tts".into(),
            sample_rate: 24_000,
            chunks: 5,
            chunk: Duration::from_millis(100),
            capabilities: TtsCapabilities::default(),
            script: Script::default(),
            shared: Arc::default(),
        }
    }

    /// So many chunks of this length for each text.
    #[must_use]
    pub fn chunks(mut self, chunks: usize, each: Duration) -> Self {
        (self.chunks, self.chunk) = (chunks, each);
        self
    }

    /// The rate of its sound.
    #[must_use]
    pub fn sample_rate(mut self, rate: u32) -> Self {
        self.sample_rate = rate;
        self
    }

    /// What it says it can do.
    #[must_use]
    pub fn capabilities(mut self, capabilities: TtsCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The texts that it was asked to speak, in order.
    #[must_use]
    pub fn spoken(&self) -> Vec<String> {
        self.requests().iter().map(|r| r.text.to_string()).collect()
    }
}

impl Default for ScriptedTts {
    fn default() -> Self {
        Self::new()
    }
}

scripted!(ScriptedTts, SynthesisRequest);

#[async_trait]
impl TextToSpeech for ScriptedTts {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> TtsCapabilities {
        self.capabilities.clone()
    }

    async fn synthesize(&self, request: SynthesisRequest, _: &CallContext) -> Result<ResultStream<Pcm>> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let samples = (self.chunk.as_secs_f64() * f64::from(self.sample_rate)).round() as usize;
        let tone: Arc<[i16]> = (0..samples).map(|n| if n / 50 % 2 == 0 { 4_000 } else { -4_000 }).collect();
        let chunks = vec![Pcm::new(tone, self.sample_rate); self.chunks];
        Ok(play(&self.shared, request, &self.script, chunks))
    }
}
