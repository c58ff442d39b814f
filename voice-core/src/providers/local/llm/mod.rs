//! A language model on this machine's CPU, from any GGUF file.
//!
//! ```text
//! messages ──template, tokenizer──► tokens ──longest known prefix──► decoder ──sampler──► tokens ──utf8──► text
//! ```

mod calls;
mod decoder;
mod elementwise;
mod engine;
mod gguf;
mod jinja;
mod kv;
mod matrix;
mod q8;
mod rope;
mod sampler;
mod spm;
mod template;
#[cfg(test)]
mod tiny;
mod tokenizer;
mod utf8;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;

pub use self::sampler::Sampling;
use self::{engine::Engine, sampler::Sampler};
use super::runtime::{LoadOnce, ThreadBudget, off_thread, run_blocking};
use crate::{
    error::{Error, ErrorKind, Result, Stage},
    message::Role,
    provider::{
        CallContext, GenerateRequest, LanguageModel, LlmCapabilities, LlmEvent, PromptMessage, ResultStream, ToolSpec,
    },
};

static ENGINES: LoadOnce<Engine> = LoadOnce::new();

/// How many pieces of text may wait unread before the model pauses.
const UNREAD_PIECES: usize = 64;

/// How a [`LocalLlm`] works.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LocalLlmOptions {
    /// The most tokens of prompt and answer together; the model's own limit applies too. A longer prompt loses its oldest
    /// messages, never the system prompt. Default 4,096.
    pub context_tokens: usize,
    /// The most memory for keys and values of past prompts, in bytes; they make the next turn of a session start where
    /// the last one ended. Default 64 MiB, but never less than one whole context takes, which is more with a large model
    /// (Llama 3.2 3B: 0.9 GiB for 4,096 tokens). Whoever loads a model first in a process decides for all.
    pub cache_bytes: usize,
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// How many threads it may keep busy, together with the other local models. Whoever loads a model first in a process decides for all.
    pub threads: ThreadBudget,
}

impl Default for LocalLlmOptions {
    fn default() -> Self {
        Self {
            context_tokens: 4096,
            cache_bytes: 64 * 1024 * 1024,
            sampling: Sampling::default(),
            threads: ThreadBudget::default(),
        }
    }
}

/// What a [`LocalLlm`] has done so far, over all that share its model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LlmWork {
    /// Prompt tokens that were computed.
    pub prompt_tokens: u64,
    /// Prompt tokens that were known from earlier prompts.
    pub cached_tokens: u64,
    /// Tokens that were written.
    pub written_tokens: u64,
}

/// A chat model from a GGUF file, run in this process.
///
/// One copy of the weights serves every session of the process. Four answers are written at once, on the same few threads,
/// a step of each in turn: a token, or up to 64 tokens of a prompt. Further calls wait in the order in which they came.
/// What is known of the start of a prompt (the system prompt, the turns so far) is kept, so only the new part is read, also when
/// the oldest messages of a session are shown no more: what was read of the others is moved up, and still bears the traces of them.
/// What was read of a prompt, or written of an answer, that was cancelled is kept as well. Dropping the stream, or cancelling the call, stops the work at the next step.
///
/// A model whose chat template tells it of tools can call them (Qwen 2.5 and 3, Llama 3.1 and newer, Mistral, Phi 4 mini, …); one
/// that was never taught to, as the default one, is given none.
///
/// Architectures: those of `llama` (SmolLM2, Llama 2 and 3, Mistral), `qwen2`, `qwen3`, `gemma3` and `phi3`. Builds are
/// portable and choose instructions at run time.
///
/// Files of 8-bit weights (Q8_0) are fastest for their size, and stay within [`LocalLlmOptions::threads`]. Other forms
/// (Q4_K and its like) run on a pool of the whole process instead, as large as the machine has physical cores, whose
/// threads wait for each other actively; where other work keeps the cores busy, start the process with the environment
/// variable `CANDLE_NUM_THREADS=1`. In a forked child of a process that has used local models they are refused.
pub struct LocalLlm {
    name: String,
    engine: Arc<Engine>,
    sampling: Sampling,
}

