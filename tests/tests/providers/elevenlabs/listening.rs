//! Scribe, while it is spoken.

use futures_util::{StreamExt, stream};
use voice_core::provider::{ListenRequest, SpokenSound};
use voice_testkit::openai::{OpenAiDouble, Route};

use super::*;
use crate::over_socket::*;

const LIVE: Route = Route::At("GET /v1/speech-to-text/realtime");
const WIRE: &str = "asyncapi/elevenlabs-realtime-stt.asyncapi.tryagi.json";

fn stt(double: &OpenAiDouble) -> ElevenLabsStt {
    ElevenLabsStt::new(KEY).base_url(double.origin())
}

fn started() -> Value {
    let config = json!({"sample_rate": 16000, "audio_format": "pcm_16000", "commit_strategy": "manual", "new": []});
    json!({"message_type": "session_started", "session_id": "s1", "config": config})
}

fn partial(text: &str) -> Value {
    json!({"message_type": "partial_transcript", "text": text, "new": {"field": 1}})
}

fn committed(text: &str) -> Value {
    json!({"message_type": "committed_transcript", "text": text})
}

fn timed(text: &str, language: Value) -> Value {
    json!({"message_type": "committed_transcript_with_timestamps", "text": text, "language_code": language, "words": []})
}

fn failure(kind: &str) -> Value {
    json!({"message_type": kind, "error": format!("{KEY} said '{SECRET_WORDS}'")})
}

/// An utterance whose language was named.
fn utterance() -> Reply {
    Reply::socket([started(), partial(""), partial("What"), partial("What thyme is")])
        .answering("commit", [partial("What time is it"), committed(" What time is it? ")])
}

/// An answer to the end of an utterance.
fn ended_by(events: impl IntoIterator<Item = Value>) -> Reply {
    Reply::socket([started()]).answering("commit", events)
}

