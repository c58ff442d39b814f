//! Conversations over the Realtime API, in its real wire format; what a browser is given to hold them itself.

use std::{f32::consts::TAU, sync::Arc};

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use voice_core::{
    Config, ConversationStore, ErrorCode, LiveEvent, SpeechToSpeech, VoiceAgent,
    agent::ClientSecretOptions,
    cost::TokensUsed,
    provider::{
        AnswerEnd, ClientSecretRequest, Conversation, ConversationRequest, FromModel, ToModel, ToolSpec, Turns,
    },
    providers::openai::{Eagerness, OpenAiRealtime, VoiceDetection},
    store::{MemoryStore, MessageQuery},
};
use voice_testkit::{ScriptedRealtime, Voice};

use super::*;

const ANSWER: &str = "It is noon.";

fn scripted() -> ScriptedRealtime {
    ScriptedRealtime::new(&Voice::new()).saying(ANSWER)
}

/// A tone, which survives being resampled.
fn tone(ms: usize) -> Vec<i16> {
    (0..ms * 16).map(|n| ((n as f32 * 400.0 * TAU / 16_000.0).sin() * 8_000.0) as i16).collect()
}

struct Talk {
    tell: mpsc::UnboundedSender<ToModel>,
    conversation: Conversation,
}

impl Talk {
    async fn begin(model: &OpenAiRealtime, request: ConversationRequest) -> Result<Self, Error> {
        let (tell, told) = mpsc::unbounded_channel();
        let input = stream::unfold(told, |mut told| async { Some((told.recv().await?, told)) }).boxed();
        let conversation = patient(model.converse(request, input, &CallContext::new())).await?;
        Ok(Self { tell, conversation })
    }

    fn tell(&self, told: ToModel) {
        self.tell.send(told).unwrap();
    }

    fn sound(&self, samples: Vec<i16>) {
        samples.chunks(320).for_each(|frame| self.tell(ToModel::Sound(Pcm::new(frame, 16_000))));
    }

    async fn next(&mut self) -> Result<FromModel, Error> {
        patient(self.conversation.events.next()).await.expect("the conversation goes on")
    }

    /// Everything up to the end of an answer.
    async fn answer(&mut self) -> Vec<FromModel> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await.unwrap());
            if matches!(events.last(), Some(FromModel::Done { .. })) {
                return events;
            }
        }
    }
}

fn words(events: &[FromModel]) -> String {
    events
        .iter()
        .filter_map(|e| if let FromModel::Text { delta, .. } = e { Some(delta.0.as_str()) } else { None })
        .collect()
}

/// What was asked of the double and what it told, held against the official description.
fn checked(double: &OpenAiDouble) {
    let spec = OpenAiSpec::find();
    let connections = double.requests_to(Route::RealtimeConnect);
    let checks = connections.iter().map(|request| spec.check(request)).chain([spec.check_told(&double.told())]);
    for check in checks {
        match check {
            SpecCheck::Conforms => {}
            SpecCheck::NotChecked(why) => println!("not checked: {why}"),
            violated => panic!("{violated}"),
        }
    }
}

