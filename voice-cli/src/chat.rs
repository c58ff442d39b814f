//! `voice-core chat`: several turns in one session.

use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, BufReader};
use voice_core::{Audio, Reply, Result, TurnEvent, TurnInput};

use crate::{
    output::{Output, reply_json, timings},
    setup::AgentArgs,
    sound::{Player, make_folder},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write each answer's sound into this folder, as answer-1.wav, answer-2.wav, …; it is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    out_dir: Option<PathBuf>,
    /// Play the answers, with the system's player
    #[arg(long)]
    play: bool,
    #[command(flatten)]
    agent: AgentArgs,
}

pub(crate) async fn run(args: Args, out: &Output) -> Result<()> {
    let player = Player::find(args.play)?;
    if let Some(folder) = &args.out_dir {
        make_folder(folder)?;
    }
    let spinner = out.spinner("loading models");
    let agent = args.agent.build().await?;
    spinner.finish_and_clear();
    out.line("Type, or give the path of a recording. An empty line ends the conversation.");

    let mut session = args.agent.session;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut turns = 0;
    loop {
        out.piece("you    ");
        let Ok(Some(line)) = lines.next_line().await else { break };
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        let input: TurnInput = match Audio::from_path(line) {
            Ok(recording) if Path::new(line).is_file() => recording.into(),
            _ => line.into(),
        };
        let wants_sound = player.is_some() || args.out_dir.is_some();
        let mut events = agent.turn(input).session(session).speak(wants_sound).stream();
        out.piece("agent  ");
        while let Some(event) = events.next().await {
            match event {
                Ok(TurnEvent::Text(delta)) => out.piece(&delta),
                Ok(TurnEvent::AudioFailed(error)) => out.warn(&error),
                Ok(TurnEvent::Done(reply)) => {
                    turns += 1;
                    session = Some(reply.session_id);
                    out.line("");
                    out.line(&format!("       {}", timings(&reply)));
                    let file = args.out_dir.as_ref().map(|folder| folder.join(format!("answer-{turns}.wav")));
                    let written = file.filter(|file| keep(&reply, file, out));
                    let shown = written.map(|file| file.display().to_string());
                    out.json_line(&reply_json(&reply, shown.as_deref()));
                    if let Some(player) = player.as_ref().filter(|_| !reply.audio.is_empty()) {
                        tell(player.play(&reply.audio), out);
                    }
                }
                Ok(_) => {}
                // One bad recording or a passing fault does not end the conversation.
                Err(error) => {
                    out.line("");
                    out.error(&error);
                }
            }
        }
    }
    if let Some(session) = session {
        out.line(&format!("session {session}"));
    }
    agent.close().await
}

/// Writes an answer's sound into a file, if it has any, and says whether it is there.
fn keep(reply: &Reply, file: &Path, out: &Output) -> bool {
    !reply.audio.is_empty() && tell(reply.audio.save(file), out)
}

/// Whether it went well. What did not go well with the sound of one answer is told, and does not end the conversation.
fn tell(outcome: Result<()>, out: &Output) -> bool {
    outcome.inspect_err(|error| out.warn(error)).is_ok()
}
