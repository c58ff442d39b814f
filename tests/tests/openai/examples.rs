//! Vendors' own examples.

use super::*;

/// The folder of vendors' examples, when a copy of it is at hand.
fn fixtures() -> Option<PathBuf> {
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|a| a.join("shared/specs/fixtures"));
    let found = near.into_iter().find(|p| p.is_dir());
    if found.is_none() {
        println!("vendors' examples: not checked: fixtures not found");
    }
    found
}

#[tokio::test]
async fn vendors_own_examples_are_read() {
    let Some(folder) = fixtures() else { return };
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let double = double().await;
    let c = config(&double);

    for (name, said) in [
        ("openai/chat_stream.sse.txt", "Hello"),
        ("compat/groq_last_chunk.sse.txt", ""),
        ("openai/chat_stream_tools_usage.sse.txt", ""),
    ] {
        double.always(Route::Chat, Reply::raw(200, "text/event-stream", [read(name)]));
        let events = generate(&OpenAiLlm::with_config(c.clone())).await.unwrap();
        assert_eq!(text(&events), said, "{name}");
    }
    double.always(Route::Chat, Reply::raw(200, "application/json", [read("openai/chat_completion.json")]));
    assert!(!text(&generate(&OpenAiLlm::with_config(c.clone())).await.unwrap()).is_empty());

    double.always(
        Route::Transcription,
        Reply::raw(200, "text/event-stream", [read("openai/transcription_stream.sse.txt")]),
    );
    let heard = transcribe(&OpenAiStt::with_config(c.clone())).await.unwrap();
    assert!(heard.len() > 5 && heard.last().is_some_and(|t| t.is_final && t.text.starts_with("I see skies of blue")));
    for name in ["json", "verbose_words", "verbose_segments", "diarized", "logprobs"] {
        double.always(
            Route::Transcription,
            Reply::raw(200, "application/json", [read(&format!("openai/transcription_{name}.json"))]),
        );
        let heard = transcribe(&OpenAiStt::with_config(c.clone())).await.unwrap();
        assert!(heard.len() == 1 && !heard[0].text.is_empty(), "{name}");
    }
    let event = |name: &str| {
        let event = read(&format!("openai/realtime/server/conversation.item.input_audio_transcription.{name}.json"));
        serde_json::from_str::<Value>(&event).unwrap()
    };
    double.always(Route::LiveTranscription, Reply::frames([event("delta"), event("completed")]));
    let heard = listening::listen(&listening::listener(c.clone())).await.unwrap();
    let said = event("completed")["transcript"].as_str().unwrap().to_owned();
    assert_eq!((heard.len(), heard[1].text.as_str(), heard[1].is_final), (2, said.as_str(), true));
    double.always(Route::LiveTranscription, Reply::frames([event("failed")]));
    let error = listening::listen(&listening::listener(c.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProviderFailed);

    double.always(Route::Speech, Reply::raw(200, "text/event-stream", [read("openai/speech_stream.sse.txt")]));
    assert_eq!(samples(&speak(&OpenAiTts::with_config(c.clone())).await.unwrap()), ramp(8));

    for (name, kind) in [
        ("400_unsupported_parameter", ErrorKind::RejectedByProvider),
        ("401_invalid_api_key", ErrorKind::InvalidProviderKey),
        ("404_model_not_found", ErrorKind::RejectedByProvider),
        ("429_insufficient_quota", ErrorKind::QuotaExhausted),
        ("429_rate_limit", ErrorKind::RateLimited),
        ("500_server_error", ErrorKind::ProviderFailed),
        ("503_overloaded", ErrorKind::ProviderFailed),
    ] {
        let fixture: Value = serde_json::from_str(&read(&format!("openai/errors/{name}.json"))).unwrap();
        let status = u16::try_from(fixture["status"].as_u64().unwrap()).unwrap();
        let mut reply = Reply::json(status, fixture["body"].clone());
        for (header, value) in fixture["headers"].as_object().unwrap() {
            reply = reply.header(header, value.as_str().unwrap());
        }
        double.always(Route::Chat, reply);
        assert_eq!(generate(&OpenAiLlm::with_config(c.clone())).await.unwrap_err().kind(), kind, "{name}");
    }

    // Every server event there is: none may confuse a response of ours.
    let mut frames: Vec<Value> = fs::read_dir(folder.join("openai/realtime/server"))
        .unwrap()
        .map(|f| serde_json::from_slice(&fs::read(f.unwrap().path()).unwrap()).unwrap())
        .filter(|f: &Value| f["type"] != "response.created" && f["type"] != "error")
        .collect();
    assert!(frames.len() > 30);
    frames.insert(0, json!({"type": "response.created", "response": {"id": "{response}"}}));
    frames.push(json!({"type": "response.output_audio.delta", "response_id": "{response}", "delta": "AAABAAIAAwAEAAUABgAHAA=="}));
    frames.push(json!({"type": "response.done", "response": {"id": "{response}", "status": "completed"}}));
    double.always(Route::Realtime, Reply::frames(frames));
    assert_eq!(samples(&speak(&OpenAiRealtimeTts::with_config(c)).await.unwrap()), ramp(8));
}
