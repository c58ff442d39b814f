//! The agent as somebody with a credential sees it.

use super::{
    Assistants, Audit, Knowledge, Live, OrganizationAccounts, Principal, Realtime, Sessions, Turn, VoiceAgent, Voices,
    reach::Reach,
};
use crate::{audio::Audio, turn::TurnInput};

/// What one organization, or one of its users, reaches of an agent. Made by [`VoiceAgent::with`].
///
/// Whatever belongs to somebody else is answered exactly like what does not exist. A user reaches their own sessions and
/// keys, and may read the assistants and the documents of their organization; an organization's key reaches all that belongs to it.
#[derive(Clone, Debug)]
pub struct ScopedAgent {
    agent: VoiceAgent,
    principal: Principal,
}

impl ScopedAgent {
    pub(super) fn new(agent: VoiceAgent, principal: Principal) -> Self {
        Self { agent, principal }
    }

    /// Who this is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// One turn about something said: see [`VoiceAgent::converse`].
    #[must_use = "a turn does nothing until it is awaited or streamed"]
    pub fn converse(&self, audio: impl Into<Audio>) -> Turn {
        self.turn(audio.into())
    }

    /// One turn about something said or typed: see [`VoiceAgent::turn`].
    #[must_use = "a turn does nothing until it is awaited or streamed"]
    pub fn turn(&self, input: impl Into<TurnInput>) -> Turn {
        Turn::new(self.agent.clone(), input.into(), self.reach())
    }

    /// A live conversation: see [`VoiceAgent::live`].
    #[must_use = "a live session does nothing until it is started"]
    pub fn live(&self) -> Live {
        Live::new(self.agent.clone(), self.reach())
    }

    /// Their sessions.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.agent.clone(), self.reach())
    }

    /// The assistants of their organization.
    #[must_use]
    pub fn assistants(&self) -> Assistants {
        Assistants::new(self.agent.clone(), self.reach())
    }

    /// The documents of their organization.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge {
        Knowledge::new(self.agent.clone(), self.reach())
    }

    /// A browser's own way to the speech-to-speech model: see [`VoiceAgent::realtime`].
    #[must_use]
    pub fn realtime(&self) -> Realtime {
        Realtime::new(self.agent.clone(), self.reach())
    }

    /// The voices of text to speech: see [`VoiceAgent::voices`].
    #[must_use]
    pub fn voices(&self) -> Voices {
        Voices::new(self.agent.clone(), self.reach())
    }

    /// The users, keys and credentials of their organization.
    #[must_use]
    pub fn accounts(&self) -> OrganizationAccounts {
        OrganizationAccounts::new(self.agent.clone(), self.principal.organization(), self.reach())
    }

    /// What was changed in their organization.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(self.agent.clone(), self.reach())
    }

    /// The webhooks of their organization.
    #[cfg(feature = "webhooks")]
    #[must_use]
    pub fn webhooks(&self) -> super::Webhooks {
        super::Webhooks::new(self.agent.clone(), self.reach())
    }

    fn reach(&self) -> Reach {
        Reach::of(&self.principal)
    }
}
