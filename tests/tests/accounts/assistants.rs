//! Assistants: kept in versions, and used by the sessions that began with them.

use serde_json::json;
use voice_core::{
    AssistantId, ErrorCode, FunctionTool, Role, Secret, Tool,
    agent::Principal,
    config::{Assistant, ProviderConfig},
    store::{AssistantQuery, AssistantRecord, AssistantStore, AssistantVersion, MessageQuery, SessionQuery},
};
use voice_testkit::{
    Step,
    openai::{OpenAiDouble, Route},
};

use super::*;

fn assistant(name: &str) -> Assistant {
    Assistant::from_value(json!({
        "name": name, "system_prompt": format!("You are {name}."), "first_message": "Hello, I am the baker. How can I help?",
        "model_provider": "house", "voice_provider": "choir", "temperature": 0.25, "max_tokens": 77, "language": "de"
    }))
    .unwrap()
}

struct Set {
    agent: VoiceAgent,
    llm: ScriptedLlm,
    house: ScriptedLlm,
    choir: ScriptedTts,
}

async fn set_with(choir: ScriptedTts) -> Set {
    let (llm, house) = (ScriptedLlm::saying("I am the agent."), ScriptedLlm::saying("I am the assistant."));
    let agent = VoiceAgent::builder()
        .stt(ScriptedStt::hearing("will it rain"))
        .llm(llm.clone())
        .tts(ScriptedTts::new())
        .named_llm("house", Arc::new(house.clone()))
        .named_tts("choir", Arc::new(choir.clone()))
        .stores(memory())
        .build()
        .await
        .unwrap();
    Set { agent, llm, house, choir }
}

async fn set() -> Set {
    set_with(ScriptedTts::new()).await
}

#[tokio::test]
async fn an_assistant_answers_in_its_sessions_with_its_own_model_voice_and_settings() {
    let Set { agent, llm, house, choir } = set().await;
    let baker = agent.assistants().create(&assistant("Baker")).await.unwrap();
    let reply = agent.turn("will it rain?").assistant(baker.id).await.unwrap();
    assert_eq!(reply.text, "I am the assistant.");
    let session = agent.sessions().get(reply.session_id).await.unwrap();
    assert_eq!(session.assistant, Some(AssistantVersion { id: baker.id, version: 1 }));
    agent.turn("and tomorrow?").session(session.id).await.unwrap();
    assert_eq!((house.calls(), llm.calls()), (2, 0));
    assert_eq!(choir.spoken(), ["I am the assistant.", "I am the assistant."]);
    let request = &house.requests()[1];
    assert_eq!((request.max_tokens, request.temperature), (77, 0.25));
    assert_eq!(&*request.messages[0].content, "You are Baker.");
    assert_eq!(request.messages.len(), 4);

    let reply = agent.turn("without an assistant").await.unwrap();
    assert_eq!(reply.text, "I am the agent.");
}

#[tokio::test(start_paused = true)]
async fn assistants_share_the_rate_limit_of_a_provider() {
    let config = r#"{"rate_limit": {"per_minute": 60, "burst": 1}, "webhooks": {"deliver": false}}"#;
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt("none")
        .llm(ScriptedLlm::saying(ANSWER))
        .tts("none")
        .named_llm("house", Arc::new(ScriptedLlm::saying(ANSWER)))
        .stores(memory())
        .build()
        .await
        .unwrap();
    let started = tokio::time::Instant::now();
    for name in ["One", "Two"] {
        let document = json!({"name": name, "model_provider": "house"});
        let made = agent.assistants().create(&Assistant::from_value(document).unwrap()).await.unwrap();
        agent.turn("will it rain?").assistant(made.id).await.unwrap();
    }
    assert_eq!(started.elapsed().as_millis().div_ceil(10), 100);
}

