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
    calls::{Calls, Parts},
    decoder::{Decoder, failed},
    gguf::Gguf,
    kv::{KvState, PrefixCache},
    sampler::Sampler,
    template::{ChatTemplate, Prompt},
    tokenizer::Tokenizer,
    utf8::Utf8Pieces,
};
use crate::{
    cost::Usage,
    error::{Error, ErrorKind, Result},
    id::SessionId,
    message::Role,
    provider::{FinishReason, GenerateRequest, LlmEvent, PromptMessage, Thoughts, ToolChoice, ToolSpec},
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
            known: PrefixCache::new(options.cache_bytes, decoder.shape()),
            decoder,
            tokenizer,
            template,
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

    /// Writes an answer, handing out events until `goes_on` or `send` fails. What was read and written until then is
    /// remembered.
    pub(super) fn generate(
        &self,
        request: &GenerateRequest,
        session: Option<SessionId>,
        sampler: Sampler,
        goes_on: &dyn Fn() -> Result<()>,
        send: &dyn Fn(LlmEvent) -> Result<()>,
    ) -> Result<()> {
        let tools: &[ToolSpec] = if request.tool_choice == ToolChoice::None { &[] } else { &request.tools };
        let prompt = self.fitting_prompt(&request.messages, tools, request.max_tokens as usize)?;
        let mut state = self.start(&prompt, session)?;
        let cached = state.len();
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        let most_calls = if request.parallel_tool_calls { usize::MAX } else { 1 };
        let mut answer = Answer { calls: Calls::of(&names), most_calls, called: 0, send };
        let most = (request.max_tokens as usize).min(self.decoder.shape().context - prompt.tokens.len());
        let written = self
            .read(&prompt.tokens, &mut state, goes_on)
            .and_then(|scores| self.write(&prompt, most, scores, &mut state, sampler, goes_on, &mut answer));
        self.known.keep(state);
        let (written, finish) = written?;
        let finish = if answer.called > 0 { FinishReason::ToolCalls } else { finish };
        let usage = Usage {
            input_tokens: prompt.tokens.len() as u64,
            cached_tokens: cached as u64,
            output_tokens: written as u64,
            ..Usage::default()
        };
        send(LlmEvent::Usage(usage))?;
        send(LlmEvent::Finished(finish))
    }

    /// Whether the model was made to call tools.
    pub(super) fn takes_tools(&self) -> bool {
        self.template.takes_tools()
    }

    /// Reads a prompt and remembers it, writing nothing.
    pub(super) fn read_prompt(&self, messages: &[PromptMessage], tools: &[ToolSpec]) -> Result<()> {
        let prompt = self.fitting_prompt(messages, tools, 1)?;
        let mut state = self.start(&prompt, None)?;
        let read = self.read(&prompt.tokens, &mut state, &|| Ok(()));
        self.known.keep(state);
        read.map(drop)
    }

    /// A state that holds what is known of a prompt.
    fn start(&self, prompt: &Prompt, session: Option<SessionId>) -> Result<KvState> {
        self.known.start(&self.decoder, &prompt.tokens, session, CHUNK).map_err(failed)
    }

    /// Reads what of a prompt is not in `state` yet; gives the scores of the first token to write.
    fn read(&self, prompt: &[u32], state: &mut KvState, goes_on: &dyn Fn() -> Result<()>) -> Result<Vec<f32>> {
        self.cached_tokens.fetch_add(state.len() as u64, Ordering::Relaxed);
        let mut scores = Vec::new();
        for chunk in prompt[state.len()..].chunks(CHUNK) {
            goes_on()?;
            scores = self.step(chunk, state)?;
            self.prompt_tokens.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        Ok(scores)
    }

    /// Writes up to `most` tokens behind a prompt; gives how many there are, and why no more.
    fn write(
        &self,
        prompt: &Prompt,
        most: usize,
        mut scores: Vec<f32>,
        state: &mut KvState,
        mut sampler: Sampler,
        goes_on: &dyn Fn() -> Result<()>,
        answer: &mut Answer<'_>,
    ) -> Result<(usize, FinishReason)> {
        let mut thoughts = if prompt.opens_thought { Thoughts::opened() } else { Thoughts::default() };
        let mut pieces = Utf8Pieces::default();
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
            self.written_tokens.fetch_add(1, Ordering::Relaxed);
            answer.add(&thoughts.strip(&pieces.push(self.tokenizer.bytes(token))))?;
            if written.len() > FIRST_PIECE {
                give_way_to_voice(LONGEST_WAIT);
            }
            goes_on()?;
            scores = self.step(&[token], state)?;
        };
        answer.end(&thoughts.rest())?;
        Ok((written.len(), finish))
    }

    fn step(&self, tokens: &[u32], state: &mut KvState) -> Result<Vec<f32>> {
        self.pool.run(|| self.decoder.forward(tokens, state))
    }

    /// The prompt; if it has too many tokens, without the oldest messages.
    fn fitting_prompt(&self, messages: &[PromptMessage], tools: &[ToolSpec], max_tokens: usize) -> Result<Prompt> {
        let context = self.decoder.shape().context;
        let room = context - max_tokens.clamp(1, context / ANSWER_SHARE);
        let mut messages = messages.to_vec();
        loop {
            let prompt = self.template.prompt(&messages, tools, &self.tokenizer)?;
            if prompt.tokens.len() <= room {
                return Ok(prompt);
            }
            if !drop_oldest(&mut messages) {
                let message = format!(
                    "the system prompt{} and the last message are {} tokens; this model takes at most {room} of them",
                    if tools.is_empty() { "" } else { ", what tools there are" },
                    prompt.tokens.len()
                );
                return Err(Error::new(ErrorKind::InvalidText, message));
            }
        }
    }
}

