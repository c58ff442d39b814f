//! The voices of text to speech.

use serde_json::json;
use voice_core::{
    AudioFormat,
    agent::{PreviewOptions, VoiceQuery, Voices},
};

use super::{Answer, check, page, undone};
use crate::{Agent, Outcome, arguments::Arguments, call::off_thread};

const METHODS: [(&str, &[&str]); 2] =
    [("list", &["language", "limit"]), ("preview", &["voice", "settings", "text", "language", "format"])];

pub(super) async fn call(agent: &Agent, method: &str, arguments: &Arguments) -> Outcome<Answer> {
    check("voices", &METHODS, method, &["provider", "organization"], arguments)?;
    let mut voices = agent.voices();
    if let Some(organization) = arguments.parsed("organization")? {
        voices = voices.of(organization);
    }
    match method {
        "list" => {
            let mut query = VoiceQuery::default();
            query.provider = arguments.text("provider")?.map(str::to_owned);
            query.language = arguments.text("language")?.map(str::to_owned);
            if let Some(limit) = arguments.number("limit")? {
                query.limit = limit as usize;
            }
            Ok(page(&voices.list(query).await?).into())
        }
        "preview" => preview(&voices, arguments).await,
        other => Err(undone("voices", other)),
    }
}

async fn preview(voices: &Voices, arguments: &Arguments) -> Outcome<Answer> {
    let text = |name| arguments.text(name).map(|text| text.map(str::to_owned));
    let format: AudioFormat = arguments.parsed("format")?.unwrap_or_default();
    let mut options = PreviewOptions::default();
    (options.provider, options.voice) = (text("provider")?, text("voice")?);
    (options.text, options.language) = (text("text")?, text("language")?);
    if arguments.given("settings").is_some() {
        options.settings = arguments.object("settings")?.clone();
    }
    let preview = voices.preview(options).await?;
    let audio = preview.audio.clone();
    let file = off_thread(move || Ok(audio.encode(format)?)).await?;
    let record = json!({
        "provider": preview.provider,
        "voice": preview.voice,
        "text": preview.text,
        "language": preview.language,
        "media_type": format.media_type(),
        "sample_rate": preview.audio.sample_rate(),
        "audio_seconds": preview.audio.duration().as_secs_f64(),
        "usage": preview.usage,
        "cost": preview.cost,
    });
    Ok(Answer::new(record, Some(file.to_vec())))
}
