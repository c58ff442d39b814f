//! What lets a browser talk to a speech-to-speech model directly: client secrets, and answers to offers of WebRTC connections.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{Assistants, VoiceAgent, check, reach::Reach};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{AssistantId, OrganizationId},
    layer::Realtime as Model,
    live::turns,
    provider::{CallAnswer, CallContext, ClientSecret, ClientSecretRequest, ConversationRequest},
    store::Session,
    turn::Engine,
};

/// How long an offer of a browser may be, in bytes: descriptions of one microphone have a few thousand.
const LONGEST_OFFER: usize = 256 * 1024;
/// The lives of a client secret, in seconds.
const LIVES: std::ops::RangeInclusive<u64> = 10..=7_200;

/// How a browser's session is set up. What is left out is as in a live session of the agent.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ClientSecretOptions {
    /// Who talks: this assistant, in its current version. Default: the agent itself.
    pub assistant: Option<AssistantId>,
    /// The instructions of the model. Default: the system prompt.
    pub instructions: Option<String>,
    /// The voice, by the provider's own name or id. Default: that of the config.
    pub voice: Option<String>,
    /// The language that is spoken (BCP 47). Default: the assistant's, else detected.
    pub language: Option<String>,
    /// For how long a session may be begun with it, 10 s to 2 h. Default 60 s. It is given out again until 10 s before its end.
    pub valid: Option<Duration>,
}

/// A browser's own way to the agent's speech-to-speech model. Made by [`VoiceAgent::realtime`] and
/// [`ScopedAgent::realtime`](super::ScopedAgent::realtime).
///
/// A session that is begun so is held between the browser and the provider: this library hears nothing of it, stores nothing and
/// calls no tools. The key stays here.
#[derive(Clone, Debug)]
pub struct Realtime {
    agent: VoiceAgent,
    reach: Reach,
}

impl Realtime {
    pub(super) fn new(agent: VoiceAgent, reach: Reach) -> Self {
        Self { agent, reach }
    }

    /// In which organization: its assistants and its credentials.
    #[must_use]
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.reach = self.reach.within(organization);
        self
    }

    /// A secret with which a browser opens a session without the key. One that was made with the same settings is given out again
    /// until 10 s before its end: by default it lives for 60 s and is kept for 50.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a life that is out of range or an assistant that is not there; `INVALID_REQUEST` (kind `InvalidConfig`)
    /// without a `realtime` model, (kind `Unsupported`) when the model makes no secrets; whatever its provider says.
    pub async fn client_secret(&self, options: ClientSecretOptions) -> Result<ClientSecret> {
        let (model, request) = self.request(options).await?;
        let key = json!([
            self.reach.organization.map(|id| id.to_string()),
            self.reach.user,
            &*request.session.instructions,
            request.session.language,
            request.session.max_tokens,
            format!("{:?}", request.session.turns),
            request.voice,
            request.valid.as_secs(),
        ]);
        model.client_secret(key.to_string(), request, &CallContext::new()).await
    }

    /// Answers a browser's offer of a WebRTC connection, so that it needs no secret at all: the offer goes to the provider with the
    /// key, and its answer to the browser. `valid` is not used.
    ///
    /// # Errors
    /// As [`client_secret`](Self::client_secret); `VALIDATION_ERROR` for an offer that is no session description.
    pub async fn answer_call(&self, offer: &str, options: ClientSecretOptions) -> Result<CallAnswer> {
        if !offer.trim_start().starts_with("v=0") || offer.len() > LONGEST_OFFER {
            return Err(check::invalid("offer: expected a session description (SDP), which begins with v=0"));
        }
        let (model, request) = self.request(options).await?;
        model.model.answer_call(offer, request, &CallContext::new()).await
    }

    async fn request(&self, options: ClientSecretOptions) -> Result<(Arc<Model>, ClientSecretRequest)> {
        self.reach.check_own()?;
        let valid = options.valid.unwrap_or(Duration::from_secs(60));
        if !LIVES.contains(&valid.as_secs()) {
            let seconds = valid.as_secs();
            return Err(check::invalid(format!("valid: {seconds} s is out of range; 10 s to 7,200 s are accepted")));
        }
        let engine = self.engine(options.assistant).await?;
        let model = engine.realtime.clone().ok_or_else(|| {
            let message = "the agent has no speech-to-speech model: configure `realtime`";
            Error::new(ErrorKind::InvalidConfig, message)
        })?;
        let settings = &engine.settings;
        let instructions = match options.instructions {
            Some(instructions) => instructions.into(),
            None => Arc::clone(&settings.system_prompt),
        };
        let mut session = ConversationRequest::new(instructions);
        session.language = options.language.or_else(|| settings.language.clone());
        session.max_tokens = settings.max_tokens;
        session.turns = turns(&settings.live);
        let mut request = ClientSecretRequest::new(session);
        (request.voice, request.valid) = (options.voice, valid);
        Ok((model, request))
    }

    /// The engine of an assistant, or of the agent itself.
    async fn engine(&self, assistant: Option<AssistantId>) -> Result<Arc<Engine>> {
        let engine = self.agent.engine()?;
        let Some(assistant) = assistant else { return Ok(Arc::clone(engine)) };
        let assistants = Assistants::new(self.agent.clone(), self.reach.clone());
        let version = assistants.current(assistant).await?.reference();
        let mut session = Session::new(crate::id::SessionId::new(), None, engine.clock.now());
        (session.organization, session.assistant) = (self.reach.organization, Some(version));
        Ok(engine.engine_of(&session).await?.unwrap_or_else(|| Arc::clone(engine)))
    }
}
