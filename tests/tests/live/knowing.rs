//! Documents in live sessions: searched for every answer, prepared ones too, without a delay that anybody hears.

use serde_json::json;
use voice_core::{
    SpeechToSpeech,
    agent::NewDocument,
    store::{DocumentFormat, Storage},
};
use voice_testkit::ScriptedRealtime;

use super::*;

const ALL: &str = r#"{"knowledge": {"documents": ["*"]}}"#;
const HANDBOOK: &str = "# Opening hours\nWe open at six.\n\n# Prices\nA sourdough loaf costs 4.50 euros.\n";

async fn call_with(voice: &Voice, llm: &ScriptedLlm, model: Option<&ScriptedRealtime>) -> Call {
    let store = Arc::new(MemoryStore::new());
    let mut builder = VoiceAgent::builder()
        .config(Config::from_json(ALL).unwrap())
        .stores(Storage::of(Arc::clone(&store)))
        .clock(Arc::new(voice_testkit::VirtualClock::new()));
    builder = match model {
        Some(model) => builder.realtime(model.clone()),
        None => builder.stt(voice.stt()).llm(llm.clone()).tts(voice.tts()),
    };
    let agent = builder.build().await.unwrap();
    let handbook = NewDocument::new("Handbook", HANDBOOK).format(DocumentFormat::Markdown);
    agent.knowledge().add(&handbook).await.unwrap();
    Call::on(agent, voice, store, |live| live).await
}

fn headings(turn: &voice_core::live::LiveTurn) -> Vec<&str> {
    turn.sources.iter().map(|source| source.heading.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_spoken_question_is_answered_from_the_documents_without_delay() {
    let (voice, llm) = (Voice::new().recognised_after(ms(50)), llm());
    let call = call_with(&voice, &llm, None).await;
    call.silence(300).await;
    call.speak("how much is a sourdough loaf?").await;
    call.until_turns(1).await;
    call.speak("and when do you open?").await;
    call.until_turns(2).await;
    let turns = call.turns();
    assert_eq!((headings(&turns[0]), headings(&turns[1])[0]), (vec!["Prices"], "Opening hours"));
    assert!(turns[0].timings.searched.is_some());
    // As without documents: the answer was prepared while it was not yet certain that the turn was over.
    let response = turns[0].response_delay.unwrap();
    assert!((ms(500)..ms(620)).contains(&response), "{response:?}");
    let told = llm.requests()[0].messages.last().unwrap().content.clone();
    assert!(told.contains("4.50 euros") && told.ends_with("how much is a sourdough loaf?"), "{told}");
    let history = call.history().await;
    assert_eq!(history[0], "user: how much is a sourdough loaf?", "what was told is not kept");
    let names = call.names().join("\n");
    let (turn, sources) = (names.find("TurnStarted").unwrap(), names.find("Sources(").unwrap());
    assert!(turn < sources && sources < names.find("Text").unwrap(), "{names}");
    assert!(!names.contains("4.50"), "what they say is not shown");
}

#[tokio::test(start_paused = true)]
async fn what_is_thrown_away_tells_no_sources() {
    let (voice, llm) = (Voice::new(), llm());
    let call = call_with(&voice, &llm, None).await;
    call.speak("how much is a sourdough loaf?").await;
    call.silence(400).await;
    assert_eq!(llm.calls(), 1, "the answer is being prepared");
    call.speak("No, tell me when you open.").await;
    call.until_turns(1).await;
    assert_eq!(llm.calls(), 2);
    assert_eq!(call.count(|event| matches!(event, LiveEvent::Sources(_))), 1);
    assert!(headings(&call.turns()[0]).contains(&"Opening hours"));
}

#[tokio::test(start_paused = true)]
async fn typed_words_are_looked_up_and_greetings_are_not() {
    let (voice, llm) = (Voice::new(), llm());
    let call = call_with(&voice, &llm, None).await;
    call.live.say("Our sourdough is fresh.").unwrap();
    call.until_turns(1).await;
    call.live.push_text("How much is the sourdough?").unwrap();
    call.until_turns(2).await;
    assert_eq!((headings(&call.turns()[0]).len(), headings(&call.turns()[1])), (0, vec!["Prices"]));
}

#[tokio::test(start_paused = true)]
async fn a_client_is_told_the_titles_and_not_the_words() {
    let (voice, llm) = (Voice::new(), llm());
    let call = call_with(&voice, &llm, None).await;
    let mut wire = call.live.wire();
    call.speak("how much is a sourdough loaf?").await;
    call.until_turns(1).await;
    let frames: Vec<_> = call.events().iter().filter_map(|(_, event)| wire.encode(event)).collect();
    let texts: Vec<String> = frames
        .into_iter()
        .filter_map(|frame| if let voice_core::live::wire::Frame::Text(text) = frame { Some(text) } else { None })
        .collect();
    let done = texts.iter().find(|text| text.contains("assistant-message")).unwrap();
    assert!(done.contains(r#""title":"Handbook","heading":"Prices""#), "{done}");
    assert!(texts.iter().all(|text| !text.contains("4.50")));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_hears_and_speaks_by_itself_searches_with_a_tool() {
    let voice = Voice::new();
    let model = ScriptedRealtime::new(&voice).saying("It costs 4.50 euros.").first_after(ms(200), ms(20)).calling(
        0,
        "search_knowledge",
        json!({"query": "sourdough price"}),
    );
    let call = call_with(&voice, &llm(), Some(&model)).await;
    call.speak("how much is a sourdough loaf?").await;
    call.until_turns(1).await;
    let turn = &call.turns()[0];
    assert_eq!((headings(turn), turn.tool_calls.len()), (vec!["Prices"], 1));
    assert!(!turn.tool_calls[0].failed, "{}", turn.tool_calls[0].result);
    let request = &model.requests()[0];
    assert!(request.tools.iter().any(|tool| tool.name == "search_knowledge"), "{} has no tool", model.name());
    assert!(!request.instructions.contains("<reference>"));
}
