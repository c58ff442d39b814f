//! Who calls, and how far they reach.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    id::{OrganizationId, UserId},
    store::{Actor, Session},
};

/// Somebody whose credential was checked: an organization, or one user of it.
///
/// Given by [`Accounts::authenticate`](super::Accounts::authenticate) and by verified access tokens; a host that knows its
/// callers by means of its own makes one itself. [`VoiceAgent::with`](super::VoiceAgent::with) opens what it reaches.
///
/// As JSON it is `{organization, user, actor}`; read back, `user` may be missing for the whole organization, and `actor` for
/// whoever that names. It is no credential: whoever may write one reaches what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
pub struct Principal {
    organization: OrganizationId,
    user: Option<UserId>,
    #[schemars(with = "String")]
    actor: Actor,
}

/// Somebody whose credential was checked: an organization, or one user of it.
///
/// A host that knows its callers by means of its own makes one itself. It is no credential: whoever may make one reaches what it
/// says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Principal")]
struct Written {
    /// The organization.
    organization: OrganizationId,
    /// The user; `None`: the whole organization.
    user: Option<UserId>,
    /// How the audit log names them, for example `key:ID`.
    actor: Option<String>,
}

impl TryFrom<Written> for Principal {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self> {
        let principal = match written.user {
            None => Self::organization_itself(written.organization),
            Some(user) => Self::user_of(written.organization, user),
        };
        match written.actor.as_deref().map(str::parse).transpose()? {
            None => Ok(principal),
            // What bounds a credential does not bound the host.
            Some(Actor::Host) => Err(Error::new(ErrorKind::InvalidField, "actor: the host is no principal")),
            Some(actor) => Ok(principal.acting_as(actor)),
        }
    }
}

impl Principal {
    /// The whole organization.
    #[must_use]
    pub fn organization_itself(organization: OrganizationId) -> Self {
        Self { organization, user: None, actor: Actor::Organization(organization) }
    }

    /// One user of an organization.
    #[must_use]
    pub fn user_of(organization: OrganizationId, user: UserId) -> Self {
        Self { organization, user: Some(user), actor: Actor::User(user) }
    }

    pub(super) fn acting_as(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// The organization.
    #[must_use]
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// The user; `None`: the whole organization.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.user
    }

    /// How the audit log names them: by the key they came with, if they did.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.actor
    }
}

/// What a view of the agent reaches. Narrowing it again never makes it wider.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub(super) actor: Actor,
    pub(super) organization: Option<OrganizationId>,
    pub(super) user: Option<String>,
    /// It was narrowed to two different users or organizations: nothing is within it.
    nothing: bool,
}

impl Reach {
    /// The host's own: everything.
    pub(super) fn host() -> Self {
        Self { actor: Actor::Host, organization: None, user: None, nothing: false }
    }

    pub(super) fn of(principal: &Principal) -> Self {
        Self {
            actor: principal.actor,
            organization: Some(principal.organization),
            user: principal.user.map(|user| user.to_string()),
            nothing: false,
        }
    }

    pub(super) fn within(mut self, organization: OrganizationId) -> Self {
        self.nothing |= self.organization.is_some_and(|mine| mine != organization);
        self.organization = Some(organization);
        self
    }

    pub(super) fn user(mut self, user: String) -> Self {
        self.nothing |= self.is_bound_to_a_user() && self.user.as_ref() != Some(&user);
        self.user = Some(user);
        self
    }

    /// Nothing at all.
    pub(super) fn emptied(mut self) -> Self {
        self.nothing = true;
        self
    }

    /// Whether it came from a user's credential. The host's own views, and an organization's, may name one user after another.
    fn is_bound_to_a_user(&self) -> bool {
        self.user.is_some() && self.actor != Actor::Host
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.nothing
    }

    pub(super) fn covers(&self, session: &Session) -> bool {
        !self.nothing
            && (self.organization.is_none() || session.organization == self.organization)
            && (self.user.is_none() || session.user == self.user)
    }

    /// Refuses to make something for somebody else.
    pub(super) fn check_own(&self) -> Result<()> {
        if self.nothing { Err(forbidden("this credential does not reach that far")) } else { Ok(()) }
    }

    /// Refuses everybody but the host.
    pub(super) fn check_host(&self) -> Result<()> {
        match self.actor {
            Actor::Host if self.organization.is_none() && self.user.is_none() => Ok(()),
            _ => Err(forbidden("this concerns every organization: call it on the agent itself")),
        }
    }

    /// Refuses the user of an organization.
    pub(super) fn check_not_a_user(&self) -> Result<()> {
        self.check_own()?;
        if self.is_bound_to_a_user() {
            return Err(forbidden("this needs a key of the organization; the given one is a user's"));
        }
        Ok(())
    }
}

fn forbidden(message: &str) -> Error {
    Error::new(ErrorKind::Forbidden, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::SessionId, time::Timestamp};

    #[test]
    fn a_view_that_is_narrowed_again_never_gets_wider() {
        let (organization, user) = (OrganizationId::new(), UserId::new());
        let mut session = Session::new(SessionId::new(), Some("eve".into()), Timestamp::UNIX_EPOCH);
        session.organization = Some(organization);
        let theirs = Reach::of(&Principal::user_of(organization, user));
        assert!(!theirs.covers(&session));
        assert!(!theirs.clone().user("eve".into()).covers(&session));
        assert!(!theirs.user("eve".into()).user(user.to_string()).covers(&session));
        let all = Reach::of(&Principal::organization_itself(organization));
        assert!(all.covers(&session) && all.clone().user("eve".into()).covers(&session));
        assert!(!all.within(OrganizationId::new()).covers(&session));
    }
}
