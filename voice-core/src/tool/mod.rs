//! Tools: what a language model may call while it answers.
//!
//! ```
//! use voice_core::{FunctionTool, VoiceAgent};
//!
//! /// Which order.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Order {
//!     /// The number on the receipt.
//!     number: u32,
//! }
//!
//! # async fn example() -> voice_core::Result<()> {
//! let order_status = FunctionTool::typed("order_status", "Where an order is.", |order: Order, _| async move {
//!     Ok(format!("Order {} is on its way.", order.number))
//! });
//! let agent = VoiceAgent::builder().llm("openai/gpt-6-luna").tool(order_status).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The model asks for calls; those of one answer run side by side, each under its own time-out, while what the model said
//! before them is spoken. Results go back to the model, which goes on. So does every fault (arguments that do not fit the
//! schema, an unknown tool, an error, a panic, a time-out), as an error that the model can read: no fault of a tool fails the
//! turn. What was called with what result is in [`Reply::tool_calls`](crate::Reply::tool_calls), and stays in the history.

mod call;
mod function;
mod lasting;
mod schema;
mod toolbox;

pub use function::FunctionTool;
pub(crate) use lasting::Lasting;
pub(crate) use schema::faults;
#[cfg(feature = "mcp")]
pub(crate) use toolbox::usable;
pub(crate) use toolbox::{Calls, Done, Toolbox};

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Value;

use crate::{error::Result, provider::CallContext};

/// What a language model may call while it answers.
#[async_trait]
pub trait Tool: Send + Sync {
    /// Its name, one of a kind among the tools of an agent: 1–64 of `A–Z`, `a–z`, `0–9`, `_`, `-`.
    fn name(&self) -> &str;

    /// What it does and when to call it: all that the model knows of it.
    fn description(&self) -> &str;

    /// The JSON schema of its arguments: `"type": "object"`. Read once, when the tool is given to an agent or a turn.
    fn parameters(&self) -> Value;

    /// How it is run. Read once, as the schema is.
    fn options(&self) -> ToolOptions {
        ToolOptions::default()
    }

    /// Does the work, on a task of its own. `arguments` fit the schema, as far as this library checks it (bounds, types, required
    /// fields; neither `pattern` nor `format`).
    ///
    /// `ctx` names session and turn. Its deadline is that of the call, and its token is cancelled when nobody wants the result
    /// any more; work on other threads watches it. The future itself is dropped then.
    ///
    /// # Errors
    /// Any error is told to the model with its code and message, so the message should say what the model can do about it, and
    /// hold no secret. [`ErrorKind::ToolFailed`](crate::ErrorKind::ToolFailed) fits when no other does.
    async fn call(&self, arguments: Value, ctx: &CallContext) -> Result<ToolOutput>;
}

#[async_trait]
impl<T: Tool + ?Sized> Tool for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn description(&self) -> &str {
        (**self).description()
    }

    fn parameters(&self) -> Value {
        (**self).parameters()
    }

    fn options(&self) -> ToolOptions {
        (**self).options()
    }

    async fn call(&self, arguments: Value, ctx: &CallContext) -> Result<ToolOutput> {
        (**self).call(arguments, ctx).await
    }
}

/// How a tool is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolOptions {
    /// How long a call may take; the model is then told that it took too long. Default 20 s.
    pub timeout: Duration,
    /// What becomes of a call whose turn is cancelled or interrupted. Default: it is cancelled too.
    pub on_interruption: OnInterruption,
    /// Whether it may run beside other calls. Default true; false for what must happen one after the other.
    pub parallel: bool,
    /// Whether its work outlasts the turn: a live session does not wait for it. The model is told that it is under way and answers
    /// without it; when the result is there and nobody speaks, the agent tells it in a turn of its own, or with its next answer if
    /// the user speaks first. Such a call is never cancelled with its turn. A turn outside live sessions waits for it as for any
    /// other. Default false.
    pub background: bool,
}

impl Default for ToolOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            on_interruption: OnInterruption::Cancel,
            parallel: true,
            background: false,
        }
    }
}

impl ToolOptions {
    /// Whether a call goes on when nobody waits for it any more.
    fn runs_on(&self) -> bool {
        self.background || self.on_interruption == OnInterruption::RunOn
    }
}

/// What becomes of a tool's call when its turn is cancelled, is interrupted, or reaches its deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnInterruption {
    /// It is cancelled with the turn.
    #[default]
    Cancel,
    /// It runs to its end or to its time-out, for work that must not be left half done. In a live session its result is not lost:
    /// it is told as that of a tool in the [background](ToolOptions::background). Outside of one nobody hears of it.
    RunOn,
}

/// What a tool gives back: text for the model. `Debug` leaves it out.
///
/// Made from text, from JSON, or from `()` for a tool that only acts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ToolOutput(String);

impl ToolOutput {
    /// What the model is told.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ToolOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolOutput({} characters)", self.0.chars().count())
    }
}

impl From<String> for ToolOutput {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for ToolOutput {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Value> for ToolOutput {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self(text),
            other => Self(other.to_string()),
        }
    }
}

impl From<()> for ToolOutput {
    fn from((): ()) -> Self {
        Self("done".into())
    }
}
