//! Every refusal and every break becomes its typed error.

use super::*;

#[tokio::test]
async fn every_refusal_becomes_its_typed_error() {
    use ErrorKind as K;
    let seconds = |s| Some(Duration::from_secs(s));
    let limited = || Reply::error(429, "rate_limit_exceeded", "Slow down.");
    let cases: Vec<(Reply, K, bool, Option<Duration>)> = vec![
        (Reply::error(400, "context_length_exceeded", "too long"), K::RejectedByProvider, false, None),
        (
            Reply::error(401, "invalid_api_key", &format!("Incorrect API key provided: {KEY}.")),
            K::InvalidProviderKey,
            false,
            None,
        ),
        (Reply::error(403, "unsupported_country", "not here"), K::InvalidProviderKey, false, None),
        (Reply::error(404, "model_not_found", "no such model"), K::RejectedByProvider, false, None),
        (Reply::error(408, "timeout", "too slow"), K::ProviderFailed, true, None),
        (Reply::error(409, "conflict", "again"), K::ProviderFailed, true, None),
        (Reply::raw(413, "text/html", ["<html>413</html>"]), K::RejectedByProvider, false, None),
        (
            Reply::json(422, json!({"detail": [{"loc": ["body"], "msg": "bad field"}]})),
            K::RejectedByProvider,
            false,
            None,
        ),
        (limited(), K::RateLimited, true, None),
        (limited().header("retry-after", "2"), K::RateLimited, true, seconds(2)),
        (limited().header("retry-after-ms", "3000").header("retry-after", "9"), K::RateLimited, true, seconds(3)),
        (limited().header("x-should-retry", "false"), K::RateLimited, false, None),
        (
            Reply::error(429, "insufficient_quota", "no credit").header("retry-after", "2"),
            K::QuotaExhausted,
            false,
            None,
        ),
        (
            Reply::error(429, "credit_balance_exhausted", "no credit").header("x-should-retry", "true"),
            K::QuotaExhausted,
            false,
            None,
        ),
        (Reply::error(500, "server_error", "sorry"), K::ProviderFailed, true, None),
        (Reply::raw(502, "text/html", ["<html>\r\n<title>Bad gateway</title>"]), K::ProviderFailed, true, None),
        (
            Reply::error(503, "server_is_overloaded", "later").header("retry-after", "5"),
            K::ProviderFailed,
            true,
            seconds(5),
        ),
        (Reply::json(503, json!({"error": {"code": 503, "message": "Loading model"}})), K::ProviderFailed, true, None),
        (Reply::json(500, json!({"error": "just words"})), K::ProviderFailed, true, None),
        (Reply::raw(500, "text/plain", [""; 0]), K::ProviderFailed, true, None),
        (Reply::error(400, "server_error", "odd").header("x-should-retry", "true"), K::RejectedByProvider, true, None),
        (
            Reply::raw(307, "text/plain", [""; 0]).header("location", "https://elsewhere.example/v1"),
            K::RejectedByProvider,
            false,
            None,
        ),
    ];
    for (reply, kind, retryable, wait) in cases {
        let double = double().await;
        for route in [Route::Transcription, Route::Chat, Route::Speech, Route::RealtimeConnect] {
            double.always(route, reply.clone());
        }
        let c = config(&double);
        let errors = [
            (Stage::Stt, transcribe(&OpenAiStt::with_config(c.clone())).await.unwrap_err()),
            (Stage::Llm, generate(&OpenAiLlm::with_config(c.clone())).await.unwrap_err()),
            (Stage::Tts, speak(&OpenAiTts::with_config(c.clone())).await.unwrap_err()),
            (Stage::Tts, speak(&OpenAiRealtimeTts::with_config(c.clone())).await.unwrap_err()),
            (Stage::Stt, listening::listen(&listening::listener(c)).await.unwrap_err()),
        ];
        for (stage, error) in errors {
            let got = (error.kind(), error.retryable(), error.retry_after(), error.stage());
            assert_eq!(got, (kind, retryable, wait, Some(stage)), "{reply:?}: {error:?}");
            assert!(error.provider_status().is_some() && error.provider().is_some_and(|p| p.starts_with("openai/")));
            assert!(!format!("{error}{error:?}").contains("planted"), "{error:?}");
        }
        assert_eq!(double.count(Route::Chat), 1, "a provider does not retry by itself");
    }
}

