//! ElevenLabs.

mod listening;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use voice_core::{
    ErrorKind as K, Transcript,
    provider::{CallContext, SpeechToText, SynthesisRequest, TextToSpeech},
    providers::elevenlabs::{ElevenLabsStt, ElevenLabsTts},
};
use voice_testkit::openai::{RecordedBody, Reply, Spec};

use super::{conform, over_http::*};

const SPEC: &str = "openapi/elevenlabs.openapi.trimmed.json";

fn stt(double: &Double) -> ElevenLabsStt {
    ElevenLabsStt::new(KEY).base_url(double.base_url())
}

fn tts(double: &Double) -> ElevenLabsTts {
    ElevenLabsTts::new(KEY).base_url(double.base_url())
}

fn transcript() -> Value {
    json!({"language_code": "hin", "language_probability": 0.98, "text": " Kal baarish hogi. ", "words": [], "new": {"field": 1}})
}

fn sound() -> Reply {
    Reply::raw(200, "audio/mpeg", pcm(&ramp(5000), 333))
}

#[tokio::test]
async fn a_recording_goes_out_as_samples_and_comes_back_as_words_in_their_language() {
    let double = Double::answering(Reply::json(200, transcript())).await;
    let heard = transcribe(&stt(&double), 3200, Some("hi-IN")).await.unwrap();
    assert_eq!(heard, [Transcript::last("Kal baarish hogi.").with_language("hi")]);

    let request = &double.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/speech-to-text"));
    assert_eq!(request.header("xi-api-key"), Some(KEY));
    let RecordedBody::Multipart(parts) = &request.body else { panic!("a form is expected") };
    let fields: Vec<_> = parts[..parts.len() - 1].iter().map(|p| (p.name.as_str(), &p.bytes[..])).collect();
    assert_eq!(
        fields,
        [
            ("model_id", &b"scribe_v2"[..]),
            ("file_format", b"pcm_s16le_16"),
            ("timestamps_granularity", b"none"),
            ("tag_audio_events", b"false"),
            ("language_code", b"hi"),
        ]
    );
    let file = &parts[parts.len() - 1];
    assert_eq!((file.name.as_str(), file.file_name.as_deref()), ("file", Some("speech.pcm")));
    assert_eq!(file.bytes[..], [3, 0].repeat(3200));

    transcribe(&stt(&double).model("scribe_v1").logging(false), 10, None).await.unwrap();
    let request = &double.requests()[1];
    assert_eq!(request.path, "/v1/speech-to-text?enable_logging=false");
    assert_eq!((request.field("model_id").as_deref(), request.field("language_code")), (Some("scribe_v1"), None));
    let RecordedBody::Multipart(parts) = &request.body else { panic!("a form is expected") };
    let bytes = &parts[parts.len() - 1].bytes;
    assert_eq!(bytes.len(), 3200, "what is shorter than 100 ms is filled up");
    assert!(bytes[..20] == [3, 0].repeat(10) && bytes[20..].iter().all(|b| *b == 0));

    let spec = Spec::named(SPEC);
    double.requests().iter().for_each(|request| conforms(&spec, request));
}

#[tokio::test]
async fn silence_is_an_empty_transcript_and_no_error() {
    let double = Double::answering(Reply::json(200, json!({"language_code": "eng", "text": "", "words": []}))).await;
    assert_eq!(transcribe(&stt(&double), 1600, None).await.unwrap(), [Transcript::last("").with_language("en")]);
}

#[tokio::test]
async fn a_text_goes_out_with_its_voice_and_comes_back_as_the_samples_that_were_made() {
    let double = Double::answering(sound()).await;
    let spoken = speak(&tts(&double)).await.unwrap();
    assert!(spoken.len() > 1 && spoken.iter().all(|p| p.sample_rate() == 24_000), "it streams at 24 kHz");
    assert_eq!(samples(&spoken), ramp(5000));
    let request = &double.requests()[0];
    let path = "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream?output_format=pcm_24000";
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", path));
    assert_eq!(request.header("xi-api-key"), Some(KEY));
    assert_eq!(request.json().unwrap(), &json!({"text": SECRET_WORDS, "model_id": "eleven_multilingual_v2"}));

    let full = tts(&double)
        .model("eleven_flash_v2_5")
        .voice("a voice")
        .stability(0.4)
        .similarity_boost(0.8)
        .style(0.1)
        .speed(1.1)
        .use_speaker_boost(false)
        .logging(false);
    speak_in(&full, Some("de-AT")).await.unwrap();
    let request = &double.requests()[1];
    let path = "/v1/text-to-speech/a%20voice/stream?output_format=pcm_24000&enable_logging=false";
    assert_eq!(request.path, path);
    let settings =
        json!({"stability": 0.4, "similarity_boost": 0.8, "style": 0.1, "speed": 1.1, "use_speaker_boost": false});
    assert_eq!(
        request.json().unwrap(),
        &json!({"text": SECRET_WORDS, "model_id": "eleven_flash_v2_5", "language_code": "de", "voice_settings": settings})
    );

    let spec = Spec::named(SPEC);
    double.requests().iter().for_each(|request| conforms(&spec, request));
    speak(&tts(&double).stability(1.5)).await.unwrap();
    is_at_fault(&spec, &double.requests()[2]);
    double.answer(Reply::json(200, transcript()));
    transcribe(&stt(&double).model("scribe_v0"), 1600, None).await.unwrap();
    is_at_fault(&spec, &double.requests()[3]);
}

