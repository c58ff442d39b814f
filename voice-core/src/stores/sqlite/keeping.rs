//! How long conversations are kept, and who may work on them.

use rusqlite::{Connection, OptionalExtension, ToSql, params};
use uuid::Uuid;

use super::kept::Kept;
use crate::{
    id::SessionId,
    store::{Erased, Lease, Owner},
    time::Timestamp,
};

/// Expires at most `most` sessions.
pub(super) fn expire_idle(
    connection: &Connection,
    idle_since: Timestamp,
    at: Timestamp,
    most: u32,
) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "UPDATE sessions SET status = 'expired', ended_at = ?2 WHERE key IN (
             SELECT key FROM sessions WHERE status = 'active' AND last_activity_at < ?1
             ORDER BY last_activity_at LIMIT ?3)",
    )?;
    statement.execute(params![Kept(idle_since), Kept(at), most])
}

/// Deletes at most `most` sessions that are over, with all that belongs to them.
pub(super) fn delete_over(connection: &Connection, ended_before: Timestamp, most: u32) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM sessions WHERE key IN (
             SELECT key FROM sessions WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2)",
    )?;
    statement.execute(params![Kept(ended_before), most])
}

/// Deletes at most `most` messages of before a moment. Their turns stay.
pub(super) fn delete_messages_before(connection: &Connection, before: Timestamp, most: u32) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM messages WHERE key IN (
             SELECT key FROM messages WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
    )?;
    statement.execute(params![Kept(before), most])
}

/// Erases at most `most` sessions of an owner.
pub(super) fn erase(connection: &Connection, owner: &Owner, most: u32) -> rusqlite::Result<Erased> {
    let (organization, user) = match owner {
        Owner::User { organization, user } => (organization.map(Kept), Some(user)),
        Owner::Organization(organization) => (Some(Kept(*organization)), None),
    };
    let condition = match (&organization, user) {
        (Some(_), Some(_)) => "organization = ?1 AND user = ?2",
        (None, Some(_)) => "organization IS ?1 AND user = ?2",
        (_, None) => "organization = ?1 AND ?2 IS NULL",
    };
    let keys: Vec<i64> = {
        let mut statement =
            connection.prepare_cached(&format!("SELECT key FROM sessions WHERE {condition} LIMIT ?3"))?;
        let values: [&dyn ToSql; 3] = [&organization, &user, &most];
        let rows = statement.query_map(values, |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let mut erased = Erased::default();
    for key in keys {
        let said: i64 = connection
            .prepare_cached("SELECT count(*) FROM messages WHERE session = ?1")?
            .query_row([key], |row| row.get(0))?;
        connection.prepare_cached("DELETE FROM sessions WHERE key = ?1")?.execute([key])?;
        erased.sessions += 1;
        erased.messages += u64::try_from(said).unwrap_or(0);
    }
    Ok(erased)
}

pub(super) fn try_lease(connection: &Connection, lease: &Lease) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO leases (session, holder, until) VALUES (?1, ?2, ?3)
         ON CONFLICT (session) DO UPDATE SET holder = excluded.holder, until = excluded.until
         WHERE holder = excluded.holder OR until <= ?4
         RETURNING 1",
    )?;
    let values = params![Kept(lease.session), lease.holder, Kept(lease.until), Kept(lease.now)];
    Ok(statement.query_row(values, |_| Ok(())).optional()?.is_some())
}

pub(super) fn release(connection: &Connection, session: SessionId, holder: Uuid) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM leases WHERE session = ?1 AND holder = ?2")?;
    statement.execute(params![Kept(session), holder]).map(|_| ())
}

/// Forgets leases that ran out long ago: of processes that died.
pub(super) fn forget_leases(connection: &Connection, before: Timestamp) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM leases WHERE until < ?1")?.execute([Kept(before)]).map(|_| ())
}
