//! Recognition of what is being spoken.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;

fn told(double: &Double, what: &str) -> usize {
    frames(double).iter().filter(|frame| frame["type"] == what).count()
}

#[tokio::test]
async fn an_utterance_is_sent_as_it_is_spoken_and_its_words_come_back() {
    let double = double().await;
    double.always(LIVE, utterance());
    let heard = listen(&stt(&double), Some("en-GB")).await.unwrap();
    assert_eq!(texts(&heard), ["what", "What time", "What time is", "What time is it?", "What time is it?"]);
    assert!(heard[..4].iter().all(|t| !t.is_final) && heard[4] == Transcript::last("What time is it?"));
    let sent = frames(&double);
    let (end, sound) = sent.split_last().unwrap();
    assert_eq!(end, &json!({"type": "CloseStream"}));
    let piece = STANDARD.encode([1000_i16; 1600].map(i16::to_le_bytes).concat());
    assert_eq!(sound, vec![json!({"binary": piece}); 10]);

    let plain = || stt(&double);
    let shared = "encoding=linear16&sample_rate=16000&interim_results=true&endpointing=false";
    for (stt, language, query) in [
        (plain(), Some("en-GB"), format!("model=nova-3&smart_format=true&{shared}&language=en-GB")),
        (plain(), None, format!("model=nova-3&smart_format=true&{shared}&language=multi")),
        (plain().live_model("nova-2-medical"), None, format!("model=nova-2-medical&smart_format=true&{shared}")),
        (
            plain().keyterms(["Ada"]).smart_format(false).mip_opt_out(true),
            Some("hi-IN"),
            format!("model=nova-3&keyterm=Ada&mip_opt_out=true&punctuate=true&{shared}&language=hi"),
        ),
    ] {
        listen(&stt, language).await.unwrap();
        let request = double.requests().pop().unwrap();
        assert_eq!(request.path, format!("/v1/listen?{query}"));
        assert_eq!(request.authorization.unwrap().expose(), format!("Token {KEY}"));
    }
    conform(&Spec::named("asyncapi/deepgram.asyncapi.yml"), &double.requests());
}

#[tokio::test]
async fn flux_listens_where_it_is_named_and_tells_how_likely_the_speaker_is_done() {
    let turn = |event: &str, text: &str, done: f64| json!({"type": "TurnInfo", "event": event, "turn_index": 0, "transcript": text, "words": [], "end_of_turn_confidence": done, "languages": ["hi"]});
    let double = double().await;
    let script = Reply::socket([
        json!({"type": "Connected", "request_id": "r1", "sequence_id": 0}),
        turn("Update", "", 0.0),
        turn("StartOfTurn", "Book", 0.25),
        turn("EagerEndOfTurn", "Book a table.", 0.75),
        turn("TurnResumed", "Book a table", 0.25),
        turn("EndOfTurn", "Book a table.", 1.0),
    ]);
    double.always(FLUX, script.answering("CloseStream", [turn("EndOfTurn", "For two.", 1.0)]).closing(1000, ""));
    let stt = stt(&double).model("flux-general-multi").keyterms(["Pune"]);
    assert_eq!((stt.name(), stt.listening_name()), ("deepgram/nova-3", "deepgram/flux-general-multi"));
    let heard = listen(&stt, Some("hi-IN")).await.unwrap();
    let said: Vec<_> = heard.iter().map(|t| (t.text.as_str(), t.completeness)).collect();
    assert_eq!(
        said,
        [
            ("Book", Some(0.25)),
            ("Book a table.", Some(0.75)),
            ("Book a table", Some(0.25)),
            ("Book a table.", Some(1.0)),
            ("Book a table. For two.", Some(1.0)),
            ("Book a table. For two.", None),
        ]
    );
    assert_eq!(heard.last(), Some(&Transcript::last("Book a table. For two.").with_language("hi")));
    listen(&stt, None).await.unwrap();
    listen(&stt.live_model("flux-general-en"), Some("en")).await.unwrap();
    let shared = "keyterm=Pune&encoding=linear16&sample_rate=16000";
    let paths: Vec<String> = double.requests().into_iter().map(|r| r.path).collect();
    assert_eq!(
        paths,
        [
            format!("/v2/listen?model=flux-general-multi&{shared}&language_hint=hi"),
            format!("/v2/listen?model=flux-general-multi&{shared}"),
            format!("/v2/listen?model=flux-general-en&{shared}"),
        ]
    );
    conform(&Spec::named("asyncapi/deepgram.asyncapi.yml"), &double.requests());
}

