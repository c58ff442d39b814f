//! `voice-core converse`: one turn.

use std::{io::Read, path::PathBuf, time::Duration};

use voice_core::{Audio, Error, ErrorKind, Result, TurnEvent, TurnInput};

use crate::{
    output::{Output, reply_json, timings},
    setup::AgentArgs,
    sound::{Player, check_target},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The recording (any common format), or - for standard input
    #[arg(value_name = "FILE", required_unless_present = "text")]
    file: Option<PathBuf>,
    /// Type instead of speaking
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    text: Option<String>,
    /// Where to write the answer's sound: .wav, .ogg, .mp3, .ulaw, .alaw or .pcm by its name
    #[arg(long, short, value_name = "FILE", default_value = "answer.wav")]
    out: PathBuf,
    /// Play the answer too, with the system's player
    #[arg(long)]
    play: bool,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<f64>,
    #[command(flatten)]
    agent: AgentArgs,
}

/// The most that is read from standard input: the library's own limit on top decides.
const MOST_INPUT: u64 = 256 * 1024 * 1024;

pub(crate) async fn run(args: Args, out: &Output) -> Result<()> {
    check_target(&args.out)?;
    let player = Player::find(args.play)?;
    let input: TurnInput = match (&args.text, &args.file) {
        (Some(text), _) => text.as_str().into(),
        (None, Some(path)) if path.as_os_str() == "-" => {
            Audio::from_reader(std::io::stdin().lock().take(MOST_INPUT + 1), MOST_INPUT)?.into()
        }
        (None, Some(path)) => Audio::from_path(path)?.into(),
        (None, None) => return Err(Error::new(ErrorKind::InvalidField, "give a recording or --text")),
    };

    let spinner = out.spinner("loading models");
    let agent = args.agent.build().await?;
    spinner.set_message("listening");

    let mut turn = agent.turn(input).session(args.agent.session);
    if let Some(seconds) = args.deadline.filter(|s| s.is_finite() && *s > 0.0) {
        turn = turn.deadline(Duration::from_secs_f64(seconds));
    }
    let mut events = turn.stream();
    while let Some(event) = events.next().await {
        match event? {
            TurnEvent::Transcript(transcript) if transcript.is_final => {
                spinner.suspend(|| out.line(&format!("you    {}", transcript.text)));
                spinner.set_message("thinking");
            }
            TurnEvent::Audio(_) => spinner.set_message("speaking"),
            TurnEvent::AudioFailed(error) => spinner.suspend(|| out.warn(&error)),
            TurnEvent::Done(reply) => {
                spinner.finish_and_clear();
                let file = args.out.display().to_string();
                let written = !reply.audio.is_empty();
                if written {
                    reply.audio.save(&args.out)?;
                }
                out.line(&format!("agent  {}", reply.text));
                out.line(&format!("       {}", timings(&reply)));
                if written {
                    let (seconds, rate) = (reply.audio.duration().as_secs_f64(), reply.audio.sample_rate());
                    out.line(&format!("       {file}: {seconds:.2} s, {rate} Hz mono"));
                }
                out.line(&format!("       session {}", reply.session_id));
                out.json(reply_json(&reply, written.then_some(file.as_str())));
                if let Some(player) = player.as_ref().filter(|_| written) {
                    player.play(&reply.audio)?;
                }
            }
            _ => {}
        }
    }
    agent.close().await
}
