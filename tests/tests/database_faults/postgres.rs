//! What a PostgreSQL server is set up to do, against what this library needs.

use voice_core::{
    Action, MessageId, OrganizationId,
    store::{ActionStore, Erased, Owner, Summary},
};
use voice_tests::servers::Postgres;

use super::*;

/// A connection of the server's owner, past the store.
async fn owner(server: &Postgres) -> tokio_postgres::Client {
    let url = format!("postgres://voice:{}@{}/postgres?sslmode=disable", Postgres::PASSWORD, server.address());
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_schema_that_is_there_needs_no_right_to_make_one() {
    let server = Postgres::shared();
    let (client, schema, user) = (owner(server).await, fresh("s"), fresh("u"));
    let made = format!(
        "CREATE ROLE {user} LOGIN PASSWORD '{}'; CREATE SCHEMA {schema} AUTHORIZATION {user}",
        Postgres::PASSWORD
    );
    client.batch_execute(&made).await.unwrap();
    let url = server.url_at(server.address(), &schema).replace("//voice:", &format!("//{user}:"));
    let store = PostgresStore::connect(&url).await.unwrap();
    assert_eq!(store.save_turn(&turn(&session())).await.unwrap(), Saved::New);
    let elsewhere = server.url_at(server.address(), &fresh("s")).replace("//voice:", &format!("//{user}:"));
    let error = PostgresStore::connect(&elsewhere).await.unwrap_err();
    is(&error, ErrorKind::StorageDenied, false);
    assert!(error.message().contains("CREATE"), "{error}");
}

#[tokio::test]
async fn the_servers_own_defaults_neither_lose_a_turn_nor_refuse_one() {
    let server = Postgres::start(&["synchronous_commit=off", "default_transaction_isolation=serializable"]);
    let schema = fresh("s");
    let store = &PostgresStore::connect(&server.url_at(server.address(), &schema)).await.unwrap();
    let client = owner(&server).await;
    let spy = format!(
        "CREATE TABLE {schema}.seen (commit text);
         CREATE FUNCTION {schema}.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO {schema}.seen VALUES (current_setting('synchronous_commit'));
             RETURN NULL;
         END $$;
         CREATE TRIGGER see AFTER INSERT ON {schema}.turns FOR EACH ROW EXECUTE FUNCTION {schema}.see()"
    );
    client.batch_execute(&spy).await.unwrap();
    let session = &session();
    let saved = join_all((0..16).map(|_| async move { store.save_turn(&turn(session)).await })).await;
    assert!(saved.iter().all(|saved| matches!(saved, Ok(Saved::New))), "{saved:?}");
    assert_eq!(kept(store, session).await, 32);
    let sql = format!("SELECT DISTINCT commit FROM {schema}.seen");
    let seen: Vec<String> = client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(seen, ["on"], "what was acknowledged is on the disk");
}

#[tokio::test]
async fn what_is_found_in_a_session_that_is_being_deleted_is_left_out_without_a_fault() {
    let server = Postgres::shared();
    let (schema, session) = (fresh("s"), session());
    let store = PostgresStore::connect(&server.url_at(server.address(), &schema)).await.unwrap();
    store.save_turn(&turn(&session)).await.unwrap();
    let (client, onlooker, id) = (owner(server).await, owner(server).await, session.id.as_uuid());
    let sql = format!("BEGIN; DELETE FROM {schema}.sessions WHERE id = '{id}'");
    client.batch_execute(&sql).await.unwrap();
    let action = Action::new(session.id, TurnId::new(), MessageId::new(), "refill", session.created_at);
    let summary = Summary::new(session.id, "It was about rain.", MessageId::new(), session.created_at);
    let deletion = async {
        let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             WHERE NOT l.granted AND (a.query LIKE '%INTO actions%' OR a.query LIKE '%INTO summaries%')";
        while onlooker.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        client.batch_execute("COMMIT").await.unwrap();
    };
    let (added, saved, ()) = tokio::join!(store.add_action(&action), store.save_summary(&summary), deletion);
    assert_eq!((added.unwrap(), saved.unwrap()), (false, false));
}

#[tokio::test]
async fn a_row_that_this_library_did_not_write_is_told_as_damage() {
    let server = Postgres::shared();
    let schema = fresh("s");
    let store = PostgresStore::connect(&server.url_at(server.address(), &schema)).await.unwrap();
    let session = session();
    store.create_session(&session).await.unwrap();
    let strange = format!("UPDATE {schema}.sessions SET metadata = '\"planted words\"'");
    owner(server).await.batch_execute(&strange).await.unwrap();
    let error = store.session(session.id).await.unwrap_err();
    is(&error, ErrorKind::StorageCorrupt, false);
}

#[tokio::test]
async fn erasing_an_organization_reads_its_sessions_and_no_others() {
    let server = Postgres::shared();
    let (schema, organization) = (fresh("s"), OrganizationId::new());
    let store = PostgresStore::connect(&server.url_at(server.address(), &schema)).await.unwrap();
    let mut theirs = session();
    theirs.organization = Some(organization);
    store.save_turn(&turn(&theirs)).await.unwrap();
    let client = owner(server).await;
    let others = format!(
        "INSERT INTO {schema}.sessions (id, organization, created_at, last_activity_at)
         SELECT gen_random_uuid(), gen_random_uuid(), now(), now() FROM generate_series(1, 20000);
         ANALYZE {schema}.sessions"
    );
    client.batch_execute(&others).await.unwrap();
    let scans = async || {
        let sql = "SELECT seq_scan FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'sessions'";
        client.query_one(sql, &[&schema]).await.unwrap().get::<_, i64>(0)
    };
    // What a connection has read is told when it ends.
    store.close().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = scans().await;
    let store = PostgresStore::connect(&server.url_at(server.address(), &schema)).await.unwrap();
    assert_eq!(store.erase(&Owner::Organization(organization)).await.unwrap(), Erased::new(1, 2));
    store.close().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(scans().await, before, "no scan of the whole table");
}