#[tokio::test]
async fn a_piece_goes_out_with_what_was_said_before_it_to_models_that_take_it() {
    let double = Double::answering(sound()).await;
    for model in ["eleven_multilingual_v2", "eleven_v3"] {
        let mut request = SynthesisRequest::new("Take a coat.");
        request.previous_text = Some(SECRET_WORDS.into());
        let tts = tts(&double).model(model);
        let spoken = patient(async { tts.synthesize(request, &CallContext::new()).await?.try_collect().await });
        let _: Vec<voice_core::Pcm> = spoken.await.unwrap();
    }
    let requests = double.requests();
    let sent: Vec<_> = requests.iter().map(|request| request.json().unwrap()["previous_text"].clone()).collect();
    assert_eq!(sent, [json!(SECRET_WORDS), Value::Null]);
    conforms(&Spec::named(SPEC), &requests[0]);

    double.answer(Reply::json(400, json!({"detail": {"status": "bad", "message": format!("no: {SECRET_WORDS}")}})));
    let mut request = SynthesisRequest::new("Take a coat.");
    request.previous_text = Some(SECRET_WORDS.into());
    let error = tts(&double).synthesize(request, &CallContext::new()).await.err().unwrap();
    shows_nothing(&format!("{error}{error:?}"));
}

/// A piece of speech with so many samples and its letters, a tenth of a second each.
fn piece(samples: &[i16], letters: &str, from: usize) -> Value {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let letters: Vec<String> = letters.chars().map(String::from).collect();
    let times = |first: usize| -> Vec<f64> { (0..letters.len()).map(|n| (n + first) as f64 / 10.0).collect() };
    let alignment = json!({
        "characters": letters, "character_start_times_seconds": times(from), "character_end_times_seconds": times(from + 1),
    });
    json!({"audio_base64": STANDARD.encode(bytes), "alignment": alignment, "normalized_alignment": null})
}

