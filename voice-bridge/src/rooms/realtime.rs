//! A browser's own way to the speech-to-speech model.

use serde_json::{Value, json};
use voice_core::agent::ClientSecretOptions;

use super::{check, records, undone};
use crate::{Agent, Outcome, arguments::Arguments};

const METHODS: [(&str, &[&str]); 2] = [("client_secret", &["valid_seconds"]), ("answer_call", &["offer"])];

/// What both take.
const SETTINGS: [&str; 5] = ["organization", "assistant", "instructions", "voice", "language"];

pub(super) async fn call(agent: &Agent, method: &str, arguments: &Arguments) -> Outcome<Value> {
    check("realtime", &METHODS, method, &SETTINGS, arguments)?;
    let mut realtime = agent.realtime();
    if let Some(organization) = arguments.parsed("organization")? {
        realtime = realtime.of(organization);
    }
    let text = |name| arguments.text(name).map(|text| text.map(str::to_owned));
    let mut options = ClientSecretOptions::default();
    options.assistant = arguments.parsed("assistant")?;
    (options.instructions, options.voice) = (text("instructions")?, text("voice")?);
    options.language = text("language")?;
    Ok(match method {
        "client_secret" => {
            options.valid = arguments.seconds("valid_seconds")?;
            json!(records::ClientSecret::from(realtime.client_secret(options).await?))
        }
        "answer_call" => {
            let answer = realtime.answer_call(arguments.required("offer")?, options).await?;
            json!(records::CallAnswer::from(answer))
        }
        other => return Err(undone("realtime", other)),
    })
}
