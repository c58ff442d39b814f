//! `voice-core voices`: list the voices of text to speech, and hear one.

use std::path::PathBuf;

use async_trait::async_trait;
use serde_json::{Value, json};
use voice_core::{
    Config, Error, ErrorKind, LanguageModel, Result, VoiceAgent,
    agent::{PreviewOptions, VoiceQuery},
    provider::{CallContext, GenerateRequest, LlmEvent, ResultStream, Voice},
};

use crate::{
    output::Output,
    setup::in_order,
    sound::{Player, check_target},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A config document, .json or .toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Text to speech, as provider/model. Default: the config's, else the local one
    #[arg(long, global = true, value_name = "PROVIDER")]
    tts: Option<String>,
    /// The language (BCP 47): list only voices that speak it; the language of what a voice says
    #[arg(long, global = true, value_name = "TAG")]
    language: Option<String>,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Show which voices there are (what happens without an action)
    List,
    /// Hear one say a few words
    Preview {
        /// The voice, as it is listed
        #[arg(value_name = "ID")]
        voice: String,
        /// What it says. Default: a short greeting in its language
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// How it speaks, as NAME=VALUE: stability, similarity, style, speed, …; again for another
        #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
        settings: Vec<(String, Value)>,
        /// Where its sound goes: .wav, .ogg, .mp3, .ulaw, .alaw or .pcm by its name
        #[arg(long, short, value_name = "FILE", default_value = "voice.wav")]
        out: PathBuf,
        /// Play it too, with the system's player
        #[arg(long)]
        play: bool,
    },
}

/// `speed=1.2`: a number, true or false, else a text.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, such as speed=1.2")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

pub(crate) async fn run(args: Args, out: &Output) -> Result<()> {
    let player = match &args.action {
        Some(Action::Preview { out: path, play, .. }) => {
            check_target(path)?;
            Player::find(*play)?
        }
        _ => None,
    };
    let spinner = out.spinner("asking for voices");
    let agent = agent(args.config, args.tts.as_deref()).await?;
    match args.action {
        None | Some(Action::List) => {
            let mut query = VoiceQuery::default();
            query.language = args.language;
            let found = agent.voices().list(query).await?;
            spinner.finish_and_clear();
            found.items.iter().for_each(|voice| out.line(&line(voice)));
            if found.has_more {
                out.line("… and more");
            }
            out.json(json!({ "items": found.items, "has_more": found.has_more }));
        }
        Some(Action::Preview { voice, text, settings, out: path, .. }) => {
            let mut options = PreviewOptions::of(voice);
            (options.text, options.language) = (text, args.language);
            options.settings.extend(settings);
            let preview = agent.voices().preview(options).await?;
            spinner.finish_and_clear();
            preview.audio.save(&path)?;
            let (seconds, rate) = (preview.audio.duration().as_secs_f64(), preview.audio.sample_rate());
            out.line(&format!("voice  {}", preview.text));
            out.line(&format!("       {}: {seconds:.2} s, {rate} Hz mono", path.display()));
            out.json(json!({
                "provider": preview.provider,
                "voice": preview.voice,
                "text": preview.text,
                "language": preview.language,
                "audio": { "file": path, "seconds": seconds, "sample_rate": rate },
                "usage": preview.usage,
                "cost": preview.cost,
            }));
            if let Some(player) = player {
                player.play(&preview.audio)?;
            }
        }
    }
    agent.close().await
}

/// An agent that speaks and does nothing else.
async fn agent(config: Option<PathBuf>, tts: Option<&str>) -> Result<VoiceAgent> {
    let mut config = match config {
        Some(path) => Config::from_path(path)?,
        None => Config::from_env()?,
    };
    (config.realtime, config.recordings, config.actions) = (None, None, None);
    let builder = VoiceAgent::builder().config(config).storage("memory").stt("none").llm(Nobody);
    match tts {
        Some(tts) => builder.tts(in_order(tts, &[])).build().await,
        None => builder.build().await,
    }
}

/// Stands where an agent has a language model.
struct Nobody;

#[async_trait]
impl LanguageModel for Nobody {
    fn name(&self) -> &str {
        "nobody"
    }

    async fn generate(&self, _: GenerateRequest, _: &CallContext) -> Result<ResultStream<LlmEvent>> {
        Err(Error::new(ErrorKind::Unsupported, "nobody is asked anything here"))
    }
}

/// What a line says of a voice.
fn line(voice: &Voice) -> String {
    let gender = voice.gender.and_then(|gender| Some(json!(gender).as_str()?.to_owned())).unwrap_or_default();
    let name = if voice.name == voice.id { "" } else { &voice.name };
    let about = voice.description.as_deref().unwrap_or_default().replace(['\n', '\r'], " ");
    let line = format!("{:<38} {name:<22} {gender:<8} {:<12} {about}", voice.id, voice.languages.join(","));
    line.trim_end().to_owned()
}
