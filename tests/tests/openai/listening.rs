//! Transcription of what is being spoken, over the Realtime WebSocket.

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use voice_core::provider::{ListenRequest, SpokenSound};

use super::*;

pub(crate) fn listener(config: OpenAiConfig) -> OpenAiStt {
    OpenAiStt::with_config(config).live_model("gpt-live-transcribe")
}

/// So many tenths of a second of sound.
fn sound(tenths: usize) -> SpokenSound {
    stream::iter(vec![Pcm::new(vec![1000_i16; 1600], 16_000); tenths]).boxed()
}

pub(crate) async fn listen(stt: &OpenAiStt) -> Result<Vec<Transcript>, Error> {
    listen_in(stt, Some("en-GB")).await
}

async fn listen_in(stt: &OpenAiStt, language: Option<&str>) -> Result<Vec<Transcript>, Error> {
    let request = ListenRequest::new().with_language(language.map(Into::into));
    patient(async { stt.listen(request, sound(10), &CallContext::new()).await?.try_collect().await }).await
}

fn frames(double: &OpenAiDouble, n: usize) -> Vec<Value> {
    match &double.requests_to(Route::RealtimeConnect)[n].body {
        RecordedBody::Frames(frames) => frames.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_utterance_is_sent_as_it_is_spoken_and_comes_back_word_by_word() {
    let double = double().await;
    let stt = listener(config(&double)).prompt("Names: Ada");
    let heard = listen(&stt).await.unwrap();
    let texts: Vec<&str> = heard.iter().map(|t| t.text.as_str()).collect();
    assert_eq!(texts, ["What", "What time", "What time is", "What time is it?", "What time is it?"]);
    let finals: Vec<bool> = heard.iter().map(|t| t.is_final).collect();
    assert_eq!(finals, [false, false, false, false, true]);
    assert_eq!(heard[4].language.as_deref(), Some("en"));

    let request = &double.requests_to(Route::RealtimeConnect)[0];
    assert!(request.path.ends_with("/realtime?intent=transcription"), "{}", request.path);
    assert_eq!(request.bearer.as_ref().map(|b| b.expose()), Some(KEY));
    match OpenAiSpec::find().check(request) {
        SpecCheck::Conforms => {}
        SpecCheck::NotChecked(why) => println!("not checked: {why}"),
        violated => panic!("{violated}"),
    }
    let frames = frames(&double, 0);
    let input = &frames[0]["session"]["audio"]["input"];
    assert_eq!(frames[0]["session"]["type"], "transcription");
    assert_eq!(input["format"], json!({"type": "audio/pcm", "rate": 24000}));
    assert_eq!(input["turn_detection"], Value::Null);
    assert_eq!(
        input["transcription"],
        json!({"model": "gpt-live-transcribe", "languages": ["en"], "prompt": "Names: Ada"})
    );
    assert_eq!(frames.last().unwrap()["type"], "input_audio_buffer.commit");
    let pieces = &frames[1..frames.len() - 1];
    assert!(pieces.iter().all(|f| f["type"] == "input_audio_buffer.append"));
    let bytes: usize = pieces.iter().map(|f| STANDARD.decode(f["audio"].as_str().unwrap()).unwrap().len()).sum();
    // A second at 24 kHz, and at most the silence that pushes the last of it through.
    assert!((48_000..48_500).contains(&bytes), "{bytes}");
    assert!((10..=11).contains(&pieces.len()), "{}", pieces.len());
}

#[tokio::test]
async fn connections_are_used_again_until_their_session_nears_its_end() {
    let double = double().await;
    let stt = listener(config(&double));
    stt.warm_up().await.unwrap();
    for _ in 0..3 {
        listen_in(&stt, None).await.unwrap();
    }
    assert_eq!((double.count(Route::RealtimeConnect), double.count(Route::LiveTranscription)), (1, 3));
    // Another language is another session.
    listen_in(&stt, Some("hi-IN")).await.unwrap();
    listen_in(&stt, None).await.unwrap();
    assert_eq!(double.count(Route::RealtimeConnect), 2);

    // A session that has no minute left is not begun with, however long the server said that it would be.
    let now = voice_core::time::Timestamp::now().as_second();
    double.always(Route::RealtimeSession, Reply::session_until(now + 30));
    let stt = listener(config(&double));
    for _ in 0..2 {
        listen(&stt).await.unwrap();
    }
    assert_eq!(double.count(Route::RealtimeConnect), 4);
}

#[tokio::test]
async fn a_very_short_utterance_is_long_enough_and_none_is_nothing() {
    let double = double().await;
    let stt = listener(config(&double));
    let short: SpokenSound = stream::iter([Pcm::new(vec![1000_i16; 160], 16_000)]).boxed();
    let heard: Vec<Transcript> =
        patient(stt.listen(ListenRequest::new(), short, &CallContext::new()).await.unwrap().try_collect())
            .await
            .unwrap();
    assert_eq!(heard.last().unwrap().text, "What time is it?");
    let sent = STANDARD.decode(frames(&double, 0)[1]["audio"].as_str().unwrap()).unwrap().len();
    assert_eq!(sent, 4800, "a tenth of a second is the least that the server takes");

    let nothing: SpokenSound = stream::empty().boxed();
    let heard: Vec<Transcript> =
        patient(stt.listen(ListenRequest::new(), nothing, &CallContext::new()).await.unwrap().try_collect())
            .await
            .unwrap();
    assert_eq!(heard, [Transcript::last("")]);
    assert_eq!(double.count(Route::LiveTranscription), 1);
}

#[tokio::test]
async fn what_breaks_while_it_listens_is_typed() {
    use ErrorKind as K;
    let said = || Reply::live_transcription("What time is it?");
    let failed = |code: &str| {
        let error = json!({"type": "transcription_error", "code": code, "message": "no", "param": null});
        Reply::frames([
            json!({"type": "conversation.item.input_audio_transcription.failed", "event_id": "e", "item_id": "{response}", "content_index": 0, "error": error}),
        ])
    };
    for (what, reply, kind) in [
        ("reset while it is spoken", said().reset_after(2), K::ConnectionLost),
        ("closed while it is spoken", said().cut_after(2), K::ConnectionLost),
        ("reset after its end", said().reset_after(4), K::ConnectionLost),
        ("failed", failed("audio_unintelligible"), K::ProviderFailed),
        ("no credit", failed("insufficient_quota"), K::QuotaExhausted),
        ("refused", Reply::realtime_error("invalid_request_error", "invalid_value", "bad"), K::RejectedByProvider),
        ("limited", Reply::realtime_error("requests", "rate_limit_exceeded", "slow"), K::RateLimited),
        ("not JSON", Reply::raw(200, "application/json", ["{nonsense"]), K::MalformedResponse),
    ] {
        let double = double().await;
        double.always(Route::LiveTranscription, reply);
        let error = listen(&listener(config(&double))).await.unwrap_err();
        assert_eq!((error.kind(), error.stage()), (kind, Some(Stage::Stt)), "{what}: {error:?}");
        assert_eq!(error.provider(), Some("openai/gpt-live-transcribe"), "{what}");
    }
    let error = listen(&OpenAiStt::with_config(config(&double().await))).await.unwrap_err();
    assert_eq!(error.kind(), K::Unsupported, "a server about which nothing is known does not listen");
}

#[tokio::test]
async fn every_bend_of_the_events_is_followed() {
    let event = |kind: &str, item: &str, more: Value| {
        let mut event = json!({"type": format!("conversation.item.input_audio_transcription.{kind}"), "item_id": item});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let done = |item: &str, text: &str| event("completed", item, json!({"transcript": text}));
    for (what, frames) in [
        ("nothing but the end", vec![done("{response}", "What time is it?")]),
        (
            "no item",
            vec![
                json!({"type": "conversation.item.input_audio_transcription.completed", "transcript": " What time is it? "}),
            ],
        ),
        (
            "unknown events, empty pieces, somebody else's errors",
            vec![
                json!({"type": "conversation.item.something", "item_id": 7}),
                event("delta", "{response}", json!({"delta": ""})),
                event("delta", "{response}", json!({})),
                json!({"type": "error", "error": {"event_id": "elsewhere", "code": "odd"}}),
                done("{response}", "What time is it?"),
            ],
        ),
        (
            "an item that the server ended by itself",
            vec![
                json!({"type": "input_audio_buffer.committed", "item_id": "{response}"}),
                done("other", "What time"),
                event("delta", "{response}", json!({"delta": "is "})),
                done("{response}", "is it?"),
            ],
        ),
    ] {
        let double = double().await;
        double.always(Route::LiveTranscription, Reply::frames(frames));
        let heard = listen(&listener(config(&double))).await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!(heard.last(), Some(&Transcript::last("What time is it?")), "{what}");
        assert!(heard.iter().rev().skip(1).all(|t| !t.is_final && !t.text.is_empty()), "{what}: {heard:?}");
    }
}

#[tokio::test]
async fn dropping_the_stream_closes_the_socket() {
    let double = double().await;
    let stt = listener(config(&double));
    let endless: SpokenSound = sound(3).chain(stream::pending()).boxed();
    let mut heard = stt.listen(ListenRequest::new(), endless, &CallContext::new()).await.unwrap();
    assert_eq!(patient(heard.try_next()).await.unwrap().unwrap().text, "What");
    assert_eq!(double.open_sockets(), 1);
    drop(heard);
    patient(async {
        while double.open_sockets() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let cancelled = CallContext::new();
    cancelled.cancel.cancel();
    let error = stt.listen(ListenRequest::new(), sound(1), &cancelled).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
