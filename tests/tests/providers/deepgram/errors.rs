//! Every refusal and every break becomes its typed error, and shows nothing private.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use voice_testkit::openai::refused_address;

use super::*;

fn old(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, json!({"err_code": code, "err_msg": message, "request_id": "r1"}))
}

fn new(status: u16, category: &str, message: &str) -> Reply {
    let body = json!({"category": category, "message": message, "details": "more", "request_id": "r1"});
    Reply::json(status, body).header("dg-request-id", "r1")
}

/// What each way of calling says when the server answers with `reply`.
async fn errors(reply: Reply) -> [(Stage, Error); 3] {
    let double = double().await;
    for route in [RECORDED, LIVE, SPEAK] {
        double.always(route, reply.clone());
    }
    let stt = stt(&double).keyterms([SECRET_WORDS]);
    let errors = [
        (Stage::Stt, transcribe(&stt, None).await.unwrap_err()),
        (Stage::Stt, listen(&stt, None).await.unwrap_err()),
        (Stage::Tts, speak(&tts(&double)).await.unwrap_err()),
    ];
    assert_eq!(double.requests().len(), 3, "a provider does not retry by itself");
    errors
}

#[tokio::test]
async fn every_refusal_becomes_its_typed_error() {
    use ErrorKind as K;
    let limited = || old(429, "TOO_MANY_REQUESTS", "Too many requests.");
    for (reply, kind, retryable, wait, word) in [
        (
            new(400, "INVALID_JSON", "Invalid JSON."),
            K::RejectedByProvider,
            false,
            None,
            "(INVALID_JSON): Invalid JSON.",
        ),
        (new(400, "A", "B"), K::RejectedByProvider, false, None, "[request r1]"),
        (old(400, "Bad Request", "No such model."), K::RejectedByProvider, false, None, "No such model."),
        (old(401, "INVALID_AUTH", "Invalid credentials."), K::InvalidProviderKey, false, None, "INVALID_AUTH"),
        (old(402, "ASR_PAYMENT_REQUIRED", "No credit."), K::QuotaExhausted, false, None, "No credit."),
        (old(403, "INSUFFICIENT_PERMISSIONS", "No access."), K::InvalidProviderKey, false, None, "No access."),
        (Reply::raw(413, "text/plain", ["Too long"]), K::RejectedByProvider, false, None, "text/plain: Too long"),
        (limited(), K::RateLimited, true, None, "TOO_MANY_REQUESTS"),
        (limited().header("retry-after", "2"), K::RateLimited, true, Some(Duration::from_secs(2)), "429"),
        (Reply::raw(500, "text/plain", [""; 0]), K::ProviderFailed, true, None, "500"),
        (Reply::raw(502, "text/html", ["<html>Bad"]), K::ProviderFailed, true, None, "<html>Bad"),
        (new(504, "TIMEOUT", "Too slow."), K::ProviderFailed, true, None, "Too slow."),
        (
            Reply::raw(400, "text/plain", [""; 0]).header("dg-error", "Unsupported language."),
            K::RejectedByProvider,
            false,
            None,
            "400: Unsupported language.",
        ),
    ] {
        for (stage, error) in errors(reply.clone()).await {
            let got = (error.kind(), error.retryable(), error.retry_after(), error.stage());
            assert_eq!(got, (kind, retryable, wait, Some(stage)), "{reply:?}: {error:?}");
            assert!(error.message().contains(word), "{error}");
            assert!(error.provider_status().is_some() && error.provider().is_some_and(|p| p.starts_with("deepgram/")));
        }
    }
}

#[tokio::test]
async fn answers_that_are_none_are_typed() {
    use ErrorKind as K;
    let whole = || Reply::raw(200, "application/json", ["{\"results\"", ": {}}"]);
    for (what, reply, kind) in [
        ("broken", Reply::raw(200, "application/json", ["{nonsense"]), K::MalformedResponse),
        ("no transcript", Reply::json(200, json!({"metadata": {}, "results": {}})), K::MalformedResponse),
        ("no channel", Reply::json(200, json!({"results": {"channels": []}})), K::MalformedResponse),
        ("an old error", Reply::json(200, json!({"err_code": "OOPS", "err_msg": "no"})), K::ProviderFailed),
        ("a new error", Reply::json(200, json!({"category": "OOPS", "message": "no"})), K::ProviderFailed),
        ("cut", whole().cut_after(1), K::ConnectionLost),
        ("reset", whole().reset_after(1), K::ConnectionLost),
    ] {
        let double = double().await;
        double.always(RECORDED, reply);
        let error = transcribe(&stt(&double), None).await.unwrap_err();
        assert_eq!((error.kind(), error.stage()), (kind, Some(Stage::Stt)), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn connections_that_do_not_come_about_say_why() {
    for (url, kind) in [
        (refused_address().await.unwrap(), ErrorKind::Connect),
        ("ftp://somewhere".into(), ErrorKind::InvalidConfig),
        ("nonsense".into(), ErrorKind::InvalidConfig),
    ] {
        let (stt, tts) = (DeepgramStt::new(KEY).base_url(&url), DeepgramTts::new(KEY).base_url(&url));
        let errors = [transcribe(&stt, None).await.err(), listen(&stt, None).await.err(), speak(&tts).await.err()];
        assert_eq!(errors.map(|e| e.unwrap().kind()), [kind; 3], "{url}");
    }
    let odd = speak(&DeepgramTts::new("planted\u{7}key")).await.unwrap_err();
    assert!(odd.kind() == ErrorKind::InvalidConfig && !format!("{odd:?}").contains("planted"));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn neither_keys_nor_words_reach_errors_debug_or_logs() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let echo = format!("Token {KEY} said: {SECRET_WORDS}");
    let mut shown = String::new();
    for reply in [
        old(401, "INVALID_AUTH", &echo),
        new(400, "BAD", &format!("cannot say '{SECRET_WORDS}'")),
        Reply::raw(500, "text/html", [format!("<p>{echo}</p>")]),
        Reply::raw(400, "text/plain", [""; 0]).header("dg-error", &echo),
    ] {
        for (_, error) in errors(reply).await {
            shown.push_str(&format!("{error}\n{error:?}\n{error:#?}\n"));
        }
    }
    let double = double().await;
    let failing = json!({"type": "Error", "description": echo});
    double.always(LIVE, Reply::socket([results(SECRET_WORDS, true), failing]));
    let error = listen(&stt(&double), None).await.unwrap_err();
    let told = stt(&double).keyterms([SECRET_WORDS]);
    shown.push_str(&format!("{error}{error:?}{told:?}{:?}", tts(&double)));
    shown.push_str(&String::from_utf8_lossy(&log.0.lock().unwrap()));
    for secret in ["planted", "0123456789", "cdef", "Ada", "forty pounds"] {
        let at = shown.find(secret).map(|at| shown[at.saturating_sub(200)..].chars().take(400).collect::<String>());
        assert_eq!(at, None, "{secret} is shown");
    }
}