#[tokio::test]
async fn a_session_keeps_the_version_it_began_with() {
    let Set { agent, house, .. } = set().await;
    let assistants = agent.assistants();
    let baker = assistants.create(&assistant("Baker")).await.unwrap();
    let old = agent.sessions().create().assistant(baker.id).await.unwrap();
    let changed = assistants.update(baker.id, &assistant("Butcher")).await.unwrap();
    assert_eq!((changed.version, changed.created_at), (2, baker.created_at));
    let new = agent.sessions().create().assistant(baker.id).await.unwrap();
    assistants.delete(baker.id).await.unwrap();
    for (session, prompt) in [(old.id, "You are Baker."), (new.id, "You are Butcher.")] {
        agent.turn("who are you?").session(session).await.unwrap();
        assert_eq!(&*house.requests().last().unwrap().messages[0].content, prompt);
    }
    let error = agent.turn("hello").assistant(baker.id).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::NotFound, 404));
    assert_eq!(assistants.version(AssistantVersion { id: baker.id, version: 1 }).await.unwrap(), baker);
    assert_eq!(assistants.list(AssistantQuery::default()).await.unwrap().items.len(), 0);
}

#[tokio::test]
async fn a_session_with_another_assistant_is_not_gone_on_with() {
    let Set { agent, .. } = set().await;
    let (one, two) = (
        agent.assistants().create(&assistant("One")).await.unwrap(),
        agent.assistants().create(&assistant("Two")).await.unwrap(),
    );
    let first = agent.turn("a").assistant(one.id).await.unwrap().session_id;
    assert_eq!(agent.turn("b").session(first).assistant(one.id).await.unwrap().session_id, first);
    assert_ne!(agent.turn("c").session(first).assistant(two.id).await.unwrap().session_id, first);
    let mut query = SessionQuery::default();
    query.assistant = Some(one.id);
    let listed = agent.sessions().list(query).await.unwrap();
    assert_eq!(listed.items.iter().map(|s| s.id).collect::<Vec<_>>(), [first]);
}

