//! The tools of an agent or a turn, and the calls of one answer.

use std::{collections::VecDeque, fmt, sync::Arc};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};

use super::{
    Tool, ToolOptions,
    call::{self, Task},
    lasting::{self, Lasting},
    schema,
};
use crate::{
    error::{Error, ErrorKind, Result},
    message::{ToolCall, ToolCallRecord},
    provider::{CallContext, ToolSpec},
    telemetry::Scope,
};

/// How many calls of one answer run at the same time; the others wait their turn.
const MOST_AT_ONCE: usize = 8;
/// The most characters of a tool's name.
const LONGEST_NAME: usize = 64;

/// Tools that were found to be in order.
#[derive(Clone, Default)]
pub(crate) struct Toolbox {
    tools: Vec<Kept>,
    specs: Arc<[ToolSpec]>,
}

#[derive(Clone)]
struct Kept {
    tool: Arc<dyn Tool>,
    options: ToolOptions,
}

impl Toolbox {
    /// These tools and `more`.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) for a name that no provider takes, two tools of one name, or a schema that is
    /// not that of an object.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = Arc<dyn Tool>>) -> Result<Self> {
        let mut tools = self.tools.clone();
        let mut specs = self.specs.to_vec();
        for tool in more {
            let spec = ToolSpec::new(tool.name(), tool.description(), tool.parameters());
            check(&spec, &specs)?;
            specs.push(spec);
            tools.push(Kept { options: tool.options(), tool });
        }
        Ok(Self { tools, specs: specs.into() })
    }

    /// Those of these names.
    pub(crate) fn only(&self, names: &[String]) -> Self {
        let named = self.tools.iter().zip(self.specs.iter()).filter(|(_, spec)| names.contains(&spec.name));
        let (tools, specs): (Vec<Kept>, Vec<ToolSpec>) = named.map(|(kept, spec)| (kept.clone(), spec.clone())).unzip();
        Self { tools, specs: specs.into() }
    }

    /// The names, of these, by which there is no tool.
    pub(crate) fn lacking<'a>(&self, names: &'a [String]) -> impl Iterator<Item = &'a String> {
        names.iter().filter(move |name| self.find(name).is_none())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Their names, to be read.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
        names.join(", ")
    }

    /// What the model is told of them.
    pub(crate) fn specs(&self) -> Arc<[ToolSpec]> {
        Arc::clone(&self.specs)
    }

    /// Whether any of them may run beside another call.
    pub(crate) fn any_parallel(&self) -> bool {
        self.tools.iter().any(|kept| kept.options.parallel)
    }

    fn find(&self, name: &str) -> Option<(&Kept, &ToolSpec)> {
        self.tools.iter().zip(self.specs.iter()).find(|(_, spec)| spec.name == name)
    }

    /// Begins a call, or says why it cannot be.
    fn start(&self, call: &ToolCall, turn: &CallContext) -> Result<Task> {
        let Some((Kept { tool, options }, spec)) = self.find(&call.name) else {
            let told = format!("there is no such tool; there are: {}", self.names());
            return Err(Error::new(ErrorKind::InvalidField, told));
        };
        let faults = schema::faults(&spec.parameters, &call.arguments);
        if !faults.is_empty() {
            return Err(Error::new(ErrorKind::InvalidField, faults.join("; ")));
        }
        Ok(Task::start(Arc::clone(tool), *options, call.arguments.clone(), turn))
    }
}

impl fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.specs.iter().map(|spec| &spec.name)).finish()
    }
}

/// Whether a tool could stand in a toolbox by itself.
///
/// # Errors
/// As for [`Toolbox::with`].
#[cfg(feature = "mcp")]
pub(crate) fn usable(tool: &dyn Tool) -> Result<()> {
    check(&ToolSpec::new(tool.name(), tool.description(), tool.parameters()), &[])
}

fn check(spec: &ToolSpec, others: &[ToolSpec]) -> Result<()> {
    let wrong = |message: String| Err(Error::new(ErrorKind::InvalidConfig, message));
    let name = &spec.name;
    let accepted = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(accepted) {
        return wrong(format!(
            "tools: \"{name}\" is no name for a tool: 1 to {LONGEST_NAME} of the letters a–z and A–Z, digits, `_` and `-` are \
             accepted"
        ));
    }
    if others.iter().any(|other| other.name == *name) {
        return wrong(format!("tools: there are two tools of the name `{name}`; name one of them differently"));
    }
    if let Some(why) = schema::refusal(&spec.parameters) {
        return wrong(format!("tools.{name}: the schema of its arguments cannot be used: {why}"));
    }
    Ok(())
}