fn frames(double: &OpenAiDouble) -> Vec<Value> {
    match &double.requests_to(Route::RealtimeConnect)[0].body {
        RecordedBody::Frames(frames) => frames.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_spoken_turn_goes_over_the_wire_and_back() {
    let double = double().await;
    let mut used = TokensUsed::default();
    (used.text_in, used.audio_in, used.text_out, used.audio_out) = (60, 40, 15, 35);
    (used.cached_text_in, used.cached_audio_in) = (20, 10);
    double.converse(scripted().hearing(Some("What time is it?")).using(used));
    let mut talk = Talk::begin(&OpenAiRealtime::with_config(config(&double)), request()).await.unwrap();
    talk.sound(tone(600));
    talk.sound(vec![0; 16 * 700]);
    let events = talk.answer().await;

    let at = |is: fn(&FromModel) -> bool| events.iter().position(is).unwrap();
    let order = [
        at(|e| matches!(e, FromModel::SpeechStarted { .. })),
        at(|e| matches!(e, FromModel::SpeechStopped { .. })),
        at(|e| matches!(e, FromModel::Committed { .. })),
        at(|e| matches!(e, FromModel::Transcript { transcript, .. } if !transcript.is_final)),
        at(
            |e| matches!(e, FromModel::Transcript { transcript, .. } if transcript.is_final && transcript.text == "What time is it?"),
        ),
        at(|e| matches!(e, FromModel::Begun { says: None, .. })),
        at(|e| matches!(e, FromModel::Sound { .. })),
    ];
    assert!(order.is_sorted(), "{order:?}");
    let Some(FromModel::SpeechStopped { at }) = events.iter().find(|e| matches!(e, FromModel::SpeechStopped { .. }))
    else {
        unreachable!()
    };
    assert!((570..640).contains(&at.as_millis()), "{at:?}");
    assert_eq!(words(&events), ANSWER);
    let Some(FromModel::Done { end: AnswerEnd::Complete, usage, .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!(*usage, Some(used));
    checked(&double);

    let connection = &double.requests_to(Route::RealtimeConnect)[0];
    assert!(connection.path.ends_with("/realtime?model=gpt-realtime-2.1"), "{}", connection.path);
    assert_eq!(connection.bearer.as_ref().map(|b| b.expose()), Some(KEY));
    let session = &frames(&double)[0]["session"];
    assert_eq!(session["type"], "realtime");
    assert_eq!(session["instructions"], "Be brief.");
    assert_eq!(
        session["audio"]["input"]["transcription"],
        json!({"model": "gpt-live-transcribe", "languages": ["en"]})
    );
    assert_eq!(
        session["audio"]["input"]["turn_detection"],
        json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
            "create_response": true, "interrupt_response": true})
    );
    assert_eq!(session["audio"]["output"]["voice"], "marin");
    assert_eq!(session["max_output_tokens"], 500);
}

fn request() -> ConversationRequest {
    let mut request = ConversationRequest::new("Be brief.");
    request.language = Some("en-GB".into());
    request
}

#[tokio::test]
async fn every_setting_is_where_the_description_has_it() {
    let double = double().await;
    double.converse(scripted());
    let model = OpenAiRealtime::with_config(config(&double))
        .voice("voice_123")
        .speed(1.2)
        .transcription("whisper-1")
        .noise_reduction("far_field")
        .reasoning_effort("low")
        .voice_detection(VoiceDetection::Semantic(Eagerness::High));
    let mut request = request();
    request.tools = vec![ToolSpec::new("clock", "The time.", json!({"type": "object", "properties": {}}))].into();
    request.history = vec![PromptMessage::new(Role::User, "hello"), PromptMessage::new(Role::Assistant, "Hello!")];
    request.max_tokens = 100_000;
    let mut talk = Talk::begin(&model, request).await.unwrap();
    talk.tell(ToModel::Say { id: 7, text: "One moment.".into() });
    talk.tell(ToModel::Typed("and now?".into()));
    talk.tell(ToModel::ToolResult { call: "call_1".into(), result: "noon".into() });
    talk.tell(ToModel::Heard { item: "item_1".into(), until: Duration::from_millis(1_234) });
    talk.tell(ToModel::Cancel { response: "resp_9".into() });
    talk.tell(ToModel::Answer { tools: false });
    while words(&talk.answer().await) != ANSWER {}
    checked(&double);
    let frames = frames(&double);
    let session = &frames[0]["session"];
    assert_eq!(session["audio"]["input"]["turn_detection"]["type"], "semantic_vad");
    assert_eq!(session["audio"]["input"]["turn_detection"]["eagerness"], "high");
    assert_eq!(session["audio"]["input"]["noise_reduction"], json!({"type": "far_field"}));
    assert_eq!(
        (&session["audio"]["output"]["voice"], &session["audio"]["output"]["speed"]),
        (&json!({"id": "voice_123"}), &json!(1.2))
    );
    assert_eq!((&session["reasoning"], &session["max_output_tokens"]), (&json!({"effort": "low"}), &json!("inf")));
    assert_eq!(
        session["tools"][0],
        json!({"type": "function", "name": "clock", "description": "The time.", "parameters": {"type": "object", "properties": {}}})
    );
    let kinds: Vec<&str> = frames[1..].iter().map(|f| f["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["conversation.item.create"; 2]);
    assert_eq!(frames[1]["item"]["content"][0]["type"], "input_text");
    assert_eq!(frames[2]["item"]["content"][0]["type"], "output_text");
    let truncated = frames.iter().find(|f| f["type"] == "conversation.item.truncate").unwrap();
    assert_eq!((&truncated["audio_end_ms"], &truncated["content_index"]), (&json!(1_234), &json!(0)));
    let said = frames.iter().find(|f| f["response"]["conversation"] == "none").unwrap();
    assert_eq!(said["response"]["metadata"], json!({"says": "7"}));
}

#[tokio::test]
async fn words_are_read_aloud_and_known_by_their_number() {
    let double = double().await;
    double.converse(scripted());
    let mut talk = Talk::begin(&OpenAiRealtime::with_config(config(&double)), request()).await.unwrap();
    talk.tell(ToModel::Say { id: 7, text: "One moment.".into() });
    let events = talk.answer().await;
    assert!(matches!(events[0], FromModel::Begun { says: Some(7), .. }), "{events:?}");
    assert_eq!(words(&events), "One moment.");
    checked(&double);
}

#[tokio::test]
async fn a_call_comes_whole_and_a_refused_cancel_is_nothing() {
    let double = double().await;
    double.converse(scripted().calling(0, "clock", json!({"zone": "UTC"})));
    let mut talk = Talk::begin(&OpenAiRealtime::with_config(config(&double)), request()).await.unwrap();
    talk.tell(ToModel::Cancel { response: "resp_9".into() });
    talk.tell(ToModel::Answer { tools: true });
    let events = talk.answer().await;
    let calls: Vec<_> = events
        .iter()
        .filter_map(|e| if let FromModel::ToolCall { call, .. } = e { Some(call) } else { None })
        .collect();
    assert_eq!((calls.len(), calls[0].name.as_str(), &calls[0].arguments), (1, "clock", &json!({"zone": "UTC"})));
    talk.tell(ToModel::ToolResult { call: calls[0].id.clone(), result: "noon".into() });
    talk.tell(ToModel::Answer { tools: true });
    assert_eq!(words(&talk.answer().await), ANSWER);
    checked(&double);
}

#[tokio::test]
async fn manual_turns_have_no_detection() {
    let double = double().await;
    double.converse(scripted().hearing(Some("What time is it?")));
    let mut request = request();
    request.turns = Turns::Manual;
    let mut talk = Talk::begin(&OpenAiRealtime::with_config(config(&double)), request).await.unwrap();
    talk.sound(tone(300));
    talk.tell(ToModel::Commit);
    talk.tell(ToModel::Answer { tools: true });
    let events = talk.answer().await;
    assert!(matches!(events[0], FromModel::Committed { .. }));
    assert_eq!(frames(&double)[0]["session"]["audio"]["input"]["turn_detection"], Value::Null);
    checked(&double);
}

#[tokio::test]
async fn what_fails_is_typed() {
    use ErrorKind as K;
    let refused = double().await;
    refused
        .always(Route::RealtimeConnect, Reply::error(401, "invalid_api_key", "Incorrect API key provided: sk-planted"));
    let error = Talk::begin(&OpenAiRealtime::with_config(config(&refused)), request()).await.err().unwrap();
    assert_eq!((error.kind(), error.provider()), (K::InvalidProviderKey, Some("openai/gpt-realtime-2.1")));
    assert!(!format!("{error:?} {error}").contains("planted"));

    let limited = double().await;
    limited.converse(scripted().failing(0, K::RateLimited));
    let mut talk = Talk::begin(&OpenAiRealtime::with_config(config(&limited)), request()).await.unwrap();
    talk.tell(ToModel::Answer { tools: true });
    let events = talk.answer().await;
    let Some(FromModel::Done { end: AnswerEnd::Failed(error), .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!(error.kind(), K::RateLimited);

    for (what, model) in
        [("expired", scripted().lasting(Duration::from_millis(50))), ("dropped", scripted().dropping(0, ANSWER, 1))]
    {
        let double = double().await;
        double.converse(model);
        let mut talk = Talk::begin(&OpenAiRealtime::with_config(config(&double)), request()).await.unwrap();
        if what == "dropped" {
            talk.tell(ToModel::Answer { tools: true });
        }
        let error = loop {
            if let Err(error) = talk.next().await {
                break error;
            }
        };
        assert!(error.kind() == K::ConnectionLost && error.retryable(), "{what}: {error:?}");
    }
    let bad = double().await;
    bad.always(Route::RealtimeConnect, Reply::error(404, "model_not_found", "no such model"));
    let error = Talk::begin(&OpenAiRealtime::with_config(config(&bad)), request()).await.err().unwrap();
    assert_eq!(error.kind(), K::RejectedByProvider);
}

pub(crate) fn document(double: &OpenAiDouble) -> Config {
    let realtime = json!({"provider": "openai", "model": "gpt-realtime-2.1", "voice": "cedar", "api_key": KEY,
        "base_url": double.base_url(), "settings": {"turn_detection": "server_vad", "reasoning_effort": "low"}});
    Config::from_json(&json!({"realtime": realtime, "storage": "memory"}).to_string()).unwrap()
}

#[tokio::test]
async fn a_live_session_speaks_the_wire_format_and_stores_what_was_said() {
    let double = double().await;
    double.converse(scripted().hearing(Some("What time is it?")));
    let store = Arc::new(MemoryStore::new());
    let agent = VoiceAgent::builder()
        .config(document(&double))
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .build()
        .await
        .unwrap();
    let live = agent.live().start().await.unwrap();
    for frame in tone(500).into_iter().chain(vec![0; 16 * 700]).collect::<Vec<_>>().chunks(320) {
        live.push_audio(frame).unwrap();
    }
    let turn = patient(async {
        loop {
            match live.next().await.expect("an exchange is stored") {
                LiveEvent::TurnDone(turn) => break turn,
                LiveEvent::Error(error) => panic!("{error:?}"),
                _ => {}
            }
        }
    })
    .await;
    assert_eq!((turn.transcript.as_str(), turn.text.as_str()), ("What time is it?", ANSWER));
    let page = store.messages(live.session_id(), MessageQuery::latest(10)).await.unwrap();
    let kept: Vec<String> = page.items.iter().map(|m| format!("{}: {}", m.role.as_str(), m.content)).collect();
    assert_eq!(kept, ["user: What time is it?", &format!("assistant: {ANSWER}")]);
    live.end().await.unwrap();
    checked(&double);
    assert_eq!(frames(&double)[0]["session"]["audio"]["output"]["voice"], "cedar");
    assert_eq!(frames(&double)[0]["session"]["reasoning"]["effort"], "low");
    patient(async {
        while double.open_sockets() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn settings_that_are_none_are_named() {
    let build = |realtime: Value| async move {
        let config = Config::from_json(&json!({"realtime": realtime, "storage": "memory"}).to_string());
        match config {
            Ok(config) => VoiceAgent::from_config(config).await.map(|_| ()),
            Err(error) => Err(error),
        }
    };
    let with = |settings: Value| json!({"provider": "openai", "api_key": KEY, "settings": settings});
    for (realtime, says) in [
        (
            with(json!({"turn_detection": "guess"})),
            "realtime.settings.turn_detection: expected one of server_vad, semantic_vad",
        ),
        (with(json!({"noise_reduction": "yes"})), "realtime.settings.noise_reduction: expected one of"),
        (with(json!({"sped": 1})), "realtime.settings.sped: this provider has no such setting; did you mean `speed`?"),
        (json!("groq/x"), "realtime: the provider \"groq\" has none; openai have"),
        (json!(["openai", "openai"]), "realtime: expected one model"),
    ] {
        let error = build(realtime).await.unwrap_err();
        assert!(error.code() == ErrorCode::InvalidRequest && error.message().starts_with(says), "{}", error.message());
    }
}

const SECRETS: Route = Route::At("POST /v1/realtime/client_secrets");
const CALLS: Route = Route::At("POST /v1/realtime/calls");

#[tokio::test]
async fn a_browser_is_given_a_secret_and_never_the_key() {
    let double = double().await;
    let answer = json!({"value": "ek_planted_1", "expires_at": 1_756_310_470, "session": {"type": "realtime", "object": "realtime.session", "id": "sess_1"}});
    double.always(SECRETS, Reply::json(200, answer));
    let agent = VoiceAgent::from_config(document(&double)).await.unwrap();
    let secret = agent.realtime().client_secret(ClientSecretOptions::default()).await.unwrap();
    assert_eq!((secret.value.expose(), secret.expires_at.as_second()), ("ek_planted_1", 1_756_310_470));
    assert_eq!(secret.session["id"], "sess_1");
    assert!(!format!("{secret:?}").contains("planted"));
    agent.realtime().client_secret(ClientSecretOptions::default()).await.unwrap();
    assert_eq!(double.count(SECRETS), 1, "it is given out again");

    let request = &double.requests_to(SECRETS)[0];
    assert_eq!(request.bearer.as_ref().map(|b| b.expose()), Some(KEY));
    match OpenAiSpec::find().check(request) {
        SpecCheck::Conforms => {}
        SpecCheck::NotChecked(why) => println!("not checked: {why}"),
        violated => panic!("{violated}"),
    }
    let body = request.json().unwrap();
    assert_eq!(body["expires_after"], json!({"anchor": "created_at", "seconds": 60}));
    assert_eq!(
        (&body["session"]["model"], &body["session"]["audio"]["output"]["voice"]),
        (&json!("gpt-realtime-2.1"), &json!("cedar"))
    );
    assert!(!body.to_string().contains(KEY));

    double.always(SECRETS, Reply::error(401, "invalid_api_key", "Incorrect API key provided: sk-planted"));
    let mut options = ClientSecretOptions::default();
    options.voice = Some("marin".into());
    let error = agent.realtime().client_secret(options.clone()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidProviderKey);
    double.always(SECRETS, Reply::json(200, json!({"value": ""})));
    let error = agent.realtime().client_secret(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MalformedResponse);
}

#[tokio::test]
async fn a_browsers_offer_is_answered_by_the_provider() {
    let double = double().await;
    let answer = Reply::raw(201, "application/sdp", ["v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\n"]);
    double.always(CALLS, answer.header("location", "/v1/realtime/calls/rtc_123"));
    let agent = VoiceAgent::from_config(document(&double)).await.unwrap();
    let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n";
    let answer = agent.realtime().answer_call(offer, ClientSecretOptions::default()).await.unwrap();
    assert_eq!((answer.sdp.starts_with("v=0"), answer.call_id.as_deref()), (true, Some("rtc_123")));
    let request = &double.requests_to(CALLS)[0];
    assert_eq!(request.field("sdp").as_deref(), Some(offer));
    let session: Value = serde_json::from_str(&request.field("session").unwrap()).unwrap();
    assert_eq!((&session["type"], &session["model"]), (&json!("realtime"), &json!("gpt-realtime-2.1")));
    let error = agent.realtime().answer_call("hello", ClientSecretOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ValidationError);
    double.always(CALLS, Reply::raw(201, "text/html", ["<html>"]));
    let error = agent.realtime().answer_call(offer, ClientSecretOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MalformedResponse);
}

#[tokio::test]
async fn the_provider_alone_makes_secrets_too() {
    let double = double().await;
    double.always(SECRETS, Reply::json(200, json!({"value": "ek_1", "expires_at": 1, "session": {}})));
    let model = OpenAiRealtime::with_config(config(&double));
    let mut request = ClientSecretRequest::new(request());
    request.valid = Duration::from_secs(5);
    model.client_secret(request, &CallContext::new()).await.unwrap();
    // The API takes no shorter life.
    assert_eq!(double.requests_to(SECRETS)[0].json().unwrap()["expires_after"]["seconds"], 10);
}
