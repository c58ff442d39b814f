//! Functions of the host as tools.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use voice_core::{
    Error, ErrorCode, ErrorKind, Result, Tool, ToolOutput,
    provider::CallContext,
    tool::{OnInterruption, ToolOptions},
};

use crate::{ErrorRecord, Outcome, answer::Responder, arguments::Arguments};

/// A tool in the host's language.
pub trait HostTool: Send + Sync + 'static {
    /// Runs one call.
    ///
    /// `arguments_json` is a JSON object that fits the schema, `context_json` is `{session_id, turn_id, user, timeout_ms}`: whose call it
    /// is and how long it may take. The pieces of the answer together are what the model is told; without a piece that is "done".
    fn call(&self, arguments_json: String, context_json: String, answer: Responder<String>);
}

/// A host's function as a tool.
pub struct ToolAdaptor<H> {
    name: String,
    description: String,
    parameters: Value,
    options: ToolOptions,
    host: H,
}

const KEYS: [&str; 7] =
    ["name", "description", "parameters", "timeout_ms", "on_interruption", "parallel", "background"];

impl<H: HostTool> ToolAdaptor<H> {
    /// A tool from its definition as JSON, every part of which but the name may be left out or null:
    ///
    /// | key | meaning | default |
    /// |---|---|---|
    /// | `name` | 1–64 of `A–Z`, `a–z`, `0–9`, `_`, `-`; one of a kind in an agent | |
    /// | `description` | what it does and when to call it: all that the model knows of it | nothing |
    /// | `parameters` | the JSON schema of its arguments, an object | it takes none |
    /// | `timeout_ms` | how long a call may take | 20,000 |
    /// | `on_interruption` | `cancel` or `run_on`: what becomes of a call whose turn is cancelled or interrupted | `cancel` |
    /// | `parallel` | whether it may run beside other calls | true |
    /// | `background` | whether its work outlasts the turn of a live session, which then tells the result later | false |
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming the part that is wrong.
    pub fn new(definition_json: &str, host: H) -> Outcome<Self> {
        let definition = Arguments::read(definition_json)?;
        let name =
            definition.text("name")?.ok_or_else(|| ErrorRecord::invalid("tools: there is one without a name"))?;
        let (description, parameters, options) = read(&definition).map_err(|mut fault| {
            fault.detail = format!("tools.{name}.{}", fault.detail);
            fault
        })?;
        Ok(Self { name: name.to_owned(), description, parameters, options, host })
    }
}

fn read(definition: &Arguments) -> Outcome<(String, Value, ToolOptions)> {
    definition.only(&KEYS)?;
    let description = definition.text("description")?.unwrap_or_default().to_owned();
    let nothing = || json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let parameters = definition.given("parameters").cloned().unwrap_or_else(nothing);
    let mut options = ToolOptions::default();
    if let Some(ms) = definition.number("timeout_ms")? {
        if ms == 0 {
            return Err(ErrorRecord::invalid("timeout_ms: expected a whole number from 1"));
        }
        options.timeout = Duration::from_millis(ms.into());
    }
    options.on_interruption = match definition.text("on_interruption")? {
        None | Some("cancel") => OnInterruption::Cancel,
        Some("run_on") => OnInterruption::RunOn,
        Some(_) => return Err(ErrorRecord::invalid("on_interruption: expected cancel or run_on")),
    };
    if let Some(parallel) = definition.flag("parallel")? {
        options.parallel = parallel;
    }
    if let Some(background) = definition.flag("background")? {
        options.background = background;
    }
    Ok((description, parameters, options))
}

#[async_trait]
impl<H: HostTool> Tool for ToolAdaptor<H> {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn parameters(&self) -> Value {
        self.parameters.clone()
    }

    fn options(&self) -> ToolOptions {
        self.options
    }

    async fn call(&self, arguments: Value, ctx: &CallContext) -> Result<ToolOutput> {
        let left = ctx.remaining().map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        let context = json!({
            "session_id": ctx.session_id, "turn_id": ctx.turn_id, "user": ctx.user.as_deref(), "timeout_ms": left,
        });
        let (answer, pieces) = Responder::<String>::new();
        self.host.call(arguments.to_string(), context.to_string(), answer);
        let said: Vec<String> = pieces.map(|piece| piece.map_err(of_a_tool)).try_collect().await?;
        Ok(if said.is_empty() { ().into() } else { said.concat().into() })
    }
}

/// Whatever a host's failure means of a provider, here it is one of a tool.
fn of_a_tool(error: Error) -> Error {
    match error.code() {
        ErrorCode::ProviderError => Error::new(ErrorKind::ToolFailed, error.message()),
        ErrorCode::Timeout => Error::new(ErrorKind::ToolTimeout, error.message()),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl HostTool for Echo {
        fn call(&self, arguments_json: String, _: String, answer: Responder<String>) {
            let arguments: Value = serde_json::from_str(&arguments_json).unwrap_or_default();
            if arguments["fail"] == true {
                return answer.fail(crate::from_host(None, "no such order", None, None));
            }
            if arguments["silent"] == true {
                return drop(answer);
            }
            for piece in arguments["pieces"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                answer.send(piece.to_owned());
            }
            answer.finish();
        }
    }

    async fn called(arguments: Value) -> Result<ToolOutput> {
        let tool = ToolAdaptor::new(r#"{"name": "echo"}"#, Echo).map_err(|e| Error::internal(e.detail))?;
        tool.call(arguments, &CallContext::new()).await
    }

    #[tokio::test]
    async fn the_pieces_of_an_answer_are_one_result_and_none_is_done() {
        assert_eq!(
            called(json!({ "pieces": ["on its ", "way"] })).await.map(|o| o.as_str().to_owned()).ok(),
            Some("on its way".into())
        );
        assert_eq!(called(json!({})).await.map(|o| o.as_str().to_owned()).ok(), Some("done".into()));
    }

    #[tokio::test]
    async fn a_failure_is_the_tool_s_and_so_is_no_answer() {
        for (arguments, message) in [
            (json!({ "fail": true }), "no such order"),
            (json!({ "silent": true }), "the host's object gave no answer"),
        ] {
            let error = called(arguments).await.err().map(|e| (e.kind(), e.message().to_owned()));
            assert_eq!(error, Some((ErrorKind::ToolFailed, message.to_owned())));
        }
    }

    #[test]
    fn a_wrong_definition_names_the_part_that_is_wrong() {
        for (definition, fault) in [
            ("[]", "the arguments must be a JSON object"),
            ("{}", "tools: there is one without a name"),
            (r#"{"name": "a", "timeout_ms": 0}"#, "tools.a.timeout_ms: expected a whole number from 1"),
            (r#"{"name": "a", "parallel": 1}"#, "tools.a.parallel: expected true or false"),
            (r#"{"name": "a", "background": "yes"}"#, "tools.a.background: expected true or false"),
            (r#"{"name": "a", "on_interruption": "stop"}"#, "tools.a.on_interruption: expected cancel or run_on"),
            (r#"{"name": "a", "timeout": 1}"#, "tools.a.timeout: there is no such option"),
        ] {
            let detail = ToolAdaptor::new(definition, Echo).err().map(|e| e.detail).unwrap_or_default();
            assert!(detail.starts_with(fault), "{definition}: {detail}");
        }
    }
}