/// The calls of one answer: those that run and those that wait. Dropping it stops those that run, but for tools that run on.
pub(crate) struct Calls {
    toolbox: Arc<Toolbox>,
    ctx: CallContext,
    waiting: VecDeque<(usize, ToolCall)>,
    running: FuturesUnordered<BoxFuture<'static, (usize, ToolCallRecord)>>,
    /// What is running lets nothing run beside it.
    alone: bool,
    /// Who takes the results that come when the turn is over; `None`: nobody.
    lasting: Option<Lasting>,
}

/// What came of a call.
pub(crate) enum Done {
    /// Its result.
    Result(ToolCallRecord),
    /// It is under way and stays so; this is what the model is told.
    Begun(ToolCallRecord),
}

impl Calls {
    pub(crate) fn new(toolbox: Arc<Toolbox>, calls: Vec<ToolCall>, ctx: CallContext, lasting: Option<Lasting>) -> Self {
        let waiting = calls.into_iter().enumerate().collect();
        Self { toolbox, ctx, waiting, running: FuturesUnordered::new(), alone: false, lasting }
    }

    /// The next result, with the number of its call; `None` when there are no more. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<(usize, Done)> {
        while let Some((_, call)) = self.waiting.front() {
            let parallel = self.toolbox.find(&call.name).is_none_or(|(kept, _)| kept.options.parallel);
            let room = self.running.is_empty() || (parallel && !self.alone && self.running.len() < MOST_AT_ONCE);
            if !room {
                break;
            }
            let Some((n, call)) = self.waiting.pop_front() else { break };
            let task = self.toolbox.start(&call, &self.ctx);
            // A name that the model made up is its words, which no log holds.
            let options = self.toolbox.find(&call.name).map(|(kept, _)| kept.options);
            let work = call::run(call.clone(), options.is_some(), task, self.ctx.scope.clone());
            let lasting = self.lasting.as_ref().filter(|_| options.is_some_and(|options| options.runs_on()));
            let Some(lasting) = lasting else {
                self.alone = !parallel;
                self.running.push(async move { (n, work.await) }.boxed());
                continue;
            };
            let result = lasting.see_through(call.clone(), work);
            if options.is_some_and(|options| options.background) {
                return Some((n, Done::Begun(lasting::under_way(call))));
            }
            self.alone = !parallel;
            let lost = || Error::new(ErrorKind::ToolFailed, "the tool's task stopped");
            let seen = async move {
                match result.await {
                    Some(record) => record,
                    None => call::run(call, false, Err(lost()), Scope::default()).await,
                }
            };
            self.running.push(async move { (n, seen.await) }.boxed());
        }
        self.running.next().await.map(|(n, record)| (n, Done::Result(record)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tool::FunctionTool;

    fn tool(name: &str, schema: Value) -> Arc<dyn Tool> {
        Arc::new(FunctionTool::new(name, "Does.", schema, |_, _| async { Ok(()) }))
    }

    fn refused(tools: &[Arc<dyn Tool>]) -> String {
        let error = Toolbox::default().with(tools.iter().cloned()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        error.message().to_owned()
    }

    #[test]
    fn names_that_a_provider_refuses_are_refused_at_once() {
        let object = json!({"type": "object"});
        let longest = "x".repeat(LONGEST_NAME);
        for accepted in ["order_status", "A-1", longest.as_str()] {
            assert!(Toolbox::default().with([tool(accepted, object.clone())]).is_ok());
        }
        for wrong in ["", "order status", "größe", "a.b", &"x".repeat(LONGEST_NAME + 1)] {
            assert!(refused(&[tool(wrong, object.clone())]).contains("is no name"), "{wrong}");
        }
    }

    #[test]
    fn two_tools_of_one_name_are_refused() {
        let one = tool("one", json!({"type": "object"}));
        assert!(refused(&[one.clone(), one]).contains("two tools of the name `one`"));
    }

    #[test]
    fn a_schema_of_anything_but_an_object_is_refused() {
        assert!(refused(&[tool("one", json!({"type": "string"}))]).starts_with("tools.one: "));
    }
}
