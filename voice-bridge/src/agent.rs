//! The agent as every language sees it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use voice_core::{
    Audio, Config, LanguageModel, MessageId, Providers, SessionId, SpeechToText, TextToSpeech, Tool, Turn, TurnInput,
    VoiceAgent,
    config::ProviderList,
    store::{ConversationStore, MessageQuery, SessionQuery, SessionStatus},
};

use crate::{Call, ErrorRecord, EventStream, LiveSession, Outcome, ReplyRecord, arguments::Arguments};

/// Host objects that take part.
///
/// In the config a host object is the provider `host/0`, by its number in its role, so that a list can name providers and
/// objects in any order: `["host/0", "openai/gpt-6-luna"]`. Objects of a role that the config does not name so stand in place of what
/// it says.
#[derive(Default)]
pub struct Hosts {
    /// Speech to text.
    pub stt: Vec<Arc<dyn SpeechToText>>,
    /// Language models.
    pub llm: Vec<Arc<dyn LanguageModel>>,
    /// Text to speech.
    pub tts: Vec<Arc<dyn TextToSpeech>>,
    /// Where conversations are kept.
    pub store: Option<Arc<dyn ConversationStore>>,
    /// What the language model may call.
    pub tools: Vec<Arc<dyn Tool>>,
}

/// How the config names host objects.
const HOST: &str = "host";

/// The providers of a role, where host objects have a part in it.
fn chosen<P: ?Sized>(
    role: &str,
    configured: Option<ProviderList>,
    hosts: Vec<Arc<P>>,
) -> Outcome<Option<Providers<P>>> {
    let configured = configured.map_or_else(Vec::new, |list| list.0);
    if !configured.iter().any(|provider| provider.provider == HOST) {
        return Ok(hosts.into_iter().map(Providers::from).reduce(Providers::then));
    }
    let mut chosen = None::<Providers<P>>;
    for (at, provider) in configured.into_iter().enumerate() {
        let provider = match provider.provider.as_str() {
            HOST => {
                let number = provider.model.as_deref().unwrap_or("0");
                let host = number.parse().ok().and_then(|n: usize| hosts.get(n));
                let missing = || format!("{role}[{at}]: there is no host object {number}; {} were given", hosts.len());
                Arc::clone(host.ok_or_else(|| ErrorRecord::invalid(missing()))?).into()
            }
            _ => Providers::from(provider),
        };
        chosen = Some(match chosen {
            Some(before) => before.then(provider),
            None => provider,
        });
    }
    Ok(chosen)
}

/// Audio as a host hands it in.
pub enum AudioInput {
    /// An encoded file's bytes.
    Bytes(Vec<u8>),
    /// An encoded file.
    Path(PathBuf),
    /// Interleaved 16-bit samples.
    Pcm {
        /// The samples.
        samples: Vec<i16>,
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        channels: u32,
    },
    /// Interleaved float samples, full scale ±1.
    PcmF32 {
        /// The samples.
        samples: Vec<f32>,
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        channels: u32,
    },
}

/// What a turn is about.
pub enum Input {
    /// Something said.
    Audio(AudioInput),
    /// Something typed.
    Text(String),
}

impl Input {
    fn into_core(self) -> Outcome<TurnInput> {
        Ok(match self {
            Self::Text(text) => text.into(),
            Self::Audio(AudioInput::Bytes(bytes)) => Audio::from_bytes(bytes).into(),
            Self::Audio(AudioInput::Path(path)) => Audio::from_path(path)?.into(),
            Self::Audio(AudioInput::Pcm { samples, sample_rate, channels }) => {
                Audio::from_pcm(samples, sample_rate, channels).into()
            }
            Self::Audio(AudioInput::PcmF32 { samples, sample_rate, channels }) => {
                Audio::from_pcm_f32(samples, sample_rate, channels).into()
            }
        })
    }
}

/// How a turn is to be run.
#[derive(Clone, Debug, Default)]
pub struct TurnOptions {
    /// The session to continue. One that is unknown, or no id at all, starts a fresh session.
    pub session: Option<String>,
    /// Whose turn it is.
    pub user: Option<String>,
    /// The language that is spoken (BCP 47).
    pub language: Option<String>,
    /// The deadline in milliseconds.
    pub deadline_ms: Option<u64>,
    /// Whether the answer is spoken; `None`: yes.
    pub speak: Option<bool>,
}

/// An agent. Cheap to clone; closing it twice is fine, using it afterwards is a clear error.
#[derive(Clone)]
pub struct Agent {
    agent: VoiceAgent,
}

impl Agent {
    /// Builds an agent from a config document (JSON) and the host's own objects.
    pub fn build(config_json: &str, hosts: Hosts) -> Call<Self> {
        let config = Config::from_json(config_json);
        Call::spawn(async move {
            let config = config?;
            let stt = chosen("stt", config.stt.clone(), hosts.stt)?;
            let llm = chosen("llm", config.llm.clone(), hosts.llm)?;
            let tts = chosen("tts", config.tts.clone(), hosts.tts)?;
            let mut builder = VoiceAgent::builder().config(config).tools(hosts.tools);
            if let Some(stt) = stt {
                builder = builder.stt(stt);
            }
            if let Some(llm) = llm {
                builder = builder.llm(llm);
            }
            if let Some(tts) = tts {
                builder = builder.tts(tts);
            }
            if let Some(store) = hosts.store {
                builder = builder.store(store);
            }
            Ok(Self { agent: builder.build().await? })
        })
    }

