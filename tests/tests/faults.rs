//! What every fault of a provider does to a turn: the code, how often it is tried, what is stored, what is heard.

// Helpers of tests may fail loudly too; clippy only knows it of the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, advance};
use voice_core::{
    Audio, Config, ConversationStore, Error, ErrorKind, LanguageModel, LiveEvent, Providers, Role, SpeechToText, Stage,
    Transcript, VoiceAgent,
    providers::openai::{OpenAiConfig, OpenAiLlm, OpenAiStt, OpenAiTts},
    store::{MemoryStore, MessageQuery, SessionQuery},
};
use voice_testkit::{
    ScriptedLlm, ScriptedStt, ScriptedTts, Step, Voice,
    openai::{HangingAddress, OpenAiDouble, Reply, Route, refused_address},
};

const STAGES: [(Stage, Route); 3] =
    [(Stage::Stt, Route::Transcription), (Stage::Llm, Route::Chat), (Stage::Tts, Route::Speech)];

/// Where the calls of the stage at fault go.
enum Address {
    Double(Box<dyn Fn(Stage) -> Reply>),
    Elsewhere(String),
    OverTls,
}

struct Fault {
    name: &'static str,
    at: Address,
    kind: ErrorKind,
    /// How often a stage asks before it gives up.
    calls: usize,
}

fn answers(name: &'static str, kind: ErrorKind, calls: usize, reply: impl Fn(Stage) -> Reply + 'static) -> Fault {
    Fault { name, at: Address::Double(Box::new(reply)), kind, calls }
}

fn status(name: &'static str, kind: ErrorKind, calls: usize, reply: Reply) -> Fault {
    answers(name, kind, calls, move |_| reply.clone())
}

