//! Several organizations and users do things at random: nobody is ever given, told or counted anything of anybody else, nor can
//! tell by the time that something takes: the store is asked the same, in the same order, about what is foreign and what never was.

use std::collections::{HashMap, HashSet};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::time::Instant;
use voice_core::{
    ApiKeyId, AssistantId, DocumentId, Error, SessionId, TurnEvent, UserId,
    agent::{DocumentChanges, ExportFormat, KeyOptions, KnowledgeQuery, NewDocument, Principal, ScopedAgent},
    config::Assistant,
    store::{
        AccountStore, ActionQuery, ActionStore, AssistantQuery, AssistantStore, AuditLog, AuditQuery,
        ConversationStore, DocumentQuery, KeyQuery, KnowledgeStore, MessageQuery, SearchQuery, SessionQuery, UserQuery,
        WebhookStore,
    },
};
use voice_testkit::Step;

use super::{watched::Watched, *};

const STEPS: usize = 300;

/// What somebody may reach, as the test keeps the books.
#[derive(Default)]
struct Books {
    /// Whose each session is: the organization and the user who began it.
    sessions: HashMap<SessionId, (OrganizationId, Option<UserId>)>,
    /// The word that is said in each session, and nowhere else.
    words: HashMap<SessionId, String>,
    assistants: HashMap<AssistantId, OrganizationId>,
    documents: HashMap<DocumentId, OrganizationId>,
    keys: HashMap<ApiKeyId, (OrganizationId, Option<UserId>)>,
    users: HashMap<UserId, OrganizationId>,
}

impl Books {
    fn reaches(&self, who: &Principal, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|(organization, user)| {
            *organization == who.organization() && (who.user().is_none() || *user == who.user())
        })
    }

    fn sessions_of(&self, who: &Principal) -> HashSet<SessionId> {
        self.sessions.keys().copied().filter(|id| self.reaches(who, *id)).collect()
    }

    fn documents_of(&self, who: &Principal) -> HashSet<DocumentId> {
        self.documents.iter().filter(|(_, owner)| **owner == who.organization()).map(|(id, _)| *id).collect()
    }

    fn reaches_key(&self, who: &Principal, key: ApiKeyId) -> bool {
        self.keys.get(&key).is_some_and(|(organization, user)| {
            *organization == who.organization() && (who.user().is_none() || *user == who.user())
        })
    }

    fn reaches_user(&self, who: &Principal, user: UserId) -> bool {
        self.users.get(&user) == Some(&who.organization()) && who.user().is_none_or(|me| me == user)
    }
}

/// Everything that an error says.
fn told<T>(outcome: Result<T, Error>) -> String {
    outcome.err().map_or_else(|| "it was given".into(), |error| format!("{error:?} {error} {}", error.http_status()))
}

/// What the store was asked, whichever store it is.
trait Questions: Send + Sync {
    fn asked(&self) -> Vec<&'static str>;
}

impl<S: Send + Sync> Questions for Watched<S> {
    fn asked(&self) -> Vec<&'static str> {
        self.asked()
    }
}

/// What is asked with a foreign id must be answered in the words in which it is with an id that never was, after the same work.
async fn alike<I: Copy, T>(
    store: &dyn Questions,
    what: &str,
    foreign: I,
    unknown: I,
    ask: impl AsyncFn(I) -> Result<T, Error>,
) {
    let answer = async |id| {
        store.asked();
        (told(ask(id).await), store.asked())
    };
    let (foreign, unknown) = (answer(foreign).await, answer(unknown).await);
    assert_ne!(foreign.0, "it was given", "{what}");
    assert_eq!(foreign, unknown, "{what}");
}

fn pick<I: Copy>(rng: &mut StdRng, all: impl Iterator<Item = I>) -> Option<I> {
    all.collect::<Vec<_>>().choose(rng).copied()
}

