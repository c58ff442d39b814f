//! Ink, while it is spoken.

use futures_util::{StreamExt, stream};
use voice_core::provider::{ListenRequest, SpokenSound};
use voice_testkit::openai::{OpenAiDouble, Route};

use super::*;
use crate::over_socket::*;

const LIVE: Route = Route::At("GET /stt/websocket");

fn stt(double: &OpenAiDouble) -> CartesiaStt {
    CartesiaStt::new(KEY).base_url(double.origin())
}

fn words(text: &str, is_final: bool) -> Value {
    json!({"type": "transcript", "request_id": "r1", "text": text, "is_final": is_final, "duration": 0.5, "words": [], "new": 1})
}

fn done() -> Value {
    json!({"type": "done", "request_id": "r1"})
}

fn utterance() -> Reply {
    Reply::socket([words("What", false), words("What time", true), words(" is", false)])
        .answering("close", [words(" is it?", true), json!({"type": "flush_done", "request_id": "r1"}), done()])
        .closing(1000, "")
}

fn ended_by(events: impl IntoIterator<Item = Value>) -> Reply {
    Reply::socket([]).answering("close", events)
}

#[tokio::test]
async fn an_utterance_is_sent_as_it_is_spoken_and_its_words_come_back() {
    let double = double().await;
    double.always(LIVE, utterance());
    let plain = stt(&double);
    assert!(plain.capabilities().streaming && !plain.capabilities().detects_language);
    let heard = listen_in(&plain, Some("en-GB")).await.unwrap();
    assert_eq!(texts(&heard), ["What", "What time", "What time is", QUESTION, QUESTION]);
    assert!(heard[..4].iter().all(|t| !t.is_final) && heard[4] == Transcript::last(QUESTION));
    let sent = frames(&double);
    let (end, sound) = sent.split_last().unwrap();
    assert_eq!(end, "close", "a bare word");
    let piece = STANDARD.encode([1000_i16; 1600].map(i16::to_le_bytes).concat());
    assert_eq!(sound, vec![json!({"binary": piece}); 10]);
}

#[tokio::test]
async fn the_address_says_who_calls_which_model_and_what_is_asked_for() {
    let double = double().await;
    double.always(LIVE, ended_by([done()]));
    let shared = |model: &str| format!("model={model}&encoding=pcm_s16le&sample_rate=16000");
    for (stt, language, query) in [
        (stt(&double), None, shared("ink-whisper")),
        (stt(&double).keyterms(["Ada"]), Some("jv-ID"), format!("{}&language=jw", shared("ink-whisper"))),
        (
            stt(&double).model("ink-2").keyterms(["Ada Lovelace", "C++", ""]),
            Some("en-GB"),
            format!("{}&language=en&keyterm=Ada%20Lovelace&keyterm=C%2B%2B", shared("ink-2")),
        ),
        (
            stt(&double).live_model("ink-2").keyterms(["a".repeat(700), "b".repeat(500), "c".into()]),
            None,
            format!("{}&keyterm={}&keyterm={}", shared("ink-2"), "a".repeat(700), "b".repeat(500)),
        ),
    ] {
        listen_in(&stt, language).await.unwrap();
        let request = double.requests().pop().unwrap();
        assert_eq!(request.path, format!("/stt/websocket?{query}"));
        entered(&request);
    }
    let live_only = stt(&double).model("ink-2");
    assert_eq!((live_only.name(), live_only.listening_name()), ("cartesia/ink-whisper", "cartesia/ink-2"));
    let deaf = stt(&double).live_model("");
    assert!(!deaf.capabilities().streaming);
    assert_eq!(listen_in(&deaf, None).await.unwrap_err().kind(), K::Unsupported);
}

#[tokio::test]
async fn every_bend_of_the_events_is_followed() {
    let last = || Transcript::last(QUESTION);
    let mut javanese = words(QUESTION, true);
    javanese["language"] = "jw".into();
    for (what, reply, expected) in [
        ("one piece", ended_by([words(QUESTION, true), done()]), last()),
        ("a language", ended_by([javanese, done()]), last().with_language("jv")),
        ("words that never settled", ended_by([words("What time", true), words(" is it?", false), done()]), last()),
        ("words cut in the middle", ended_by([words(" What ti", true), words("me is it? ", true), done()]), last()),
        (
            "other events",
            ended_by([
                words("", true),
                json!({"type": "flush_done"}),
                json!({"type": "something.new", "text": 7}),
                json!({}),
                words(QUESTION, true),
                done(),
            ]),
            last(),
        ),
        ("nothing", ended_by([done()]), Transcript::last("")),
    ] {
        let double = double().await;
        double.always(LIVE, reply);
        let heard = listen_in(&stt(&double), None).await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!(heard.last(), Some(&expected), "{what}");
        assert!(heard.iter().rev().skip(1).all(|t| !t.is_final && !t.text.is_empty()), "{what}: {heard:?}");
    }
}

#[tokio::test]
async fn an_end_that_nobody_told_is_none() {
    let double = double().await;
    let early = [done(), words("What time", true)];
    double.always(LIVE, Reply::socket(early).answering("close", [words(" is it?", true), done()]));
    let last = listen_until(&stt(&double), None, 2, "What time").await;
    assert_eq!(last, Transcript::last(QUESTION));
}

