//! Cartesia.

mod listening;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use voice_core::{
    ErrorKind as K, Transcript,
    provider::{CallContext, SpeechToText, SynthesisRequest, TextToSpeech},
    providers::cartesia::{CartesiaStt, CartesiaTts},
};
use voice_testkit::openai::{Recorded, RecordedBody, Reply, Spec};

use super::over_http::*;

const SPEC: &str = "openapi/cartesia.openapi.trimmed.yaml";

fn stt(double: &Double) -> CartesiaStt {
    CartesiaStt::new(KEY).base_url(double.base_url())
}

fn tts(double: &Double) -> CartesiaTts {
    CartesiaTts::new(KEY).base_url(double.base_url())
}

fn transcript() -> Value {
    json!({"type": "transcript", "request_id": "r1", "text": " Hello world. ", "language": "jw", "duration": 1.2, "new": []})
}

fn sound() -> Reply {
    Reply::raw(200, "audio/wav", pcm(&ramp(5000), 333))
}

fn entered(request: &Recorded) {
    assert_eq!(request.bearer.as_ref().map(|b| b.expose()), Some(KEY));
    assert_eq!(request.header("cartesia-version"), Some("2026-03-01"));
}

#[tokio::test]
async fn a_recording_goes_out_as_wav_and_comes_back_as_words_in_their_language() {
    let double = Double::answering(Reply::json(200, transcript())).await;
    let heard = transcribe(&stt(&double), 3200, Some("jv-ID")).await.unwrap();
    assert_eq!(heard, [Transcript::last("Hello world.").with_language("jv")]);
    transcribe(&stt(&double).model("ink-whisper-2025-06-04"), 3200, None).await.unwrap();

    let requests = double.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/stt"));
    entered(&requests[0]);
    let named = |n: usize, field: &str| requests[n].field(field);
    assert_eq!((named(0, "model").as_deref(), named(0, "language").as_deref()), (Some("ink-whisper"), Some("jw")));
    assert_eq!((named(1, "model").as_deref(), named(1, "language")), (Some("ink-whisper-2025-06-04"), None));
    let RecordedBody::Multipart(parts) = &requests[0].body else { panic!("a form is expected") };
    let file = &parts[parts.len() - 1];
    let about = (file.name.as_str(), file.file_name.as_deref(), file.content_type.as_deref());
    assert_eq!(about, ("file", Some("speech.wav"), Some("audio/wav")));
    assert_eq!((&file.bytes[..4], &file.bytes[44..]), (&b"RIFF"[..], &[3, 0].repeat(3200)[..]));

    let spec = Spec::named(SPEC);
    requests.iter().for_each(|request| conforms(&spec, request));
}

