//! Gemini's language models.

mod answer;
mod prompt;
mod schema;
mod signatures;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use reqwest::{
    Method, Response, Url,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};

use self::{answer::Origin, signatures::Signatures};
use super::entry::GEMINI;
use crate::{
    error::{ErrorKind, Result, Stage},
    provider::{CallContext, GenerateRequest, LanguageModel, LlmCapabilities, LlmEvent, ResultStream, ToolChoice},
    providers::http::{Private, Refusal, Server, SseReader, server_builder},
};

/// The default model: by Google's word the fastest of its family, and the one that thinks least.
const MODEL: &str = "gemini-3.5-flash-lite";

/// The most bytes of an answer that comes whole.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// What a family of models understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Family {
    /// How it is asked to think as little as it can.
    least_thought: Option<Thought>,
    /// It takes a sampling temperature. Google has deprecated it from Gemini 3 on, where a low one makes models repeat themselves.
    temperature: bool,
    /// It refuses calls of its own that come back without the signature of the thought behind them.
    signs_calls: bool,
}

/// The two ways of saying how much to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thought {
    Level(&'static str),
    Tokens(u32),
}

fn family(model: &str) -> Family {
    let plain = Family { least_thought: None, temperature: true, signs_calls: false };
    let Some(version) = model.strip_prefix("models/").unwrap_or(model).strip_prefix("gemini-") else { return plain };
    let least_thought = match version {
        // Pro cannot do without.
        _ if version.starts_with("2.5-pro") => Some(Thought::Tokens(128)),
        _ if version.starts_with("2.5-flash") => Some(Thought::Tokens(0)),
        _ if version.starts_with("1.") || version.starts_with("2.") => None,
        _ if version.starts_with("3.") && version.contains("flash-lite") => Some(Thought::Level("MINIMAL")),
        _ => Some(Thought::Level("LOW")),
    };
    let newer = matches!(least_thought, Some(Thought::Level(_)));
    Family { least_thought, temperature: !newer, signs_calls: newer }
}

/// A language model of the Gemini API, streamed: `POST /models/{model}:streamGenerateContent?alt=sse`.
///
/// Default model `gemini-3.5-flash-lite`; every other name is accepted as it is. The key: `GEMINI_API_KEY`, else `GOOGLE_API_KEY`.
///
/// Models are asked to think as little as each can, because a listener waits: [`thinking_level`](Self::thinking_level) asks for more.
/// Thoughts are never spoken. The sampling temperature goes to models before Gemini 3 only. The signatures with which Gemini seals
/// the thought behind a call of a tool are remembered and sent back with the call; calls that another model made, or that were
/// forgotten, go out with the mark that Google documents for them. Of schemas of tools, what Gemini's subset can say is sent. It has no
/// way to be told not to call tools side by side.
#[derive(Clone, Debug)]
pub struct GeminiLlm {
    server: Server,
    thinking_level: Option<String>,
    /// Whether the model has refused to be told how much to think.
    refuses_thought: Arc<AtomicBool>,
    signatures: Signatures,
}

impl GeminiLlm {
    server_builder!(GEMINI, MODEL, Stage::Llm, Self::made);

    fn made(server: Server) -> Self {
        Self { server, thinking_level: None, refuses_thought: Arc::default(), signatures: Signatures::default() }
    }

    /// Sets how much the model thinks before it answers: `minimal`, `low`, `medium`, `high`, as far as the model knows them. Default:
    /// the least that it can.
    #[must_use]
    pub fn thinking_level(mut self, level: impl Into<String>) -> Self {
        self.thinking_level = Some(level.into());
        self
    }