#[tokio::test]
async fn who_wants_to_know_is_told_when_each_word_is_heard() {
    let sound = ramp(5000);
    let pieces = [piece(&sound[..2000], "I se", 0), piece(&sound[2000..], "e it", 4)];
    let body = pieces.map(|piece| format!("{piece}\n")).concat();
    let chunks: Vec<Vec<u8>> = body.as_bytes().chunks(777).map(<[u8]>::to_vec).collect();
    let double = Double::answering(Reply::raw(200, "application/json", chunks)).await;
    let (samples, words) = speak_with_words(&tts(&double)).await.unwrap();
    assert_eq!(samples, sound);
    assert_eq!(words, [("I".to_owned(), 0, 100), ("see".to_owned(), 200, 500), ("it".to_owned(), 600, 800)]);
    let request = &double.requests()[0];
    let path = "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream/with-timestamps?output_format=pcm_24000";
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", path));
    conforms(&Spec::named(SPEC), request);

    for (reply, kind) in [
        (Reply::json(200, json!({"detail": {"status": "quota_exceeded", "message": "No."}})), K::QuotaExhausted),
        (Reply::raw(200, "application/json", vec![b"{\"audio_base64\": \"".to_vec()]), K::ConnectionLost),
        (Reply::raw(200, "application/json", vec![b"<html>{}".to_vec()]), K::MalformedResponse),
        (Reply::json(200, json!({"audio_base64": "?"})), K::MalformedResponse),
        (Reply::json(200, json!({"audio_base64": null, "alignment": null})), K::MalformedResponse),
    ] {
        double.answer(reply);
        let error = speak_with_words(&tts(&double)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn every_refusal_becomes_its_typed_error() {
    let detail = |status, word: &str| Reply::json(status, json!({"detail": {"status": word, "message": "No."}}));
    let newer = |status, code: &str| {
        let detail = json!({"type": "validation_error", "code": code, "message": "No.", "status": code, "request_id": "r", "param": "text"});
        Reply::json(status, json!({"detail": detail}))
    };
    let list = json!({"detail": [{"loc": ["body", "text"], "msg": "Field required", "type": "missing"}]});
    let echo = json!({"detail": {"status": "invalid", "message": format!("{KEY} said '{SECRET_WORDS}'")}});
    let double = Double::answering(Reply::json(200, json!({}))).await;
    let (stt, tts) = (stt(&double), tts(&double));
    for (reply, kind, retryable, wait) in [
        (detail(401, "invalid_api_key"), K::InvalidProviderKey, false, None),
        (detail(401, "quota_exceeded"), K::QuotaExhausted, false, None),
        (newer(401, "quota_exceeded"), K::QuotaExhausted, false, None),
        (detail(403, "only_for_creator+"), K::InvalidProviderKey, false, None),
        (detail(400, "max_character_limit_exceeded"), K::RejectedByProvider, false, None),
        (detail(400, "voice_not_found"), K::RejectedByProvider, false, None),
        (newer(400, "invalid_parameters"), K::RejectedByProvider, false, None),
        (Reply::json(422, list), K::RejectedByProvider, false, None),
        (Reply::json(400, echo), K::RejectedByProvider, false, None),
        (detail(429, "too_many_concurrent_requests"), K::RateLimited, true, None),
        (detail(429, "system_busy"), K::RateLimited, true, None),
        (
            newer(429, "rate_limit_exceeded").header("retry-after", "2"),
            K::RateLimited,
            true,
            Some(Duration::from_secs(2)),
        ),
        (Reply::json(500, json!({"detail": "just words"})), K::ProviderFailed, true, None),
        (Reply::raw(503, "text/html", ["<html>busy</html>"]), K::ProviderFailed, true, None),
    ] {
        means(&double, &stt, &tts, reply, (kind, retryable, wait)).await;
    }
    double.answer(detail(401, "quota_exceeded"));
    let error = speak(&tts).await.unwrap_err();
    assert!(error.message().contains("answered 401 (quota_exceeded): No."), "{error}");
}

#[tokio::test]
async fn examples_of_errors_and_answers_are_read() {
    let double = Double::answering(Reply::json(200, json!({}))).await;
    for (name, kind) in [
        ("400_new_shape", K::RejectedByProvider),
        ("401_invalid_api_key", K::InvalidProviderKey),
        ("422_list", K::RejectedByProvider),
        ("429_concurrency", K::RateLimited),
    ] {
        let Some(example) = fixture(&format!("elevenlabs/errors/{name}.json")) else { return };
        double.answer(example_error(&example));
        assert_eq!(speak(&tts(&double)).await.unwrap_err().kind(), kind, "{name}");
    }
    double.answer(Reply::json(200, fixture("elevenlabs/stt_response.json").unwrap()));
    let heard = transcribe(&stt(&double), 1600, None).await.unwrap();
    assert_eq!(heard, [Transcript::last("Hello world!").with_language("en")]);
    // What is only sent when it was asked for, which is never done here.
    for name in ["stt_webhook_accepted_202", "stt_multichannel"] {
        double.answer(Reply::json(200, fixture(&format!("elevenlabs/{name}.json")).unwrap()));
        assert_eq!(transcribe(&stt(&double), 1600, None).await.unwrap_err().kind(), K::MalformedResponse, "{name}");
    }
}

#[tokio::test]
async fn broken_answers_are_typed_too() {
    let double = Double::answering(sound()).await;
    for (what, reply, kind) in [
        ("reset", sound().reset_after(2), K::ConnectionLost),
        ("cut", sound().cut_after(2), K::ConnectionLost),
        ("nothing", Reply::raw(200, "audio/mpeg", [""; 0]), K::MalformedResponse),
        ("MP3", Reply::raw(200, "audio/mpeg", ["ID3\u{4}\0\0\0\0\0\0\0\0\0"]), K::MalformedResponse),
        ("other JSON", Reply::json(200, json!({"audio_base64": "AAAA"})), K::MalformedResponse),
        (
            "error",
            Reply::json(200, json!({"detail": {"status": "system_busy", "message": "later"}})),
            K::ProviderFailed,
        ),
        ("no credit", Reply::json(200, json!({"detail": {"status": "quota_exceeded"}})), K::QuotaExhausted),
        ("a page", Reply::raw(200, "text/html", ["<html>"]), K::MalformedResponse),
    ] {
        double.answer(reply);
        let error = speak(&tts(&double)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error:?}");
        shows_nothing(&format!("{error:?}"));
    }
    for (what, reply, kind) in [
        ("malformed", Reply::raw(200, "application/json", ["{nonsense"]), K::MalformedResponse),
        ("no text", Reply::json(200, json!({"words": []})), K::MalformedResponse),
        ("cut", Reply::raw(200, "application/json", ["{\"text\"", ":\"a\"}"]).cut_after(1), K::ConnectionLost),
        ("error", Reply::json(200, json!({"detail": "oops"})), K::ProviderFailed),
    ] {
        double.answer(reply);
        assert_eq!(transcribe(&stt(&double), 1600, None).await.unwrap_err().kind(), kind, "{what}");
    }
}

#[tokio::test]
async fn what_is_not_wanted_is_not_asked_for() {
    hangs_up(|address| ElevenLabsTts::new(KEY).base_url(address)).await;
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
    assert_eq!(paths[..2], ["GET /v1/models", "GET /v1/models"]);
    assert_eq!(double.connections(), 1);
    double.requests()[..2].iter().for_each(|request| conforms(&Spec::named(SPEC), request));
}

#[tokio::test]
async fn debug_shows_no_key_and_a_key_that_no_header_can_carry_is_refused() {
    shows_nothing(&format!("{:?}{:?}", ElevenLabsStt::new(KEY), ElevenLabsTts::new(KEY)));
    let error = speak(&ElevenLabsTts::new("sk_planted\u{7}line")).await.unwrap_err();
    assert_eq!(error.kind(), K::InvalidConfig);
    shows_nothing(&format!("{error:?}"));
}

#[tokio::test]
async fn a_config_document_is_all_an_agent_needs() {
    let hears = Double::answering(Reply::json(200, transcript())).await;
    let speaks = Double::answering(sound()).await;
    let settings = json!({
        "stability": 0.4, "similarity_boost": 1, "style": 0, "speed": 0.7, "use_speaker_boost": true, "language": "de",
        "enable_logging": false,
    });
    let reply = converse(
        json!({"provider": "elevenlabs", "model": "scribe_v1", "api_key": KEY, "base_url": hears.base_url(), "settings": {"enable_logging": false, "keyterms": ["Pune"], "live_model": ""}}),
        json!({"provider": "elevenlabs", "model": "eleven_v3", "voice": "v1", "api_key": KEY, "base_url": speaks.base_url(), "settings": settings}),
    )
    .await
    .unwrap();
    assert_eq!((reply.transcript.as_str(), reply.text.as_str()), ("Kal baarish hogi.", "It is noon."));
    assert!(reply.audio_error.is_none() && reply.audio.duration() > Duration::from_millis(100));
    let asked = hears.requests().into_iter().find(|r| r.method == "POST").unwrap();
    assert_eq!(asked.field("model_id").as_deref(), Some("scribe_v1"));
    assert_eq!(asked.field("keyterms").as_deref(), Some("Pune"));
    assert_eq!(asked.path, "/v1/speech-to-text?enable_logging=false");
    let asked = speaks.requests().into_iter().find(|r| r.method == "POST").unwrap();
    assert_eq!(asked.path, "/v1/text-to-speech/v1/stream?output_format=pcm_24000&enable_logging=false");
    assert_eq!(
        asked.json().unwrap()["voice_settings"],
        json!({"stability": 0.4, "similarity_boost": 1.0, "style": 0.0, "speed": 0.7, "use_speaker_boost": true})
    );
    assert_eq!(asked.json().unwrap()["model_id"], "eleven_v3");
    assert_eq!(asked.json().unwrap()["text"], "It is noon.");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_with_what_can() {
    for (place, settings, expected) in [
        ("tts", json!({"stability": 1.5}), "tts.settings.stability: expected a number from 0 to 1"),
        ("tts", json!({"speed": 2}), "tts.settings.speed: expected a number from 0.7 to 1.2"),
        ("tts", json!({"use_speaker_boost": "yes"}), "tts.settings.use_speaker_boost: expected true or false"),
        ("tts", json!({"stabilty": 0.5}), "did you mean `stability`?"),
        ("stt", json!({"prompt": "a"}), "stt.settings.prompt: this provider has no such setting"),
        ("stt", json!({"keyterms": "a"}), "stt.settings.keyterms: expected a list of strings"),
        ("stt", json!({"live_model": 1}), "stt.settings.live_model: expected a string"),
    ] {
        let said = complaint("elevenlabs", place, settings).await;
        assert!(said.contains(expected), "{said}");
    }
}