#[tokio::test]
async fn a_text_goes_out_with_its_voice_and_comes_back_as_the_samples_that_were_made() {
    let double = Double::answering(sound()).await;
    let spoken = speak(&tts(&double)).await.unwrap();
    assert!(spoken.len() > 1 && spoken.iter().all(|p| p.sample_rate() == 24_000), "it streams at 24 kHz");
    assert_eq!(samples(&spoken), ramp(5000));
    let request = &double.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/tts/bytes"));
    entered(request);
    let format = json!({"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000});
    let body = json!({
        "model_id": "sonic-3.5", "transcript": SECRET_WORDS, "output_format": format,
        "voice": {"mode": "id", "id": "6ccbfb76-1fc6-48f7-b71d-91ac6298247b"},
    });
    assert_eq!(request.json().unwrap(), &body);

    let full = tts(&double).model("sonic-3").voice("v1").speed(1.25).volume(0.75).emotion("calm").language("hi");
    for (language, sent) in [(Some("de-AT"), "de"), (Some("sw"), "hi"), (None, "hi")] {
        speak_in(&full, language).await.unwrap();
        let body = json!({
            "model_id": "sonic-3", "transcript": SECRET_WORDS, "output_format": format, "voice": {"mode": "id", "id": "v1"},
            "language": sent, "generation_config": {"speed": 1.25, "volume": 0.75, "emotion": "calm"},
        });
        assert_eq!(double.requests().last().unwrap().json().unwrap(), &body);
    }

    let spec = Spec::named(SPEC);
    double.requests().iter().for_each(|request| conforms(&spec, request));
    for wrong in [tts(&double).emotion("no such"), tts(&double).language("xx"), tts(&double).model("sonic-0")] {
        speak(&wrong).await.unwrap();
        is_at_fault(&spec, double.requests().last().unwrap());
    }
}

#[tokio::test]
async fn who_wants_to_know_is_told_when_each_word_is_heard() {
    let sound = ramp(5000);
    let chunk = |part: &[i16]| {
        let bytes: Vec<u8> = part.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        json!({"type": "chunk", "data": STANDARD.encode(bytes), "done": false, "status_code": 206, "step_time": 1.5})
    };
    let times = |words: &[&str], start: &[f64], end: &[f64]| {
        let times = json!({"words": words, "start": start, "end": end});
        json!({"type": "timestamps", "done": false, "status_code": 206, "word_timestamps": times})
    };
    let done = json!({"type": "done", "done": true, "status_code": 200});
    let events = [
        times(&["I", "see"], &[0.0, 0.125], &[0.1, 0.5]),
        chunk(&sound[..2001]),
        json!({"type": "phoneme_timestamps", "phoneme_timestamps": {}}),
        chunk(&sound[2001..]),
        times(&["it"], &[0.5], &[0.75]),
        done,
    ];
    let events: Vec<String> = events.iter().map(Value::to_string).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let double = Double::answering(Reply::sse(&events)).await;
    let (samples, words) = speak_with_words(&tts(&double)).await.unwrap();
    assert_eq!(samples, sound);
    assert_eq!(words, [("I".to_owned(), 0, 100), ("see".to_owned(), 125, 500), ("it".to_owned(), 500, 750)]);
    let request = &double.requests()[0];
    assert_eq!(request.path, "/tts/sse");
    assert_eq!(request.json().unwrap()["add_timestamps"], true);
    conforms(&Spec::named(SPEC), request);

    let error = json!({"type": "error", "title": "No", "message": "It cannot be.", "error_code": "voice_not_found", "status_code": 404});
    double.answer(Reply::sse([error.to_string()]));
    assert_eq!(speak_with_words(&tts(&double)).await.unwrap_err().kind(), K::RejectedByProvider);
    double.answer(Reply::sse(&events[..2]));
    assert_eq!(speak_with_words(&tts(&double)).await.unwrap_err().kind(), K::ConnectionLost);
}

#[tokio::test]
async fn every_refusal_becomes_its_typed_error() {
    let said = |status, code: Value, message: &str| {
        let body = json!({"error_code": code, "title": "No", "message": message, "request_id": "r1", "doc_url": "https://docs.example"});
        Reply::json(status, body)
    };
    let no = |status, code: &str| said(status, code.into(), "It cannot be.");
    let double = Double::answering(Reply::json(200, json!({}))).await;
    let (stt, tts) = (stt(&double), tts(&double));
    for (reply, kind, retryable, wait) in [
        (no(400, "model_not_found"), K::RejectedByProvider, false, None),
        (said(400, Value::Null, &format!("{KEY} said '{SECRET_WORDS}'")), K::RejectedByProvider, false, None),
        (no(401, "unauthorized"), K::InvalidProviderKey, false, None),
        (no(402, "quota"), K::QuotaExhausted, false, None),
        (no(403, "forbidden"), K::InvalidProviderKey, false, None),
        (no(404, "voice_not_found"), K::RejectedByProvider, false, None),
        (no(422, "invalid"), K::RejectedByProvider, false, None),
        (no(429, "concurrency_limited"), K::RateLimited, true, None),
        (no(429, "concurrency_limited").header("retry-after", "2"), K::RateLimited, true, Some(Duration::from_secs(2))),
        (no(500, "internal"), K::ProviderFailed, true, None),
        (Reply::raw(400, "text/plain", ["invalid voice"]), K::RejectedByProvider, false, None),
        (Reply::raw(503, "text/plain", ["busy"]), K::ProviderFailed, true, None),
    ] {
        means(&double, &stt, &tts, reply, (kind, retryable, wait)).await;
    }
    double.answer(no(429, "concurrency_limited"));
    let error = speak(&tts).await.unwrap_err();
    assert!(error.message().contains("answered 429 (concurrency_limited): It cannot be."), "{error}");
}

#[tokio::test]
async fn examples_of_errors_and_answers_are_read() {
    let Some(example) = fixture("cartesia/errors/429.json") else { return };
    let double = Double::answering(example_error(&example)).await;
    assert_eq!(speak(&tts(&double)).await.unwrap_err().kind(), K::RateLimited);
    double.answer(Reply::json(200, fixture("cartesia/stt_batch.json").unwrap()));
    let heard = transcribe(&stt(&double), 1600, None).await.unwrap();
    assert_eq!(heard, [Transcript::last("Hello world.").with_language("en")]);
}

#[tokio::test]
async fn broken_answers_are_typed_too() {
    let double = Double::answering(sound()).await;
    let invalid = json!({"error_code": "invalid_voice", "title": "No", "message": "m", "status_code": 400});
    for (what, reply, kind) in [
        ("reset", sound().reset_after(2), K::ConnectionLost),
        ("cut", sound().cut_after(2), K::ConnectionLost),
        ("nothing", Reply::raw(200, "audio/wav", [""; 0]), K::MalformedResponse),
        ("error", Reply::json(200, invalid.clone()), K::RejectedByProvider),
        ("other JSON", Reply::json(200, json!({"ok": true})), K::MalformedResponse),
    ] {
        double.answer(reply);
        let error = speak(&tts(&double)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error:?}");
        shows_nothing(&format!("{error:?}"));
    }
    for (what, reply, kind) in [
        ("malformed", Reply::raw(200, "application/json", ["{nonsense"]), K::MalformedResponse),
        ("no text", Reply::json(200, json!({"type": "transcript"})), K::MalformedResponse),
        ("cut", Reply::raw(200, "application/json", ["{\"text\"", ":\"a\"}"]).cut_after(1), K::ConnectionLost),
        ("error", Reply::json(200, invalid), K::RejectedByProvider),
    ] {
        double.answer(reply);
        assert_eq!(transcribe(&stt(&double), 1600, None).await.unwrap_err().kind(), kind, "{what}");
    }
}

#[tokio::test]
async fn what_is_not_wanted_is_not_asked_for() {
    hangs_up(|address| CartesiaTts::new(KEY).base_url(address)).await;
    let double = Double::answering(sound()).await;
    let cancelled = CallContext::new();
    cancelled.cancel.cancel();
    let error = tts(&double).synthesize(SynthesisRequest::new("Hi."), &cancelled).await.err().unwrap();
    assert_eq!(error.kind(), K::Cancelled);
    let nothing = tts(&double).synthesize(SynthesisRequest::new(" \n"), &CallContext::new()).await.unwrap();
    assert_eq!(futures_util::StreamExt::count(nothing).await, 0);
    assert_eq!(double.requests().len(), 0);
}

#[tokio::test]
async fn warming_up_opens_the_connection_that_calls_use() {
    let double = Double::answering(sound()).await;
    let (stt, tts) = (stt(&double), tts(&double));
    SpeechToText::warm_up(&stt).await.unwrap();
    TextToSpeech::warm_up(&tts).await.unwrap();
    speak(&tts).await.unwrap();
    let paths: Vec<_> = double.requests().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    assert_eq!(paths[..2], ["GET /", "GET /"]);
    assert_eq!(double.connections(), 1);
    double.requests()[..2].iter().for_each(|request| conforms(&Spec::named(SPEC), request));
}

#[tokio::test]
async fn debug_shows_no_key() {
    shows_nothing(&format!("{:?}{:?}", CartesiaStt::new(KEY), CartesiaTts::new(KEY)));
}

#[tokio::test]
async fn a_config_document_is_all_an_agent_needs() {
    let hears = Double::answering(Reply::json(200, transcript())).await;
    let speaks = Double::answering(sound()).await;
    let settings = json!({"speed": 1.5, "volume": 2, "emotion": "calm", "language": "de"});
    let reply = converse(
        json!({"provider": "cartesia", "api_key": KEY, "base_url": hears.base_url()}),
        json!({"provider": "cartesia", "model": "sonic-3", "voice": "v1", "api_key": KEY, "base_url": speaks.base_url(), "settings": settings}),
    )
    .await
    .unwrap();
    assert_eq!((reply.transcript.as_str(), reply.text.as_str()), ("Hello world.", "It is noon."));
    assert!(reply.audio_error.is_none() && reply.audio.duration() > Duration::from_millis(100));
    let asked = speaks.requests().into_iter().find(|r| r.method == "POST").unwrap();
    let body = asked.json().unwrap();
    assert_eq!(body["generation_config"], json!({"speed": 1.5, "volume": 2.0, "emotion": "calm"}));
    assert_eq!((&body["model_id"], &body["voice"]["id"]), (&json!("sonic-3"), &json!("v1")));
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_with_what_can() {
    for (place, settings, expected) in [
        ("tts", json!({"speed": 2}), "tts.settings.speed: expected a number from 0.6 to 1.5"),
        ("tts", json!({"emotion": 1}), "tts.settings.emotion: expected a string"),
        ("tts", json!({"volum": 1}), "did you mean `volume`?"),
        ("stt", json!({"speed": 1}), "stt.settings.speed: this provider has no such setting"),
        ("stt", json!({"keyterms": [1]}), "stt.settings.keyterms: expected a list of strings"),
        ("stt", json!({"live_model": 1}), "stt.settings.live_model: expected a string"),
    ] {
        let said = complaint("cartesia", place, settings).await;
        assert!(said.contains(expected), "{said}");
    }
}
