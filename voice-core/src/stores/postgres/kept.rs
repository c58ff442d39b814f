//! Values of the library as PostgreSQL keeps them.

use std::sync::LazyLock;

use tokio_postgres::types::{FromSql, Type, accepts};

use crate::{message::Role, store::SessionStatus, time::Timestamp};

/// The name of a role or a status, as a column holds it.
pub(super) struct Named<T>(pub(super) T);

macro_rules! named {
    ($($named:ty)*) => {$(
        impl<'a> FromSql<'a> for Named<$named> {
            fn from_sql(ty: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                let name = <&str>::from_sql(ty, raw)?;
                <$named>::from_name(name).map(Self).ok_or_else(|| "a name that this library does not know".into())
            }

            accepts!(TEXT);
        }
    )*};
}

named!(Role SessionStatus);

/// The oldest moment that PostgreSQL and this library both know.
static OLDEST: LazyLock<Timestamp> =
    LazyLock::new(|| "-004000-01-01T00:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH));

pub(super) fn moment(at: Timestamp) -> Timestamp {
    at.max(*OLDEST)
}

pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1)
}
