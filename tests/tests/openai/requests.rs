//! What is sent.

use super::*;

#[tokio::test]
async fn requests_are_as_the_official_description_has_them() {
    let double = double().await;
    let spec = OpenAiSpec::find();
    let c = official(&double).organization("org-1").project("proj_1");
    for model in ["gpt-transcribe", "whisper-1", "gpt-4o-transcribe", "gpt-4o-transcribe-diarize"] {
        transcribe(&OpenAiStt::with_config(c.clone()).model(model).prompt("Names: Ada")).await.unwrap();
    }
    for model in ["gpt-6-luna", "gpt-3.5-turbo", "o3", "gpt-5-mini"] {
        generate(&OpenAiLlm::with_config(c.clone()).model(model)).await.unwrap();
    }
    generate(&OpenAiLlm::with_config(config(&double))).await.unwrap();
    let speech = OpenAiTts::with_config(c.clone()).voice("voice_1").instructions("calmly").speed(1.25);
    speak(&speech).await.unwrap();
    speak(&OpenAiTts::with_config(c.clone()).model("tts-1").instructions("calmly")).await.unwrap();
    let realtime = OpenAiRealtimeTts::with_config(c.clone()).instructions("calmly").speed(1.1);
    speak(&realtime).await.unwrap();
    realtime.warm_up().await.unwrap();
    OpenAiLlm::with_config(c).warm_up("").await.unwrap();

    for request in double.requests() {
        assert_eq!(request.bearer.as_ref().map(|b| b.expose().to_owned()).as_deref(), Some(KEY));
        match spec.check(&request) {
            SpecCheck::Conforms => {}
            SpecCheck::NotChecked(why) => println!("{} {}: not checked: {why}", request.method, request.path),
            violated => panic!("{} {}: {violated}\n{:?}", request.method, request.path, request.body),
        }
    }
    let sent = |route: Route, n: usize| double.requests_to(route)[n].json().unwrap().clone();
    assert_eq!(sent(Route::Chat, 0)["messages"][0]["role"], "developer");
    assert_eq!(sent(Route::Chat, 0)["max_completion_tokens"], 500);
    assert_eq!(sent(Route::Chat, 0)["stream_options"], json!({"include_usage": true, "include_obfuscation": false}));
    assert_eq!(sent(Route::Chat, 0)["temperature"], 0.7);
    assert_eq!(sent(Route::Chat, 3)["reasoning_effort"], "minimal");
    assert_eq!(sent(Route::Chat, 4)["messages"][0]["role"], "system");
    assert_eq!(sent(Route::Chat, 4)["max_tokens"], 500);
    assert_eq!(sent(Route::Chat, 4)["stream_options"], json!({"include_usage": true}));
    assert_eq!(sent(Route::Speech, 0)["voice"], json!({"id": "voice_1"}));
    assert_eq!(sent(Route::Speech, 0)["instructions"], "calmly");
    assert!(sent(Route::Speech, 1).get("instructions").is_none(), "tts-1 takes none");
    assert_eq!(double.requests()[0].header("openai-organization"), Some("org-1"));
    assert_eq!(double.requests()[0].header("openai-project"), Some("proj_1"));
    let RecordedBody::Multipart(parts) = &double.requests()[0].body else { panic!("a form is expected") };
    let file = parts.iter().find(|p| p.name == "file").unwrap();
    assert_eq!((file.file_name.as_deref(), file.content_type.as_deref()), (Some("speech.wav"), Some("audio/wav")));
    assert_eq!(&file.bytes[..4], b"RIFF");
}

#[tokio::test]
async fn a_refused_field_is_dropped_renamed_or_lowered_once_and_remembered() {
    let double = double().await;
    double
        .nth(
            Route::Chat,
            0,
            Reply::refused_field("unsupported_parameter", "max_completion_tokens", "Unsupported parameter"),
        )
        .nth(Route::Chat, 1, Reply::refused_field("unsupported_value", "temperature", "Unsupported value: 0.7"))
        .nth(
            Route::Chat,
            2,
            Reply::refused_field(
                "unsupported_value",
                "reasoning_effort",
                "Unsupported value: 'none'. Supported values are: 'low', 'high'.",
            ),
        );
    let llm = OpenAiLlm::with_config(official(&double));
    assert_eq!(text(&generate(&llm).await.unwrap()), "It is noon.");
    generate(&llm).await.unwrap();
    assert_eq!(double.count(Route::Chat), 5, "three refusals, then the answer, then no refusal any more");
    let last = double.requests_to(Route::Chat).pop().unwrap();
    let last = last.json().unwrap();
    assert_eq!((&last["max_tokens"], &last["reasoning_effort"]), (&json!(500), &json!("low")));
    assert!(last.get("temperature").is_none() && last.get("max_completion_tokens").is_none());
}

#[tokio::test]
async fn a_language_that_is_refused_is_left_out_of_that_call_and_of_no_other() {
    let double = double().await;
    let refused = Reply::refused_field("unsupported_value", "language", "Language 'tlh' is not supported.");
    double.nth(Route::Transcription, 0, refused);
    let stt = OpenAiStt::with_config(official(&double)).model("whisper-1");
    for language in ["tlh", "hi"] {
        let audio = Utterance::from_samples(vec![0i16; 1600]);
        let request = TranscribeRequest::new(audio).with_language(Some(language.into()));
        let heard = patient(async { stt.transcribe(request, &CallContext::new()).await?.try_collect().await }).await;
        let _: Vec<Transcript> = heard.unwrap();
    }
    let sent: Vec<_> = double.requests().iter().map(|request| request.field("language")).collect();
    assert_eq!(sent, [Some("tlh".to_owned()), None, Some("hi".to_owned())]);
}

#[tokio::test]
async fn a_field_that_is_refused_again_and_again_ends_the_call() {
    let double = double().await;
    double.always(Route::Chat, Reply::refused_field("unsupported_value", "temperature", "Unsupported value"));
    let error = generate(&OpenAiLlm::with_config(config(&double))).await.unwrap_err();
    assert_eq!((error.kind(), double.count(Route::Chat)), (ErrorKind::RejectedByProvider, 2));
}