/// An answer on its way out.
struct Answer<'a> {
    calls: Calls<'a>,
    most_calls: usize,
    /// How many calls have gone out.
    called: usize,
    send: &'a dyn Fn(LlmEvent) -> Result<()>,
}

impl Answer<'_> {
    fn add(&mut self, text: &str) -> Result<()> {
        let parts = self.calls.take(text);
        self.give(parts)
    }

    fn end(&mut self, text: &str) -> Result<()> {
        self.add(text)?;
        let parts = self.calls.rest();
        self.give(parts)
    }

    fn give(&mut self, parts: Parts) -> Result<()> {
        if !parts.text.is_empty() {
            (self.send)(LlmEvent::Text(parts.text))?;
        }
        for call in parts.calls.into_iter().take(self.most_calls - self.called.min(self.most_calls)) {
            self.called += 1;
            (self.send)(LlmEvent::ToolCall(call))?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::providers::local::llm::{Sampling, tiny::tiny};

    fn engine() -> Engine {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.gguf");
        tiny("llama", &path);
        Engine::load(&path, &LocalLlmOptions::default()).unwrap()
    }

    fn sampler() -> Sampler {
        Sampler::new(Sampling::default(), 0.0, 0)
    }

    struct Answer {
        text: String,
        usage: Usage,
    }

    impl Engine {
        fn answer(&self, messages: &[PromptMessage], session: SessionId) -> Answer {
            let (text, usage) = (RefCell::new(String::new()), Cell::new(Usage::default()));
            let request = GenerateRequest { max_tokens: 12, ..GenerateRequest::new(messages.to_vec()) };
            let hear = |event| {
                match event {
                    LlmEvent::Text(piece) => text.borrow_mut().push_str(&piece),
                    LlmEvent::Usage(told) => usage.set(told),
                    _ => {}
                }
                Ok(())
            };
            self.generate(&request, Some(session), sampler(), &|| Ok(()), &hear).unwrap();
            Answer { text: text.into_inner(), usage: usage.get() }
        }

        /// Asks for an answer and wants it no more when it was asked so many times whether to go on.
        fn begin_answer(&self, messages: &[PromptMessage], session: SessionId, steps: usize) {
            let asked = Cell::new(0);
            let goes_on = || {
                asked.set(asked.get() + 1);
                if asked.get() > steps { Err(Error::new(ErrorKind::Cancelled, "as planned")) } else { Ok(()) }
            };
            let request = GenerateRequest { max_tokens: 12, ..GenerateRequest::new(messages.to_vec()) };
            assert!(self.generate(&request, Some(session), sampler(), &goes_on, &|_| Ok(())).is_err());
        }
    }

    fn says(role: Role, text: &str) -> PromptMessage {
        PromptMessage::new(role, text)
    }

    /// Words of the tiny vocabulary, different ones for every number.
    fn words(number: usize, length: usize) -> String {
        let letter = |i: usize| char::from(b'a' + ((number * 7 + i * (number % 5 + 1)) % 10) as u8);
        (0..length).map(letter).collect()
    }

    #[test]
    fn most_of_a_prompt_is_known_from_the_turn_before_after_the_oldest_messages_have_gone() {
        const WINDOW: usize = 6;
        let (engine, session) = (engine(), SessionId::new());
        let mut history: Vec<PromptMessage> = Vec::new();
        for turn in 0..20 {
            let user = says(Role::User, &words(turn, 30));
            let shown = &history[history.len().saturating_sub(WINDOW)..];
            let prompt = [&[says(Role::System, &words(99, 40))], shown, std::slice::from_ref(&user)].concat();
            let Answer { text, usage } = engine.answer(&prompt, session);
            let read = usage.input_tokens - usage.cached_tokens;
            assert!(turn == 0 || read < 70, "turn {turn}: {read} of {} tokens were read", usage.input_tokens);
            history.extend([user, says(Role::Assistant, &text)]);
        }
        let work = engine.work();
        assert!(work.cached_tokens > 3 * work.prompt_tokens, "{work:?}");
    }

    #[test]
    fn of_another_sessions_prompt_only_the_beginning_is_taken() {
        let engine = engine();
        let message = |n| says(Role::User, &words(n, 60));
        let system = says(Role::System, &words(9, 60));
        engine.answer(&[system.clone(), message(1), message(2), message(3)], SessionId::new());
        let later = engine.answer(&[system, message(2), message(3)], SessionId::new());
        assert!((60..90).contains(&later.usage.cached_tokens), "{:?}", later.usage);
    }

    #[test]
    fn what_was_read_of_a_prompt_that_was_cancelled_is_not_read_again() {
        let (engine, session) = (engine(), SessionId::new());
        let prompt = [says(Role::User, &words(1, 300))];
        engine.begin_answer(&prompt, session, 2);
        assert_eq!(engine.answer(&prompt, session).usage.cached_tokens, 2 * CHUNK as u64);
    }

    #[test]
    fn what_an_interrupted_answer_was_written_from_is_not_read_again() {
        let session = SessionId::new();
        let (prompt, whole) = (0..20)
            .map(|n| [says(Role::User, &words(n, 60))])
            .map(|prompt| (prompt.clone(), engine().answer(&prompt, session).usage))
            .find(|(_, usage)| usage.output_tokens > 0)
            .unwrap();
        let engine = engine();
        engine.begin_answer(&prompt, session, whole.input_tokens.div_ceil(CHUNK as u64) as usize);
        let again = engine.answer(&prompt, session).usage;
        assert_eq!(again.cached_tokens, again.input_tokens - 1);
    }
}
