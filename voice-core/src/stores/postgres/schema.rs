//! The tables, as numbered migrations. They only ever go forward: one that was released is never edited.
//!
//! They stand in a schema of their own, so that a database can be shared with the host's own tables. Written for PostgreSQL 13
//! and newer.

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;

use super::{error::explain, pool::Database};
use crate::error::{Error, ErrorKind, Result};

/// Number `n` brings a database from version `n` to `n + 1`.
const MIGRATIONS: &[&str] = &[
    r#"
    CREATE TABLE sessions (
        key              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id               uuid        NOT NULL UNIQUE,
        organization     uuid,
        "user"           text,
        assistant        uuid,
        assistant_version bigint,
        status           text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended', 'expired')),
        metadata         json        NOT NULL DEFAULT '{}',
        created_at       timestamptz NOT NULL,
        last_activity_at timestamptz NOT NULL,
        ended_at         timestamptz
    );
    CREATE INDEX sessions_by_user         ON sessions ("user", id);
    CREATE INDEX sessions_by_status       ON sessions (status, id);
    CREATE INDEX sessions_by_organization ON sessions (organization, id)         WHERE organization IS NOT NULL;
    CREATE INDEX sessions_by_member       ON sessions (organization, "user", id) WHERE organization IS NOT NULL;
    CREATE INDEX sessions_by_assistant    ON sessions (assistant, id)            WHERE assistant IS NOT NULL;
    CREATE INDEX sessions_idle            ON sessions (last_activity_at)         WHERE status = 'active';
    CREATE INDEX sessions_over            ON sessions (ended_at)                 WHERE ended_at IS NOT NULL;

    CREATE TABLE turns (
        id      uuid PRIMARY KEY,
        session uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
    );
    CREATE INDEX turns_by_session ON turns (session);

    -- The key is the order in which messages were said: turns of one session are saved one after the other. The words are
    -- split by the library, so that every store finds the same.
    CREATE TABLE messages (
        key        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id         uuid        NOT NULL UNIQUE,
        session    bigint      NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
        turn       uuid        NOT NULL,
        role       text        NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
        content    text        NOT NULL DEFAULT '',
        audio_ref  text,
        words      text[]      NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL
    );
    CREATE INDEX messages_by_session ON messages (session, key);
    CREATE INDEX messages_by_time    ON messages (created_at);
    CREATE INDEX messages_by_word    ON messages USING gin (words);

    CREATE UNLOGGED TABLE leases (
        session uuid        PRIMARY KEY,
        holder  uuid        NOT NULL,
        until   timestamptz NOT NULL
    );

    CREATE TABLE organizations (
        id         uuid        PRIMARY KEY,
        name       text        NOT NULL,
        created_at timestamptz NOT NULL
    );

    CREATE TABLE users (
        id           uuid        PRIMARY KEY,
        organization uuid        NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        email        text        NOT NULL,
        created_at   timestamptz NOT NULL,
        UNIQUE (organization, email),
        UNIQUE (organization, id)
    );

    CREATE TABLE api_keys (
        id           uuid        PRIMARY KEY,
        organization uuid        NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        "user"       uuid,
        name         text        NOT NULL DEFAULT '',
        hint         text        NOT NULL DEFAULT '',
        hash         bytea       NOT NULL UNIQUE CHECK (length(hash) = 32),
        per_minute   bigint,
        burst        bigint,
        created_at   timestamptz NOT NULL,
        expires_at   timestamptz,
        revoked_at   timestamptz,
        FOREIGN KEY (organization, "user") REFERENCES users (organization, id) ON DELETE CASCADE
    );
    CREATE INDEX api_keys_by_organization ON api_keys (organization, id);
    CREATE INDEX api_keys_by_user         ON api_keys (organization, "user", id);

    CREATE TABLE credentials (
        organization uuid        NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        provider     text        NOT NULL,
        sealed       bytea       NOT NULL,
        updated_at   timestamptz NOT NULL,
        PRIMARY KEY (organization, provider)
    );

    CREATE TABLE assistants (
        id           uuid        PRIMARY KEY,
        organization uuid,
        version      bigint      NOT NULL DEFAULT 1,
        created_at   timestamptz NOT NULL,
        deleted_at   timestamptz
    );
    CREATE INDEX assistants_by_organization ON assistants (organization, id) WHERE deleted_at IS NULL;

    CREATE TABLE assistant_versions (
        assistant  uuid        NOT NULL REFERENCES assistants (id) ON DELETE CASCADE,
        version    bigint      NOT NULL,
        name       text        NOT NULL,
        document   json        NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (assistant, version)
    );

    CREATE TABLE audit (
        id           uuid        PRIMARY KEY,
        at           timestamptz NOT NULL,
        organization uuid,
        actor        text        NOT NULL,
        action       text        NOT NULL,
        target       text        NOT NULL
    );
    CREATE INDEX audit_by_organization ON audit (organization, id);
    CREATE INDEX audit_by_target       ON audit (target, id);
    CREATE INDEX audit_by_time         ON audit (at);
"#,
    "ALTER TABLE audit ADD COLUMN confirmed boolean NOT NULL DEFAULT true;",
    "
    ALTER TABLE messages ADD COLUMN language text;

    CREATE TABLE actions (
        id          uuid             PRIMARY KEY,
        session     bigint           NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
        fingerprint text             NOT NULL,
        turn        uuid             NOT NULL,
        message     uuid             NOT NULL,
        type        text             NOT NULL,
        details     json             NOT NULL DEFAULT '{}',
        confidence  double precision NOT NULL,
        created_at  timestamptz      NOT NULL,
        UNIQUE (session, fingerprint)
    );
    CREATE INDEX actions_by_session ON actions (session, id);

    CREATE TABLE summaries (
        session    bigint      PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
        text       text        NOT NULL,
        points     text[]      NOT NULL DEFAULT '{}',
        until      uuid        NOT NULL,
        created_at timestamptz NOT NULL
    );
",
    r#"
    CREATE TABLE webhooks (
        id           uuid    PRIMARY KEY,
        organization uuid,
        version      bigint  NOT NULL DEFAULT 1,
        enabled      boolean NOT NULL DEFAULT true,
        document     json    NOT NULL
    );
    CREATE INDEX webhooks_by_organization ON webhooks (organization, id);

    -- What happened and is not spread to deliveries yet. The key is the order in which it happened.
    CREATE TABLE webhook_events (
        key          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id           uuid        NOT NULL UNIQUE,
        name         text        NOT NULL,
        organization uuid,
        session      uuid        REFERENCES sessions (id) ON DELETE CASCADE,
        turn         uuid,
        at           timestamptz NOT NULL,
        data         json
    );
    CREATE INDEX webhook_events_by_session ON webhook_events (session) WHERE session IS NOT NULL;

    CREATE TABLE webhook_deliveries (
        id           uuid        PRIMARY KEY,
        webhook      uuid        NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
        organization uuid,
        event        uuid        NOT NULL,
        name         text        NOT NULL,
        session      uuid        REFERENCES sessions (id) ON DELETE CASCADE,
        status       text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
        due_at       timestamptz NOT NULL,
        settled_at   timestamptz,
        holder       uuid,
        document     json        NOT NULL,
        UNIQUE (webhook, event)
    );
    CREATE INDEX webhook_deliveries_due             ON webhook_deliveries (due_at)     WHERE status = 'pending';
    CREATE INDEX webhook_deliveries_settled         ON webhook_deliveries (settled_at) WHERE settled_at IS NOT NULL;
    CREATE INDEX webhook_deliveries_by_organization ON webhook_deliveries (organization, id);
    CREATE INDEX webhook_deliveries_by_webhook      ON webhook_deliveries (webhook, id);
    CREATE INDEX webhook_deliveries_by_session      ON webhook_deliveries (session)    WHERE session IS NOT NULL;

    -- Whatever changes a session, and in whichever transaction, what is to be told of it is written down with it.
    CREATE FUNCTION session_happened() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        INSERT INTO webhook_events (id, name, organization, session, at)
        SELECT gen_random_uuid(), TG_ARGV[0], NEW.organization, NEW.id,
            CASE TG_OP WHEN 'INSERT' THEN NEW.created_at ELSE coalesce(NEW.ended_at, NEW.last_activity_at) END
        WHERE EXISTS (SELECT FROM webhooks WHERE organization IS NOT DISTINCT FROM NEW.organization AND enabled);
        RETURN NULL;
    END $$;
    CREATE TRIGGER session_started AFTER INSERT ON sessions
        FOR EACH ROW EXECUTE FUNCTION session_happened('session.started');
    CREATE TRIGGER session_ended AFTER UPDATE OF status ON sessions
        FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.status <> 'active')
        EXECUTE FUNCTION session_happened('session.ended');

    CREATE FUNCTION turn_happened() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        INSERT INTO webhook_events (id, name, organization, session, turn, at)
        SELECT gen_random_uuid(), 'turn.completed', s.organization, s.id, NEW.id, s.last_activity_at FROM sessions s
        WHERE s.id = NEW.session AND EXISTS (
            SELECT FROM webhooks WHERE organization IS NOT DISTINCT FROM s.organization AND enabled);
        RETURN NULL;
    END $$;
    CREATE TRIGGER turn_completed AFTER INSERT ON turns FOR EACH ROW EXECUTE FUNCTION turn_happened();
