//! Chat completions.

use async_trait::async_trait;
use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};

use super::{
    OpenAiConfig,
    call::{Adaptation, Adaptations, Endpoint, endpoint_builder},
    chat,
    config::{Dialect, InstructionRole, MaxTokensField},
    tools,
};
use crate::{
    error::{Result, Stage},
    message::Role,
    provider::{
        CallContext, GenerateRequest, LanguageModel, LlmCapabilities, LlmEvent, PromptMessage, ResultStream, ToolChoice,
    },
    providers::http::{Private, SseReader},
};

/// The default model, which OpenAI names as the successor of its gpt-4 family.
const MODEL: &str = "gpt-6-luna";

/// The most bytes of an answer that comes whole.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Models that reason before they answer, by the beginning of their names, with the least effort each knows. The first
/// match counts. A model that refuses the value is asked again with the least value it names.
const LEAST_EFFORT: &[(&str, &str)] = &[
    ("gpt-5-chat", ""),
    ("gpt-5-", "minimal"),
    ("gpt-5.", "none"),
    ("gpt-5", "minimal"),
    ("gpt-6", "none"),
    ("o1", "low"),
    ("o3", "low"),
    ("o4", "low"),
];

/// A language model behind `POST /chat/completions`, streamed: OpenAI's, or that of any compatible server.
///
/// Default model `gpt-6-luna`; `gpt-3.5-turbo` and every other name is accepted as it is. Models that reason are asked to
/// reason as little as they can, because a listener waits. When a model refuses `temperature` or the name of the token
/// limit, the call is repeated once without it or with the other name, and later calls begin that way. Thoughts
/// (`reasoning`, `<think>…</think>`) are never spoken. Tools are offered to every model; one that knows none refuses the call,
/// and the next model in the list is asked.
#[derive(Clone, Debug)]
pub struct OpenAiLlm {
    endpoint: Endpoint,
}

impl OpenAiLlm {
    endpoint_builder!();

    /// A model of the server that `config` describes.
    #[must_use]
    pub fn with_config(config: OpenAiConfig) -> Self {
        Self { endpoint: Endpoint::new(config, MODEL, Stage::Llm) }
    }

    fn body(&self, request: &GenerateRequest, adaptations: &Adaptations) -> Value {
        let dialect = self.endpoint.dialect();
        let dropped = |field: &str| adaptations.get(field) == Some(&Adaptation::Drop);
        let mut body = Map::new();
        body.insert("model".into(), json!(self.endpoint.model));
        body.insert("messages".into(), messages(request, instruction_role(dialect, dropped("messages"))));
        body.insert("stream".into(), json!(true));
        if !dropped("stream_options") {
            let mut options = Map::new();
            if !dropped("include_usage") {
                options.insert("include_usage".into(), json!(true));
            }
            if dialect.plain_chunks && !dropped("include_obfuscation") {
                options.insert("include_obfuscation".into(), json!(false));
            }
            if !options.is_empty() {
                body.insert("stream_options".into(), Value::Object(options));
            }
        }
        let names = match dialect.max_tokens_field {
            MaxTokensField::MaxCompletionTokens => ["max_completion_tokens", "max_tokens"],
            MaxTokensField::MaxTokens => ["max_tokens", "max_completion_tokens"],
        };
        if let Some(name) = names.into_iter().find(|n| !dropped(n)) {
            body.insert(name.into(), json!(request.max_tokens));
        }
        if !dropped("temperature") {
            body.insert("temperature".into(), number(request.temperature));
        }
        if !request.tools.is_empty() {
            body.insert("tools".into(), tools::offered(&request.tools));
            // What is left out is the default, and understood by servers that know neither field.
            if request.tool_choice == ToolChoice::None && !dropped("tool_choice") {
                body.insert("tool_choice".into(), json!("none"));
            }
            if !request.parallel_tool_calls && !dropped("parallel_tool_calls") {
                body.insert("parallel_tool_calls".into(), json!(false));
            }
        }
        match adaptations.get("reasoning_effort") {
            Some(Adaptation::Drop) => {}
            Some(Adaptation::Value(effort)) => {
                body.insert("reasoning_effort".into(), json!(effort));
            }
            None => {
                if let Some(effort) = dialect.reasoning_effort.then(|| least_effort(&self.endpoint.model)).flatten() {
                    body.insert("reasoning_effort".into(), json!(effort));
                }
            }
        }
        Value::Object(body)
    }
}

fn least_effort(model: &str) -> Option<&'static str> {
    let (_, effort) = LEAST_EFFORT.iter().find(|(prefix, _)| model.starts_with(prefix))?;
    (!effort.is_empty()).then_some(effort)
}

fn instruction_role(dialect: Dialect, developer_refused: bool) -> &'static str {
    match dialect.instruction_role {
        InstructionRole::Developer if !developer_refused => "developer",
        _ => "system",
    }
}

fn messages(request: &GenerateRequest, instructions: &str) -> Value {
    let message = |message: &PromptMessage| {
        if let Some(call) = &message.answers {
            return json!({"role": "tool", "tool_call_id": call.id, "content": &*message.content});
        }
        if !message.tool_calls.is_empty() {
            return tools::calling(message);
        }
        let role = match message.role {
            Role::System => instructions,
            // The result of a tool without the call it answers is refused everywhere; as the user's words it is read.
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        json!({"role": role, "content": &*message.content})
    };
    request.messages.iter().map(message).collect()
}

/// A float as people write it: 0.7 and not 0.699999988079071.
pub(super) fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

#[async_trait]
impl LanguageModel for OpenAiLlm {
    fn name(&self) -> &str {
        &self.endpoint.peer.provider
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true)
    }

    async fn generate(&self, request: GenerateRequest, ctx: &CallContext) -> Result<ResultStream<LlmEvent>> {
        ctx.check()?;
        self.endpoint.warn_of_shutdown();
        let written = request.messages.iter().flat_map(|m| m.tool_calls.iter()).map(|c| c.arguments.to_string().into());
        let private: Private = request.messages.iter().map(|m| m.content.clone()).chain(written).collect();
        let response = self
            .endpoint
            .send(&private, |adaptations| {
                let http = self.endpoint.request(Method::POST, "/chat/completions")?;
                Ok(http.header(ACCEPT, "text/event-stream").json(&self.body(&request, adaptations)))
            })
            .await?;
        let peer = self.endpoint.peer.clone();
        let whole = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.trim_start().starts_with("application/json"));
        if whole {
            let body = peer.read_all(response, MOST_ANSWER_BYTES).await?;
            return chat::whole(&body, peer, private);
        }
        Ok(chat::stream(SseReader::new(response, peer.clone()), peer, private))
    }

    async fn warm_up(&self, _system_prompt: &str) -> Result<()> {
        self.endpoint.warm_up().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_effort_is_known_by_family() {
        let effort = |model: &str| least_effort(model);
        assert_eq!(effort("gpt-5.6-sol"), Some("none"));
        assert_eq!(effort("gpt-5-mini"), Some("minimal"));
        assert_eq!(effort("gpt-5-chat-latest"), None);
        assert_eq!(effort("gpt-6-luna"), Some("none"));
        assert_eq!(effort("o3"), Some("low"));
        assert_eq!(effort("gpt-4o"), None);
    }

    #[test]
    fn floats_are_written_as_people_write_them() {
        assert_eq!(number(0.7).to_string(), "0.7");
        assert_eq!(number(1.0).to_string(), "1.0");
    }
}
