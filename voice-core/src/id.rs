//! Identifiers: UUID version 7 (sortable by time), a type of its own for each thing.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, ErrorKind};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $noun:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id; later ids sort after earlier ones.
            #[must_use]
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id as a UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// An id from a UUID that was stored before.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": "uuid" })
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(s: &str) -> Result<Self, Error> {
                Uuid::parse_str(s).map(Self).map_err(|_| {
                    Error::new(ErrorKind::InvalidField, concat!("not ", $noun, " id: a UUID is expected"))
                })
            }
        }
    )*};
}

ids! {
    /// A session: one conversation from its start to its end.
    SessionId, "a session";
    /// A turn: one thing said by the user and the reply to it. Storing a turn twice under one id stores it once.
    TurnId, "a turn";
    /// A message: what one side said in a turn.
    MessageId, "a message";
    /// An organization: the owner of users, assistants and sessions.
    OrganizationId, "an organization";
    /// A user of an organization.
    UserId, "a user";
    /// An API key. Not a secret: the key itself is another thing.
    ApiKeyId, "a key";
    /// An assistant, in all its versions.
    AssistantId, "an assistant";
    /// An entry of the audit log.
    AuditId, "an audit entry";
    /// Something said that has to be acted on.
    ActionId, "an action";
    /// A document that answers are drawn from, in all its versions.
    DocumentId, "a document";
    /// A webhook: where an organization wants to be told of events.
    WebhookId, "a webhook";
    /// Something that happened and that webhooks are told of.
    EventId, "an event";
    /// The telling of one event to one webhook, whatever number of attempts it takes.
    DeliveryId, "a delivery";
}
