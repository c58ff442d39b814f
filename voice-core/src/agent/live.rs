//! Starting a live session.

use std::sync::Arc;

use super::{Assistants, VoiceAgent, check, reach::Reach};
use crate::{
    audio::VoiceActivity,
    config::LiveConfig,
    error::Result,
    id::{AssistantId, OrganizationId, SessionId},
    live::{LiveSession, LiveSetup, start},
    tool::Tool,
    turn::Caller,
};

/// A live session that has not begun. Made by [`VoiceAgent::live`].
#[must_use = "a live session does nothing until it is started"]
pub struct Live {
    agent: VoiceAgent,
    session: Option<SessionId>,
    reach: Reach,
    assistant: Option<AssistantId>,
    language: Option<String>,
    config: Option<LiveConfig>,
    first_message: Option<String>,
    input_rate: u32,
    input_channels: u32,
    output_rate: u32,
    speak: bool,
    vad: VoiceActivity,
    tools: Vec<Arc<dyn Tool>>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("session", &self.session)
            .field("config", &self.config)
            .field("input_rate", &self.input_rate)
            .field("output_rate", &self.output_rate)
            .finish_non_exhaustive()
    }
}

impl Live {
    pub(super) fn new(agent: VoiceAgent, reach: Reach) -> Self {
        Self {
            agent,
            session: None,
            reach,
            assistant: None,
            language: None,
            config: None,
            first_message: None,
            input_rate: 16_000,
            input_channels: 1,
            output_rate: 24_000,
            speak: true,
            vad: VoiceActivity::default(),
            tools: Vec::new(),
        }
    }

    /// Continues a stored session. An unknown one, one that is over, and one of another organization, user or
    /// assistant start a fresh session instead.
    pub fn session(mut self, session: impl Into<Option<SessionId>>) -> Self {
        self.session = session.into();
        self
    }

    /// Whose conversation it is: the host's own name for the user, or the id of a registered one.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.reach = self.reach.user(user.into());
        self
    }

    /// In which organization the conversation is held.
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.reach = self.reach.within(organization);
        self
    }

    /// Who talks in a fresh session: this assistant, in its current version. A session that goes on keeps its version.
    pub fn assistant(mut self, assistant: AssistantId) -> Self {
        self.assistant = Some(assistant);
        self
    }

    /// The language that is spoken (BCP 47). Default: the assistant's, else detected with every utterance.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// How turns are taken and the conversation behaves. Default: the config's `live`, with what the assistant says
    /// of interruptions and of phrases that end the call.
    pub fn config(mut self, config: LiveConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// What the agent says first. Default: the assistant's first message.
    pub fn first_message(mut self, text: impl Into<String>) -> Self {
        self.first_message = Some(text.into());
        self
    }

    /// The rate and the channels of the sound that will be pushed. Default: 16,000 samples a second, one channel.
    pub fn input(mut self, sample_rate: u32, channels: u32) -> Self {
        (self.input_rate, self.input_channels) = (sample_rate, channels);
        self
    }

    /// The rate of the sound that is given out, one channel. Default: 24,000 samples a second.
    pub fn output(mut self, sample_rate: u32) -> Self {
        self.output_rate = sample_rate;
        self
    }

    /// Whether the agent speaks. Default true; false gives text only.
    pub fn speak(mut self, speak: bool) -> Self {
        self.speak = speak;
        self
    }

    /// What tells voice from other sound. Default: a small neural network.
    pub fn voice_activity(mut self, vad: VoiceActivity) -> Self {
        self.vad = vad;
        self
    }

    /// Gives the model tools for this session, besides those of the agent. See [`tool`](crate::tool).
    pub fn tools(mut self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// Starts the session. Must be called within a tokio runtime, on which the session then runs.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a rate or a number of channels that is not supported, `INVALID_REQUEST` for a wrong config, tools
    /// that are not in order or that no model can call, or a closed agent, `STORAGE_ERROR` when the stored session cannot be read.
    /// With a [`realtime`](crate::Config::realtime) model, which is connected to here, whatever its provider says, too.
    pub async fn start(self) -> Result<LiveSession> {
        let engine = self.agent.engine()?;
        self.reach.check_own()?;
        check::user(self.reach.user.as_deref())?;
        let mut caller = Caller { session: self.session, ..Caller::default() };
        if let Some(assistant) = self.assistant {
            let assistants = Assistants::new(self.agent.clone(), self.reach.clone());
            caller.assistant = Some(assistants.current(assistant).await?.reference());
        }
        (caller.organization, caller.user) = (self.reach.organization, self.reach.user);
        let setup = LiveSetup {
            config: self.config,
            caller,
            language: self.language,
            input_rate: self.input_rate,
            input_channels: self.input_channels,
            output_rate: self.output_rate,
            speak: self.speak,
            first_message: self.first_message,
            vad: self.vad,
            more_tools: self.tools,
            tools: Arc::default(),
            turn_detector: None,
            cancel: self.agent.cancel_token().child_token(),
            closing: self.agent.cancel_token().clone(),
        };
        start(engine.clone(), setup).await
    }
}
