//! The agent, its turns, and what is kept.

use std::sync::Arc;

use voice_bridge::Outcome;

use crate::{
    cancellation::{Cancellation, stopped_by},
    error::{Failure, guarded},
    event::{Event, Reply},
    floats_from_bytes, from_bytes,
    host::{Hosts, ToolHost, adopted},
    live::LiveSession,
};

/// Audio as a host hands it in.
#[derive(uniffi::Enum)]
pub enum AudioInput {
    /// An encoded file's bytes.
    Bytes {
        /// The bytes.
        data: Vec<u8>,
    },
    /// An encoded file.
    Path {
        /// Where it is.
        path: String,
    },
    /// Interleaved 16-bit samples, little-endian.
    Pcm {
        /// The samples.
        data: Vec<u8>,
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        channels: u32,
    },
    /// Interleaved 32-bit float samples, little-endian, full scale ±1.
    PcmF32 {
        /// The samples.
        data: Vec<u8>,
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        channels: u32,
    },
}

impl From<AudioInput> for voice_bridge::AudioInput {
    fn from(audio: AudioInput) -> Self {
        match audio {
            AudioInput::Bytes { data } => Self::Bytes(data),
            AudioInput::Path { path } => Self::Path(path.into()),
            AudioInput::Pcm { data, sample_rate, channels } => {
                Self::Pcm { samples: from_bytes(&data), sample_rate, channels }
            }
            AudioInput::PcmF32 { data, sample_rate, channels } => {
                Self::PcmF32 { samples: floats_from_bytes(&data), sample_rate, channels }
            }
        }
    }
}

/// What a turn is about.
#[derive(uniffi::Enum)]
pub enum Input {
    /// Something said.
    Audio {
        /// The recording.
        audio: AudioInput,
    },
    /// Something typed.
    Text {
        /// The message.
        text: String,
    },
}

impl From<Input> for voice_bridge::Input {
    fn from(input: Input) -> Self {
        match input {
            Input::Audio { audio } => Self::Audio(audio.into()),
            Input::Text { text } => Self::Text(text),
        }
    }
}

/// How a turn is to be run.
#[derive(uniffi::Record)]
pub struct TurnOptions {
    /// The session to continue.
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
    pub tools: Vec<ToolHost>,
}

/// What a method of a room gave.
#[derive(uniffi::Record)]
pub struct Answer {
    /// The answer as JSON.
    pub json: String,
    /// Sound that goes with it.
    pub sound: Option<Vec<u8>>,
}

impl TurnOptions {
    fn adopted(self) -> Outcome<voice_bridge::TurnOptions> {
        let Self { session, user, language, deadline_ms, speak, assistant, organization, tools } = self;
        let tools = adopted(tools)?;
        Ok(voice_bridge::TurnOptions { session, user, language, deadline_ms, speak, assistant, organization, tools })
    }
}

/// An agent.
#[derive(uniffi::Object)]
pub struct Agent {
    agent: voice_bridge::Agent,
}

#[uniffi::export]
impl Agent {
    /// Builds an agent from a config document (JSON) and the host's own objects.
    #[uniffi::constructor]
    pub async fn build(
        config_json: String,
        hosts: Hosts,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Self>, Failure> {
        let agent = stopped_by(cancellation, voice_bridge::Agent::build(&config_json, hosts.adopted()?)).await?;
        Ok(Arc::new(Self { agent }))
    }

    /// Runs one turn.
    pub async fn turn(
        &self,
        input: Input,
        options: TurnOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Reply>, Failure> {
        let call = guarded(|| Ok(self.agent.turn(input.into(), options.adopted()?).on_runtime()))?;
        Ok(Reply::new(stopped_by(cancellation, call).await?))
    }

    /// Prepares one turn as a stream of events; it begins with the first pull.
    pub fn stream(&self, input: Input, options: TurnOptions) -> Result<Arc<EventStream>, Failure> {
        let stream = guarded(|| self.agent.stream(input.into(), options.adopted()?))?;
        Ok(Arc::new(EventStream { stream }))
    }

    /// Starts a live session from options as JSON: see `voice-bridge`. The language model may call `tools` in it, besides the agent's.
    pub async fn live(
        &self,
        options_json: String,
        tools: Vec<ToolHost>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<LiveSession>, Failure> {
        let call = self.agent.live(&options_json, adopted(tools)?);
        Ok(LiveSession::new(stopped_by(cancellation, call).await?))
    }

    /// Runs a method of a room, JSON in and out: see `voice-bridge`.
    pub async fn call(
        &self,
        room: String,
        method: String,
        arguments_json: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Answer, Failure> {
        let call = self.agent.call(&room, &method, &arguments_json);
        let voice_bridge::Answer { json, sound } = stopped_by(cancellation, call).await?;
        Ok(Answer { json, sound })
    }

    /// The same agent as somebody with a credential reaches it.
    pub fn with_principal(&self, principal_json: &str) -> Result<Arc<Self>, Failure> {
        let agent = guarded(|| self.agent.with(principal_json))?;
        Ok(Arc::new(Self { agent }))
    }

    /// How many reports neither the host's sink of metrics nor a collector took.
    pub fn dropped_reports(&self) -> u64 {
        self.agent.dropped_reports()
    }

    /// Makes every provider ready.
    pub async fn warm_up(&self, cancellation: Option<Arc<Cancellation>>) -> Result<(), Failure> {
        Ok(stopped_by(cancellation, self.agent.warm_up()).await?)
    }

    /// Cancels what runs, finishes what is being saved.
    pub async fn shut_down(&self) -> Result<(), Failure> {
        Ok(self.agent.close().await?)
    }

    /// The same, waiting on this thread; not for a thread of the library.
    pub fn shut_down_blocking(&self) -> Result<(), Failure> {
        guarded(|| self.agent.close().wait())
    }
}

/// The events of a turn.
#[derive(uniffi::Object)]
pub struct EventStream {
    stream: voice_bridge::EventStream,
}

#[uniffi::export]
impl EventStream {
    /// Waits for the next events, at least one and at most `max`. Empty: the turn is over.
    pub async fn next_batch(&self, max: u32) -> Result<Vec<Event>, Failure> {
        let events = self.stream.next_batch(max as usize).await?;
        Ok(events.into_iter().map(Event::from).collect())
    }

    /// Cancels the turn. Any number of times.
    pub fn cancel(&self) {
        self.stream.cancel();
    }
}
