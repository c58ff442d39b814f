//! What works: transcripts, answers and speech, streamed and whole.

use super::*;

#[tokio::test]
async fn a_transcript_streams_in_and_names_its_language() {
    let double = double().await;
    double.always(Route::Transcription, Reply::transcription_in("hi", "kal baarish hogi"));
    let heard = transcribe(&OpenAiStt::with_config(config(&double))).await.unwrap();
    let texts: Vec<_> = heard.iter().map(|t| (t.text.trim_end(), t.is_final)).collect();
    assert_eq!(
        texts,
        [("kal", false), ("kal baarish", false), ("kal baarish hogi", false), ("kal baarish hogi", true)]
    );
    assert_eq!(heard.last().unwrap().language.as_deref(), Some("hi"));
    let request = &double.requests_to(Route::Transcription)[0];
    assert_eq!(request.field("languages[]").as_deref(), Some("en"), "the hint is the language alone");
    assert_eq!(request.field("language"), None);
}

#[tokio::test]
async fn whisper_answers_whole_and_names_its_language_in_words() {
    let double = double().await;
    double.always(
        Route::Transcription,
        Reply::json(200, json!({"task": "transcribe", "language": "english", "duration": 1.0, "text": " Hello. "})),
    );
    let heard = transcribe(&OpenAiStt::with_config(config(&double)).model("whisper-1")).await.unwrap();
    assert_eq!(heard, [Transcript::last("Hello.").with_language("en")]);
    let request = &double.requests_to(Route::Transcription)[0];
    assert_eq!(request.field("language").as_deref(), Some("en"));
    assert_eq!(request.field("stream"), None);
}

#[tokio::test]
async fn silence_is_an_empty_transcript_and_no_error() {
    let double = double().await;
    double.always(Route::Transcription, Reply::json(200, json!({"text": ""})));
    let heard = transcribe(&OpenAiStt::with_config(config(&double))).await.unwrap();
    assert_eq!(heard, [Transcript::last("")]);
}

#[tokio::test]
async fn an_answer_streams_in_with_its_usage_and_its_end() {
    let double = double().await;
    double.always(Route::Chat, Reply::chat(["It ", "rains."]));
    let events = generate(&OpenAiLlm::with_config(config(&double))).await.unwrap();
    assert_eq!(text(&events), "It rains.");
    let LlmEvent::Usage(usage) = &events[2] else { panic!("usage comes before the end: {events:?}") };
    assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (12, 4, 2));
    assert!(matches!(events.last(), Some(LlmEvent::Finished(FinishReason::Stop))));
}

#[tokio::test]
async fn speech_comes_out_as_the_samples_that_went_in() {
    let double = double().await;
    double.always(Route::Speech, Reply::speech(ramp(20_000))).always(Route::Realtime, Reply::realtime(&ramp(20_000)));
    for model in ["tts-1", "gpt-realtime-2.1-mini"] {
        let tts =
            text_to_speech(config(&double), SpeechOptions { model: Some(model.into()), ..SpeechOptions::default() });
        let sound = speak(&*tts).await.unwrap();
        assert!(sound.len() > 1, "it streams");
        assert!(sound.iter().all(|p| p.sample_rate() == 24_000));
        assert_eq!(samples(&sound), ramp(20_000), "{model}");
    }
    assert_eq!((double.count(Route::Speech), double.count(Route::Realtime)), (1, 1));
}

#[tokio::test]
async fn servers_that_only_give_wav_or_events_speak_too() {
    let double = double().await;
    double.always(Route::Speech, Reply::speech(ramp(5000)));
    let mut dialect = voice_core::providers::openai::Dialect::COMPATIBLE;
    dialect.pcm_speech = false;
    let wav = OpenAiTts::with_config(config(&double).dialect(dialect));
    assert_eq!(samples(&speak(&wav).await.unwrap()), ramp(5000));
    double.always(
        Route::Speech,
        Reply::sse([
            r#"{"type":"speech.audio.delta","audio":"AAABAAIAAwA="}"#,
            r#"{"type":"speech.audio.delta","audio":"BAAFAAYABwA="}"#,
            r#"{"type":"speech.audio.done","usage":{}}"#,
        ]),
    );
    assert_eq!(samples(&speak(&OpenAiTts::with_config(config(&double))).await.unwrap()), ramp(8));
}

#[tokio::test]
async fn one_realtime_connection_serves_many_sentences() {
    let double = double().await;
    let tts = OpenAiRealtimeTts::with_config(config(&double));
    tts.warm_up().await.unwrap();
    for _ in 0..3 {
        assert!(!speak(&tts).await.unwrap().is_empty());
    }
    assert_eq!((double.count(Route::RealtimeConnect), double.count(Route::Realtime)), (1, 3));
}

#[tokio::test]
async fn a_realtime_connection_that_died_while_it_waited_is_replaced() {
    let double = double().await;
    double.nth(Route::Realtime, 1, Reply::realtime(&ramp(100)).reset_after(0));
    let tts = OpenAiRealtimeTts::with_config(config(&double));
    speak(&tts).await.unwrap();
    assert!(!speak(&tts).await.unwrap().is_empty());
    assert_eq!(double.count(Route::RealtimeConnect), 2);
}

#[tokio::test]
async fn beta_names_and_missing_announcements_are_understood() {
    let double = double().await;
    double.always(
        Route::Realtime,
        Reply::frames([
            json!({"type": "response.audio.delta", "delta": "AAABAAIAAwAEAAUABgAHAA=="}),
            json!({"type": "something.new"}),
            json!({"type": "response.done", "response": {"status": "completed"}}),
        ]),
    );
    let sound = speak(&OpenAiRealtimeTts::with_config(config(&double))).await.unwrap();
    assert_eq!(samples(&sound), ramp(8));
}

#[tokio::test]
async fn calls_share_warm_connections() {
    let double = double().await;
    let (stt, llm) = (OpenAiStt::with_config(config(&double)), OpenAiLlm::with_config(config(&double)));
    llm.warm_up("").await.unwrap();
    for _ in 0..10 {
        transcribe(&stt).await.unwrap();
        generate(&llm).await.unwrap();
    }
    assert_eq!((double.count(Route::Models), double.count(Route::Chat)), (1, 10));
    // One, and one more when a call begins before the end of the answer before it has arrived.
    assert!(double.connections() <= 2, "{} connections for 21 calls", double.connections());
}

#[tokio::test]
async fn warming_up_an_unreachable_server_fails_nothing() {
    let llm = OpenAiLlm::with_config(OpenAiConfig::new(KEY).base_url(refused_address().await.unwrap()));
    llm.warm_up("").await.unwrap();
}

#[tokio::test]
async fn nothing_to_say_is_not_sent() {
    let double = double().await;
    let tts = OpenAiTts::with_config(config(&double));
    let stream = tts.synthesize(SynthesisRequest::new(" \n"), &CallContext::new()).await.unwrap();
    assert!(stream.try_collect::<Vec<_>>().await.unwrap().is_empty());
    assert_eq!(double.requests().len(), 0);
}
