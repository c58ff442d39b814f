//! The `voice-core` command: talk to an agent from a terminal, look into audio files, fetch models, hear voices.
//!
//! Made to be read as a first example too: `converse.rs` is the whole use of the library for one turn.

mod audio;
mod chat;
mod converse;
mod models;
mod output;
mod setup;
mod sound;
mod voices;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Speech in, speech out, in your own process: offline by default.
#[derive(Parser)]
#[command(name = "voice-core", version, about, long_about = None, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON document instead of text; of a chat, one on a line for each turn
    #[arg(long, global = true)]
    json: bool,
    /// Show what the library logs: -v info, -vv debug (never what was said)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    /// Answer one recording (or typed text) with speech
    Converse(converse::Args),
    /// Hold a conversation: one line, or the path of one recording, per turn
    Chat(chat::Args),
    /// Say what an audio file is, and convert it to 16 kHz mono
    Audio(audio::Args),
    /// Fetch, verify and list the local models
    Models(models::Args),
    /// List the voices of text to speech, and hear one
    Voices(voices::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = output::Output::new(cli.json);
    setup::logging(cli.verbose, &out);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.plain_error(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Converse(args) => converse::run(args, &out).await,
            Command::Chat(args) => chat::run(args, &out).await,
            Command::Audio(args) => audio::run(&args, &out),
            Command::Models(args) => models::run(args, &out).await,
            Command::Voices(args) => voices::run(args, &out).await,
        }
    });
    // A read of standard input cannot be interrupted; it must not keep the process.
    runtime.shutdown_background();
    out.end(done.as_ref().copied());
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