#[tokio::test]
async fn the_first_message_is_spoken_and_stored_once_and_known_to_the_model() {
    let Set { agent, house, choir, .. } = set().await;
    let baker = agent.assistants().create(&assistant("Baker")).await.unwrap();
    let session = agent.sessions().create().assistant(baker.id).await.unwrap();
    let greeting = agent.sessions().greet(session.id).await.unwrap().unwrap();
    assert_eq!(greeting.text, "Hello, I am the baker. How can I help?");
    assert!(!greeting.audio.is_empty() && greeting.audio_error.is_none());
    assert_eq!(choir.spoken().concat().replace(' ', ""), greeting.text.replace(' ', ""));

    let again = agent.sessions().greet(session.id).await.unwrap().unwrap();
    assert_eq!(again.message_id, greeting.message_id);
    let history = agent.sessions().history(session.id, MessageQuery::latest(10)).await.unwrap().items;
    assert_eq!(history.iter().map(|m| (m.role, m.id)).collect::<Vec<_>>(), [(Role::Assistant, greeting.message_id)]);

    agent.turn("will it rain?").session(session.id).await.unwrap();
    let shown = &house.requests()[0].messages;
    assert!(shown.len() == 2 && shown[0].content.ends_with(&greeting.text), "the model knows what it opened with");
    assert!(agent.sessions().greet(session.id).await.unwrap().is_none(), "the conversation has gone on");
    agent.sessions().end(session.id).await.unwrap();
    assert_eq!(agent.sessions().greet(session.id).await.unwrap_err().code(), ErrorCode::SessionNotFound);
    let plain = agent.sessions().create().await.unwrap();
    assert!(agent.sessions().greet(plain.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_first_message_that_cannot_be_spoken_is_stored_without_sound() {
    let down = voice_core::Error::new(ErrorKind::InvalidProviderKey, "no");
    let Set { agent, .. } = set_with(ScriptedTts::new().every_call(Step::fail(down))).await;
    let baker = agent.assistants().create(&assistant("Baker")).await.unwrap();
    let session = agent.sessions().create().assistant(baker.id).await.unwrap();
    let greeting = agent.sessions().greet(session.id).await.unwrap().unwrap();
    assert!(greeting.audio.is_empty());
    assert_eq!(greeting.audio_error.unwrap().kind(), ErrorKind::InvalidProviderKey);
    assert_eq!(agent.sessions().history(session.id, MessageQuery::latest(10)).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn fields_are_changed_one_by_one() {
    let Set { agent, .. } = set().await;
    let baker = agent.assistants().create(&assistant("Baker")).await.unwrap();
    let fields = |value: serde_json::Value| value.as_object().unwrap().clone();
    let patched = agent.assistants().patch(baker.id, &fields(json!({"temperature": 1.5, "first_message": null}))).await;
    let patched = patched.unwrap();
    assert_eq!((patched.version, patched.assistant.temperature), (2, 1.5));
    assert_eq!((patched.assistant.first_message, patched.assistant.max_tokens), (None, 77));
    for (bad, says) in [
        (json!({"temperature": 9}), "temperature: 9 is out of range"),
        (json!({"colour": "red"}), "colour: there is no such key"),
        (json!({"colour": null}), "colour: there is no such key"),
        (json!({"name": null}), "name: 0 characters"),
        (json!({"model_provider": "nobody"}), "model_provider: there is no provider \"nobody\""),
        (json!({"model_provider": "choir"}), "model_provider: there is no provider \"choir\""),
    ] {
        let error = agent.assistants().patch(baker.id, &fields(bad)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ValidationError);
        assert!(error.message().starts_with(says), "{error}");
    }
    assert_eq!(agent.assistants().get(baker.id).await.unwrap().version, 2);
}

#[tokio::test]
async fn simultaneous_changes_are_all_made_one_after_the_other() {
    let Set { agent, .. } = set().await;
    let baker = agent.assistants().create(&assistant("Baker")).await.unwrap();
    let changes = ["max_tokens", "context_messages"].map(|field| {
        let assistants = agent.assistants();
        let fields = json!({ field: 9 }).as_object().unwrap().clone();
        async move { assistants.patch(baker.id, &fields).await }
    });
    for changed in futures_util::future::join_all(changes).await {
        changed.unwrap();
    }
    let last = agent.assistants().get(baker.id).await.unwrap();
    assert_eq!((last.version, last.assistant.max_tokens, last.assistant.context_messages), (3, 9, 9));
}

#[tokio::test]
async fn an_organizations_assistants_call_providers_with_its_own_credential() {
    let double = OpenAiDouble::start().await.unwrap();
    let mut cloud = ProviderConfig::named("openai");
    (cloud.base_url, cloud.api_key) = (Some(double.base_url()), Some(Secret::new("sk-host")));
    let agent = VoiceAgent::builder()
        .config(Config::from_json(&format!(r#"{{"accounts": {{"credentials_key": "{VAULT}"}}}}"#)).unwrap())
        .stt(ScriptedStt::hearing("hi"))
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(ScriptedTts::new())
        .named_provider("cloud", cloud)
        .stores(memory())
        .build()
        .await
        .unwrap();
    let (one, two) = (organization(&agent).await, organization(&agent).await);
    agent.accounts().of(one).set_credential("cloud", &Secret::new("sk-one")).await.unwrap();
    let document = json!({"name": "A", "model_provider": "cloud", "model_name": "gpt-x"});
    let mut assistants = Vec::new();
    for organization in [one, two] {
        let theirs = agent.with(&Principal::organization_itself(organization));
        let made = theirs.assistants().create(&Assistant::from_value(document.clone()).unwrap()).await.unwrap();
        assistants.push((theirs, made.id));
    }
    let keys = async || {
        for (theirs, assistant) in &assistants {
            theirs.turn("hello").assistant(*assistant).speak(false).await.unwrap();
        }
        let asked = double.requests_to(Route::Chat);
        asked[asked.len() - 2..].iter().map(|r| r.bearer.as_ref().unwrap().expose().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys().await, ["sk-one", "sk-host"]);
    agent.accounts().of(one).set_credential("cloud", &Secret::new("sk-new")).await.unwrap();
    assert_eq!(keys().await, ["sk-new", "sk-host"]);
    let kept = agent.accounts().of(one).credentials().await.unwrap();
    assert_eq!(kept.iter().map(|c| c.provider.as_str()).collect::<Vec<_>>(), ["cloud"]);
    agent.accounts().of(one).delete_credential("cloud").await.unwrap();
    assert_eq!(keys().await, ["sk-host", "sk-host"]);
}

#[tokio::test]
async fn a_user_may_read_assistants_and_not_change_them() {
    let agent = agent().await;
    let organization = organization(&agent).await;
    let admin = agent.with(&Principal::organization_itself(organization));
    let baker = admin.assistants().create(&Assistant::named("Baker")).await.unwrap();
    let ada = admin.accounts().register("ada@a.org").await.unwrap().user.id;
    let hers = agent.with(&Principal::user_of(organization, ada));
    assert_eq!(hers.assistants().get(baker.id).await.unwrap().assistant.name, "Baker");
    let reply = hers.turn("hello").assistant(baker.id).await.unwrap();
    assert_eq!(hers.sessions().get(reply.session_id).await.unwrap().organization, Some(organization));
    for error in [
        hers.assistants().create(&Assistant::named("Mine")).await.err(),
        hers.assistants().update(baker.id, &Assistant::named("Mine")).await.err(),
        hers.assistants().delete(baker.id).await.err(),
    ] {
        assert_eq!(error.unwrap().kind(), ErrorKind::Forbidden);
    }
    assert_eq!(agent.assistants().get(baker.id).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(agent.assistants().of(organization).get(baker.id).await.unwrap().id, baker.id);
    let nowhere = agent.assistants().of(OrganizationId::new()).create(&Assistant::named("Lost")).await.unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);
}

const NO_FILES: &str = "a local model or voice goes by its name here, not by that of a file";

#[tokio::test]
async fn an_assistant_names_no_files_of_this_machine() {
    let agent = VoiceAgent::builder()
        .stt(ScriptedStt::hearing("hi"))
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(ScriptedTts::new())
        .named_llm("house", Arc::new(ScriptedLlm::saying(ANSWER)))
        .named_provider("shelf", ProviderConfig::named("local//srv/voices"))
        .stores(memory())
        .build()
        .await
        .unwrap();
    let create = async |mut document: serde_json::Value| {
        document["name"] = json!("A");
        agent.assistants().create(&Assistant::from_value(document).unwrap()).await
    };
    for file in ["/srv/model.gguf", "model.gguf", "voice.ONNX", "heart.bin", "../model", "a/b", ".hidden"] {
        let voice = |voice: serde_json::Value| json!({"languages": ["en", "es"], "voices": {"es": voice}});
        for (path, document) in [
            ("model_name", json!({"model_provider": "local", "model_name": file})),
            ("stt_model", json!({"stt_provider": "local", "stt_model": file})),
            ("voice_model", json!({"voice_provider": "local", "voice_model": file})),
            ("voice_id", json!({"voice_provider": "shelf", "voice_id": file})),
            ("interpreter.voices.es.model", json!({"interpreter": voice(json!({"provider": "local", "model": file}))})),
            (
                "interpreter.voices.es.voice",
                json!({"voice_provider": "shelf", "interpreter": voice(json!({"voice": file}))}),
            ),
        ] {
            let error = create(document).await.unwrap_err();
            assert_eq!((error.code(), error.message()), (ErrorCode::ValidationError, &*format!("{path}: {NO_FILES}")));
        }
    }
    for document in [
        json!({"voice_provider": "shelf", "voice_id": "amy"}),
        json!({"model_provider": "local", "model_name": "qwen3-1.7b"}),
        json!({"model_provider": "groq", "model_name": "meta-llama/llama-4"}),
        json!({"model_provider": "house", "model_name": "a/b.gguf"}),
    ] {
        create(document).await.unwrap();
    }
}

#[tokio::test]
async fn an_assistant_that_was_stored_with_a_files_name_does_not_tell_whether_the_file_is_there() {
    let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
    let agent = agent_on(Storage::of(Arc::clone(&store)), "{}").await;
    let there = folder.path().join("model.gguf");
    std::fs::write(&there, "no model").unwrap();
    for file in [there, folder.path().join("nothing.gguf")] {
        let document = json!({"name": "A", "model_provider": "local", "model_name": file});
        let document = document.as_object().unwrap().clone();
        let record = AssistantRecord::new(AssistantId::new(), None, "A", document, jiff::Timestamp::now());
        store.create_assistant(&record).await.unwrap();
        let error = agent.turn("hello").assistant(record.id).await.unwrap_err();
        assert_eq!(error.message(), format!("model_name: {NO_FILES}"));
    }
}

#[tokio::test]
async fn an_organization_is_not_told_where_models_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(r#"{{"local": {{"models": {:?}}}}}"#, folder.path());
    let agent = agent_on(memory(), &config).await;
    let theirs = agent.with(&Principal::organization_itself(organization(&agent).await));
    let document = json!({"name": "A", "model_provider": "local", "model_name": "nothing"});
    let made = theirs.assistants().create(&Assistant::from_value(document).unwrap()).await.unwrap();
    let error = theirs.turn("hello").assistant(made.id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
    assert!(!format!("{error:?}").contains(&*folder.path().to_string_lossy()), "{error:?}");
}

fn tool(name: &str) -> Arc<dyn Tool> {
    Arc::new(FunctionTool::new(name, "Does.", json!({"type": "object"}), |_, _| async { Ok("done") }))
}

async fn agent_with_tools(storage: Storage, llm: &ScriptedLlm, tools: &[&str]) -> VoiceAgent {
    let builder = VoiceAgent::builder().stt("none").llm(llm.clone()).tts("none").stores(storage);
    builder.tools(tools.iter().map(|name| tool(name))).build().await.unwrap()
}

/// The tools that the model was told of when it was asked last.
fn offered(llm: &ScriptedLlm) -> Vec<String> {
    llm.requests().last().unwrap().tools.iter().map(|tool| tool.name.clone()).collect()
}

#[tokio::test]
async fn an_assistant_calls_the_tools_that_it_names_and_no_others() {
    let llm = ScriptedLlm::calling("weather", json!({})).and_calling("bake", json!({})).then_saying(ANSWER);
    let storage = memory();
    let agent = agent_with_tools(storage.clone(), &llm, &["weather", "bake"]).await;
    let mut baker = Assistant::named("Baker");
    let of_all = agent.assistants().create(&baker).await.unwrap().id;
    baker.tools = vec!["weather".into()];
    let of_one = agent.assistants().create(&baker).await.unwrap().id;

    let reply = agent.turn("will it rain?").assistant(of_one).await.unwrap();
    assert_eq!(offered(&llm), ["weather"]);
    let [known, other] = &reply.tool_calls[..] else { panic!("two calls: {:?}", reply.tool_calls) };
    assert_eq!((known.result.as_str(), known.failed, other.failed), ("done", false, true));
    assert!(other.result.contains("there is no such tool; there are: weather"), "{}", other.result);

    agent.turn("will it rain?").assistant(of_one).tools([tool("bake")]).await.unwrap();
    assert_eq!(offered(&llm), ["weather", "bake"], "what the host gives a turn is meant for it");
    agent.turn("will it rain?").assistant(of_all).await.unwrap();
    assert_eq!(offered(&llm), ["weather", "bake"]);
    // The tool is gone.
    agent_with_tools(storage, &llm, &["bake"]).await.turn("will it rain?").assistant(of_one).await.unwrap();
    assert_eq!(offered(&llm), [""; 0]);
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_refused_where_it_is_known_which_there_are() {
    let llm = ScriptedLlm::saying(ANSWER);
    let mut baker = Assistant::named("Baker");
    baker.tools = vec!["weather".into(), "dance".into()];
    let error = agent_with_tools(memory(), &llm, &["weather", "bake"]).await.assistants().create(&baker).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ValidationError);
    assert_eq!(error.message(), "tools: there is no tool \"dance\"; there are: weather, bake");
    agent_with_tools(memory(), &llm, &[]).await.assistants().create(&baker).await.unwrap();
}
