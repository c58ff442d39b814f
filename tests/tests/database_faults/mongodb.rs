//! What is broken off half-way in MongoDB: nothing stays of it that nobody can see, and nothing is kept open or locked by it.

use futures_util::FutureExt;
use voice_core::{
    Action, MessageId,
    id::WebhookId,
    store::{ActionStore, Owner, SealedSecret, SessionQuery, Webhook, WebhookStore},
};

use super::*;

/// The database of a test, past its server: FerretDB keeps it in PostgreSQL, a table for each collection.
struct Inside {
    client: tokio_postgres::Client,
    database: String,
}

impl Inside {
    async fn of(database: &str) -> Self {
        let place = Postgres::shared().address();
        let url = format!("postgres://voice:{}@{place}/postgres?sslmode=disable", Postgres::PASSWORD);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { client, database: database.to_owned() }
    }

    /// The tables of a collection, or of all.
    async fn tables(&self, collection: &str) -> Vec<String> {
        let sql =
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1 AND table_name LIKE $2";
        let rows = self.client.query(sql, &[&self.database, &format!("{collection}%")]).await.unwrap();
        rows.iter().map(|row| format!("\"{}\".\"{}\"", self.database, row.get::<_, String>(0))).collect()
    }

    async fn table(&self, collection: &str) -> String {
        let tables = self.tables(&format!("{collection}\\_")).await;
        assert_eq!(tables.len(), 1, "{tables:?}");
        tables[0].clone()
    }

    /// How many documents hold these words, wherever they are.
    async fn documents_with(&self, words: &str) -> i64 {
        let mut found = 0;
        for table in self.tables("").await {
            let sql = format!("SELECT count(*) FROM {table} WHERE _jsonb::text LIKE $1");
            found += self.client.query_one(&sql, &[&format!("%{words}%")]).await.unwrap().get::<_, i64>(0);
        }
        found
    }
}

async fn store_and_inside() -> (MongoStore, Inside) {
    let (server, database) = (Mongo::shared(), fresh("d"));
    let store = MongoStore::connect(&server.url_at(server.address(), &database)).await.unwrap();
    (store, Inside::of(&database).await)
}

#[tokio::test]
async fn closing_that_was_given_up_is_completed_by_the_next() {
    let server = Mongo::shared();
    let proxy = Proxy::before(server.address()).await;
    let store = quick_mongo(&server.url_at(proxy.address(), &fresh("d"))).await.unwrap();
    store.save_turn(&turn(&session())).await.unwrap();
    assert!(store.close().now_or_never().is_none(), "it is under way");
    store.close().await.unwrap();
    let error = store.session(SessionId::new()).await.unwrap_err();
    assert!(error.message().contains("closed"), "{error}");
    let before = proxy.connections();
    proxy.cut();
    tokio::time::sleep(Duration::from_millis(100)).await;
    proxy.mend();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(proxy.connections(), before, "nobody connects any more");
}

#[tokio::test]
async fn neither_a_silent_server_nor_a_call_that_nobody_polls_keeps_a_store_open() {
    let server = Mongo::shared();
    let proxy = Proxy::before(server.address()).await;
    let store = quick_mongo(&server.url_at(proxy.address(), &fresh("d"))).await.unwrap();
    let record = turn(&session());
    let mut call = store.save_turn(&record);
    assert!((&mut call).now_or_never().is_none(), "it is under way");
    proxy.block();
    tokio::time::timeout(Duration::from_secs(10), store.close()).await.expect("it closes").unwrap();
    assert!(store.session(SessionId::new()).await.is_err());
    drop(call);
}

#[tokio::test]
async fn a_first_turn_that_nobody_ended_goes_with_its_user() {
    let (store, inside) = store_and_inside().await;
    let ada = Owner::User { organization: None, user: "planted-ada".into() };
    let seen = async || {
        let query = SessionQuery::default();
        i64::try_from(store.list_sessions(&query).await.unwrap().items.len()).unwrap()
    };
    let begin = async |limit: Duration| {
        let mut record = turn(&Session::new(SessionId::new(), Some("planted-ada".into()), jiff::Timestamp::now()));
        record.messages.iter_mut().for_each(|message| message.content = "planted words".into());
        // Dropped on its way, as by the end of the process; what was asked by then the server does.
        let _dropped = tokio::time::timeout(limit, store.save_turn(&record)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for n in 0.. {
        assert!(n < 400, "no turn was dropped between its insertion and its end");
        begin(Duration::from_millis(n % 50)).await;
        if inside.documents_with("planted words").await > seen().await {
            break;
        }
        store.erase(&ada).await.unwrap();
    }
    store.erase(&ada).await.unwrap();
    assert_eq!(inside.documents_with("planted").await, 0);
}

#[tokio::test]
async fn an_action_that_comes_while_its_session_is_deleted_leaves_nothing() {
    let (store, mut inside) = store_and_inside().await;
    let store = Arc::new(store);
    let session = session();
    store.create_session(&session).await.unwrap();
    let table = inside.table("actions").await;
    let held = inside.client.transaction().await.unwrap();
    held.batch_execute(&format!("LOCK TABLE {table} IN SHARE MODE")).await.unwrap();
    let mut action = Action::new(session.id, TurnId::new(), MessageId::new(), "refill", session.created_at);
    action.details.insert("medication".into(), "planted".into());
    let adding = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.add_action(&action).await }
    });
    // It has seen the session, and waits to be written.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(store.delete_session(session.id).await.unwrap());
    assert!(!adding.is_finished());
    held.rollback().await.unwrap();
    assert!(!adding.await.unwrap().unwrap(), "its session is gone");
    assert_eq!(inside.documents_with("planted").await, 0);
}

#[tokio::test]
async fn a_change_that_failed_does_not_keep_others_out() {
    let (store, inside) = store_and_inside().await;
    let (id, secret) = (WebhookId::new(), SealedSecret::new("sealed"));
    let mut webhook = Webhook::new(id, None, "https://example.org/hook", secret, jiff::Timestamp::now());
    store.create_webhook(&webhook).await.unwrap();
    let (table, schema) = (inside.table("webhooks").await, &inside.database);
    let refuse = format!(
        "CREATE FUNCTION \"{schema}\".refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION \"{schema}\".refuse()"
    );
    inside.client.batch_execute(&refuse).await.unwrap();
    webhook.version += 1;
    store.update_webhook(&webhook).await.unwrap_err();
    inside.client.batch_execute(&format!("DROP TRIGGER refuse ON {table}")).await.unwrap();
    assert!(store.update_webhook(&webhook).await.unwrap(), "it is tried again at once");
}