#[tokio::test]
async fn what_breaks_while_it_listens_is_typed_and_shows_nothing() {
    let closed = |code, reason: &str| ended_by([words("What", true)]).closing(code, reason);
    let body = |status: u16, code: Value| {
        let message = format!("{KEY} said '{SECRET_WORDS}'");
        json!({"type": "error", "title": "No", "message": message, "error_code": code, "status_code": status, "request_id": "r1"})
    };
    let said = |status, code: &str| Reply::socket([words(SECRET_WORDS, true), body(status, code.into())]);
    let refused =
        |status, code: &str| Reply::json(status, json!({"error_code": code, "title": "No", "message": "No."}));
    let double = double().await;
    let stt = stt(&double).live_model("ink-2").keyterms([SECRET_WORDS]);
    for (what, reply, expected) in [
        ("a wrong key", refused(401, "unauthorized"), (K::InvalidProviderKey, false)),
        ("no credit", refused(402, "quota"), (K::QuotaExhausted, false)),
        ("too many", refused(429, "concurrency_limited"), (K::RateLimited, true)),
        ("down", Reply::raw(503, "text/plain", ["busy"]), (K::ProviderFailed, true)),
        ("reset before words", utterance().reset_after(0), (K::ConnectionLost, true)),
        ("closed after words", utterance().cut_after(2), (K::ConnectionLost, true)),
        ("closed after its end, before all was said", utterance().cut_after(4), (K::ConnectionLost, true)),
        ("closed properly before all was said", closed(1000, ""), (K::ConnectionLost, true)),
        ("closed with a failure", closed(1011, ""), (K::ProviderFailed, true)),
        ("no such model", said(400, "model_not_found"), (K::RejectedByProvider, false)),
        ("a failure without a code", Reply::socket([body(500, Value::Null)]), (K::ProviderFailed, true)),
        ("too many, told late", said(429, "concurrency_limited"), (K::RateLimited, true)),
        ("a wrong key, told late", Reply::socket([body(401, "unauthorized".into())]), (K::InvalidProviderKey, false)),
        ("an older shape", Reply::socket([json!({"type": "error", "error": KEY})]), (K::ProviderFailed, true)),
        ("not JSON", Reply::socket(["{nonsense".into()]), (K::MalformedResponse, true)),
        ("no text", Reply::socket([json!({"type": "transcript"})]), (K::MalformedResponse, true)),
    ] {
        assert_eq!(fails(&double, &stt, LIVE, reply).await, expected, "{what}");
    }
    shows_nothing(&format!("{stt:?}"));
}

#[tokio::test]
async fn a_short_utterance_is_sent_and_none_is_nothing() {
    let double = double().await;
    double.always(LIVE, utterance());
    let short: SpokenSound = stream::iter([voice_core::Pcm::new(vec![1000_i16; 160], 16_000)]).boxed();
    let said = heard(&stt(&double), ListenRequest::new(), short).await.unwrap();
    assert_eq!(said.last().unwrap().text, QUESTION);
    let sent = frames(&double);
    assert_eq!(STANDARD.decode(sent[0]["binary"].as_str().unwrap()).unwrap().len(), 320);
    assert_eq!(sent[1..], ["close"]);
    let nothing = heard(&stt(&double), ListenRequest::new(), stream::empty().boxed()).await.unwrap();
    assert_eq!(nothing, [Transcript::last("")]);
}

#[tokio::test]
async fn a_session_finds_a_connection_for_every_utterance() {
    let double = double().await;
    double.always(LIVE, utterance());
    is_ready_for_every_utterance(&double, &stt(&double), LIVE).await;
}

#[tokio::test]
async fn a_connection_waits_for_as_long_as_the_server_lets_it() {
    let double = double().await;
    double.always(LIVE, utterance());
    waits_in_silence(&double, &stt(&double), LIVE, 16).await;
}

#[tokio::test]
async fn silence_keeps_an_utterance_alive_whose_sound_does_not_come() {
    let double = double().await;
    double.always(LIVE, Reply::socket([words("What", false)]));
    let sent = stalls(&double, &stt(&double)).await;
    assert_eq!(sent, vec![json!({"binary": STANDARD.encode([0; 3200])}); 2], "every four seconds");
}

#[tokio::test]
async fn dropping_the_stream_closes_the_socket() {
    let double = double().await;
    double.always(LIVE, utterance());
    hangs_up_when_dropped(&double, &stt(&double), LIVE).await;
}

#[tokio::test]
async fn the_examples_are_read() {
    let Some(mut events) = events("cartesia", "ws_stt.jsonl") else { return };
    let ends = events.split_off(1);
    let double = double().await;
    double.always(LIVE, Reply::socket(events).answering("close", ends));
    let heard = listen_in(&stt(&double), Some("en")).await.unwrap();
    assert_eq!(texts(&heard), ["Hello", "Hello world.", "Hello world."]);
    assert_eq!(heard.last(), Some(&Transcript::last("Hello world.")));
}
