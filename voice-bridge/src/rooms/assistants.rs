//! Assistants.

use serde_json::{Value, json};
use voice_core::{
    config::Assistant,
    store::{AssistantQuery, AssistantVersion},
};

use super::{check, page, undone};
use crate::{Agent, ErrorRecord, Outcome, arguments::Arguments};

const METHODS: [(&str, &[&str]); 7] = [
    ("create", &["assistant"]),
    ("get", &["id"]),
    ("version", &["id", "version"]),
    ("list", &["limit", "before"]),
    ("update", &["id", "assistant"]),
    ("patch", &["id", "fields"]),
    ("delete", &["id"]),
];

pub(super) async fn call(agent: &Agent, method: &str, arguments: &Arguments) -> Outcome<Value> {
    check("assistants", &METHODS, method, &["organization"], arguments)?;
    let mut assistants = agent.assistants();
    if let Some(organization) = arguments.parsed("organization")? {
        assistants = assistants.of(organization);
    }
    Ok(match method {
        "create" => json!(assistants.create(&assistant(arguments)?).await?),
        "get" => json!(assistants.get(arguments.id("id")?).await?),
        "version" => {
            let version = arguments.number("version")?.ok_or_else(|| ErrorRecord::invalid("version: missing"))?;
            json!(assistants.version(AssistantVersion { id: arguments.id("id")?, version }).await?)
        }
        "list" => {
            let mut query = AssistantQuery::newest(arguments.limit()?);
            query.before = arguments.parsed("before")?;
            page(&assistants.list(query).await?)
        }
        "update" => json!(assistants.update(arguments.id("id")?, &assistant(arguments)?).await?),
        "patch" => json!(assistants.patch(arguments.id("id")?, arguments.object("fields")?).await?),
        "delete" => json!(assistants.delete(arguments.id("id")?).await?),
        other => return Err(undone("assistants", other)),
    })
}

fn assistant(arguments: &Arguments) -> Outcome<Assistant> {
    Ok(Assistant::from_value(Value::Object(arguments.object("assistant")?.clone()))?)
}
