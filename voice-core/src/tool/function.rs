//! A tool made of a closure.

use std::future::Future;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{OnInterruption, Tool, ToolOptions, ToolOutput};
use crate::{
    error::{Error, ErrorKind, Result},
    provider::CallContext,
};

type Function = dyn Fn(Value, CallContext) -> BoxFuture<'static, Result<ToolOutput>> + Send + Sync;

/// A tool made of an async closure. See the [module](super) for an example.
pub struct FunctionTool {
    name: String,
    description: String,
    parameters: Value,
    options: ToolOptions,
    function: Box<Function>,
}

impl FunctionTool {
    /// A tool whose arguments are described by a JSON schema and come as JSON.
    ///
    /// The closure gives text, JSON or `()`.
    #[must_use]
    pub fn new<F, Fut, T>(
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: Value,
        function: F,
    ) -> Self
    where
        F: Fn(Value, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Into<ToolOutput>,
    {
        Self {
            name: name.into(),
            description: description.into(),
            parameters,
            options: ToolOptions::default(),
            function: Box::new(move |arguments, ctx| {
                let work = function(arguments, ctx);
                Box::pin(async move { work.await.map(Into::into) })
            }),
        }
    }

    /// A tool whose arguments are a type: the schema is made from it, with the comments on its fields as their descriptions.
    ///
    /// Arguments that the type does not take are told to the model, and the closure is not called.
    #[must_use]
    pub fn typed<A, F, Fut, T>(name: impl Into<String>, description: impl Into<String>, function: F) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(A, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Into<ToolOutput>,
    {
        let tool = Self::new(name, description, schema_of::<A>(), |_, _| async { Ok(()) });
        let function = Box::new(move |arguments: Value, ctx: CallContext| -> BoxFuture<'static, Result<ToolOutput>> {
            match serde_path_to_error::deserialize::<_, A>(arguments) {
                Ok(arguments) => {
                    let work = function(arguments, ctx);
                    Box::pin(async move { work.await.map(Into::into) })
                }
                Err(error) => {
                    let error = Error::new(ErrorKind::InvalidField, error.to_string());
                    Box::pin(std::future::ready(Err(error)))
                }
            }
        });
        Self { function, ..tool }
    }

    /// How long a call may take. Default 20 s.
    #[must_use]
    pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// What becomes of a call whose turn is cancelled or interrupted. Default: it is cancelled too.
    #[must_use]
    pub fn on_interruption(mut self, what: OnInterruption) -> Self {
        self.options.on_interruption = what;
        self
    }

    /// Whether its work outlasts the turn of a live session: see [`ToolOptions::background`]. Default false.
    #[must_use]
    pub fn background(mut self, background: bool) -> Self {
        self.options.background = background;
        self
    }

    /// Whether it may run beside other calls. Default true.
    #[must_use]
    pub fn parallel(mut self, parallel: bool) -> Self {
        self.options.parallel = parallel;
        self
    }
}

/// The schema of a type as models read it best: in one piece, without the words about the schema itself.
fn schema_of<A: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<A>();
    schema.remove("title");
    schema.to_value()
}

impl std::fmt::Debug for FunctionTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FunctionTool").field("name", &self.name).field("options", &self.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for FunctionTool {
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
        (self.function)(arguments, ctx.clone()).await
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    struct Order {
        /// The number on the receipt.
        number: u32,
        size: Option<Size>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Size {
        Small,
        Large,
    }

    fn tool() -> FunctionTool {
        FunctionTool::typed("order", "Orders.", |order: Order, _| async move {
            let size = if matches!(order.size, Some(Size::Small)) { "small" } else { "large" };
            Ok(format!("{size} {}", order.number))
        })
    }

    #[test]
    fn the_schema_of_a_type_says_what_its_fields_are_and_is_in_one_piece() {
        let schema = tool().parameters();
        assert_eq!(schema["properties"]["number"]["description"], "The number on the receipt.");
        assert_eq!(schema["required"], json!(["number"]));
        assert!(!schema.to_string().contains("$ref") && schema.get("$schema").is_none(), "{schema}");
    }

    #[tokio::test]
    async fn typed_arguments_come_as_the_type() {
        let call = |arguments| async { tool().call(arguments, &CallContext::new()).await };
        assert_eq!(call(json!({"number": 7, "size": "small"})).await.unwrap().as_str(), "small 7");
        let error = call(json!({"number": "seven"})).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidField);
        assert!(error.message().starts_with("number: "), "{error}");
    }
}
