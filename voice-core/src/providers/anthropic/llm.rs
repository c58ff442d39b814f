//! Messages.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use reqwest::{
    Method, Url,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};

use super::{answer, prompt};
use crate::{
    error::{Result, Stage},
    provider::{CallContext, GenerateRequest, LanguageModel, LlmCapabilities, LlmEvent, ResultStream, ToolChoice},
    providers::http::{Facts, Private, Refusal, Server, SseReader, server_builder},
};

/// What is known of Anthropic's own server.
static ANTHROPIC: Facts = Facts {
    name: "anthropic",
    base_url: "https://api.anthropic.com",
    key_variable: "ANTHROPIC_API_KEY",
    key_header: ("x-api-key", ""),
    headers: &[("anthropic-version", "2023-06-01")],
};

/// The default model: of the present ones, the family that answers soonest.
const MODEL: &str = "claude-haiku-5-5";

/// Which models take a sampling temperature, by the beginning of their names. The first match counts; those of no family here,
/// from Opus 4.7 on, refuse it.
const TAKES_TEMPERATURE: &[(&str, bool)] = &[
    ("claude-opus-4-7", false),
    ("claude-opus-4-8", false),
    ("claude-opus-4", true),
    ("claude-sonnet-4", true),
    ("claude-haiku-4", true),
    ("claude-3", true),
];

/// The most bytes of an answer that comes whole.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// One of Anthropic's models, behind `POST /v1/messages`, streamed.
///
/// Default model `claude-haiku-5-5`; every other name is accepted as it is. The system prompt and the tools are marked as a prefix
/// to be cached, which takes effect once they are long enough for the model. The temperature is sent to the models that take one,
/// up to Opus 4.6, Sonnet 4 and Haiku 4, and 1 is its most; a model that refuses it all the same is asked once more without, and
/// never with it again. Thoughts are never spoken. An answer that the model refuses to give ends as `ContentFilter`, one that the
/// server pauses as `Other`.
#[derive(Clone, Debug)]
pub struct AnthropicLlm {
    server: Server,
    effort: Option<String>,
    /// The models that have refused a temperature.
    without_temperature: Arc<Mutex<HashSet<String>>>,
}

impl AnthropicLlm {
    server_builder!(ANTHROPIC, MODEL, Stage::Llm, Self::of);

    fn of(server: Server) -> Self {
        Self { server, effort: None, without_temperature: Arc::default() }
    }

    /// Sets how much the model puts into an answer: `low` is the soonest, `high` is the server's default. Only for models that
    /// know it; others refuse the call.
    #[must_use]
    pub fn effort(mut self, effort: impl Into<String>) -> Self {
        self.effort = Some(effort.into());
        self
    }

    /// The address of a path, whether or not the base URL names the version already.
    fn address(&self, path: &str) -> Result<Url> {
        let mut url = self.server.url(&format!("/v1{path}"))?;
        if let Some(before) = url.path().strip_suffix(&format!("/v1/v1{path}")) {
            let once = format!("{before}/v1{path}");
            url.set_path(&once);
        }
        Ok(url)
    }

    fn body(&self, request: &GenerateRequest, with_temperature: bool) -> Value {
        let mut body = Map::new();
        body.insert("model".into(), json!(self.server.model));
        body.insert("max_tokens".into(), json!(request.max_tokens.max(1)));
        if let Some(system) = prompt::system(&request.messages) {
            body.insert("system".into(), system);
        }
        body.insert("messages".into(), prompt::conversation(&request.messages));
        body.insert("stream".into(), json!(true));
        if with_temperature {
            body.insert("temperature".into(), temperature(request.temperature));
        }
        if !request.tools.is_empty() {
            body.insert("tools".into(), prompt::tools(&request.tools));
            match request.tool_choice {
                ToolChoice::None => {
                    body.insert("tool_choice".into(), json!({"type": "none"}));
                }
                ToolChoice::Auto if !request.parallel_tool_calls => {
                    body.insert("tool_choice".into(), json!({"type": "auto", "disable_parallel_tool_use": true}));
                }
                ToolChoice::Auto => {}
            }
        }
        if let Some(effort) = &self.effort {
            body.insert("output_config".into(), json!({"effort": effort}));
        }
        Value::Object(body)
    }

    fn takes_temperature(&self) -> bool {
        let model = self.server.model.as_str();
        let by_name = TAKES_TEMPERATURE.iter().find(|(prefix, _)| model.starts_with(prefix)).is_some_and(|(_, t)| *t);
        by_name && !self.without_temperature.lock().unwrap_or_else(PoisonError::into_inner).contains(model)
    }

    fn remember_without_temperature(&self) {
        let mut refused = self.without_temperature.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(self.server.model.clone());
    }
}

/// The temperature on Anthropic's scale, which ends at 1, as people write it: 0.7 and not 0.699999988079071.
fn temperature(value: f32) -> Value {
    value.clamp(0.0, 1.0).to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// Whether what was refused is the temperature alone.
fn refuses_temperature(refusal: &Refusal) -> bool {
    refusal.error.provider_status() == Some(400) && refusal.raw_message.contains("temperature")
}

#[async_trait]
impl LanguageModel for AnthropicLlm {
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
        let url = self.address("/messages")?;
        let mut with_temperature = self.takes_temperature();
        let response = loop {
            let http = self.server.request(Method::POST, url.clone())?;
            let http = http.header(ACCEPT, "text/event-stream").json(&self.body(&request, with_temperature));
            match self.server.send(http, &private).await {
                Ok(response) => break response,
                Err(refusal) if with_temperature && refuses_temperature(&refusal) => {
                    self.remember_without_temperature();
                    with_temperature = false;
                }
                Err(refusal) => return Err(refusal.error),
            }
        };
        let peer = self.server.peer.clone();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if kind.trim_start().starts_with("application/json") {
            let body = peer.read_all(response, MOST_ANSWER_BYTES).await?;
            return answer::whole(&body, peer, private);
        }
        Ok(answer::stream(SseReader::new(response, peer.clone()), peer, private))
    }

    async fn warm_up(&self, _system_prompt: &str) -> Result<()> {
        self.server.warm_up(if self.server.url("")?.path().ends_with("/v1") { "/models" } else { "/v1/models" }).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_goes_to_the_models_that_take_one() {
        let takes = |model: &str| AnthropicLlm::new("k").model(model).takes_temperature();
        for model in ["claude-3-5-haiku-latest", "claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-4-6"] {
            assert!(takes(model), "{model}");
        }
        for model in [MODEL, "claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-5", "claude-next"] {
            assert!(!takes(model), "{model}");
        }
    }

    #[test]
    fn a_temperature_is_written_as_people_write_it_and_ends_at_one() {
        assert_eq!((temperature(0.7), temperature(1.6)), (json!(0.7), json!(1.0)));
    }

    #[test]
    fn a_base_url_may_name_the_version() {
        let address = |url: &str| AnthropicLlm::new("k").base_url(url).address("/messages").unwrap().to_string();
        assert_eq!(address("http://h:1"), "http://h:1/v1/messages");
        assert_eq!(address("http://h:1/v1/"), "http://h:1/v1/messages");
        assert_eq!(address("http://h:1/proxy/v1"), "http://h:1/proxy/v1/messages");
    }
}