impl LocalLlm {
    /// Loads a model. Blocks for as long as reading the file takes, unless the process has it loaded already.
    ///
    /// # Errors
    /// `INVALID_REQUEST`: kind `ModelMissing` when the file is missing or damaged (the message names the command that
    /// fetches the default model), `InvalidConfig` when its architecture or vocabulary is not supported.
    pub fn open(path: impl AsRef<Path>, options: LocalLlmOptions) -> Result<Self> {
        let path = path.as_ref();
        let stem = path.file_stem().map_or_else(|| "model".into(), |s| s.to_string_lossy().into_owned());
        let name = format!("local/{stem}");
        let engine = ENGINES.get_or_load(path, || Engine::load(path, &options));
        let engine = engine.map_err(|e| e.with_stage(Stage::Llm).with_provider(name.as_str()))?;
        Ok(Self { name, engine, sampling: options.sampling })
    }

    /// What the model has done so far, over all that share it.
    #[must_use]
    pub fn work(&self) -> LlmWork {
        self.engine.work()
    }

    /// Whether both use the same copy of the same model.
    #[must_use]
    pub fn shares_model_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine)
    }

    fn tag(&self) -> impl Fn(Error) -> Error + Send + Sync + 'static {
        let name: Arc<str> = self.name.as_str().into();
        move |e| e.with_stage(Stage::Llm).with_provider(name.clone())
    }
}

impl std::fmt::Debug for LocalLlm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalLlm").field("name", &self.name).field("sampling", &self.sampling).finish_non_exhaustive()
    }
}

#[async_trait]
impl LanguageModel for LocalLlm {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(self.engine.takes_tools())
    }

    async fn generate(&self, request: GenerateRequest, ctx: &CallContext) -> Result<ResultStream<LlmEvent>> {
        let (engine, tag) = (self.engine.clone(), self.tag());
        let sampler = Sampler::new(self.sampling, request.temperature, engine.parameters);
        let turn = tokio::select! {
            biased;
            () = ctx.cancel.cancelled() => return Err(tag(Error::new(ErrorKind::Cancelled, "the turn was cancelled"))),
            turn = engine.writers.clone().acquire_owned() => turn,
        };
        let turn = turn.map_err(|_| tag(Error::internal("the language model's queue is closed")))?;
        let session = Some(ctx.session_id);
        Ok(run_blocking(ctx, UNREAD_PIECES, move |work| {
            let _turn = turn;
            let goes_on = || work.check();
            engine.generate(&request, session, sampler, &goes_on, &|event| work.send(event)).map_err(tag)
        }))
    }

    async fn warm_up(&self, system_prompt: &str) -> Result<()> {
        self.warm_up_with_tools(system_prompt, &[]).await
    }

    async fn warm_up_with_tools(&self, system_prompt: &str, tools: &[ToolSpec]) -> Result<()> {
        let (engine, tag, tools) = (self.engine.clone(), self.tag(), tools.to_vec());
        let messages = [PromptMessage::new(Role::System, system_prompt), PromptMessage::new(Role::User, "Hi")];
        off_thread(move || engine.read_prompt(&messages, &tools)).await.map_err(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FunctionTool, VoiceAgent};

    #[tokio::test]
    async fn a_local_model_calls_a_tool_and_answers_with_its_result() {
        let template = "{{ tools | tojson }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\
                        {% for call in m.tool_calls %}{{ call.function | tojson }}{% endfor %}<|im_end|>\n{% endfor %}\
                        <|im_start|>assistant{% if messages[-1].role == 'tool' %}<|again|>{% else %}{{ '\n' }}{% endif %}";
        let calls = "I look. <tool_call>\n{\"name\": \"order_status\", \"arguments\": {\"number\": 12}}\n</tool_call>";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("parrot.gguf");
        tiny::parrot(template, [calls, "It leaves the oven at four."], &path);
        let llm = LocalLlm::open(&path, LocalLlmOptions::default()).unwrap();
        assert!(llm.capabilities().tools);
        let parameters = serde_json::json!({"type": "object", "properties": {"number": {"type": "integer"}}});
        let order_status =
            FunctionTool::new("order_status", "Where an order is.", parameters, |arguments, _| async move {
                assert_eq!(arguments["number"], 12);
                Ok("baking".to_owned())
            });
        let agent = VoiceAgent::builder()
            .stt("none")
            .llm(llm)
            .tts("none")
            .tool(order_status)
            .storage("memory")
            .build()
            .await
            .unwrap();
        agent.warm_up().await.unwrap();
        let reply = agent.turn("Is order 12 ready?").await.unwrap();
        assert_eq!(reply.text.trim(), "I look. It leaves the oven at four.");
        assert_eq!(reply.tool_calls.len(), 1);
        // What was called and given is told again in the next turn.
        let again = agent.turn("And now?").session(reply.session_id).await.unwrap();
        assert_eq!(again.tool_calls.len(), 1);
    }
}
