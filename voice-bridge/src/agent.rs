//! The agent as every language sees it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use voice_core::{
    Audio, Config, ConversationStore, Error, ErrorKind, LanguageModel, MetricsSink, OrganizationId, Providers,
    SessionId, SpeechToText, TextToSpeech, Tool, Turn, TurnInput, VoiceAgent,
    agent::{Assistants, Audit, Knowledge, OrganizationAccounts, Realtime, ScopedAgent, Sessions, Voices, Webhooks},
    config::ProviderList,
    provider::TurnDetector,
};

use crate::{
    Call, ErrorRecord, EventStream, LiveSession, Outcome, ReplyRecord,
    arguments::{Arguments, parsed},
    call::off_thread,
    rooms::{self, Answer},
};

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
    /// What hears the end of turns in live sessions with `turn_detection` `model`.
    pub turn_detector: Option<Arc<dyn TurnDetector>>,
    /// Where conversations are kept.
    pub store: Option<Arc<dyn ConversationStore>>,
    /// What the language model may call.
    pub tools: Vec<Arc<dyn Tool>>,
    /// What is told what calls, turns and live sessions took, used and cost.
    pub metrics: Option<Arc<dyn MetricsSink>>,
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
#[derive(Clone, Default)]
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
    /// Who answers in a fresh session: an assistant, by its id.
    pub assistant: Option<String>,
    /// In which organization the turn is taken, by its id.
    pub organization: Option<String>,
    /// What the language model may call in this turn, besides the agent's tools.
    pub tools: Vec<Arc<dyn Tool>>,
}