#[tokio::test]
async fn html_and_plain_words_are_shown_in_short() {
    let double = double().await;
    double.always(
        Route::Chat,
        Reply::raw(502, "text/html", ["<html>\r\n<h1>Bad gateway</h1>".to_owned() + &"x".repeat(5000)]),
    );
    let error = generate(&OpenAiLlm::with_config(config(&double))).await.unwrap_err();
    assert!(error.message().contains("502 with text/html: <html> <h1>Bad gateway</h1>"), "{error}");
    assert!(error.message().len() < 500);
}

#[tokio::test]
async fn connections_that_do_not_come_about_say_why() {
    let hanging = HangingAddress::open().await.unwrap();
    let double = double().await;
    let cases = [
        (refused_address().await.unwrap(), ErrorKind::Connect, "connection refused"),
        ("http://voice-core.invalid/v1".into(), ErrorKind::Connect, "DNS"),
        (double.tls_base_url(), ErrorKind::Connect, "TLS"),
        (hanging.base_url().unwrap(), ErrorKind::ConnectTimeout, "connect time-out"),
        ("ftp://somewhere/v1".into(), ErrorKind::InvalidConfig, "http://"),
        ("nonsense".into(), ErrorKind::InvalidConfig, "http://"),
    ];
    for (url, kind, word) in cases {
        let c = OpenAiConfig::new(KEY).base_url(&url).connect_timeout(Duration::from_millis(200));
        let errors = [
            transcribe(&OpenAiStt::with_config(c.clone())).await.unwrap_err(),
            generate(&OpenAiLlm::with_config(c.clone())).await.unwrap_err(),
            speak(&OpenAiTts::with_config(c.clone())).await.unwrap_err(),
            speak(&OpenAiRealtimeTts::with_config(c.clone())).await.unwrap_err(),
            listening::listen(&listening::listener(c)).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), kind, "{url}: {error:?}");
            assert!(error.message().contains(word), "{url}: {error}");
        }
    }
}

#[tokio::test]
async fn what_breaks_in_the_middle_keeps_what_came_and_says_what_happened() {
    use ErrorKind as K;
    let piece = || chunk(json!({"content": "Hel"}), Value::Null);
    let two = || Reply::sse([piece(), chunk(json!({"content": "lo."}), json!("stop"))]);
    let cases = [
        ("reset", two().reset_after(1), K::ConnectionLost),
        ("cut", two().cut_after(1), K::ConnectionLost),
        ("truncated", two().stop_after(1), K::ConnectionLost),
        (
            "half an event",
            Reply::raw(200, "text/event-stream", [format!("data: {}\n\ndata: {{\"cho", piece())]),
            K::ConnectionLost,
        ),
        ("not JSON", Reply::sse([piece(), "{nonsense".into()]), K::MalformedResponse),
        (
            "error",
            Reply::sse([piece(), json!({"error": {"type": "server_error", "message": "oops"}}).to_string()]),
            K::ProviderFailed,
        ),
        ("error as words", Reply::sse([piece(), json!({"error": "oops"}).to_string()]), K::ProviderFailed),
        (
            "out of credit",
            Reply::sse([piece(), json!({"error": {"code": "insufficient_quota"}}).to_string()]),
            K::QuotaExhausted,
        ),
        (
            "groq's error",
            Reply::sse([piece(), json!({"choices": [], "x_groq": {"error": "oops"}}).to_string()]),
            K::ProviderFailed,
        ),
    ];
    for (what, reply, kind) in cases {
        let double = double().await;
        double.always(Route::Chat, reply);
        let llm = OpenAiLlm::with_config(config(&double));
        let mut stream = llm.generate(prompt(), &CallContext::new()).await.unwrap();
        let first = patient(stream.try_next()).await.unwrap();
        assert!(matches!(first, Some(LlmEvent::Text(t)) if t == "Hel"), "{what}");
        let error = patient(stream.try_next()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error:?}");
        assert!(patient(stream.try_next()).await.unwrap().is_none(), "{what}: the stream is over after its error");
    }
}

