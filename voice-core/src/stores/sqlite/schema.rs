//! The tables, as numbered migrations. They only ever go forward: one that was released is never edited.
//!
//! Times are microseconds since 1970, ids the 16 bytes of their UUID, so that newer ones sort after older ones.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::explain;
use crate::error::{Error, ErrorKind, Result};

/// Marks a file as ours, in SQLite's header: `vcor`.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"vcor");

/// Number `n` brings a database from version `n` to `n + 1`.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE sessions (
        key              INTEGER PRIMARY KEY,
        id               BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
        user             TEXT,
        status           TEXT    NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended', 'expired')),
        metadata         TEXT    NOT NULL DEFAULT '{}',
        created_at       INTEGER NOT NULL,
        last_activity_at INTEGER NOT NULL,
        ended_at         INTEGER
    ) STRICT;
    CREATE INDEX sessions_by_user   ON sessions (user, id);
    CREATE INDEX sessions_by_status ON sessions (status, id);
    CREATE INDEX sessions_idle      ON sessions (last_activity_at) WHERE status = 'active';
    CREATE INDEX sessions_over      ON sessions (ended_at) WHERE ended_at IS NOT NULL;

    CREATE TABLE turns (
        key     INTEGER PRIMARY KEY,
        id      BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
        session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE
    ) STRICT;
    CREATE INDEX turns_by_session ON turns (session);

    -- The key is the order in which messages were said.
    CREATE TABLE messages (
        key        INTEGER PRIMARY KEY,
        id         BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
        session    INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
        turn       BLOB    NOT NULL CHECK (length(turn) = 16),
        role       TEXT    NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
        content    TEXT    NOT NULL DEFAULT '',
        audio_ref  TEXT,
        created_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX messages_by_session ON messages (session);
",
    "
    ALTER TABLE sessions ADD COLUMN organization      BLOB CHECK (length(organization) = 16);
    ALTER TABLE sessions ADD COLUMN assistant         BLOB CHECK (length(assistant) = 16);
    ALTER TABLE sessions ADD COLUMN assistant_version INTEGER;
    CREATE INDEX sessions_by_organization ON sessions (organization, id)       WHERE organization IS NOT NULL;
    CREATE INDEX sessions_by_member       ON sessions (organization, user, id) WHERE organization IS NOT NULL;
    CREATE INDEX sessions_by_assistant    ON sessions (assistant, id)          WHERE assistant IS NOT NULL;
    CREATE INDEX messages_by_time         ON messages (created_at);

    CREATE TABLE leases (
        session BLOB    NOT NULL PRIMARY KEY CHECK (length(session) = 16),
        holder  BLOB    NOT NULL CHECK (length(holder) = 16),
        until   INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- An index of the words alone. What is deleted is taken out of it at once, not merely marked.
    CREATE VIRTUAL TABLE words USING fts5 (
        content, content = 'messages', content_rowid = 'key',
        tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* Mn Mc Co'\"
    );
    INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
    INSERT INTO words (words) VALUES ('rebuild');
    CREATE TRIGGER messages_said AFTER INSERT ON messages BEGIN
        INSERT INTO words (rowid, content) VALUES (new.key, new.content);
    END;
    CREATE TRIGGER messages_gone AFTER DELETE ON messages BEGIN
        INSERT INTO words (words, rowid, content) VALUES ('delete', old.key, old.content);
    END;
    CREATE TRIGGER messages_changed AFTER UPDATE OF content ON messages BEGIN
        INSERT INTO words (words, rowid, content) VALUES ('delete', old.key, old.content);
        INSERT INTO words (rowid, content) VALUES (new.key, new.content);
    END;

    CREATE TABLE organizations (
        id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        name       TEXT    NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE users (
        id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        organization BLOB    NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        email        TEXT    NOT NULL,
        created_at   INTEGER NOT NULL,
        UNIQUE (organization, email),
        UNIQUE (organization, id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE api_keys (
        id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        organization BLOB    NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        user         BLOB,
        name         TEXT    NOT NULL DEFAULT '',
        hint         TEXT    NOT NULL DEFAULT '',
        hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
        per_minute   INTEGER,
        burst        INTEGER,
        created_at   INTEGER NOT NULL,
        expires_at   INTEGER,
        revoked_at   INTEGER,
        FOREIGN KEY (organization, user) REFERENCES users (organization, id) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX api_keys_by_organization ON api_keys (organization, id);
    CREATE INDEX api_keys_by_user         ON api_keys (organization, user, id);

    CREATE TABLE credentials (
        organization BLOB    NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        provider     TEXT    NOT NULL,
        sealed       BLOB    NOT NULL,
        updated_at   INTEGER NOT NULL,
        PRIMARY KEY (organization, provider)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE assistants (
        id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        organization BLOB    CHECK (length(organization) = 16),
        version      INTEGER NOT NULL DEFAULT 1,
        created_at   INTEGER NOT NULL,
        deleted_at   INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX assistants_by_organization ON assistants (organization, id) WHERE deleted_at IS NULL;

    CREATE TABLE assistant_versions (
        assistant  BLOB    NOT NULL REFERENCES assistants (id) ON DELETE CASCADE,
        version    INTEGER NOT NULL,
        name       TEXT    NOT NULL,
        document   TEXT    NOT NULL,
        updated_at INTEGER NOT NULL,
        PRIMARY KEY (assistant, version)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE audit (
        id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        at           INTEGER NOT NULL,
        organization BLOB    CHECK (length(organization) = 16),
        actor        TEXT    NOT NULL,
        action       TEXT    NOT NULL,
        target       TEXT    NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX audit_by_organization ON audit (organization, id);
    CREATE INDEX audit_by_target       ON audit (target, id);
    CREATE INDEX audit_by_time         ON audit (at);
",
    "
    ALTER TABLE audit ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 1 CHECK (confirmed IN (0, 1));
",
    "
    ALTER TABLE messages ADD COLUMN language TEXT;

    CREATE TABLE actions (
        session     INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
        fingerprint TEXT    NOT NULL,
        id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
        turn        BLOB    NOT NULL CHECK (length(turn) = 16),
        message     BLOB    NOT NULL CHECK (length(message) = 16),
        type        TEXT    NOT NULL,
        details     TEXT    NOT NULL DEFAULT '{}',
        confidence  REAL    NOT NULL,
        created_at  INTEGER NOT NULL,
        PRIMARY KEY (session, fingerprint)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX actions_by_session ON actions (session, id);

    CREATE TABLE summaries (
        session    INTEGER PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
        text       TEXT    NOT NULL,
        points     TEXT    NOT NULL DEFAULT '[]',
        until      BLOB    NOT NULL CHECK (length(until) = 16),
        created_at INTEGER NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE webhooks (
        id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        organization BLOB    CHECK (length(organization) = 16),
        version      INTEGER NOT NULL DEFAULT 1,
        enabled      INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
        document     TEXT    NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX webhooks_by_organization ON webhooks (organization, id);

    -- What happened and is not spread to deliveries yet. The key is the order in which it happened.
    CREATE TABLE webhook_events (
        key          INTEGER PRIMARY KEY,
        id           BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
        name         TEXT    NOT NULL,
        organization BLOB    CHECK (length(organization) = 16),
        session      BLOB    REFERENCES sessions (id) ON DELETE CASCADE,
        turn         BLOB    CHECK (length(turn) = 16),
        at           INTEGER NOT NULL,
        data         TEXT
    ) STRICT;
    CREATE INDEX webhook_events_by_session ON webhook_events (session) WHERE session IS NOT NULL;

    CREATE TABLE webhook_deliveries (
        id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        webhook      BLOB    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
        organization BLOB    CHECK (length(organization) = 16),
        event        BLOB    NOT NULL CHECK (length(event) = 16),
        name         TEXT    NOT NULL,
        session      BLOB    REFERENCES sessions (id) ON DELETE CASCADE,
        status       TEXT    NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
        due_at       INTEGER NOT NULL,
        settled_at   INTEGER,
        holder       BLOB    CHECK (length(holder) = 16),
        document     TEXT    NOT NULL,
        UNIQUE (webhook, event)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX webhook_deliveries_due             ON webhook_deliveries (due_at)     WHERE status = 'pending';
    CREATE INDEX webhook_deliveries_settled         ON webhook_deliveries (settled_at) WHERE settled_at IS NOT NULL;
    CREATE INDEX webhook_deliveries_by_organization ON webhook_deliveries (organization, id);
    CREATE INDEX webhook_deliveries_by_webhook      ON webhook_deliveries (webhook, id);
    CREATE INDEX webhook_deliveries_by_session      ON webhook_deliveries (session)    WHERE session IS NOT NULL;

    -- Whatever changes a session, and in whichever transaction, what is to be told of it is written down with it.
    CREATE TRIGGER session_started AFTER INSERT ON sessions
    WHEN EXISTS (SELECT 1 FROM webhooks WHERE organization IS new.organization AND enabled) BEGIN
        INSERT INTO webhook_events (id, name, organization, session, at)
        VALUES (randomblob(16), 'session.started', new.organization, new.id, new.created_at);
    END;
    CREATE TRIGGER session_ended AFTER UPDATE OF status ON sessions
    WHEN old.status = 'active' AND new.status <> 'active'
        AND EXISTS (SELECT 1 FROM webhooks WHERE organization IS new.organization AND enabled) BEGIN
        INSERT INTO webhook_events (id, name, organization, session, at)
        VALUES (randomblob(16), 'session.ended', new.organization, new.id, coalesce(new.ended_at, new.last_activity_at));
    END;
    CREATE TRIGGER turn_completed AFTER INSERT ON turns BEGIN
        INSERT INTO webhook_events (id, name, organization, session, turn, at)
        SELECT randomblob(16), 'turn.completed', organization, id, new.id, last_activity_at FROM sessions
        WHERE key = new.session
            AND EXISTS (SELECT 1 FROM webhooks WHERE webhooks.organization IS sessions.organization AND enabled);
    END;
",
    "
    CREATE TABLE documents (
        id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        organization BLOB    CHECK (length(organization) = 16),
        version      INTEGER NOT NULL DEFAULT 1,
        bytes        INTEGER NOT NULL DEFAULT 0,
        hash         TEXT    NOT NULL,
        document     TEXT    NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- No owner has the same content twice; the host is one, too.
    CREATE UNIQUE INDEX documents_by_content      ON documents (coalesce(organization, x''), hash);
    CREATE INDEX        documents_by_organization ON documents (organization, id, version, bytes);

    CREATE TABLE document_texts (
        document BLOB NOT NULL PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
        text     TEXT NOT NULL
    ) STRICT;
",
];

/// Brings the database to the newest version, whatever other process is doing the same.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |error| explain(path, error);
    if check(connection, path)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate).map_err(failed)?;
    let version = check(&transaction, path)?;
    for migration in &MIGRATIONS[version..] {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The version of a database that this library may use; 0 is an empty file.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<usize> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let read = || -> rusqlite::Result<_> {
        // In one transaction: of what another process is just making, all is seen or nothing.
        let _reading = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get::<_, i64>(0))?;
        Ok((number("application_id")?, number("user_version")?, tables))
    };
    let (owner, version, tables) = read().map_err(|error| explain(path, error))?;
    if owner != i64::from(APPLICATION_ID) {
        if owner == 0 && version == 0 && tables == 0 {
            return Ok(0);
        }
        let message = format!("{} is the database of another program: name another file", path.display());
        return Err(Error::new(ErrorKind::Storage, message));
    }
    let newest = MIGRATIONS.len();
    usize::try_from(version).ok().filter(|version| *version <= newest).ok_or_else(|| {
        Error::new(
            ErrorKind::StorageTooNew,
            format!(
                "{} was written by a newer voice-core (its schema is number {version}, this one knows {newest}): update \
                 voice-core, or name another file",
                path.display()
            ),
        )
    })
}