    fn prepared(&self, input: Input, options: TurnOptions) -> Outcome<Turn> {
        let mut turn = self.agent.turn(input.into_core()?);
        // A word that is no id is an unknown session like any other.
        turn = turn.session(options.session.and_then(|id| id.parse::<SessionId>().ok()));
        if let Some(user) = options.user {
            turn = turn.user(user);
        }
        if let Some(language) = options.language {
            turn = turn.language(language);
        }
        if let Some(ms) = options.deadline_ms {
            turn = turn.deadline(Duration::from_millis(ms));
        }
        Ok(turn.speak(options.speak.unwrap_or(true)))
    }

    /// Runs one turn. Cancelling the call ends it with `CANCELLED`, and nothing is stored.
    pub fn turn(&self, input: Input, options: TurnOptions) -> Call<ReplyRecord> {
        let token = CancellationToken::new();
        let (agent, watched) = (self.clone(), token.clone());
        Call::spawn_with(token, async move {
            // Reading a file is done here, off the host's thread.
            let turn = agent.prepared(input, options)?.cancel_on(&watched);
            Ok(ReplyRecord::new(turn.await?))
        })
    }

    /// Runs one turn as a stream of events. It begins with the first pull.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when a file cannot be read.
    pub fn stream(&self, input: Input, options: TurnOptions) -> Outcome<EventStream> {
        Ok(EventStream::new(self.prepared(input, options)?))
    }

    /// Starts a live session. What `options_json` may say, and what is taken for what it leaves out, is told at [`LiveSession`].
    pub fn live(&self, options_json: &str) -> Call<LiveSession> {
        LiveSession::start(&self.agent, options_json)
    }

    /// Makes every provider ready.
    pub fn warm_up(&self) -> Call<()> {
        let agent = self.agent.clone();
        Call::spawn(async move { Ok(agent.warm_up().await?) })
    }

    /// Closes the agent: cancels what runs, finishes what is being saved.
    pub fn close(&self) -> Call<()> {
        let agent = self.agent.clone();
        Call::spawn(async move { Ok(agent.close().await?) })
    }

    /// Sessions and history, by method name, JSON in and out, so that every language offers the same calls:
    ///
    /// | method | arguments | gives |
    /// |---|---|---|
    /// | `create` | `user?`, `metadata?` | session |
    /// | `get` | `id`, `user?` | session |
    /// | `list` | `user?`, `status?`, `limit?`, `before?` | `{items, has_more}` |
    /// | `history` | `id`, `user?`, `limit?`, `before?` | `{items, has_more}` |
    /// | `set_metadata` | `id`, `user?`, `metadata` | null |
    /// | `end`, `delete` | `id`, `user?` | null |
    /// | `expire_idle` | | number |
    /// | `delete_over` | `age_seconds` | number |
    pub fn sessions(&self, method: &str, arguments_json: &str) -> Call<String> {
        let (agent, method) = (self.agent.clone(), method.to_owned());
        let arguments = Arguments::read(arguments_json);
        Call::spawn(async move {
            let arguments = arguments?;
            Ok(sessions(&agent, &method, &arguments).await?.to_string())
        })
    }
}

async fn sessions(agent: &VoiceAgent, method: &str, arguments: &Arguments) -> Outcome<Value> {
    let mut sessions = agent.sessions();
    if let Some(user) = arguments.text("user")? {
        sessions = sessions.for_user(user);
    }
    Ok(match method {
        "create" => json!(sessions.create().metadata(arguments.metadata()?).await?),
        "get" => json!(sessions.get(arguments.id("id")?).await?),
        "list" => {
            let mut query = SessionQuery::default();
            query.limit = arguments.limit()?;
            query.before = arguments.text("before")?.map(str::parse).transpose()?;
            query.status = match arguments.text("status")? {
                None => None,
                Some(name) => Some(
                    SessionStatus::from_name(name)
                        .ok_or_else(|| ErrorRecord::invalid("status: expected active, ended or expired"))?,
                ),
            };
            let page = sessions.list(query).await?;
            json!({ "items": page.items, "has_more": page.has_more })
        }
        "history" => {
            let mut query = MessageQuery::latest(arguments.limit()?);
            query.before = arguments.text("before")?.map(str::parse::<MessageId>).transpose()?;
            let page = sessions.history(arguments.id("id")?, query).await?;
            json!({ "items": page.items, "has_more": page.has_more })
        }
        "set_metadata" => json!(sessions.set_metadata(arguments.id("id")?, arguments.metadata()?).await?),
        "end" => json!(sessions.end(arguments.id("id")?).await?),
        "delete" => json!(sessions.delete(arguments.id("id")?).await?),
        "expire_idle" => json!(sessions.expire_idle().await?),
        "delete_over" => {
            let seconds = arguments.given("age_seconds").and_then(Value::as_f64).filter(|s| s.is_finite() && *s >= 0.0);
            let seconds = seconds.ok_or_else(|| ErrorRecord::invalid("age_seconds: expected a number from 0"))?;
            json!(sessions.delete_over(Duration::from_secs_f64(seconds)).await?)
        }
        other => return Err(ErrorRecord::invalid(format!("there is no method {other:?} of sessions"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_object_that_is_not_there_is_named_with_its_place() {
        let config = r#"{"storage": "memory", "llm": ["local", "host/1"]}"#;
        let error = Agent::build(config, Hosts::default()).wait().err().map(|e| (e.code, e.detail));
        let expected = "llm[1]: there is no host object 1; 0 were given";
        assert_eq!(error, Some(("VALIDATION_ERROR".into(), expected.into())));
    }
}