#[tokio::test]
async fn broken_transcripts_and_broken_speech_are_typed_too() {
    use ErrorKind as K;
    let delta = r#"{"type":"transcript.text.delta","delta":"Hel"}"#;
    for (what, reply, kind) in [
        ("truncated", Reply::sse([delta]), K::ConnectionLost),
        ("reset", Reply::sse([delta, delta]).reset_after(1), K::ConnectionLost),
        ("error", Reply::sse([delta, r#"{"type":"error","error":{"message":"oops"}}"#]), K::ProviderFailed),
        ("malformed", Reply::raw(200, "application/json", ["{nonsense"]), K::MalformedResponse),
        ("no text", Reply::json(200, json!({"usage": {}})), K::MalformedResponse),
    ] {
        let double = double().await;
        double.always(Route::Transcription, reply);
        assert_eq!(transcribe(&OpenAiStt::with_config(config(&double))).await.unwrap_err().kind(), kind, "{what}");
    }
    for (what, reply, kind) in [
        ("reset", Reply::silence(1.0).reset_after(2), K::ConnectionLost),
        ("cut", Reply::silence(1.0).cut_after(2), K::ConnectionLost),
        ("nothing", Reply::raw(200, "audio/pcm", [""; 0]), K::MalformedResponse),
        ("MP3", Reply::raw(200, "audio/mpeg", ["ID3"]), K::MalformedResponse),
        ("error", Reply::json(200, json!({"error": {"type": "server_error"}})), K::ProviderFailed),
    ] {
        let double = double().await;
        double.always(Route::Speech, reply);
        assert_eq!(speak(&OpenAiTts::with_config(config(&double))).await.unwrap_err().kind(), kind, "{what}");
    }
    let done = |status: &str, details: Value| {
        Reply::frames([
            json!({"type": "response.done", "response": {"id": "{response}", "status": status, "status_details": details}}),
        ])
    };
    for (what, reply, kind) in [
        ("reset", Reply::realtime(&ramp(20_000)).reset_after(4), K::ConnectionLost),
        ("closed", Reply::realtime(&ramp(20_000)).cut_after(4), K::ConnectionLost),
        ("failed", done("failed", json!({"error": {"type": "server_error", "code": "oops"}})), K::ProviderFailed),
        ("no credit", done("failed", json!({"error": {"code": "insufficient_quota"}})), K::QuotaExhausted),
        ("filtered", done("incomplete", json!({"reason": "content_filter"})), K::RejectedByProvider),
        ("too long", done("incomplete", json!({"reason": "max_output_tokens"})), K::ProviderFailed),
        ("no sound", done("completed", Value::Null), K::MalformedResponse),
        ("error", Reply::realtime_error("invalid_request_error", "invalid_value", "bad voice"), K::RejectedByProvider),
        ("limited", Reply::realtime_error("requests", "rate_limit_exceeded", "slow"), K::RateLimited),
    ] {
        let double = double().await;
        double.always(Route::Realtime, reply);
        let error = speak(&OpenAiRealtimeTts::with_config(config(&double))).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error:?}");
    }
}

#[tokio::test]
async fn dropping_a_call_ends_it_at_the_server_too() {
    let double = double().await;
    double.always(Route::Speech, Reply::silence(1.0).hang_after(1)).always(Route::Chat, Reply::never());
    let llm = OpenAiLlm::with_config(config(&double));
    let waited = tokio::time::timeout(Duration::from_millis(50), llm.generate(prompt(), &CallContext::new())).await;
    assert!(waited.is_err(), "the server never answers");
    let tts = OpenAiTts::with_config(config(&double));
    let mut stream = tts.synthesize(SynthesisRequest::new("Hi."), &CallContext::new()).await.unwrap();
    assert!(patient(stream.try_next()).await.unwrap().is_some());
    drop(stream);
    let cancelled = CallContext::new();
    cancelled.cancel.cancel();
    let error = tts.synthesize(SynthesisRequest::new("Hi."), &cancelled).await.err().unwrap();
    assert_eq!((error.kind(), double.count(Route::Speech)), (ErrorKind::Cancelled, 1));
}
