//! One loaded model at work: prompts in, events out, on the calling thread.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    LlmWork, LocalLlmOptions,
    decoder::Decoder,
    gguf::Gguf,
    kv::{KvState, PrefixCache},
    sampler::Sampler,
    template::ChatTemplate,
    tokenizer::Tokenizer,
    utf8::Utf8Pieces,
};
use crate::{
    cost::Usage,
    error::{Error, ErrorKind, Result},
    message::Role,
    provider::{FinishReason, GenerateRequest, LlmEvent, PromptMessage},
    providers::local::runtime::{give_way_to_voice, model_pool},
};

/// Prompt tokens read between two looks at whether anybody still wants the answer.
const CHUNK: usize = 64;

/// Answers that are written at once; more would each be slower than speech, and each holds keys and values.
const MOST_WRITERS: usize = 4;

/// Room that is kept for the answer when a prompt must be shortened: this part of the context at most.
const ANSWER_SHARE: usize = 4;

/// So many tokens of an answer are written without regard to others: about what its first sound is made of.
const FIRST_PIECE: usize = 8;

/// How long each further token may wait for a voice: ten tokens a second are written all the same, and four are spoken.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Between these tokens a model thinks aloud; that is not spoken.
const THINKING: (&str, &str) = ("<think>", "</think>");

/// A model with its vocabulary, its template and what it remembers.
pub(super) struct Engine {
    decoder: Decoder,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    known: PrefixCache,
    pool: Arc<rten::ThreadPool>,
    /// A permit for each answer that may be written at once.
    pub(super) writers: Arc<Semaphore>,
    /// How many numbers the model was trained to.
    pub(super) parameters: usize,
    prompt_tokens: AtomicU64,
    cached_tokens: AtomicU64,
    written_tokens: AtomicU64,
}

impl Engine {
    /// Reads a GGUF file.
    pub(super) fn load(path: &Path, options: &LocalLlmOptions) -> Result<Self> {
        let mut gguf = Gguf::open(path)?;
        let tokenizer = Tokenizer::read(gguf.metadata())?;
        let template = ChatTemplate::new(gguf.metadata().text("tokenizer.chat_template"), &tokenizer);
        let decoder = Decoder::read(&mut gguf, options.context_tokens)?;
        Ok(Self {
            parameters: gguf.parameters(),
            decoder,
            tokenizer,
            template,
            known: PrefixCache::new(options.cache_bytes),
            pool: model_pool(options.threads),
            writers: Arc::new(Semaphore::new(MOST_WRITERS)),
            prompt_tokens: AtomicU64::new(0),
            cached_tokens: AtomicU64::new(0),
            written_tokens: AtomicU64::new(0),
        })
    }

    pub(super) fn work(&self) -> LlmWork {
        LlmWork {
            prompt_tokens: self.prompt_tokens.load(Ordering::Relaxed),
            cached_tokens: self.cached_tokens.load(Ordering::Relaxed),
            written_tokens: self.written_tokens.load(Ordering::Relaxed),
        }
    }

    /// Writes an answer, handing out events until `goes_on` or `send` fails.
    pub(super) fn generate(
        &self,
        request: &GenerateRequest,
        mut sampler: Sampler,
        goes_on: &dyn Fn() -> Result<()>,
        send: &dyn Fn(LlmEvent) -> Result<()>,
    ) -> Result<()> {
        let prompt = self.fitting_prompt(&request.messages, request.max_tokens as usize)?;
        let (mut state, mut scores, cached) = self.read(&prompt, goes_on)?;
        let most = (request.max_tokens as usize).min(self.decoder.shape().context - prompt.len());
        let (think, answer) = (self.tokenizer.control(THINKING.0), self.tokenizer.control(THINKING.1));
        let mut pieces = Utf8Pieces::default();
        let mut thinking = false;
        let mut written = Vec::new();
        let finish = loop {
            if written.len() >= most {
                break FinishReason::Length;
            }
            let token = sampler.choose(scores, &written);
            if self.tokenizer.stops(token) {
                break FinishReason::Stop;
            }
            written.push(token);
            thinking = (thinking || Some(token) == think) && Some(token) != answer;
            let text = if thinking { String::new() } else { pieces.push(self.tokenizer.bytes(token)) };
            if !text.is_empty() {
                send(LlmEvent::Text(text))?;
            }
            if written.len() > FIRST_PIECE {
                give_way_to_voice(LONGEST_WAIT);
            }
            goes_on()?;
            scores = self.step(&[token], &mut state)?;
        };
        self.written_tokens.fetch_add(written.len() as u64, Ordering::Relaxed);
        self.known.keep(state);
        let usage = Usage {
            input_tokens: prompt.len() as u64,
            cached_tokens: cached as u64,
            output_tokens: written.len() as u64,
            ..Usage::default()
        };
        send(LlmEvent::Usage(usage))?;
        send(LlmEvent::Finished(finish))
    }

    /// Reads a prompt and remembers it, writing nothing.
    pub(super) fn read_prompt(&self, messages: &[PromptMessage]) -> Result<()> {
        let prompt = self.fitting_prompt(messages, 1)?;
        let (state, ..) = self.read(&prompt, &|| Ok(()))?;
        self.known.keep(state);
        Ok(())
    }

    /// Reads a prompt from where it differs from all that is known; gives the scores of the first token to write and how
    /// many tokens were known.
    fn read(&self, prompt: &[u32], goes_on: &dyn Fn() -> Result<()>) -> Result<(KvState, Vec<f32>, usize)> {
        let shape = self.decoder.shape();
        let (mut state, cached) = match self.known.longest_prefix(prompt) {
            Some((known, count)) => {
                (known.copy_of(shape, count, prompt.len() + CHUNK).map_err(super::decoder::failed)?, count)
            }
            None => (KvState::empty(), 0),
        };
        self.cached_tokens.fetch_add(cached as u64, Ordering::Relaxed);
        let mut scores = Vec::new();
        for chunk in prompt[cached..].chunks(CHUNK) {
            goes_on()?;
            scores = self.step(chunk, &mut state)?;
            self.prompt_tokens.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        Ok((state, scores, cached))
    }

    fn step(&self, tokens: &[u32], state: &mut KvState) -> Result<Vec<f32>> {
        self.pool.run(|| self.decoder.forward(tokens, state))
    }

    /// The prompt's tokens; if there are too many, without the oldest messages.
    fn fitting_prompt(&self, messages: &[PromptMessage], max_tokens: usize) -> Result<Vec<u32>> {
        let context = self.decoder.shape().context;
        let room = context - max_tokens.clamp(1, context / ANSWER_SHARE);
        let mut messages = messages.to_vec();
        loop {
            let prompt = self.template.prompt(&messages, &self.tokenizer)?;
            if prompt.len() <= room {
                return Ok(prompt);
            }
            if !drop_oldest(&mut messages) {
                let message = format!(
                    "the system prompt and the last message are {} tokens; this model takes at most {room} of them",
                    prompt.len()
                );
                return Err(Error::new(ErrorKind::InvalidText, message));
            }
        }
    }
}

/// Drops the oldest exchange: the first message that is not the system's, and the answers to it. The last message always
/// stays. Gives whether there was anything to drop.
fn drop_oldest(messages: &mut Vec<PromptMessage>) -> bool {
    let Some(first) = messages.iter().position(|m| m.role != Role::System) else { return false };
    if first + 1 >= messages.len() {
        return false;
    }
    messages.remove(first);
    while first + 1 < messages.len() && matches!(messages[first].role, Role::Assistant | Role::Tool) {
        messages.remove(first);
    }
    true
}