/// An agent, or what somebody reaches of it ([`with`](Self::with)). Cheap to clone; closing it twice is fine, using it
/// afterwards is a clear error.
#[derive(Clone)]
pub struct Agent {
    agent: VoiceAgent,
    /// For whom it acts; `None`: for the host.
    scope: Option<ScopedAgent>,
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
            if let Some(detector) = hosts.turn_detector {
                builder = builder.turn_detector(detector);
            }
            if let Some(store) = hosts.store {
                builder = builder.store(store);
            }
            if let Some(metrics) = hosts.metrics {
                builder = builder.metrics_sink(metrics);
            }
            Ok(Self { agent: builder.build().await?, scope: None })
        })
    }

    fn prepared(&self, input: Input, options: TurnOptions) -> Outcome<Turn> {
        let input = input.into_core()?;
        let mut turn = match &self.scope {
            None => self.agent.turn(input),
            Some(scope) => scope.turn(input),
        };
        // A word that is no id is an unknown session like any other.
        turn = turn.session(options.session.and_then(|id| id.parse::<SessionId>().ok()));
        if let Some(user) = options.user {
            turn = turn.user(user);
        }
        if let Some(organization) = parsed("organization", options.organization.as_deref())? {
            turn = turn.organization(organization);
        }
        if let Some(assistant) = parsed("assistant", options.assistant.as_deref())? {
            turn = turn.assistant(assistant);
        }
        if let Some(language) = options.language {
            turn = turn.language(language);
        }
        if let Some(ms) = options.deadline_ms {
            turn = turn.deadline(Duration::from_millis(ms));
        }
        Ok(turn.tools(options.tools).speak(options.speak.unwrap_or(true)))
    }

    /// Runs one turn, where the call is awaited. Cancelling the call ends it with `CANCELLED`, and nothing is stored.
    pub fn turn(&self, input: Input, options: TurnOptions) -> Call<ReplyRecord> {
        let token = CancellationToken::new();
        let (agent, watched) = (self.clone(), token.clone());
        Call::awaited_with(token, async move {
            let turn = if matches!(input, Input::Audio(AudioInput::Path(_))) {
                // The host's thread does not wait for a disk.
                off_thread(move || agent.prepared(input, options)).await
            } else {
                agent.prepared(input, options)
            };
            Ok(ReplyRecord::new(turn?.cancel_on(&watched).await?))
        })
    }

    /// Runs one turn as a stream of events. It begins with the first pull.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when a file cannot be read.
    pub fn stream(&self, input: Input, options: TurnOptions) -> Outcome<EventStream> {
        Ok(EventStream::new(self.prepared(input, options)?))
    }

    /// Starts a live session. What `options_json` may say, and what is taken for what it leaves out, is told at [`LiveSession`]. The language
    /// model may call `tools` in it, besides the agent's.
    pub fn live(&self, options_json: &str, tools: Vec<Arc<dyn Tool>>) -> Call<LiveSession> {
        let live = self.scope.as_ref().map_or_else(|| self.agent.live(), ScopedAgent::live);
        LiveSession::start(live.tools(tools), options_json)
    }

    /// Makes every provider ready.
    pub fn warm_up(&self) -> Call<()> {
        let agent = self.agent.clone();
        Call::spawn(async move { Ok(agent.warm_up().await?) })
    }

    /// Closes the agent: cancels what runs, finishes what is being saved. `UNAUTHORIZED` when it acts for somebody.
    pub fn close(&self) -> Call<()> {
        let agent = self.host().cloned();
        Call::spawn(async move { Ok(agent?.close().await?) })
    }

    /// How many reports neither the host's sink of metrics nor a collector took. Of an agent that acts for somebody 0.
    #[must_use]
    pub fn dropped_reports(&self) -> u64 {
        self.host().map_or(0, VoiceAgent::dropped_reports)
    }

    /// Runs a method of a room: what is kept, and who may reach it. JSON in and out, so that every language offers the same calls.
    ///
    /// The rooms are `sessions`, `accounts`, `assistants`, `audit`, `knowledge`, `telephony`, `webhooks`, `realtime` and `voices`;
    /// [`rooms`](crate::rooms) lists the methods of each.
    pub fn call(&self, room: &str, method: &str, arguments_json: &str) -> Call<Answer> {
        let (agent, room, method) = (self.clone(), room.to_owned(), method.to_owned());
        let arguments = Arguments::read(arguments_json);
        Call::spawn(async move { rooms::call(&agent, &room, &method, arguments?).await })
    }

    /// The same agent as somebody with a credential reaches it: turns, live sessions and rooms hold nothing of anybody else.
    ///
    /// `principal_json` is what `authenticate` of the room `accounts` gave, or `{"organization": ID, "user": ID}` of a host that
    /// knows its callers by means of its own.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when it is no principal; `UNAUTHORIZED` when this agent is somebody's already.
    pub fn with(&self, principal_json: &str) -> Outcome<Self> {
        if self.scope.is_some() {
            return Err(rooms::forbidden("this agent acts for somebody already; take the one it was made from"));
        }
        let principal = rooms::principal(serde_json::from_str(principal_json).unwrap_or(Value::Null))?;
        Ok(Self { agent: self.agent.clone(), scope: Some(self.agent.with(&principal)) })
    }

    /// The agent itself, for what concerns everybody.
    pub(crate) fn host(&self) -> Outcome<&VoiceAgent> {
        match self.scope {
            None => Ok(&self.agent),
            Some(_) => Err(rooms::forbidden("this concerns every organization: call it on the agent itself")),
        }
    }

    pub(crate) fn sessions(&self) -> Sessions {
        self.scope.as_ref().map_or_else(|| self.agent.sessions(), ScopedAgent::sessions)
    }

    pub(crate) fn assistants(&self) -> Assistants {
        self.scope.as_ref().map_or_else(|| self.agent.assistants(), ScopedAgent::assistants)
    }

    pub(crate) fn knowledge(&self) -> Knowledge {
        self.scope.as_ref().map_or_else(|| self.agent.knowledge(), ScopedAgent::knowledge)
    }

    pub(crate) fn realtime(&self) -> Realtime {
        self.scope.as_ref().map_or_else(|| self.agent.realtime(), ScopedAgent::realtime)
    }

    pub(crate) fn audit(&self) -> Audit {
        self.scope.as_ref().map_or_else(|| self.agent.audit(), ScopedAgent::audit)
    }

    pub(crate) fn voices(&self) -> Voices {
        self.scope.as_ref().map_or_else(|| self.agent.voices(), ScopedAgent::voices)
    }

    pub(crate) fn webhooks(&self) -> Webhooks {
        self.scope.as_ref().map_or_else(|| self.agent.webhooks(), ScopedAgent::webhooks)
    }

    /// The accounts of an organization: somebody's own need not be named, and another is not there.
    pub(crate) fn accounts_of(&self, organization: Option<OrganizationId>) -> Outcome<OrganizationAccounts> {
        match (&self.scope, organization) {
            (None, Some(organization)) => Ok(self.agent.accounts().of(organization)),
            (None, None) => Err(ErrorRecord::invalid("organization: missing")),
            (Some(scope), None) => Ok(scope.accounts()),
            (Some(scope), Some(named)) if named == scope.principal().organization() => Ok(scope.accounts()),
            (Some(_), Some(_)) => Err(Error::new(ErrorKind::NotFound, "there is no such organization").into()),
        }
    }
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