/// A good answer of a stage in several pieces, to be broken in the middle before anything of it can be used.
fn sound_answer(stage: Stage) -> Reply {
    match stage {
        Stage::Stt => Reply::raw(200, "application/json", [r#"{"text": "#, r#""what time is it"}"#]),
        Stage::Llm => Reply::sse([
            json!({"choices": []}).to_string(),
            json!({"choices": [{"delta": {"content": "Noon."}}]}).to_string(),
        ]),
        // A WAV header without a sample behind it.
        _ => Reply::raw(200, "audio/wav", [&b"RIFF\xFF\xFF\xFF\xFFWAVEfmt \x10\0\0\0"[..], b"\x01\0\x01\0"]),
    }
}

async fn faults(hanging: &HangingAddress) -> Vec<Fault> {
    use ErrorKind as K;
    let limited = || Reply::error(429, "rate_limit_exceeded", "slow down");
    let elsewhere = |name, url: String, kind| Fault { name, at: Address::Elsewhere(url), kind, calls: 0 };
    vec![
        elsewhere("refused", refused_address().await.unwrap(), K::Connect),
        elsewhere("DNS", "http://voice-core.invalid/v1".into(), K::Connect),
        Fault { name: "TLS", at: Address::OverTls, kind: K::Connect, calls: 0 },
        elsewhere("connect time-out", hanging.base_url().unwrap(), K::ConnectTimeout),
        status("first-byte time-out", K::FirstByteTimeout, 3, Reply::never()),
        answers("idle stream", K::FirstByteTimeout, 3, |s| sound_answer(s).hang_after(1)),
        answers("reset in mid-stream", K::ConnectionLost, 3, |s| sound_answer(s).reset_after(1)),
        status("400", K::RejectedByProvider, 1, Reply::error(400, "bad_request", "no")),
        status("401", K::InvalidProviderKey, 1, Reply::error(401, "invalid_api_key", "no")),
        status("403", K::InvalidProviderKey, 1, Reply::error(403, "unsupported_country", "no")),
        status("404", K::RejectedByProvider, 1, Reply::error(404, "model_not_found", "no")),
        status("408", K::ProviderFailed, 3, Reply::error(408, "timeout", "slow")),
        status("409", K::ProviderFailed, 3, Reply::error(409, "conflict", "again")),
        status("413", K::RejectedByProvider, 1, Reply::error(413, "too_large", "no")),
        status("422", K::RejectedByProvider, 1, Reply::error(422, "unprocessable", "no")),
        status("429 with Retry-After", K::RateLimited, 3, limited().header("retry-after-ms", "20")),
        status("429 with a long Retry-After", K::RateLimited, 1, limited().header("retry-after", "3600")),
        status("429 without Retry-After", K::RateLimited, 3, limited()),
        status("429 for the quota", K::QuotaExhausted, 1, Reply::error(429, "insufficient_quota", "no credit")),
        status("500", K::ProviderFailed, 3, Reply::error(500, "server_error", "sorry")),
        status("502 with HTML", K::ProviderFailed, 3, Reply::raw(502, "text/html", ["<html>Bad gateway</html>"])),
        status("503", K::ProviderFailed, 3, Reply::error(503, "server_is_overloaded", "later")),
        answers("malformed JSON", K::MalformedResponse, 3, |s| match s {
            Stage::Stt => Reply::raw(200, "application/json", ["{nonsense"]),
            Stage::Llm => Reply::sse(["{nonsense"]),
            _ => Reply::raw(200, "application/json", ["{nonsense"]),
        }),
        answers("truncated SSE", K::ConnectionLost, 3, |s| match s {
            Stage::Stt => Reply::raw(200, "text/event-stream", ["data: {\"type\":\"transcript"]),
            Stage::Llm => Reply::raw(200, "text/event-stream", ["data: {\"choices\":[{\"del"]),
            _ => Reply::raw(200, "text/event-stream", ["data: {\"type\":\"speech.aud"]),
        }),
        status(
            "error after 200",
            K::ProviderFailed,
            3,
            Reply::sse([json!({"error": {"type": "server_error"}}).to_string()]),
        ),
    ]
}

/// A second of a tone, 16 kHz mono.
fn question() -> Audio {
    Audio::from_pcm([3_000_i16, -3_000].repeat(8_000), 16_000, 1)
}

#[tokio::test]
async fn every_fault_of_every_stage_has_its_documented_outcome() {
    let hanging = HangingAddress::open().await.unwrap();
    for (stage, route) in STAGES {
        for fault in faults(&hanging).await {
            let what = format!("{stage} × {}", fault.name);
            let double = OpenAiDouble::start().await.unwrap();
            let good = OpenAiConfig::new("sk-test").base_url(double.base_url());
            let mut bad = good.clone().connect_timeout(Duration::from_millis(100));
            match &fault.at {
                Address::Double(reply) => {
                    double.always(route, reply(stage));
                }
                Address::Elsewhere(url) => bad = bad.base_url(url),
                Address::OverTls => bad = bad.base_url(double.tls_base_url()),
            }
            let config = |of: Stage| if of == stage { bad.clone() } else { good.clone() };
            let store = Arc::new(MemoryStore::new());
            let layers = r#"{"retry": {"attempts": 3, "first_delay_ms": 5, "jitter": false}, "timeouts": {"first_byte_ms": 150, "idle_ms": 150}}"#;
            let agent = VoiceAgent::builder()
                .config(Config::from_json(layers).unwrap())
                .stt(OpenAiStt::with_config(config(Stage::Stt)).model("whisper-1"))
                .llm(OpenAiLlm::with_config(config(Stage::Llm)))
                .tts(OpenAiTts::with_config(config(Stage::Tts)))
                .store(store.clone())
                .build()
                .await
                .unwrap();

            let started = std::time::Instant::now();
            let outcome = agent.converse(question()).await;
            let took = started.elapsed();
            let mut stored = 0;
            for session in store.list_sessions(&SessionQuery::default()).await.unwrap().items {
                stored += store.messages(session.id, MessageQuery::latest(10)).await.unwrap().items.len();
            }
            let error = match outcome {
                Err(error) => {
                    assert_ne!(stage, Stage::Tts, "{what}: speech that fails does not fail the turn");
                    assert_eq!(stored, 0, "{what}: nothing of a failed turn is kept");
                    error
                }
                Ok(reply) => {
                    assert_eq!((stage, stored, reply.text.as_str()), (Stage::Tts, 2, "It is noon."), "{what}");
                    assert!(reply.audio.is_empty(), "{what}: nothing was heard");
                    reply.audio_error.unwrap_or_else(|| panic!("{what}: the reply says why sound is missing"))
                }
            };
            assert_eq!((error.kind(), error.stage()), (fault.kind, Some(stage)), "{what}: {error:?}");
            assert_eq!(double.count(route), fault.calls, "{what}: {error:?}");
            println!("{what}: {}, {} calls, {} ms, {stored} stored", error.code(), fault.calls, took.as_millis());
        }
    }
}

/// What goes wrong while a recogniser listens, and where.
fn faults_of_listening() -> Vec<(&'static str, Route, Reply)> {
    use Route::{LiveTranscription as Spoken, RealtimeConnect as Open};
    let said = || Reply::live_transcription("what time is it");
    let refused = |status, code| Reply::error(status, code, "no");
    vec![
        ("401", Open, refused(401, "invalid_api_key")),
        ("403", Open, refused(403, "unsupported_country")),
        ("404", Open, refused(404, "not_found")),
        ("429", Open, refused(429, "rate_limit_exceeded")),
        ("500", Open, refused(500, "server_error")),
        ("503", Open, refused(503, "server_is_overloaded")),
        ("no WebSocket", Open, Reply::json(200, json!({"object": "list"}))),
        ("no answer to the handshake", Open, Reply::never()),
        ("reset while it is spoken", Spoken, said().reset_after(1)),
        ("closed while it is spoken", Spoken, said().cut_after(1)),
        ("silence while it is spoken", Spoken, said().hang_after(1)),
        ("reset after its end", Spoken, said().reset_after(4)),
        ("silence after its end", Spoken, said().hang_after(5)),
        ("no words at all", Spoken, Reply::never()),
        ("malformed JSON", Spoken, Reply::raw(200, "application/json", ["{nonsense"])),
        ("error", Spoken, Reply::realtime_error("server_error", "server_error", "sorry")),
        ("out of credit", Spoken, Reply::realtime_error("requests", "insufficient_quota", "no credit")),
    ]
}

/// Says something in a live session and waits until it is answered: what was understood, how often, and what was told.
async fn spoken(stt: Vec<OpenAiStt>, timeouts: Value) -> (Vec<String>, Vec<LiveEvent>) {
    let (voice, store) = (Voice::new(), Arc::new(MemoryStore::new()));
    let config = json!({"timeouts": timeouts, "live": {"endpointing": {"min_delay_ms": 10}}});
    let stt = stt.into_iter().map(Providers::<dyn SpeechToText>::from).reduce(|all, next| all.then(next)).unwrap();
    let agent = VoiceAgent::builder().config(Config::from_json(&config.to_string()).unwrap()).stt(stt);
    let agent =
        agent.llm(ScriptedLlm::saying("Noon.")).tts(ScriptedTts::new()).store(store.clone()).build().await.unwrap();
    let live = agent.live().voice_activity(voice.activity()).speak(false).start().await.unwrap();
    let mut said = voice.say("what time is it");
    said.extend([0; 8_000]);
    for frame in said.chunks(320) {
        live.push_audio(frame).unwrap();
    }
    let mut told = Vec::new();
    let answered = async {
        while let Some(event) = live.next().await {
            let is_over = matches!(event, LiveEvent::TurnDone(_));
            told.push(event);
            if is_over {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), answered).await.expect("it is answered");
    live.end().await.unwrap();
    let kept = store.messages(live.session_id(), MessageQuery::latest(10)).await.unwrap().items;
    (kept.into_iter().filter(|m| m.role == Role::User).map(|m| m.content).collect(), told)
}

#[tokio::test]
async fn no_fault_of_listening_costs_a_word() {
    let listener = |config: OpenAiConfig| OpenAiStt::with_config(config).model("whisper-1").live_model("whisper-1");
    for (name, route, reply) in faults_of_listening() {
        let double = OpenAiDouble::start().await.unwrap();
        double.always(route, reply).always(Route::Transcription, Reply::transcription("what time is it"));
        let config = OpenAiConfig::new("sk-test").base_url(double.base_url());
        let (kept, told) = spoken(vec![listener(config)], json!({"first_byte_ms": 2_000, "idle_ms": 500})).await;
        assert_eq!(kept, ["what time is it"], "{name}");
        assert_eq!(double.count(Route::Transcription), 1, "{name}");
        assert!(!told.iter().any(|e| matches!(e, LiveEvent::Error(_))), "{name}: {told:?}");
        println!("listening × {name}: recognised as a whole, once");
    }

    // A server that cannot be reached at all: the next one in the list is asked.
    let hanging = HangingAddress::open().await.unwrap();
    let good = OpenAiDouble::start().await.unwrap();
    good.always(Route::Transcription, Reply::transcription("what time is it"))
        .always(Route::LiveTranscription, Reply::live_transcription("what time is it"));
    for (name, url) in [
        ("refused", refused_address().await.unwrap()),
        ("DNS", "http://voice-core.invalid/v1".into()),
        ("TLS", good.tls_base_url()),
        ("connect time-out", hanging.base_url().unwrap()),
    ] {
        let bad = OpenAiConfig::new("sk-test").base_url(url).connect_timeout(Duration::from_millis(100));
        let next = OpenAiConfig::new("sk-test").base_url(good.base_url());
        let (kept, _) = spoken(vec![listener(bad), listener(next)], json!({})).await;
        assert_eq!(kept, ["what time is it"], "{name}");
    }
    assert_eq!((good.count(Route::LiveTranscription), good.count(Route::Transcription)), (4, 0), "it listens");
}

#[tokio::test]
async fn speech_that_breaks_off_after_sound_was_heard_is_not_spoken_twice() {
    let double = OpenAiDouble::start().await.unwrap();
    double.always(Route::Speech, Reply::silence(1.0).reset_after(3));
    let config = OpenAiConfig::new("sk-test").base_url(double.base_url());
    let agent = VoiceAgent::builder()
        .stt(OpenAiStt::with_config(config.clone()))
        .llm(OpenAiLlm::with_config(config.clone()))
        .tts(OpenAiTts::with_config(config))
        .store(Arc::new(MemoryStore::new()))
        .build()
        .await
        .unwrap();
    let reply = agent.turn("what time is it").await.unwrap();
    assert_eq!(double.count(Route::Speech), 1);
    assert!(reply.audio.duration() < Duration::from_millis(400), "{:?}", reply.audio);
    assert_eq!(reply.audio_error.unwrap().kind(), ErrorKind::ConnectionLost);
}

const ANSWER: &str = "It will rain tomorrow in the north. Take a warm coat with you.";

fn down() -> Error {
    Error::new(ErrorKind::ProviderFailed, "down")
}

fn out_of_credit() -> Error {
    Error::new(ErrorKind::QuotaExhausted, "no credit")
}

/// A word a token, with the space in front, as models write.
fn tokens(text: &str) -> ScriptedLlm {
    let spaces = text.match_indices(' ').map(|(at, _)| at);
    let ends = spaces.clone().chain([text.len()]);
    ScriptedLlm::tokens([0].into_iter().chain(spaces).zip(ends).map(|(from, to)| &text[from..to]))
}

/// An agent that only writes, with these models in this order.
async fn writing(models: &[&ScriptedLlm], config: &str) -> VoiceAgent {
    let models = models.iter().map(|model| Providers::<dyn LanguageModel>::from((*model).clone()));
    VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt("none")
        .llm(models.reduce(|all, next| all.then(next)).unwrap())
        .tts("none")
        .storage("memory")
        .build()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_gives_no_answer_is_not_asked_again_while_another_is_ready() {
    let hung = tokens(ANSWER).named("a/hung").every_call(Step::hang());
    let ready = tokens(ANSWER).named("b/ready");
    let started = Instant::now();
    let reply = writing(&[&hung, &ready], "{}").await.turn("will it rain?").await.unwrap();
    assert_eq!((reply.text.as_str(), hung.calls(), started.elapsed().as_secs()), (ANSWER, 1, 30));
    let error = writing(&[&hung], "{}").await.turn("will it rain?").await.unwrap_err();
    assert_eq!((error.kind(), hung.calls()), (ErrorKind::FirstByteTimeout, 4), "there is nobody else");
}

#[tokio::test(start_paused = true)]
async fn who_wants_to_be_waited_for_is_not_while_another_is_ready() {
    let wait = Error::new(ErrorKind::RateLimited, "slow down").with_retry_after(Duration::from_secs(18));
    for (others, calls, secs) in [(&[][..], 2, 18), (&[&tokens(ANSWER)][..], 1, 0)] {
        let busy = tokens(ANSWER).named("a/busy").call(0, Step::fail(wait.clone()));
        let agent = writing(&[&[&busy][..], others].concat(), "{}").await;
        let started = Instant::now();
        assert_eq!(agent.turn("will it rain?").await.unwrap().text, ANSWER);
        assert_eq!((busy.calls(), started.elapsed().as_secs()), (calls, secs));
    }
}

#[tokio::test(start_paused = true)]
async fn our_own_rate_limit_says_whom_it_holds_and_is_no_failure_of_theirs() {
    let config = r#"{
        "rate_limit": {"per_minute": 1, "burst": 1}, "circuit_breaker": {"failures": 1, "rest_ms": 3600000}
    }"#;
    let (first, second) = (tokens(ANSWER).named("a/first"), tokens(ANSWER).named("b/second"));
    let agent = writing(&[&first], config).await;
    agent.turn("will it rain?").await.unwrap();
    let error = agent.turn("and then?").deadline(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::RateLimited, Some(Stage::Llm)));
    assert_eq!((error.provider(), first.calls()), (Some("a/first"), 1));
    advance(Duration::from_secs(61)).await;
    agent.turn("and then?").await.unwrap();

    let agent = writing(&[&first, &second], config).await;
    let started = Instant::now();
    for calls in [(3, 0), (3, 1)] {
        agent.turn("will it rain?").await.unwrap();
        assert_eq!((first.calls(), second.calls()), calls, "the next is ready");
    }
    assert_eq!(started.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_leaves_its_place_to_the_next_turn() {
    let llm = tokens(ANSWER).call(0, Step::fail(down())).call(1, Step::hang());
    let config = r#"{"retry": {"attempts": 1}, "circuit_breaker": {"failures": 1, "rest_ms": 60000}}"#;
    let agent = writing(&[&llm], config).await;
    assert_eq!(agent.turn("will it rain?").await.unwrap_err().kind(), ErrorKind::ProviderFailed);
    let error = agent.turn("will it rain?").await.unwrap_err();
    assert_eq!((error.kind(), llm.calls()), (ErrorKind::CircuitOpen, 1));
    assert!(error.retry_after().unwrap() > Duration::from_secs(59), "{error:?}");
    advance(Duration::from_secs(61)).await;
    let error = agent.turn("will it rain?").deadline(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!((error.kind(), llm.calls()), (ErrorKind::DeadlineExceeded, 2));
    assert_eq!(agent.turn("will it rain?").await.unwrap().text, ANSWER);
}

#[tokio::test(start_paused = true)]
async fn who_can_go_on_no_more_is_followed_by_another_and_not_asked_again() {
    let spent = tokens(ANSWER).named("a/spent").every_call(Step::fail(out_of_credit()).after(5));
    let other = tokens("the north. Take a warm coat with you.").named("b/other");
    let reply = writing(&[&spent, &other], "{}").await.turn("will it rain?").await.unwrap();
    assert_eq!((reply.text.as_str(), spent.calls(), other.calls()), (ANSWER, 1, 1));

    let breaking = other.clone().named("c/breaking").every_call(Step::fail(down()).after(1));
    let error = writing(&[&spent, &breaking], "{}").await.turn("will it rain?").await.unwrap_err();
    assert_eq!((error.kind(), spent.calls(), breaking.calls()), (ErrorKind::ProviderFailed, 2, 3));
    let error = writing(&[&spent], "{}").await.turn("will it rain?").await.unwrap_err();
    assert_eq!((error.kind(), spent.calls()), (ErrorKind::QuotaExhausted, 3), "there is nobody else");

    let heard = vec![Transcript::interim("will"), Transcript::last("will it rain")];
    let spent = ScriptedStt::with(heard).every_call(Step::fail(out_of_credit()).after(1));
    let agent = VoiceAgent::builder()
        .stt(Providers::from(spent.clone()).then(ScriptedStt::hearing("will it rain")))
        .llm(tokens(ANSWER))
        .tts("none")
        .storage("memory")
        .build()
        .await
        .unwrap();
    assert_eq!((agent.converse(question()).await.unwrap().transcript.as_str(), spent.calls()), ("will it rain", 1));
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_that_is_begun_again_is_heard_once() {
    let whole = (1..=20).map(|n| format!("This is sentence number {n} of them.")).collect::<Vec<_>>().join(" ");
    // It breaks off in the middle of the eleventh sentence.
    let first = tokens(&whole).named("a/first").every_call(Step::fail(down()).after(73));
    let (second, tts) = (tokens(&whole).named("b/second"), ScriptedTts::new());
    let agent = VoiceAgent::builder()
        .stt("none")
        .llm(Providers::from(first).then(second))
        .tts(tts.clone())
        .storage("memory")
        .build()
        .await
        .unwrap();
    let reply = agent.turn("what is there?").await.unwrap();
    assert_eq!((&reply.text, &tts.spoken().join(" ")), (&whole, &whole));
}
