//! What several commands share: options of the agent, logging.

use std::path::PathBuf;

use tracing_subscriber::EnvFilter;
use voice_core::{Config, Result, SessionId, VoiceAgent};

use crate::output::Output;

/// Which agent to talk to. What is not given comes from the config file, then the environment, then the local defaults.
#[derive(clap::Args)]
pub(crate) struct AgentArgs {
    /// A config document, .json or .toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Speech to text, as provider/model; again for a fallback
    #[arg(long, value_name = "PROVIDER")]
    stt: Vec<String>,
    /// Language model, as provider/model; again for a fallback
    #[arg(long, value_name = "PROVIDER")]
    llm: Vec<String>,
    /// Text to speech, as provider/model; again for a fallback
    #[arg(long, value_name = "PROVIDER")]
    tts: Vec<String>,
    /// Where the conversation is kept: sqlite:PATH or memory
    #[arg(long, value_name = "ADDRESS")]
    storage: Option<String>,
    /// The instructions of the language model
    #[arg(long, value_name = "TEXT")]
    system_prompt: Option<String>,
    /// Continue this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<SessionId>,
}

impl AgentArgs {
    /// Builds the agent and makes it ready.
    pub(crate) async fn build(&self) -> Result<VoiceAgent> {
        let mut config = match &self.config {
            Some(path) => Config::from_path(path)?,
            None => Config::from_env()?,
        };
        if let Some(prompt) = &self.system_prompt {
            config.assistant.system_prompt.clone_from(prompt);
        }
        let mut builder = VoiceAgent::builder().config(config).warm_up(true);
        if let Some((first, others)) = self.stt.split_first() {
            builder = builder.stt(in_order(first, others));
        }
        if let Some((first, others)) = self.llm.split_first() {
            builder = builder.llm(in_order(first, others));
        }
        if let Some((first, others)) = self.tts.split_first() {
            builder = builder.tts(in_order(first, others));
        }
        if let Some(storage) = &self.storage {
            builder = builder.storage(storage);
        }
        builder.build().await
    }
}

pub(crate) fn in_order<P: ?Sized>(first: &str, others: &[String]) -> voice_core::Providers<P> {
    others.iter().fold(first.into(), |list: voice_core::Providers<P>, next| list.then(next.as_str()))
}

/// Logs go to standard error, so that standard output stays the answer. `-v` asks for more; else `LOG_LEVEL`, else warnings.
pub(crate) fn logging(verbose: u8, out: &Output) {
    let level = match verbose {
        0 => level_of_environment(out),
        1 => "info".into(),
        _ => "debug".into(),
    };
    let filter = EnvFilter::builder().parse_lossy(format!("off,voice_core={level},voice_cli={level}"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// What `LOG_LEVEL` asks for, in the library's words and those of other programs.
fn level_of_environment(out: &Output) -> String {
    const USUAL: &str = "warn";
    // What else is wrong with the environment is told by the command that needs it.
    let Ok(config) = Config::from_env() else { return USUAL.into() };
    let is_set = std::env::var_os("LOG_LEVEL").is_some_and(|level| !level.to_string_lossy().trim().is_empty());
    if is_set && config.log_level.is_none() {
        out.plain_error("LOG_LEVEL is none of error, warn, info, debug, trace and off; warnings are logged");
    }
    config.log_level.unwrap_or_else(|| USUAL.into())
}
