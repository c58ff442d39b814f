//! The tools of servers that the config names.

use std::{collections::BTreeMap, sync::Arc};

use crate::{config::McpServerConfig, error::Result, tool::Tool};

#[cfg(feature = "mcp")]
pub(super) async fn tools(servers: &BTreeMap<String, McpServerConfig>) -> Result<Vec<Arc<dyn Tool>>> {
    crate::mcp::tools(servers).await
}

#[cfg(not(feature = "mcp"))]
#[allow(clippy::unused_async)]
pub(super) async fn tools(servers: &BTreeMap<String, McpServerConfig>) -> Result<Vec<Arc<dyn Tool>>> {
    match servers.first_key_value() {
        None => Ok(Vec::new()),
        Some((name, _)) => {
            let what = super::not_compiled_in(&format!("mcp_servers.{name}: the Model Context Protocol"), "mcp");
            Err(crate::config::invalid(what))
        }
    }
}
