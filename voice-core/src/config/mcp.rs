//! Servers of the Model Context Protocol whose tools an agent may call.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{check_headers, invalid, range};
use crate::{error::Result, secret::Secret};

/// A server of the Model Context Protocol. Its tools stand beside the host's own: assistants choose among them by name. Needs the feature
/// `mcp`, which the packages of other languages have.
///
/// Reached at a `url` (Streamable HTTP), or a `command` of this machine that is started and spoken with over its standard input and
/// output.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct McpServerConfig {
    /// Where the server is, for example `https://mcp.example.org/mcp`.
    pub url: Option<String>,
    /// Headers of every request, for example `Authorization`. Their values are never shown.
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, Secret>,
    /// The program of a server on this machine, for example `npx`.
    pub command: Option<String>,
    /// What it is given.
    pub args: Vec<String>,
    /// Variables of its environment. Of this process's own it gets only those that every program needs (`PATH`, `HOME`, …), so that no
    /// key reaches it by accident. Their values are never shown.
    #[schemars(with = "BTreeMap<String, String>")]
    pub env: BTreeMap<String, Secret>,
    /// Which of its tools may be called, by the server's names. Default: all.
    pub tools: Option<Vec<String>>,
    /// What is put before the names of its tools, so that no two servers' are alike. Default: nothing.
    pub prefix: String,
    /// How long the server may take to begin, and over one call of a tool, in seconds. Default 20.
    pub timeout_seconds: f64,
    /// Whether the agent cannot be made without it. If not, and it cannot be reached then, the agent is made without its tools, and the log
    /// says so. Default true.
    pub required: bool,
}

impl Default for McpServerConfig {
    fn default() -> Self {
        Self {
            url: None,
            headers: BTreeMap::new(),
            command: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            tools: None,
            prefix: String::new(),
            timeout_seconds: 20.0,
            required: true,
        }
    }
}

impl McpServerConfig {
    pub(super) fn validate(&self, path: &str) -> Result<()> {
        range(&format!("{path}.timeout_seconds"), self.timeout_seconds, 0.1, 3_600.0)?;
        check_headers(&format!("{path}.headers"), &self.headers)?;
        match (&self.url, &self.command) {
            // An address may hold a password, so it is not shown.
            (Some(url), None) if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) => {
                Err(invalid(format!("{path}.url: expected an address that begins with http:// or https://")))
            }
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => Err(invalid(format!("{path}: expected either a url or a command"))),
        }
    }
}
