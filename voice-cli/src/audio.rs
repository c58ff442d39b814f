//! `voice-core audio`: what a file is, and 16 kHz mono out of it.

use std::path::PathBuf;

use serde_json::json;
use voice_core::{Audio, Config, Pcm, Result, audio};

use crate::{output::Output, sound::check_target};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The audio file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write it as 16 kHz mono: .wav, .ogg, .mp3, .ulaw, .alaw or .pcm by its name
    #[arg(long, short, value_name = "OUT.wav")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, out: &Output) -> Result<()> {
    args.out.as_deref().map_or(Ok(()), check_target)?;
    let limits = Config::from_env()?.audio_limits();
    let utterance = audio::prepare(&Audio::from_path(&args.file)?, &limits)?;
    let info = &utterance.info;
    out.line(&format!(
        "{}: {}, {}, {} Hz, {} channel{}, {:.3} s, {} bytes",
        args.file.display(),
        info.format,
        info.codec,
        info.sample_rate,
        info.channels,
        if info.channels == 1 { "" } else { "s" },
        info.seconds,
        info.bytes
    ));
    for warning in &info.warnings {
        out.line(&format!("  warning: {warning}"));
    }
    if let Some(path) = &args.out {
        Pcm::new(utterance.samples.as_slice(), audio::SPEECH_RATE).save(path)?;
        out.line(&format!("  wrote {}: {:.3} s, 16000 Hz mono", path.display(), utterance.duration().as_secs_f64()));
    }
    let mut value = json!(**info);
    value["out"] = json!(args.out);
    out.json(value);
    Ok(())
}
