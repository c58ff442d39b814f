//! Neither keys nor words leak.

use super::*;

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
    let double = double().await;
    let echo = format!("Incorrect API key provided: {KEY}. You said: {SECRET_WORDS}");
    let mut shown = String::new();
    for reply in [
        Reply::error(
            401,
            "invalid_api_key",
            &format!("Incorrect API key provided: sk-pl*****{}. ", &KEY[KEY.len() - 4..]),
        ),
        Reply::error(401, "invalid_api_key", &echo),
        Reply::error(400, "bad", &format!("cannot say '{SECRET_WORDS}'")),
        Reply::raw(500, "text/html", [format!("<p>{echo}</p>")]),
        Reply::sse([json!({"error": {"message": echo}}).to_string()]),
    ] {
        for route in [Route::Chat, Route::Speech, Route::RealtimeConnect] {
            double.always(route, reply.clone());
        }
        double.always(Route::Transcription, Reply::error(401, "invalid_api_key", &format!("Incorrect API key: {KEY}")));
        let c = config(&double);
        let (stt, llm) = (OpenAiStt::with_config(c.clone()), OpenAiLlm::with_config(c.clone()));
        let (tts, realtime) = (OpenAiTts::with_config(c.clone()), OpenAiRealtimeTts::with_config(c.clone()));
        let errors = [generate(&llm).await.unwrap_err(), speak(&tts).await.unwrap_err()];
        let listener = listening::listener(c.clone()).prompt(SECRET_WORDS);
        let more =
            [speak(&realtime).await.err(), transcribe(&stt).await.err(), listening::listen(&listener).await.err()];
        for error in errors.iter().chain(more.iter().flatten()) {
            shown.push_str(&format!("{error}\n{error:?}\n{error:#?}\n"));
        }
        shown.push_str(&format!("{c:?}{stt:?}{llm:?}{tts:?}{realtime:?}{:?}", double.requests()[0].bearer));
        llm.warm_up(SECRET_WORDS).await.unwrap();
    }
    shown.push_str(&String::from_utf8_lossy(&log.0.lock().unwrap()));
    assert!(shown.contains("[redacted]"));
    for secret in ["planted", "0123456789", "sk-pl", "cdef", "Ada", "forty pounds"] {
        let at = shown.find(secret).map(|at| shown[at.saturating_sub(200)..].chars().take(400).collect::<String>());
        assert_eq!(at, None, "{secret} is shown");
    }
}

#[tokio::test]
async fn a_conversation_leaves_neither_keys_nor_secrets_nor_words_in_logs() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let double = double().await;
    let model = voice_testkit::ScriptedRealtime::new(&voice_testkit::Voice::new()).saying(SECRET_WORDS);
    double.converse(model.failing(1, ErrorKind::RateLimited));
    let minted = json!({"value": "ek_planted", "expires_at": 1, "session": {}});
    double.always(Route::At("POST /v1/realtime/client_secrets"), Reply::json(200, minted));
    let agent = voice_core::VoiceAgent::from_config(realtime::document(&double)).await.unwrap();
    let secret = agent.realtime().client_secret(voice_core::agent::ClientSecretOptions::default()).await.unwrap();
    let mut shown = format!("{secret:?} {agent:?}");
    let live = agent.live().first_message(SECRET_WORDS).start().await.unwrap();
    for n in 0..2 {
        live.push_text(SECRET_WORDS).unwrap();
        patient(async {
            let mut turns = 0;
            while turns < 1 + usize::from(n == 0) {
                let event = live.next().await.unwrap();
                turns += usize::from(matches!(event, voice_core::LiveEvent::TurnDone(_)));
                if !matches!(event, voice_core::LiveEvent::Started { .. }) {
                    shown.push_str(&format!("{event:?}\n"));
                }
            }
        })
        .await;
    }
    live.end().await.unwrap();
    shown.push_str(&String::from_utf8_lossy(&log.0.lock().unwrap()));
    assert!(shown.contains("live session over") && shown.contains("RateLimited"), "{shown}");
    for secret in ["planted", "0123456789", "Ada", "forty pounds"] {
        let at = shown.find(secret).map(|at| shown[at.saturating_sub(200)..].chars().take(400).collect::<String>());
        assert_eq!(at, None, "{secret} is shown");
    }
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
    let double = double().await;
    let error = generate(&OpenAiLlm::new("sk-planted\u{7}line").base_url(double.base_url())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(!format!("{error:?}").contains("planted"));
    assert_eq!(double.requests().len(), 0);
}