#[tokio::test]
async fn every_bend_of_the_events_is_followed() {
    let said = |events: Vec<Value>| Reply::socket([]).answering("CloseStream", events).closing(1000, "");
    let mut hindi = results("What time is it?", true);
    hindi["channel"]["alternatives"][0]["languages"] = json!(["hi", "en"]);
    let last = || Transcript::last("What time is it?");
    for (what, reply, expected) in [
        ("one piece", said(vec![results("What time is it?", true), metadata()]), last()),
        ("a language", said(vec![hindi, metadata()]), last().with_language("hi")),
        ("an end without a summary", said(vec![results("What time is it?", true)]), last()),
        ("words that never settled", said(vec![results("What time", true), results("is it?", false)]), last()),
        (
            "empty pieces, other events, no alternative",
            said(vec![
                json!({"type": "SpeechStarted", "channel": [0], "timestamp": 0.1}),
                results("", true),
                json!({"type": "Results", "channel": {"alternatives": []}}),
                results(" What time is it? ", true),
                json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": -1}),
                json!({"type": "SomethingNew", "channel": 7}),
                json!({}),
                metadata(),
            ]),
            last(),
        ),
        ("nothing but the end", said(vec![metadata()]), Transcript::last("")),
    ] {
        let double = double().await;
        double.always(LIVE, reply);
        let heard = listen(&stt(&double), None).await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!(heard.last(), Some(&expected), "{what}");
        assert!(heard.iter().rev().skip(1).all(|t| !t.is_final && !t.text.is_empty()), "{what}: {heard:?}");
    }
}

#[tokio::test]
async fn what_breaks_while_it_listens_is_typed() {
    use ErrorKind as K;
    let closed = |code, reason: &str| Reply::socket([]).answering("CloseStream", []).closing(code, reason);
    let error = |code: &str| Reply::socket([json!({"type": "Error", "variant": code, "description": "no"})]);
    for (what, reply, kind, retryable) in [
        ("reset while it is spoken", utterance().reset_after(2), K::ConnectionLost, true),
        ("closed while it is spoken", utterance().cut_after(2), K::ConnectionLost, true),
        ("closed after its end, before all was said", utterance().cut_after(4), K::ConnectionLost, true),
        ("sound that cannot be decoded", closed(1008, "DATA-0000: no such sound"), K::RejectedByProvider, false),
        ("silence", closed(1011, "NET-0001"), K::ProviderFailed, true),
        ("a failure", closed(1011, ""), K::ProviderFailed, true),
        ("an error", error("NET-0000"), K::ProviderFailed, true),
        ("an error about the sound", error("DATA-0000"), K::RejectedByProvider, false),
        ("not JSON", Reply::socket(["{nonsense".into()]), K::MalformedResponse, true),
        ("no transcript", Reply::socket([json!({"type": "Results"})]), K::MalformedResponse, true),
    ] {
        let double = double().await;
        double.always(LIVE, reply);
        let error = listen(&stt(&double), None).await.unwrap_err();
        let got = (error.kind(), error.retryable(), error.stage(), error.provider());
        assert_eq!(got, (kind, retryable, Some(Stage::Stt), Some("deepgram/nova-3")), "{what}: {error:?}");
    }
    let deaf = stt(&double().await).live_model("");
    assert!(!deaf.capabilities().streaming);
    assert_eq!(listen(&deaf, None).await.unwrap_err().kind(), K::Unsupported);
}

#[tokio::test]
async fn a_short_utterance_is_sent_and_none_is_nothing() {
    let double = double().await;
    double.always(LIVE, utterance());
    let stt = stt(&double);
    let short: SpokenSound = stream::iter([Pcm::new(vec![1000_i16; 160], 16_000)]).boxed();
    let heard = stt.listen(ListenRequest::new(), short, &CallContext::new()).await.unwrap();
    let heard: Vec<Transcript> = patient(heard.try_collect()).await.unwrap();
    assert_eq!(heard.last().unwrap().text, "What time is it?");
    let sent = frames(&double);
    assert_eq!(STANDARD.decode(sent[0]["binary"].as_str().unwrap()).unwrap().len(), 320);
    assert_eq!(sent.len(), 2);

    let nothing: SpokenSound = stream::empty().boxed();
    let heard = stt.listen(ListenRequest::new(), nothing, &CallContext::new()).await.unwrap();
    let heard: Vec<Transcript> = patient(heard.try_collect()).await.unwrap();
    assert_eq!(heard, [Transcript::last("")]);
}

#[tokio::test]
async fn a_connection_is_kept_alive_while_no_sound_comes() {
    let double = double().await;
    double.always(LIVE, utterance());
    let stt = stt(&double);
    let endless: SpokenSound = spoken(1).chain(stream::pending()).boxed();
    let mut heard = stt.listen(ListenRequest::new(), endless, &CallContext::new()).await.unwrap();
    assert_eq!(patient(heard.try_next()).await.unwrap().unwrap().text, "what");
    tokio::time::pause();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(9), heard.try_next()).await;
    tokio::time::resume();
    assert!(waited.is_err(), "nothing is said");
    patient(async {
        while told(&double, "KeepAlive") < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(told(&double, "KeepAlive"), 2, "every four seconds");
    conform(&Spec::named("asyncapi/deepgram.asyncapi.yml"), &double.requests());
}

#[tokio::test]
async fn dropping_the_stream_closes_the_socket() {
    let double = double().await;
    double.always(LIVE, utterance());
    let stt = stt(&double);
    let endless: SpokenSound = spoken(3).chain(stream::pending()).boxed();
    let mut heard = stt.listen(ListenRequest::new(), endless, &CallContext::new()).await.unwrap();
    assert_eq!(patient(heard.try_next()).await.unwrap().unwrap().text, "what");
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
    let error = stt.listen(ListenRequest::new(), spoken(1), &cancelled).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