async fn foreign_session_is_unknown(store: &dyn Questions, view: &ScopedAgent, id: SessionId) {
    let unknown = SessionId::new();
    let s = || view.sessions();
    alike(store, "get", id, unknown, async |id| s().get(id).await).await;
    alike(store, "history", id, unknown, async |id| s().history(id, MessageQuery::latest(5)).await).await;
    alike(store, "export", id, unknown, async |id| s().export(id, ExportFormat::Text).await).await;
    alike(store, "end", id, unknown, async |id| s().end(id).await).await;
    alike(store, "delete", id, unknown, async |id| s().delete(id).await).await;
    alike(store, "metadata", id, unknown, async |id| s().set_metadata(id, Default::default()).await).await;
    alike(store, "greet", id, unknown, async |id| s().greet(id).await).await;
    alike(store, "actions", id, unknown, async |id| s().actions(id, ActionQuery::default()).await).await;
    alike(store, "summary", id, unknown, async |id| s().summary(id).await).await;
    let search = async |id| {
        let mut query = SearchQuery::new("word");
        query.session = Some(id);
        s().search(query).await
    };
    alike(store, "search", id, unknown, search).await;
    let mut page = SessionQuery::default();
    page.before = Some(id);
    assert!(s().list(page).await.is_ok());
}