"#,
    "
    CREATE TABLE documents (
        id           uuid   PRIMARY KEY,
        organization uuid,
        version      bigint NOT NULL DEFAULT 1,
        bytes        bigint NOT NULL DEFAULT 0,
        hash         text   NOT NULL,
        document     json   NOT NULL,
        text         text   NOT NULL
    );
    -- No owner has the same content twice; the host is one, too.
    CREATE UNIQUE INDEX documents_by_content ON documents (hash, coalesce(organization, '00000000-0000-0000-0000-000000000000'));
    CREATE INDEX documents_by_organization   ON documents (organization, id);
",
];

/// Every process that opens a database of ours waits for this lock before it changes the schema: the ASCII of `voicecor`.
const LOCK: i64 = i64::from_be_bytes(*b"voicecor");

/// Brings the database to the newest version, whatever other process is doing the same.
pub(super) async fn migrate(database: &Database) -> Result<()> {
    let failed = |error| explain(&database.place, error);
    let mut client = database.patient().await?;
    if version(&client, database).await? == MIGRATIONS.len() {
        restore_limit(client);
        return Ok(());
    }
    let schema = &database.schema;
    {
        let transaction = client.transaction().await.map_err(failed)?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(failed)?;
        // Asked for first: making what is there takes a right that the user may have had once only.
        let of_ours = "SELECT FROM pg_namespace WHERE nspname = $1";
        if transaction.query_opt(of_ours, &[schema]).await.map_err(failed)?.is_none() {
            transaction.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await.map_err(failed)?;
        }
        let made = "
             CREATE TABLE IF NOT EXISTS voice_core_schema (
                 one     boolean PRIMARY KEY DEFAULT true CHECK (one),
                 version integer NOT NULL
             );
             INSERT INTO voice_core_schema (version) VALUES (0) ON CONFLICT DO NOTHING;";
        transaction.batch_execute(made).await.map_err(failed)?;
        let row = transaction.query_one("SELECT version FROM voice_core_schema", &[]).await.map_err(failed)?;
        let version = known(row.try_get(0).map_err(failed)?, database)?;
        for migration in &MIGRATIONS[version..] {
            transaction.batch_execute(migration).await.map_err(failed)?;
        }
        let newest = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
        transaction.execute("UPDATE voice_core_schema SET version = $1", &[&newest]).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
    }
    restore_limit(client);
    Ok(())
}

/// The connection has lost its limit, so it is not used again.
fn restore_limit(client: Object) {
    drop(Object::take(client));
}

/// The version of a database that this library may use; 0 when there is none.
async fn version(client: &Object, database: &Database) -> Result<usize> {
    match client.query_one("SELECT version FROM voice_core_schema", &[]).await {
        Ok(row) => known(row.try_get(0).map_err(|error| explain(&database.place, error))?, database),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(0),
        Err(error) => Err(explain(&database.place, error)),
    }
}

fn known(version: i32, database: &Database) -> Result<usize> {
    let newest = MIGRATIONS.len();
    usize::try_from(version).ok().filter(|version| *version <= newest).ok_or_else(|| {
        Error::new(
            ErrorKind::StorageTooNew,
            format!(
                "the PostgreSQL database {} was written by a newer voice-core (its schema is number {version}, this one knows \
                 {newest}): update voice-core, or name another schema",
                database.place
            ),
        )
    })
}
