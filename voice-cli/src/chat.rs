//! `voice-core chat`: several turns in one session.

use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, BufReader};
use voice_core::{Audio, Result, TurnEvent, TurnInput};

use crate::{
    converse::play,
    output::{Output, reply_json, timings},
    setup::AgentArgs,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write each answer's sound into this folder, as answer-1.wav, answer-2.wav, …
    #[arg(long, value_name = "FOLDER")]
    out_dir: Option<PathBuf>,
    /// Play the answers, with the system's player
    #[arg(long)]
    play: bool,
    #[command(flatten)]
    agent: AgentArgs,
}

pub(crate) async fn run(args: Args, out: &Output) -> Result<()> {
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
        let input: TurnInput = if Path::new(line).is_file() { Audio::from_path(line)?.into() } else { line.into() };
        let wants_sound = args.play || args.out_dir.is_some();
        let mut events = agent.turn(input).session(session).speak(wants_sound).stream();
        out.piece("agent  ");
        while let Some(event) = events.next().await {
            match event {
                Ok(TurnEvent::Text(delta)) => out.piece(&delta),
                Ok(TurnEvent::AudioFailed(error)) => out.error(&error),
                Ok(TurnEvent::Done(reply)) => {
                    turns += 1;
                    session = Some(reply.session_id);
                    out.line("");
                    out.line(&format!("       {}", timings(&reply)));
                    let file = std::env::temp_dir().join(format!("voice-core-{}.wav", reply.turn_id));
                    let (path, keep) = match &args.out_dir {
                        Some(folder) => (folder.join(format!("answer-{turns}.wav")), true),
                        None => (file, false),
                    };
                    let spoken = wants_sound && !reply.audio.is_empty();
                    if spoken {
                        reply.audio.save(&path)?;
                    }
                    let shown = path.display().to_string();
                    out.json(&reply_json(&reply, (spoken && keep).then_some(shown.as_str())));
                    let played = if spoken && args.play { play(&path) } else { Ok(()) };
                    if spoken && !keep {
                        // Nothing of what was said stays behind in a folder that others can read.
                        let _gone = std::fs::remove_file(&path);
                    }
                    played?;
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