async fn run<S>(store: S, seed: u64)
where
    S: ConversationStore
        + AccountStore
        + AssistantStore
        + AuditLog
        + ActionStore
        + KnowledgeStore
        + WebhookStore
        + 'static,
{
    let mut rng = StdRng::seed_from_u64(seed);
    let store = Arc::new(Watched::new(store));
    let agent = agent_on(Storage::of(Arc::clone(&store)), QUIET).await;
    let store = &*store;
    let mut books = Books::default();
    let mut people = Vec::new();
    for n in 0..3 {
        let organization = agent.accounts().create_organization(&format!("Organization {n}")).await.unwrap().id;
        people.push(Principal::organization_itself(organization));
        for user in ["ada", "bob"] {
            // The same addresses everywhere: they tell nothing of each other.
            let made = agent.accounts().of(organization).register(&format!("{user}@example.org")).await.unwrap();
            books.users.insert(made.user.id, organization);
            books.keys.insert(made.key.key.id, (organization, Some(made.user.id)));
            people.push(agent.accounts().authenticate(made.key.secret.expose()).await.unwrap());
        }
    }
    for step in 0..STEPS {
        let who = *people.choose(&mut rng).unwrap();
        let view = agent.with(&who);
        match rng.random_range(0..10) {
            0 | 1 => {
                let word = format!("word{step}x{seed}");
                let named = pick(&mut rng, books.sessions.keys().copied());
                let reply = view.turn(format!("word {word}")).session(named).speak(false).await.unwrap();
                match named {
                    // An organization's own turns have no user: those of its users are others.
                    Some(id) if books.sessions[&id] == (who.organization(), who.user()) => {
                        assert_eq!(reply.session_id, id);
                    }
                    _ => {
                        assert_ne!(Some(reply.session_id), named, "a foreign session was gone on with");
                        books.sessions.insert(reply.session_id, (who.organization(), who.user()));
                        books.words.insert(reply.session_id, word);
                    }
                }
            }
            2 => {
                let mut query = SessionQuery::default();
                query.limit = 100;
                let listed = view.sessions().list(query.clone()).await.unwrap();
                let listed: HashSet<SessionId> = listed.items.iter().map(|s| s.id).collect();
                assert_eq!(listed, books.sessions_of(&who));
                for (organization, user) in [
                    (Some(people.choose(&mut rng).unwrap().organization()), None),
                    (None, pick(&mut rng, books.users.keys().copied()).map(|u| u.to_string())),
                ] {
                    (query.organization, query.user) = (organization, user);
                    let page = view.sessions().list(query.clone()).await.unwrap();
                    assert!(page.items.iter().all(|s| books.reaches(&who, s.id)));
                }
            }
            3 => {
                let Some(id) = pick(&mut rng, books.sessions.keys().copied()) else { continue };
                if books.reaches(&who, id) {
                    view.sessions().history(id, MessageQuery::latest(5)).await.unwrap();
                } else {
                    foreign_session_is_unknown(store, &view, id).await;
                }
            }
            4 => {
                let mut query = SearchQuery::new("word");
                query.limit = 100;
                let found = view.sessions().search(query).await.unwrap();
                assert!(found.items.iter().all(|m| books.reaches(&who, m.session_id)));
                if let Some((id, word)) = books.words.iter().next() {
                    let found = view.sessions().search(SearchQuery::new(word)).await.unwrap();
                    assert_eq!(!found.items.is_empty(), books.reaches(&who, *id));
                }
            }
            5 => {
                if who.user().is_none() {
                    let made = view.assistants().create(&Assistant::named(format!("Assistant {step}"))).await.unwrap();
                    books.assistants.insert(made.id, who.organization());
                }
                let page = view.assistants().list(AssistantQuery::newest(100)).await.unwrap();
                let theirs = books.assistants.values().filter(|o| **o == who.organization()).count();
                assert_eq!(page.items.len(), theirs);
                if let Some(id) = pick(&mut rng, books.assistants.keys().copied())
                    && books.assistants[&id] != who.organization()
                {
                    let unknown = AssistantId::new();
                    let new = Assistant::named("Stolen");
                    let a = || view.assistants();
                    alike(store, "get", id, unknown, async |id| a().get(id).await).await;
                    alike(store, "update", id, unknown, async |id| a().update(id, &new).await).await;
                    alike(store, "delete", id, unknown, async |id| a().delete(id).await).await;
                    alike(store, "turn", id, unknown, async |id| view.turn("hello").assistant(id).await).await;
                    alike(store, "session", id, unknown, async |id| view.sessions().create().assistant(id).await).await;
                }
            }
            6 => {
                let accounts = view.accounts();
                let options = who.user().map_or_else(KeyOptions::new, KeyOptions::of_user);
                if let Ok(key) = accounts.create_key(&options).await {
                    books.keys.insert(key.key.id, (who.organization(), who.user()));
                }
                let mut query = KeyQuery::default();
                query.limit = 100;
                let listed = accounts.keys(query).await.unwrap();
                let theirs = books.keys.keys().filter(|id| books.reaches_key(&who, **id)).count();
                assert_eq!(listed.items.len(), theirs);
                let foreign = books.keys.keys().copied().filter(|id| !books.reaches_key(&who, *id));
                if let Some(id) = pick(&mut rng, foreign) {
                    alike(store, "revoke", id, ApiKeyId::new(), async |id| accounts.revoke_key(id).await).await;
                    alike(store, "rotate", id, ApiKeyId::new(), async |id| accounts.rotate_key(id).await).await;
                }
            }
            7 => {
                let accounts = view.accounts();
                let foreign = books.users.keys().copied().filter(|id| !books.reaches_user(&who, *id));
                if let Some(id) = pick(&mut rng, foreign) {
                    alike(store, "user", id, UserId::new(), async |id| accounts.user(id).await).await;
                    alike(store, "delete", id, UserId::new(), async |id| accounts.delete_user(id).await).await;
                    let key = async |id| accounts.create_key(&KeyOptions::of_user(id)).await;
                    alike(store, "key", id, UserId::new(), key).await;
                }
                if who.user().is_none() {
                    assert_eq!(accounts.users(UserQuery::newest(100)).await.unwrap().items.len(), 2);
                    let mut query = AuditQuery::default();
                    query.limit = 100;
                    let told = view.audit().entries(query).await.unwrap();
                    assert!(told.items.iter().all(|entry| entry.organization == Some(who.organization())));
                }
            }
            8 => {
                let k = || view.knowledge();
                // The same title and nearly the same words everywhere: they tell nothing of each other.
                let new = NewDocument::new("Handbook", format!("The word is word{}.", step % 3));
                if who.user().is_none() {
                    let made = k().add(&new).await.unwrap();
                    assert_eq!(books.documents.entry(made.id).or_insert(who.organization()), &who.organization());
                } else {
                    assert_eq!(k().add(&new).await.unwrap_err().kind(), ErrorKind::Forbidden);
                }
                let theirs: HashSet<DocumentId> = books.documents_of(&who);
                let listed = k().list(DocumentQuery::newest(100)).await.unwrap();
                assert_eq!(listed.items.iter().map(|d| d.id).collect::<HashSet<_>>(), theirs);
                let mut query = KnowledgeQuery::new("word0 word1 word2 word");
                (query.top_k, query.min_score) = (Some(100), Some(0.0));
                let found = k().search(&query).await.unwrap();
                assert_eq!(found.iter().map(|source| source.document_id).collect::<HashSet<_>>(), theirs);
                let foreign = books.documents.keys().copied().filter(|id| !theirs.contains(id));
                if let Some(id) = pick(&mut rng, foreign) {
                    let unknown = DocumentId::new();
                    let mut changes = DocumentChanges::default();
                    changes.title = Some("Stolen".into());
                    alike(store, "get", id, unknown, async |id| k().get(id).await).await;
                    alike(store, "text", id, unknown, async |id| k().text(id).await).await;
                    alike(store, "update", id, unknown, async |id| k().update(id, &changes).await).await;
                    alike(store, "delete", id, unknown, async |id| k().delete(id).await).await;
                    let attach = async |id: DocumentId| {
                        let mut assistant = Assistant::named("Thief");
                        assistant.knowledge = vec![id.to_string()];
                        view.assistants().create(&assistant).await
                    };
                    alike(store, "attach", id, unknown, attach).await;
                    query.documents = Some(vec![id]);
                    assert_eq!(k().search(&query).await.unwrap(), []);
                }
            }
            _ => {
                let Some(id) = pick(&mut rng, books.sessions_of(&who).into_iter()) else { continue };
                view.sessions().delete(id).await.unwrap();
                books.sessions.remove(&id);
                books.words.remove(&id);
            }
        }
    }
    // The host sees all of it, and nothing was lost or made up on the way.
    let mut found = HashSet::new();
    let mut query = SessionQuery::default();
    query.limit = 100;
    loop {
        let page = agent.sessions().list(query.clone()).await.unwrap();
        found.extend(page.items.iter().map(|s| s.id));
        let Some(cursor) = page.next() else { break };
        query = query.after(&cursor.to_string()).unwrap();
    }
    assert_eq!(found, books.sessions.keys().copied().collect());
}

