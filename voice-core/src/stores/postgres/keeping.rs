//! How long conversations are kept, and who may work on them. Each call is one statement.

use deadpool_postgres::Object;
use uuid::Uuid;

use super::{
    kept::moment,
    rows::{Result, changed},
};
use crate::{
    id::SessionId,
    store::{Erased, Lease, Owner},
    stores::text,
    time::Timestamp,
};

/// Expires at most `most` sessions. One that is being written to just now is not idle.
pub(super) async fn expire_idle(client: &Object, idle_since: Timestamp, at: Timestamp, most: i64) -> Result<u64> {
    let sql = "UPDATE sessions SET status = 'expired', ended_at = $2 WHERE key IN (
                   SELECT key FROM sessions WHERE status = 'active' AND last_activity_at < $1
                   ORDER BY last_activity_at LIMIT $3 FOR UPDATE SKIP LOCKED)";
    changed(client, sql, &[&moment(idle_since), &moment(at), &most]).await
}

/// Deletes at most `most` sessions that are over, with all that belongs to them.
pub(super) async fn delete_over(client: &Object, ended_before: Timestamp, most: i64) -> Result<u64> {
    let sql = "DELETE FROM sessions WHERE key IN (
                   SELECT key FROM sessions WHERE ended_at < $1 ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    changed(client, sql, &[&moment(ended_before), &most]).await
}

/// Deletes at most `most` messages of before a moment. Their turns stay.
pub(super) async fn delete_messages_before(client: &Object, before: Timestamp, most: i64) -> Result<u64> {
    let sql = "DELETE FROM messages WHERE key IN (
                   SELECT key FROM messages WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    changed(client, sql, &[&moment(before), &most]).await
}

/// Erases at most `most` sessions of an owner.
pub(super) async fn erase(client: &Object, owner: &Owner, most: i64) -> Result<Erased> {
    let (organization, user) = match owner {
        Owner::User { organization, user } => (organization.map(|id| id.as_uuid()), Some(text::kept(user))),
        Owner::Organization(organization) => (Some(organization.as_uuid()), None),
    };
    // In forms that an index serves.
    let condition = match (&organization, &user) {
        (Some(_), Some(_)) => r#"organization = $1 AND "user" = $2"#,
        (None, _) => r#"organization IS NULL AND $1::uuid IS NULL AND "user" = $2"#,
        (Some(_), None) => "organization = $1 AND $2::text IS NULL",
    };
    let sql = format!(
        "WITH theirs AS (
            SELECT key FROM sessions WHERE {condition} LIMIT $3 FOR UPDATE
        ), said AS (
            SELECT count(*) AS count FROM messages WHERE session IN (SELECT key FROM theirs)
        ), gone AS (
            DELETE FROM sessions WHERE key IN (SELECT key FROM theirs) RETURNING 1
        )
        SELECT (SELECT count(*) FROM gone), (SELECT count FROM said)"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_one(&statement, &[&organization, &user, &most]).await?;
    let count = |at: usize| row.try_get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(Erased::new(count(0)?, count(1)?))
}

pub(super) async fn try_lease(client: &Object, lease: &Lease) -> Result<bool> {
    let sql = "INSERT INTO leases (session, holder, until) VALUES ($1, $2, $3)
               ON CONFLICT (session) DO UPDATE SET holder = excluded.holder, until = excluded.until
               WHERE leases.holder = excluded.holder OR leases.until <= $4";
    let (session, until, now) = (lease.session.as_uuid(), moment(lease.until), moment(lease.now));
    Ok(changed(client, sql, &[&session, &lease.holder, &until, &now]).await? > 0)
}

pub(super) async fn release(client: &Object, session: SessionId, holder: Uuid) -> Result<()> {
    let sql = "DELETE FROM leases WHERE session = $1 AND holder = $2";
    changed(client, sql, &[&session.as_uuid(), &holder]).await.map(|_| ())
}

/// Forgets leases that ran out long ago: of processes that died.
pub(super) async fn forget_leases(client: &Object, before: Timestamp) -> Result<()> {
    changed(client, "DELETE FROM leases WHERE until < $1", &[&moment(before)]).await.map(|_| ())
}
