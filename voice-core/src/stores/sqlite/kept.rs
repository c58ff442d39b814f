//! Values of the library as SQLite keeps them: ids as 16 bytes, times as microseconds, objects as JSON.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    id::{
        ActionId, ApiKeyId, AssistantId, AuditId, DeliveryId, DocumentId, EventId, MessageId, OrganizationId,
        SessionId, TurnId, UserId, WebhookId,
    },
    message::Role,
    store::{Actor, SessionStatus},
    time::Timestamp,
};

/// A value of the library as SQLite keeps it.
pub(super) struct Kept<T>(pub(super) T);

macro_rules! kept_ids {
    ($($id:ty)*) => {$(
        impl ToSql for Kept<$id> {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.as_uuid().into_bytes().to_vec().into())
            }
        }

        impl FromSql for Kept<$id> {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let id = Uuid::from_slice(value.as_blob()?).map_err(|_| FromSqlError::InvalidType)?;
                Ok(Self(<$id>::from_uuid(id)))
            }
        }
    )*};
}

kept_ids!(SessionId MessageId TurnId OrganizationId UserId ApiKeyId AssistantId AuditId ActionId WebhookId EventId DeliveryId DocumentId);

impl ToSql for Kept<Timestamp> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_microsecond().into())
    }
}

impl FromSql for Kept<Timestamp> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let micros = value.as_i64()?;
        Timestamp::from_microsecond(micros).map(Self).map_err(|_| FromSqlError::OutOfRange(micros))
    }
}

impl FromSql for Kept<SessionStatus> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        SessionStatus::from_name(value.as_str()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

impl FromSql for Kept<Role> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Role::from_name(value.as_str()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for Kept<&Map<String, Value>> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = serde_json::to_string(self.0);
        json.map(Into::into).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

impl FromSql for Kept<Map<String, Value>> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

impl FromSql for Kept<Vec<String>> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

/// A whole record, as JSON.
pub(super) struct Document<T>(pub(super) T);

impl<T: Serialize> ToSql for Document<&T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = serde_json::to_string(self.0);
        json.map(Into::into).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

impl<T: DeserializeOwned> FromSql for Document<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

impl FromSql for Kept<Actor> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

/// How many rows to read, as SQL counts.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1)
}