#[tokio::test]
async fn nothing_foreign_is_reached_in_memory() {
    for seed in 0..6 {
        run(MemoryStore::new(), seed).await;
    }
}

#[tokio::test]
async fn nothing_foreign_is_reached_in_sqlite() {
    for seed in 100..103 {
        let folder = tempfile::tempdir().unwrap();
        run(SqliteStore::open(folder.path().join("voice.db")).unwrap(), seed).await;
    }
}

/// An agent whose model leaves its first call unanswered, until that is made again.
async fn busy_agent() -> (VoiceAgent, ScriptedLlm) {
    let llm = ScriptedLlm::saying(ANSWER).call(0, Step::hang());
    let builder = VoiceAgent::builder().stt("none").llm(llm.clone()).tts("none").stores(memory());
    (builder.build().await.unwrap(), llm)
}

#[tokio::test(start_paused = true)]
async fn a_foreign_session_that_is_busy_is_waited_for_no_longer_than_one_that_never_was() {
    let (agent, llm) = busy_agent().await;
    let theirs = agent.with(&Principal::organization_itself(organization(&agent).await));
    let others = agent.with(&Principal::organization_itself(organization(&agent).await));
    let busy = theirs.sessions().create().await.unwrap().id;
    let hanging = tokio::spawn(theirs.turn("never answered").session(busy).into_future());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(llm.calls(), 1);
    for named in [SessionId::new(), busy] {
        let begun = Instant::now();
        assert_ne!(others.turn("hello").session(named).await.unwrap().session_id, named);
        assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
    }
    assert!(!hanging.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_first_turn_runs_is_waited_for_by_its_owner_alone() {
    let (agent, _) = busy_agent().await;
    let mut first = agent.turn("one").user("ada").stream();
    let Some(Ok(TurnEvent::Started { session_id, .. })) = first.next().await else { panic!("it begins") };
    tokio::time::sleep(Duration::from_millis(1)).await;
    let begun = Instant::now();
    let his = agent.turn("hello").user("bob").session(session_id).await.unwrap();
    assert!(his.session_id != session_id && begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
    let hers = agent.turn("two").user("ada").session(session_id).await.unwrap();
    assert_eq!(hers.session_id, session_id);
    let said = agent.sessions().history(session_id, MessageQuery::latest(10)).await.unwrap().items;
    assert_eq!(said.iter().map(|m| m.content.as_str()).collect::<Vec<_>>(), ["one", ANSWER, "two", ANSWER]);
}
