//! The audit log.

use serde_json::{Value, json};
use voice_core::store::AuditQuery;

use super::{check, page, undone};
use crate::{Agent, Outcome, arguments::Arguments};

const METHODS: [(&str, &[&str]); 2] = [
    ("entries", &["organization", "actor", "action", "target", "limit", "before"]),
    ("delete_older_than", &["age_seconds"]),
];

pub(super) async fn call(agent: &Agent, method: &str, arguments: &Arguments) -> Outcome<Value> {
    check("audit", &METHODS, method, &[], arguments)?;
    let audit = agent.audit();
    Ok(match method {
        "entries" => {
            let mut query = AuditQuery::default();
            query.organization = arguments.parsed("organization")?;
            query.actor = arguments.parsed("actor")?;
            query.action = arguments.text("action")?.map(str::to_owned);
            query.target = arguments.text("target")?.map(str::to_owned);
            query.limit = arguments.limit()?;
            query.before = arguments.parsed("before")?;
            page(&audit.entries(query).await?)
        }
        "delete_older_than" => json!(audit.delete_older_than(arguments.age("age_seconds")?).await?),
        other => return Err(undone("audit", other)),
    })
}
