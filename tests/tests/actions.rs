//! What has to be acted on is found beside the conversation, kept once, and told; whatever goes wrong harms nobody.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;
use voice_core::{
    Action, Config, Error, ErrorCode, ErrorKind, FunctionTool, LanguageModel, Reply, SessionId, Tool, TurnEvent,
    VoiceAgent,
    config::Assistant,
    provider::{CallContext, GenerateRequest, LlmCapabilities, LlmEvent, ResultStream},
    store::{ActionQuery, ConversationStore, MemoryStore, Storage},
    stores::sqlite::SqliteStore,
};
use voice_testkit::{ScriptedLlm, ScriptedTts, Step, VirtualClock};

const LOOKS: &str = r#"{"actions": {}}"#;
const WAITS: &str = r#"{"actions": {"on_replies": true}}"#;

/// Answers with the one, and looks for actions and sums up with the other.
#[derive(Clone)]
struct Model {
    answers: ScriptedLlm,
    notes: ScriptedLlm,
}

impl Model {
    fn noting(notes: impl Into<String>) -> Self {
        Self { answers: ScriptedLlm::saying("It is noted."), notes: ScriptedLlm::tokens([notes.into()]) }
    }

    fn finding(actions: &Value) -> Self {
        Self::noting(json!({ "actions": actions }).to_string())
    }

    /// What it was told besides its instructions when it was last asked for notes.
    fn shown(&self) -> String {
        self.notes.requests().last().unwrap().messages[1].content.to_string()
    }
}

#[async_trait::async_trait]
impl LanguageModel for Model {
    fn name(&self) -> &str {
        "scripted/model"
    }

    fn capabilities(&self) -> LlmCapabilities {
        self.answers.capabilities()
    }

    async fn generate(
        &self,
        request: GenerateRequest,
        ctx: &CallContext,
    ) -> voice_core::Result<ResultStream<LlmEvent>> {
        let is_note = request.messages[0].content.starts_with("You read a conversation")
            || request.messages[0].content.starts_with("You sum up");
        if is_note { self.notes.generate(request, ctx).await } else { self.answers.generate(request, ctx).await }
    }
}

/// Notes a refill of the last word that is new, after 20 seconds.
#[derive(Clone)]
struct Slow;

#[async_trait::async_trait]
impl LanguageModel for Slow {
    fn name(&self) -> &str {
        "scripted/slow"
    }

    async fn generate(
        &self,
        request: GenerateRequest,
        ctx: &CallContext,
    ) -> voice_core::Result<ResultStream<LlmEvent>> {
        if !request.messages[0].content.starts_with("You read a conversation") {
            return ScriptedLlm::saying("It is noted.").generate(request, ctx).await;
        }
        let shown = request.messages[1].content.to_string();
        let new = shown.lines().find(|line| line.contains(" NEW user: ")).unwrap();
        let actions = json!({"actions": [refill(new.rsplit(' ').next().unwrap(), 0.9)]});
        ScriptedLlm::tokens([actions.to_string()]).first_after(Duration::from_secs(20)).generate(request, ctx).await
    }
}

