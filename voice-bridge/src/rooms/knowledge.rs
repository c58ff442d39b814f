//! Documents that answers are drawn from.

use serde::Deserialize;
use serde_json::{Value, json};
use voice_core::{
    agent::{DocumentChanges, KnowledgeQuery, NewDocument},
    store::DocumentQuery,
};

use super::{check, page, undone};
use crate::{Agent, ErrorRecord, Outcome, arguments::Arguments};

const METHODS: [(&str, &[&str]); 7] = [
    ("add", &["title", "text", "format", "source", "metadata"]),
    ("get", &["id"]),
    ("text", &["id"]),
    ("list", &["limit", "before"]),
    ("update", &["id", "title", "text", "format", "source", "metadata"]),
    ("delete", &["id"]),
    ("search", &["text", "documents", "top_k", "min_score"]),
];

pub(super) async fn call(agent: &Agent, method: &str, arguments: &Arguments) -> Outcome<Value> {
    check("knowledge", &METHODS, method, &["organization"], arguments)?;
    let mut knowledge = agent.knowledge();
    if let Some(organization) = arguments.parsed("organization")? {
        knowledge = knowledge.of(organization);
    }
    Ok(match method {
        "add" => {
            let mut new = NewDocument::new(arguments.required("title")?, arguments.required("text")?);
            new.format = arguments.parsed("format")?.unwrap_or_default();
            new.source = arguments.text("source")?.map(str::to_owned);
            new.metadata = arguments.metadata()?;
            json!(knowledge.add(&new).await?)
        }
        "get" => json!(knowledge.get(arguments.id("id")?).await?),
        "text" => json!(knowledge.text(arguments.id("id")?).await?),
        "list" => {
            let mut query = DocumentQuery::newest(arguments.limit()?);
            query.before = arguments.parsed("before")?;
            page(&knowledge.list(query).await?)
        }
        "update" => {
            let mut changes = DocumentChanges::default();
            changes.title = arguments.text("title")?.map(str::to_owned);
            changes.text = arguments.text("text")?.map(str::to_owned);
            changes.format = arguments.parsed("format")?;
            changes.source = arguments.text("source")?.map(str::to_owned);
            changes.metadata = arguments.given("metadata").map(|_| arguments.metadata()).transpose()?;
            json!(knowledge.update(arguments.id("id")?, &changes).await?)
        }
        "delete" => json!(knowledge.delete(arguments.id("id")?).await?),
        "search" => json!(knowledge.search(&query(arguments)?).await?),
        other => return Err(undone("knowledge", other)),
    })
}

fn query(arguments: &Arguments) -> Outcome<KnowledgeQuery> {
    let mut query = KnowledgeQuery::new(arguments.required("text")?);
    let read = |listed: &Value| {
        Vec::deserialize(listed).map_err(|_| ErrorRecord::invalid("documents: expected a list of the ids of documents"))
    };
    query.documents = arguments.given("documents").map(read).transpose()?;
    query.top_k = arguments.number("top_k")?.map(|top| top as usize);
    let wrong = || ErrorRecord::invalid("min_score: expected a number from 0 to 1");
    query.min_score = arguments.given("min_score").map(|least| least.as_f64().ok_or_else(wrong)).transpose()?;
    Ok(query)
}