fn bytes(chunk: &Value) -> Vec<u8> {
    STANDARD.decode(chunk["audio_base_64"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn an_utterance_is_sent_as_it_is_spoken_and_committed_at_its_end() {
    let double = double().await;
    double.always(LIVE, utterance());
    let plain = stt(&double);
    assert!(plain.capabilities().streaming);
    assert_eq!((plain.name(), plain.listening_name()), ("elevenlabs/scribe_v2", "elevenlabs/scribe_v2_realtime"));
    let heard = listen_in(&plain, Some("en-GB")).await.unwrap();
    assert_eq!(texts(&heard), ["What", "What thyme is", "What time is it", QUESTION]);
    assert!(heard[..3].iter().all(|t| !t.is_final) && heard[3] == Transcript::last(QUESTION));

    let sent = frames(&double);
    let (end, sound) = sent.split_last().unwrap();
    let piece = STANDARD.encode([1000_i16; 1600].map(i16::to_le_bytes).concat());
    let chunk =
        json!({"message_type": "input_audio_chunk", "audio_base_64": piece, "commit": false, "sample_rate": 16000});
    assert_eq!(sound, vec![chunk; 10]);
    assert_eq!((&end["commit"], &end["audio_base_64"]), (&json!(true), &json!("")));
    let mut request = double.requests().pop().unwrap();
    conform(&Spec::named(WIRE), std::slice::from_ref(&request));
    request.body =
        RecordedBody::Frames(vec![json!({"message_type": "input_audio_chunk", "audio": "", "commit": true})]);
    is_at_fault(&Spec::named(WIRE), &request);
}

#[tokio::test]
async fn the_address_says_who_calls_which_model_and_what_is_asked_for() {
    let double = double().await;
    double.always(LIVE, ended_by([committed("x"), timed("x", json!("eng"))]));
    let terms = || (0..60).map(|n| format!("term {n}")).chain(["much too long a term for it".into()]);
    let shared = |model: &str| format!("model_id={model}&audio_format=pcm_16000&commit_strategy=manual");
    let detecting = "include_timestamps=true&include_language_detection=true";
    let all: Vec<String> = (0..50).map(|n| format!("keyterms=term+{n}")).collect();
    for (stt, language, query) in [
        (stt(&double), Some("nb-NO"), format!("{}&language_code=no", shared("scribe_v2_realtime"))),
        (stt(&double), None, format!("{}&{detecting}", shared("scribe_v2_realtime"))),
        (stt(&double).model("scribe_v3_realtime"), None, format!("{}&{detecting}", shared("scribe_v3_realtime"))),
        (
            stt(&double).live_model("own").logging(false).keyterms(terms()),
            Some("hi"),
            format!("enable_logging=false&{}&language_code=hi&{}", shared("own"), all.join("&")),
        ),
    ] {
        listen_in(&stt, language).await.unwrap();
        let request = double.requests().pop().unwrap();
        assert_eq!(request.path, format!("/v1/speech-to-text/realtime?{query}"));
        assert_eq!(request.header("xi-api-key"), Some(KEY));
    }
    let live_only = stt(&double).model("scribe_v2_realtime");
    assert_eq!(
        (live_only.name(), live_only.listening_name()),
        ("elevenlabs/scribe_v2", "elevenlabs/scribe_v2_realtime")
    );
    let deaf = stt(&double).live_model("");
    assert!(!deaf.capabilities().streaming);
    assert_eq!(listen_in(&deaf, None).await.unwrap_err().kind(), K::Unsupported);
    conform(&Spec::named(WIRE), &double.requests());
}

#[tokio::test]
async fn every_bend_of_the_events_is_followed() {
    let last = || Transcript::last(QUESTION);
    for (what, language, reply, expected) in [
        (
            "a language",
            None,
            ended_by([committed(QUESTION), timed(QUESTION, json!("hin"))]),
            last().with_language("hi"),
        ),
        ("no language", None, ended_by([committed(QUESTION), timed(QUESTION, Value::Null)]), last()),
        (
            "the fuller form first",
            None,
            ended_by([timed(QUESTION, json!("en")), committed(QUESTION)]),
            last().with_language("en"),
        ),
        ("the fuller form never", None, ended_by([committed(QUESTION)]), last()),
        ("the fuller form never, and a close", None, ended_by([committed(QUESTION)]).closing(1000, ""), last()),
        ("the fuller form alone", Some("en"), ended_by([timed(QUESTION, json!("en"))]), last().with_language("en")),
        (
            "other events",
            Some("en"),
            ended_by([
                json!({"message_type": "warning", "warning": "w"}),
                json!({"message_type": "edited_transcript", "text": 7}),
                json!({}),
                json!([1]),
                committed(QUESTION),
            ]),
            last(),
        ),
        ("nothing", Some("en"), ended_by([committed("")]), Transcript::last("")),
    ] {
        let double = double().await;
        double.always(LIVE, reply);
        let heard = listen_in(&stt(&double), language).await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!(heard.last(), Some(&expected), "{what}");
        assert!(heard.iter().rev().skip(1).all(|t| !t.is_final && !t.text.is_empty()), "{what}: {heard:?}");
    }
}

#[tokio::test]
async fn what_the_server_commits_by_itself_in_between_is_kept() {
    let double = double().await;
    let early = [started(), committed("What time"), partial("is")];
    double.always(LIVE, Reply::socket(early).answering("commit", [committed("is it?")]));
    let last = listen_until(&stt(&double), Some("en"), 3, "What time is").await;
    assert_eq!(last, Transcript::last(QUESTION));
    let early = [committed("What time"), timed("What time", json!("en")), partial("is")];
    let ends = [committed("is it?"), timed("is it?", json!("en"))];
    double.always(LIVE, Reply::socket(early).answering("commit", ends));
    let last = listen_until(&stt(&double), None, 3, "What time is").await;
    assert_eq!(last, Transcript::last(QUESTION).with_language("en"));
}

#[tokio::test]
async fn what_breaks_while_it_listens_is_typed_and_shows_nothing() {
    let closed = |code, reason: &str| ended_by([]).closing(code, reason);
    let said = |kind: &str| Reply::socket([partial(SECRET_WORDS), failure(kind)]);
    let nested = json!({"message_type": "error", "error_type": "quota_exceeded", "error": "No."});
    let refused = |status, word: &str| Reply::json(status, json!({"detail": {"status": word, "message": "No."}}));
    let double = double().await;
    let stt = stt(&double).keyterms([SECRET_WORDS]);
    for (what, reply, expected) in [
        ("a wrong key", refused(401, "invalid_api_key"), (K::InvalidProviderKey, false)),
        ("no credit", refused(401, "quota_exceeded"), (K::QuotaExhausted, false)),
        ("too many", refused(429, "too_many_concurrent_requests"), (K::RateLimited, true)),
        ("down", Reply::raw(503, "text/html", ["<html>"]), (K::ProviderFailed, true)),
        ("reset before words", utterance().reset_after(1), (K::ConnectionLost, true)),
        ("closed after words", utterance().cut_after(3), (K::ConnectionLost, true)),
        ("closed properly before the last words", closed(1000, ""), (K::ConnectionLost, true)),
        ("closed with a failure", closed(1011, "oops"), (K::ProviderFailed, true)),
        ("closed with a code", closed(1008, "quota_exceeded: no"), (K::QuotaExhausted, false)),
        ("auth_error", Reply::socket([failure("auth_error")]), (K::InvalidProviderKey, false)),
        ("quota_exceeded", said("quota_exceeded"), (K::QuotaExhausted, false)),
        ("the older shape", Reply::socket([nested]), (K::QuotaExhausted, false)),
        ("rate_limited", said("rate_limited"), (K::RateLimited, true)),
        ("commit_throttled", ended_by([failure("commit_throttled")]), (K::RateLimited, true)),
        ("input_error", said("input_error"), (K::RejectedByProvider, false)),
        ("chunk_size_exceeded", said("chunk_size_exceeded"), (K::RejectedByProvider, false)),
        ("unaccepted_terms", said("unaccepted_terms"), (K::RejectedByProvider, false)),
        ("transcriber_error", said("transcriber_error"), (K::ProviderFailed, true)),
        ("queue_overflow", said("queue_overflow"), (K::ProviderFailed, true)),
        ("resource_exhausted", said("resource_exhausted"), (K::ProviderFailed, true)),
        ("session_time_limit_exceeded", said("session_time_limit_exceeded"), (K::ProviderFailed, true)),
        ("insufficient_audio_activity", said("insufficient_audio_activity"), (K::ProviderFailed, true)),
        ("a new failure", said("something_new"), (K::ProviderFailed, true)),
        ("not JSON", Reply::socket(["{nonsense".into()]), (K::MalformedResponse, true)),
        ("no text", ended_by([json!({"message_type": "committed_transcript"})]), (K::MalformedResponse, true)),
    ] {
        assert_eq!(fails(&double, &stt, LIVE, reply).await, expected, "{what}");
    }
    shows_nothing(&format!("{stt:?}"));
}

#[tokio::test]
async fn a_short_utterance_is_filled_up_and_none_is_nothing() {
    let double = double().await;
    double.always(LIVE, utterance());
    let english = || ListenRequest::new().with_language(Some("en".into()));
    let short: SpokenSound = stream::iter([voice_core::Pcm::new(vec![1000_i16; 160], 16_000)]).boxed();
    let said = heard(&stt(&double), english(), short).await.unwrap();
    assert_eq!(said.last().unwrap().text, QUESTION);
    let sent = frames(&double);
    assert_eq!((sent.len(), &sent[0]["commit"]), (1, &json!(true)));
    let bytes = bytes(&sent[0]);
    assert_eq!(bytes.len(), 16_000, "half a second");
    assert!(bytes[..320].chunks(2).all(|b| b == 1000_i16.to_le_bytes()) && bytes[320..].iter().all(|b| *b == 0));

    let nothing = heard(&stt(&double), english(), stream::empty().boxed()).await.unwrap();
    assert_eq!(nothing, [Transcript::last("")]);
}

#[tokio::test]
async fn a_session_finds_a_connection_for_every_utterance() {
    let double = double().await;
    double.always(LIVE, utterance());
    is_ready_for_every_utterance(&double, &stt(&double), LIVE).await;
    conform(&Spec::named(WIRE), &double.requests());
}

#[tokio::test]
async fn a_connection_waits_for_as_long_as_the_server_lets_it() {
    let double = double().await;
    double.always(LIVE, utterance());
    waits_in_silence(&double, &stt(&double), LIVE, 12).await;
}

#[tokio::test]
async fn silence_keeps_an_utterance_alive_whose_sound_does_not_come() {
    let double = double().await;
    double.always(LIVE, Reply::socket([partial("What"), partial("What")]));
    let sent = stalls(&double, &stt(&double)).await;
    assert_eq!(sent.len(), 2, "every four seconds");
    assert!(sent.iter().all(|chunk| chunk["commit"] == false && bytes(chunk) == [0; 3200]), "{sent:?}");
    conform(&Spec::named(WIRE), &double.requests());
}

#[tokio::test]
async fn dropping_the_stream_closes_the_socket() {
    let double = double().await;
    double.always(LIVE, Reply::socket([partial("What")]));
    hangs_up_when_dropped(&double, &stt(&double), LIVE).await;
}

#[tokio::test]
async fn the_examples_are_read() {
    let Some(mut events) = events("elevenlabs", "ws_realtime_stt_server.jsonl") else { return };
    let failure = events.pop().unwrap();
    let ends = events.split_off(3);
    let double = double().await;
    double.always(LIVE, Reply::socket(events.clone()).answering("commit", ends));
    let heard = listen_in(&stt(&double), None).await.unwrap();
    assert_eq!(heard.last(), Some(&Transcript::last("नमस्ते।").with_language("hi")));
    assert_eq!(texts(&heard), ["नम", "नमस्ते", "नमस्ते।", "नमस्ते।"]);
    double.always(LIVE, Reply::socket(events).answering("commit", [failure]));
    assert_eq!(listen_in(&stt(&double), None).await.unwrap_err().kind(), K::RateLimited);
}

#[tokio::test]
async fn terms_go_with_recordings_too() {
    let double = Double::answering(Reply::json(200, transcript())).await;
    let stt = super::stt(&double).keyterms(["Ada Lovelace", " ", "Pune"]);
    transcribe(&stt, 1600, None).await.unwrap();
    let request = double.requests().pop().unwrap();
    let RecordedBody::Multipart(parts) = &request.body else { panic!("a form is expected") };
    let terms: Vec<_> = parts.iter().filter(|p| p.name == "keyterms").map(|p| p.bytes.as_ref()).collect();
    assert_eq!(terms, [&b"Ada Lovelace"[..], b"Pune"]);
    conforms(&Spec::named(SPEC), &request);
}