async fn agent_on(stores: Storage, model: &(impl LanguageModel + Clone + 'static), config: &str) -> VoiceAgent {
    let builder = VoiceAgent::builder().config(Config::from_json(config).unwrap()).stt("none").llm(model.clone());
    let builder = builder.tts(ScriptedTts::new()).stores(stores).clock(Arc::new(VirtualClock::new()));
    builder.build().await.unwrap()
}

async fn agent(model: &Model, config: &str) -> VoiceAgent {
    agent_on(Storage::of(Arc::new(MemoryStore::new())), model, config).await
}

fn refill(medication: &str, confidence: f64) -> Value {
    json!({"type": "refill", "line": 1, "details": {"medication": medication}, "confidence": confidence})
}

/// The actions of a session, once there are so many.
async fn found(agent: &VoiceAgent, session: SessionId, count: usize) -> Vec<Action> {
    for _ in 0..1_000 {
        let page = agent.sessions().actions(session, ActionQuery::newest(100)).await.unwrap();
        if page.items.len() >= count {
            return page.items;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("no {count} actions were found");
}

/// Lets everything that runs beside come to its end.
async fn rest() {
    tokio::time::sleep(Duration::from_secs(200)).await;
}

async fn said(agent: &VoiceAgent, words: &str, session: Option<SessionId>) -> Reply {
    agent.turn(words).session(session).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_said_is_found_with_its_details_and_its_message() {
    let model = Model::finding(&json!([refill("metformin", 0.9)]));
    let agent = agent(&model, LOOKS).await;
    let reply = said(&agent, "I need more metformin.", None).await;
    assert!(reply.actions.is_empty(), "the reply does not wait");
    let [action] = &found(&agent, reply.session_id, 1).await[..] else { unreachable!() };
    assert_eq!((action.kind.as_str(), action.confidence), ("refill", 0.9));
    assert_eq!(Value::Object(action.details.clone()), json!({"medication": "metformin"}));
    assert_eq!((action.turn_id, action.message_id), (reply.turn_id, reply.user_message_id));
    assert_eq!(model.shown(), "CONVERSATION:\n1 NEW user: I need more metformin.\n2 NEW assistant: It is noted.\n");
}

#[tokio::test(start_paused = true)]
async fn looking_for_actions_never_delays_an_answer() {
    let mut model = Model::finding(&json!([refill("metformin", 0.9)]));
    model.notes = model.notes.first_after(Duration::from_secs(20));
    let agent = agent(&model, LOOKS).await;
    let begun = Instant::now();
    let first = said(&agent, "I need more metformin.", None).await;
    said(&agent, "And how is the weather?", Some(first.session_id)).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(found(&agent, first.session_id, 1).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn turns_that_come_faster_than_they_are_looked_through_are_looked_through_all_the_same() {
    let config = r#"{"actions": {"context_messages": 2}}"#;
    let agent = agent_on(Storage::of(Arc::new(MemoryStore::new())), &Slow, config).await;
    let (medications, mut session) = (["aspirin", "codeine", "insulin", "lithium", "metformin", "warfarin"], None);
    for medication in medications {
        session = Some(said(&agent, &format!("I need more {medication}"), session).await.session_id);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    rest().await;
    let mut found = found(&agent, session.unwrap(), 6).await;
    found.sort_by_key(|action| action.id);
    let details: Vec<_> = found.iter().map(|action| action.details["medication"].as_str().unwrap()).collect();
    assert_eq!(details, medications);
}

#[tokio::test(start_paused = true)]
async fn tools_take_no_room_from_what_was_said() {
    let mut model = Model::finding(&json!([refill("metformin", 0.9)]));
    model.answers = ScriptedLlm::calling("look_up", json!({})).then_saying("It is noted.");
    let agent = agent(&model, r#"{"actions": {"context_messages": 2}}"#).await;
    let schema = json!({"type": "object"});
    let tool = FunctionTool::new("look_up", "The list.", schema, |_, _| async { Ok("There is none.") });
    let reply = agent.turn("I need more metformin.").tools([Arc::new(tool) as Arc<dyn Tool>]).await.unwrap();
    let [action] = &found(&agent, reply.session_id, 1).await[..] else { unreachable!() };
    assert_eq!(action.message_id, reply.user_message_id);
    assert_eq!(model.shown(), "CONVERSATION:\n1 NEW user: I need more metformin.\n2 NEW assistant: It is noted.\n");
}

#[tokio::test(start_paused = true)]
async fn a_reply_says_what_was_found_where_it_waits_for_that() {
    let mut model = Model::finding(&json!([refill("metformin", 0.9)]));
    model.notes = model.notes.first_after(Duration::from_secs(3));
    let agent = agent(&model, WAITS).await;
    let begun = Instant::now();
    let (mut stream, mut kinds, mut sound_at) = (agent.turn("I need more metformin.").stream(), Vec::new(), None);
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            TurnEvent::Audio(_) => sound_at = Some(begun.elapsed()),
            TurnEvent::ActionDetected(action) => kinds.push(action.kind),
            TurnEvent::Done(reply) => kinds.extend(reply.actions.into_iter().map(|action| action.kind)),
            _ => {}
        }
    }
    assert_eq!(kinds, ["refill", "refill"], "as an event, and in the reply");
    assert!(sound_at.unwrap() < Duration::from_secs(1), "the sound does not wait: {sound_at:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_what_is_not_there_not_sure_or_not_right() {
    let unsure = json!({"actions": [refill("metformin", 0.59)]}).to_string();
    let unknown = json!({"actions": [{"type": "dance", "confidence": 1}]}).to_string();
    let wrong = json!({"actions": [{"type": "refill", "confidence": 1, "details": {"dose": "1"}}]}).to_string();
    for notes in [r#"{"actions": []}"#, "I have found nothing.", "", &unsure, &unknown, &wrong] {
        let model = Model::noting(notes);
        let agent = agent(&model, LOOKS).await;
        let reply = said(&agent, "I need more metformin.", None).await;
        rest().await;
        assert_eq!(model.notes.calls(), 1);
        assert!(found(&agent, reply.session_id, 0).await.is_empty(), "{notes}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_is_kept_once_in_a_session_and_shown_as_known() {
    let model = Model::finding(&json!([refill("metformin", 0.9)]));
    let agent = agent(&model, LOOKS).await;
    let first = said(&agent, "I need more metformin.", None).await;
    said(&agent, "As I said: metformin.", Some(first.session_id)).await;
    rest().await;
    assert_eq!(found(&agent, first.session_id, 1).await.len(), 1);
    assert!(
        model.shown().starts_with("KNOWN:\n- refill {\"medication\":\"metformin\"}\nCONVERSATION:\n1 user: I need")
    );
    let other = said(&agent, "I need more metformin.", None).await;
    assert_eq!(found(&agent, other.session_id, 1).await.len(), 1, "another session has its own");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_hangs_or_panics_harms_no_conversation() {
    for step in [Step::fail(Error::new(ErrorKind::ProviderFailed, "down")), Step::hang(), Step::panic(), Step::end()] {
        let mut model = Model::finding(&json!([refill("metformin", 0.9)]));
        model.notes = model.notes.every_call(step.clone());
        for config in [LOOKS, WAITS] {
            let agent = agent(&model, config).await;
            let first = said(&agent, "I need more metformin.", None).await;
            let second = said(&agent, "And insulin.", Some(first.session_id)).await;
            assert_eq!((first.text.as_str(), second.session_id), ("It is noted.", first.session_id), "{step:?}");
            assert!(second.actions.is_empty());
            rest().await;
            assert!(found(&agent, first.session_id, 0).await.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn own_types_are_looked_for_with_their_schema() {
    let call = |who: Value| json!({"type": "call_back", "line": 1, "details": {"who": who}, "confidence": "80%"});
    let model = Model::finding(&json!([call(json!("Ada")), call(json!(3)), refill("metformin", 1.0)]));
    let schema = json!({"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]});
    let definitions = json!({"call_back": {"description": "Somebody is to be called.", "details": schema}});
    let config = json!({"actions": {"types": ["call_back"], "definitions": definitions}}).to_string();
    let agent = agent(&model, &config).await;
    let reply = said(&agent, "Call Ada.", None).await;
    let actions = found(&agent, reply.session_id, 1).await;
    assert_eq!(actions.len(), 1, "a type that is not looked for is left out");
    assert_eq!((actions[0].kind.as_str(), actions[0].confidence), ("call_back", 0.8));
}

#[tokio::test(start_paused = true)]
async fn an_assistant_says_what_is_looked_for() {
    let model = Model::finding(&json!([refill("metformin", 0.9)]));
    let agent = agent(&model, "{}").await;
    let reply = said(&agent, "I need more metformin.", None).await;
    rest().await;
    assert_eq!(model.notes.calls(), 0, "nothing is looked for");
    assert!(found(&agent, reply.session_id, 0).await.is_empty());
    let nurse = Assistant::from_value(json!({"name": "Nurse", "actions": {"types": ["refill"]}})).unwrap();
    let nurse = agent.assistants().create(&nurse).await.unwrap().id;
    let reply = agent.turn("I need more metformin.").assistant(nurse).await.unwrap();
    assert_eq!(found(&agent, reply.session_id, 1).await.len(), 1);
}

// On the real clock: the thread of a database knows no other.
#[tokio::test]
async fn closing_waits_for_what_is_being_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Storage::of(Arc::new(SqliteStore::open(folder.path().join("voice.db")).unwrap()));
    let mut model = Model::finding(&json!([refill("metformin", 0.9)]));
    model.notes = model.notes.first_after(Duration::from_millis(300));
    let agent = agent_on(open(), &model, LOOKS).await;
    let session = said(&agent, "I need more metformin.", None).await.session_id;
    agent.close().await.unwrap();
    let agent = agent_on(open(), &model, "{}").await;
    let [action] = &found(&agent, session, 1).await[..] else { unreachable!() };
    assert_eq!((action.kind.as_str(), action.session_id), ("refill", session), "a restart keeps it");
}

#[tokio::test]
async fn a_conversation_is_summed_up_with_its_actions_and_anew_only_when_more_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Storage::of(Arc::new(SqliteStore::open(folder.path().join("voice.db")).unwrap()));
    let notes = json!({
        "actions": [refill("metformin", 0.9)], "summary": "A refill was asked for.", "points": ["Metformin."]
    });
    let model = Model::noting(notes.to_string());
    let agent = agent_on(open(), &model, LOOKS).await;
    let session = said(&agent, "I need more metformin.", None).await.session_id;
    let sessions = agent.sessions();
    let summary = sessions.summary(session).await.unwrap().unwrap();
    assert_eq!(
        (summary.text.as_str(), summary.points.as_slice()),
        ("A refill was asked for.", &["Metformin.".into()][..])
    );
    assert_eq!(summary.actions.len(), 1, "what is being looked for is waited for");
    assert!(
        model
            .shown()
            .contains("user: I need more metformin.\nassistant: It is noted.\n\nNoted to be acted on:\n- refill")
    );
    let calls = model.notes.calls();
    sessions.summary(session).await.unwrap();
    agent.close().await.unwrap();

    let agent = agent_on(open(), &model, LOOKS).await;
    assert_eq!(agent.sessions().summary(session).await.unwrap().unwrap().text, "A refill was asked for.");
    assert_eq!(model.notes.calls(), calls, "it is kept");
    said(&agent, "And insulin.", Some(session)).await;
    agent.sessions().summary(session).await.unwrap();
    assert_eq!(model.notes.calls(), calls + 2, "looked for once more, and summed up anew");
}

#[tokio::test(start_paused = true)]
async fn a_summary_that_cannot_be_made_is_an_error_and_no_harm() {
    let model = Model::noting(" ");
    let agent = agent(&model, "{}").await;
    let empty = agent.sessions().create().await.unwrap();
    assert!(agent.sessions().summary(empty.id).await.unwrap().is_none(), "nobody has said anything");
    let session = said(&agent, "hello", None).await.session_id;
    let error = agent.sessions().summary(session).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ProviderError, "{error}");
    let error = agent.sessions().summary(SessionId::new()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionNotFound);
}

#[tokio::test(start_paused = true)]
async fn actions_need_a_store_for_them() {
    let stores = || Storage::new(Arc::new(MemoryStore::new()) as Arc<dyn ConversationStore>);
    let model = Model::noting("{}");
    let builder = VoiceAgent::builder().config(Config::from_json(LOOKS).unwrap()).stt("none").llm(model.clone());
    let error = builder.tts("none").stores(stores()).build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let agent = agent_on(stores(), &model, "{}").await;
    let session = said(&agent, "hello", None).await.session_id;
    let error = agent.sessions().actions(session, ActionQuery::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test(start_paused = true)]
async fn foreign_actions_are_out_of_reach() {
    let model = Model::noting(json!({"actions": [refill("metformin", 0.9)], "summary": "Words."}).to_string());
    let agent = agent(&model, LOOKS).await;
    let (mine, theirs) = (agent.sessions().for_user("ada"), agent.sessions().for_user("bob"));
    let session = agent.turn("I need more metformin.").user("ada").await.unwrap().session_id;
    found(&agent, session, 1).await;
    assert_eq!(mine.actions(session, ActionQuery::default()).await.unwrap().items.len(), 1);
    let error = theirs.actions(session, ActionQuery::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionNotFound);
    let error = theirs.summary(session).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionNotFound);
    let mut query = ActionQuery::default();
    query.limit = 101;
    assert_eq!(mine.actions(session, query).await.unwrap_err().code(), ErrorCode::ValidationError);
}
