//! Sessions, their history and their sound.

use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use voice_core::{
    Message,
    agent::Sessions,
    store::{ActionQuery, MessageQuery, SearchQuery, SessionQuery, SessionStatus},
};

use super::{Answer, check, page, undone};
use crate::{Agent, ErrorRecord, Outcome, arguments::Arguments};

const METHODS: [(&str, &[&str]); 19] = [
    ("create", &["metadata", "assistant"]),
    ("get", &["id"]),
    ("list", &["status", "assistant", "limit", "before"]),
    ("history", &["id", "limit", "before"]),
    ("search", &["text", "session", "limit", "before"]),
    ("export", &["id", "format"]),
    ("greet", &["id"]),
    ("actions", &["id", "type", "limit", "before"]),
    ("summary", &["id"]),
    ("recording", &["id", "message"]),
    ("recording_url", &["id", "message", "valid_seconds"]),
    ("set_metadata", &["id", "metadata"]),
    ("end", &["id"]),
    ("delete", &["id"]),
    ("erase_user", &[]),
    ("expire_idle", &[]),
    ("delete_over", &["age_seconds"]),
    ("delete_messages_older_than", &["age_seconds"]),
    ("clean_up", &[]),
];

pub(super) async fn call(agent: &Agent, method: &str, arguments: &Arguments) -> Outcome<Answer> {
    check("sessions", &METHODS, method, &["user", "organization"], arguments)?;
    let mut sessions = agent.sessions();
    if let Some(organization) = arguments.parsed("organization")? {
        sessions = sessions.of(organization);
    }
    if let Some(user) = arguments.text("user")? {
        sessions = sessions.for_user(user);
    }
    match method {
        "greet" => greet(&sessions, arguments).await,
        "recording" => recording(&sessions, arguments).await,
        "clean_up" => Ok(json!(agent.host()?.clean_up().await?).into()),
        _ => kept(&sessions, method, arguments).await.map(Answer::from),
    }
}

async fn kept(sessions: &Sessions, method: &str, arguments: &Arguments) -> Outcome<Value> {
    Ok(match method {
        "create" => {
            let mut new = sessions.create().metadata(arguments.metadata()?);
            if let Some(assistant) = arguments.parsed("assistant")? {
                new = new.assistant(assistant);
            }
            json!(new.await?)
        }
        "get" => json!(sessions.get(arguments.session("id")?).await?),
        "list" => {
            let mut query = SessionQuery::default();
            query.limit = arguments.limit()?;
            query.before = arguments.parsed("before")?;
            query.assistant = arguments.parsed("assistant")?;
            let known = |name| {
                SessionStatus::from_name(name)
                    .ok_or_else(|| ErrorRecord::invalid("status: expected active, ended or expired"))
            };
            query.status = arguments.text("status")?.map(known).transpose()?;
            page(&sessions.list(query).await?)
        }
        "history" => {
            let mut query = MessageQuery::latest(arguments.limit()?);
            query.before = arguments.parsed("before")?;
            page(&sessions.history(arguments.session("id")?, query).await?)
        }
        "search" => {
            let mut query = SearchQuery::new(arguments.required("text")?);
            query.session = arguments.text("session")?.map(|_| arguments.session("session")).transpose()?;
            query.limit = arguments.limit()?;
            query.before = arguments.parsed("before")?;
            page(&sessions.search(query).await?)
        }
        "actions" => {
            let mut query = ActionQuery::newest(arguments.limit()?);
            query.kind = arguments.text("type")?.map(str::to_owned);
            query.before = arguments.parsed("before")?;
            page(&sessions.actions(arguments.session("id")?, query).await?)
        }
        "summary" => json!(sessions.summary(arguments.session("id")?).await?),
        "export" => {
            let export = sessions.export(arguments.session("id")?, arguments.required("format")?.parse()?);
            json!(export.await?.text().await?)
        }
        "recording_url" => {
            let (message, valid) = (message(arguments)?, arguments.age("valid_seconds")?);
            let url = sessions.recording_url(arguments.session("id")?, &message, valid).await?;
            json!(url.as_ref().map(voice_core::Secret::expose))
        }
        "set_metadata" => json!(sessions.set_metadata(arguments.session("id")?, arguments.metadata()?).await?),
        "end" => json!(sessions.end(arguments.session("id")?).await?),
        "delete" => json!(sessions.delete(arguments.session("id")?).await?),
        "erase_user" => json!(sessions.erase_user().await?),
        "expire_idle" => json!(sessions.expire_idle().await?),
        "delete_over" => json!(sessions.delete_over(arguments.age("age_seconds")?).await?),
        "delete_messages_older_than" => {
            json!(sessions.delete_messages_older_than(arguments.age("age_seconds")?).await?)
        }
        other => return Err(undone("sessions", other)),
    })
}

async fn greet(sessions: &Sessions, arguments: &Arguments) -> Outcome<Answer> {
    let Some(greeting) = sessions.greet(arguments.session("id")?).await? else { return Ok(Value::Null.into()) };
    let record = json!({
        "text": greeting.text,
        "session_id": greeting.session_id,
        "message_id": greeting.message_id,
        "sample_rate": greeting.audio.sample_rate(),
        "audio_seconds": greeting.audio.duration().as_secs_f64(),
        "audio_error": greeting.audio_error.as_ref().map(ErrorRecord::from),
    });
    let samples = greeting.audio.samples().iter().flat_map(|sample| sample.to_le_bytes()).collect();
    Ok(Answer::new(record, Some(samples)))
}

async fn recording(sessions: &Sessions, arguments: &Arguments) -> Outcome<Answer> {
    let message = message(arguments)?;
    let Some(bytes) = sessions.recording(arguments.session("id")?, &message).await? else {
        return Ok(Value::Null.into());
    };
    let file = bytes.try_fold(Vec::new(), |mut file, piece| async move {
        file.extend_from_slice(&piece);
        Ok(file)
    });
    let file = file.await?;
    Ok(Answer::new(json!(file.len()), Some(file)))
}

fn message(arguments: &Arguments) -> Outcome<Message> {
    let message = Value::Object(arguments.object("message")?.clone());
    Message::deserialize(message).map_err(|_| ErrorRecord::invalid("message: expected one as `history` gives it"))
}
