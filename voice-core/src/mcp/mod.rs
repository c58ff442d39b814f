//! Tools of servers of the Model Context Protocol: reached over HTTP, or started on this machine.
//!
//! ```text
//! config ──► Server (one for each; opens a Line when there is none) ──► its tools, as the host's own
//!                      └── Line: http | process ──► message, which knows what is said, without I/O
//! ```
//!
//! Which tools there are is asked once, when the agent is made. A line that is lost is opened anew by the next call.

mod http;
mod message;
mod process;
mod server;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::{
    config::McpServerConfig,
    error::Result,
    provider::CallContext,
    tool::{Tool, ToolOptions, ToolOutput, usable},
};
use server::Server;

/// The most characters of a tool's name that models accept.
const LONGEST_NAME: usize = 64;

/// The tools of these servers, asked for side by side. A tool whose description no model could use is left out, and the log says so.
///
/// # Errors
/// Why a server that is required cannot be reached, naming it.
pub(crate) async fn tools(servers: &BTreeMap<String, McpServerConfig>) -> Result<Vec<Arc<dyn Tool>>> {
    let all = try_join_all(servers.iter().map(|(name, config)| async move {
        match offered(name, config).await {
            Err(error) if !config.required => {
                tracing::warn!(server = name, code = error.code().as_str(), "an MCP server is not there: {error}");
                Ok(Vec::new())
            }
            result => result,
        }
    }))
    .await?;
    Ok(all.into_iter().flatten().collect())
}

async fn offered(name: &str, config: &McpServerConfig) -> Result<Vec<Arc<dyn Tool>>> {
    let server = Arc::new(Server::new(name, config));
    let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
    for described in server.tools().await? {
        if config.tools.as_ref().is_some_and(|wanted| !wanted.contains(&described.name)) {
            continue;
        }
        let tool = ServersTool {
            name: accepted(&config.prefix, &described.name),
            own_name: described.name,
            description: described.description,
            parameters: described.parameters,
            timeout: server.patience(),
            server: Arc::clone(&server),
        };
        match usable(&tool) {
            Ok(()) => tools.push(Arc::new(tool)),
            Err(error) => tracing::warn!(server = name, "a tool of an MCP server is left out: {error}"),
        }
    }
    Ok(tools)
}

/// A name that models accept: what they do not is an underscore.
fn accepted(prefix: &str, name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    prefix.chars().chain(name.chars()).map(kept).take(LONGEST_NAME).collect()
}

/// A tool of a server's.
struct ServersTool {
    server: Arc<Server>,
    name: String,
    /// What the server calls it.
    own_name: String,
    description: String,
    parameters: Value,
    timeout: Duration,
}

#[async_trait]
impl Tool for ServersTool {
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
        ToolOptions { timeout: self.timeout, ..ToolOptions::default() }
    }

    async fn call(&self, arguments: Value, _: &CallContext) -> Result<ToolOutput> {
        let params = json!({"name": self.own_name, "arguments": arguments});
        message::given(self.server.ask("tools/call", &params).await?)
    }
}