    /// The address of the model, or of what it can be asked for.
    fn address(&self, method: &str) -> Result<Url> {
        let mut url = self.server.url("")?;
        let model = format!("{}{method}", self.server.model);
        let folder = (!model.contains('/')).then_some("models");
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(folder).extend(model.split('/'));
        }
        Ok(url)
    }

    fn body(&self, request: &GenerateRequest, ctx: &CallContext, with_thought: bool) -> Value {
        let family = family(&self.server.model);
        let (instruction, contents) =
            prompt::contents(&request.messages, |calls| self.signatures.of(ctx.session_id, calls, family.signs_calls));
        let mut body = Map::from_iter([("contents".to_owned(), contents)]);
        if let Some(instruction) = instruction {
            body.insert("systemInstruction".into(), instruction);
        }
        if !request.tools.is_empty() {
            body.insert("tools".into(), json!([{"functionDeclarations": schema::declarations(&request.tools)}]));
            if request.tool_choice == ToolChoice::None {
                body.insert("toolConfig".into(), json!({"functionCallingConfig": {"mode": "NONE"}}));
            }
        }
        let mut config = json!({"maxOutputTokens": request.max_tokens});
        if family.temperature {
            // A float as people write it: 0.7 and not 0.699999988079071.
            config["temperature"] = request.temperature.to_string().parse::<f64>().map_or(Value::Null, Value::from);
        }
        if with_thought {
            config["thinkingConfig"] = match (&self.thinking_level, family.least_thought) {
                (Some(level), _) => json!({"thinkingLevel": level.to_uppercase()}),
                (None, Some(Thought::Level(level))) => json!({"thinkingLevel": level}),
                (None, Some(Thought::Tokens(tokens))) => json!({"thinkingBudget": tokens}),
                (None, None) => Value::Null,
            };
            if config["thinkingConfig"].is_null() {
                config.as_object_mut().map(|config| config.remove("thinkingConfig"));
            }
        }
        body.insert("generationConfig".into(), config);
        Value::Object(body)
    }

    /// Asks for the answer. A model that cannot think as little as it is asked to by default is asked again without, once and for all.
    async fn ask(&self, request: &GenerateRequest, ctx: &CallContext, private: &Private) -> Result<Response> {
        let mut url = self.address(":streamGenerateContent")?;
        url.set_query(Some("alt=sse"));
        loop {
            let by_default = self.thinking_level.is_none();
            let with_thought = !by_default || !self.refuses_thought.load(Ordering::Relaxed);
            let http = self.server.request(Method::POST, url.clone())?.header(ACCEPT, "text/event-stream");
            let http = http.json(&self.body(request, ctx, with_thought));
            match self.server.send(http, private).await {
                Ok(response) => return Ok(response),
                Err(refusal) if by_default && with_thought && is_about_thought(&refusal) => {
                    self.refuses_thought.store(true, Ordering::Relaxed);
                }
                Err(refusal) => return Err(refusal.error),
            }
        }
    }
}

fn is_about_thought(refusal: &Refusal) -> bool {
    refusal.error.kind() == ErrorKind::RejectedByProvider && refusal.raw_message.to_lowercase().contains("thinking")
}

#[async_trait]
impl LanguageModel for GeminiLlm {
    fn name(&self) -> &str {
        &self.server.peer.provider
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true)
    }

    async fn generate(&self, request: GenerateRequest, ctx: &CallContext) -> Result<ResultStream<LlmEvent>> {
        ctx.check()?;
        let written = request.messages.iter().flat_map(|m| m.tool_calls.iter()).map(|c| c.arguments.to_string().into());
        let private: Private = request.messages.iter().map(|m| m.content.clone()).chain(written).collect();
        let response = self.ask(&request, ctx, &private).await?;
        let peer = self.server.peer.clone();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let whole = kind.trim_start().starts_with("application/json");
        let origin = Origin { peer, private, signatures: self.signatures.clone(), session: ctx.session_id };
        if whole {
            let body = origin.peer.read_all(response, MOST_ANSWER_BYTES).await?;
            return answer::whole(&body, origin);
        }
        Ok(answer::stream(SseReader::new(response, origin.peer.clone()), origin))
    }

    async fn warm_up(&self, _system_prompt: &str) -> Result<()> {
        let path = self.address("")?.path().to_owned();
        let base = self.server.url("")?.path().trim_end_matches('/').to_owned();
        self.server.warm_up(path.strip_prefix(&base).unwrap_or(&path)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_thought_is_known_by_family() {
        let thought = |model: &str| family(model).least_thought;
        for (model, least) in [
            ("gemini-3.5-flash-lite", Some(Thought::Level("MINIMAL"))),
            ("models/gemini-3.1-flash-lite", Some(Thought::Level("MINIMAL"))),
            ("gemini-3.8-flash", Some(Thought::Level("LOW"))),
            ("gemini-3.1-pro-preview", Some(Thought::Level("LOW"))),
            ("gemini-flash-latest", Some(Thought::Level("LOW"))),
            ("gemini-2.5-flash-lite", Some(Thought::Tokens(0))),
            ("gemini-2.5-pro", Some(Thought::Tokens(128))),
            ("gemini-2.0-flash", None),
            ("gemma-3-27b-it", None),
        ] {
            assert_eq!(thought(model), least, "{model}");
        }
        assert!(family("gemini-2.5-flash").temperature && !family("gemini-3.8-flash").temperature);
    }

    #[test]
    fn a_model_is_a_part_of_the_path_whatever_it_is_called() {
        let path = |model: &str, base: &str| {
            let llm = GeminiLlm::new("k").model(model).base_url(base);
            llm.address(":go").unwrap().to_string()
        };
        assert_eq!(path("m", "http://h/v1beta/"), "http://h/v1beta/models/m:go");
        assert_eq!(path("m", "http://h"), "http://h/models/m:go");
        assert_eq!(path("tunedModels/m", "http://h/v1"), "http://h/v1/tunedModels/m:go");
        assert_eq!(path("m?key=x#y", "http://h/v1"), "http://h/v1/models/m%3Fkey=x%23y:go");
    }
}
