//! What the tests of recognisers share that listen over a WebSocket.

use std::{fs, path::Path, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use voice_core::{
    Error, ErrorKind, Pcm, Stage, Transcript,
    provider::{CallContext, ListenRequest, SpeechToText, SpokenSound},
};
use voice_testkit::openai::{OpenAiDouble, RecordedBody, Reply, Route};

use crate::{SECRET_WORDS, patient};

/// What everybody says here.
pub(crate) const QUESTION: &str = "What time is it?";

pub(crate) async fn double() -> OpenAiDouble {
    OpenAiDouble::start().await.unwrap()
}

/// So many tenths of a second of sound.
pub(crate) fn spoken(tenths: usize) -> SpokenSound {
    stream::iter(vec![Pcm::new(vec![1000_i16; 1600], 16_000); tenths]).boxed()
}

/// Has a recogniser listen to a second of sound.
pub(crate) async fn listen_in(stt: &dyn SpeechToText, language: Option<&str>) -> Result<Vec<Transcript>, Error> {
    let request = ListenRequest::new().with_language(language.map(Into::into));
    heard(stt, request, spoken(10)).await
}

/// Has a recogniser listen to the next utterance of a session: what was heard at last.
pub(crate) async fn utter(stt: &dyn SpeechToText, session: &ListenRequest) -> String {
    let heard = heard(stt, session.clone(), spoken(10)).await.unwrap();
    heard.last().unwrap().text.clone()
}

pub(crate) async fn heard(
    stt: &dyn SpeechToText,
    request: ListenRequest,
    sound: SpokenSound,
) -> Result<Vec<Transcript>, Error> {
    patient(async { stt.listen(request, sound, &CallContext::new()).await?.try_collect().await }).await
}

/// Has a recogniser listen to so many tenths of a second, and ends the utterance when it has heard these words.
pub(crate) async fn listen_until(
    stt: &dyn SpeechToText,
    language: Option<&str>,
    tenths: usize,
    words: &str,
) -> Transcript {
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let sound = spoken(tenths).chain(stream::once(ended).filter_map(|_| std::future::ready(None)));
    let request = ListenRequest::new().with_language(language.map(Into::into));
    patient(async {
        let mut heard = stt.listen(request, sound.boxed(), &CallContext::new()).await.unwrap();
        while heard.try_next().await.unwrap().unwrap().text != words {}
        end.send(()).unwrap();
        heard.try_collect::<Vec<_>>().await.unwrap().pop().unwrap()
    })
    .await
}

pub(crate) async fn until(what: impl Fn() -> bool) {
    patient(async {
        while !what() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// What was sent over the last WebSocket.
pub(crate) fn frames(double: &OpenAiDouble) -> Vec<Value> {
    match double.requests().pop().unwrap().body {
        RecordedBody::Frames(frames) => frames,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn texts(heard: &[Transcript]) -> Vec<&str> {
    heard.iter().map(|t| t.text.as_str()).collect()
}

/// The events of an example, when a copy of it is at hand.
pub(crate) fn events(vendor: &str, file: &str) -> Option<Vec<Value>> {
    let text = fs::read_to_string(crate::examples(vendor)?.join(Path::new(file))).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// That every utterance of a session finds a connection open, and nothing stays open after the session.
pub(crate) async fn is_ready_for_every_utterance(double: &OpenAiDouble, stt: &dyn SpeechToText, route: Route) {
    let session = ListenRequest::new().with_language(Some("en".into()));
    stt.prepare_to_listen(&session);
    for said in 1..=3 {
        until(|| double.open_sockets() == 1 && double.count(route) == said).await;
        assert_eq!(utter(stt, &session).await, QUESTION);
    }
    until(|| double.count(route) == 4 && double.open_sockets() == 1).await;
    assert_eq!(frames(double), [Value::Null; 0], "nothing is sent before somebody speaks");
    drop(session);
    until(|| double.open_sockets() == 0).await;
    assert_eq!(double.count(route), 4, "nothing is opened after the session");
}

/// That a connection on which nobody speaks is given up after a while, without any sound on it, and that the next is opened anew.
pub(crate) async fn waits_in_silence(double: &OpenAiDouble, stt: &dyn SpeechToText, route: Route, at_least: u64) {
    let session = ListenRequest::new().with_language(Some("en".into()));
    stt.prepare_to_listen(&session);
    until(|| double.open_sockets() == 1).await;
    let seconds = async |n: u64| {
        tokio::time::pause();
        for _ in 0..n {
            tokio::time::advance(Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
        }
        tokio::time::resume();
    };
    seconds(at_least - 1).await;
    assert_eq!(double.open_sockets(), 1);
    seconds(6).await;
    until(|| double.open_sockets() == 0).await;
    assert_eq!(frames(double), [Value::Null; 0], "silence is paid for");
    assert_eq!(utter(stt, &session).await, QUESTION);
    assert!(double.count(route) >= 2);
}

/// Speech that stops arriving: what is sent in nine seconds, beside the first words that come back.
pub(crate) async fn stalls(double: &OpenAiDouble, stt: &dyn SpeechToText) -> Vec<Value> {
    let stalled: SpokenSound = spoken(1).chain(stream::pending()).boxed();
    let mut heard = stt.listen(ListenRequest::new(), stalled, &CallContext::new()).await.unwrap();
    assert!(!patient(heard.try_next()).await.unwrap().unwrap().is_final);
    let before = frames(double).len();
    tokio::time::pause();
    let waited = tokio::time::timeout(Duration::from_secs(9), heard.try_next()).await;
    tokio::time::resume();
    assert!(waited.is_err(), "nothing ends");
    until(|| frames(double).len() >= before + 2).await;
    frames(double).split_off(before)
}

/// That dropping the stream closes the socket, and that nothing is asked for a call that is cancelled already.
pub(crate) async fn hangs_up_when_dropped(double: &OpenAiDouble, stt: &dyn SpeechToText, route: Route) {
    let endless: SpokenSound = spoken(3).chain(stream::pending()).boxed();
    let mut heard = stt.listen(ListenRequest::new(), endless, &CallContext::new()).await.unwrap();
    assert!(!patient(heard.try_next()).await.unwrap().unwrap().is_final);
    assert_eq!(double.open_sockets(), 1);
    drop(heard);
    until(|| double.open_sockets() == 0).await;
    let cancelled = CallContext::new();
    cancelled.cancel.cancel();
    let error = stt.listen(ListenRequest::new(), spoken(1), &cancelled).await.err().unwrap();
    assert_eq!((error.kind(), double.count(route)), (ErrorKind::Cancelled, 1));
}

/// What becomes of listening when the server answers so: kind, whether to try again, and that nothing private is shown.
pub(crate) async fn fails(
    double: &OpenAiDouble,
    stt: &dyn SpeechToText,
    route: Route,
    reply: Reply,
) -> (ErrorKind, bool) {
    double.always(route, reply);
    let before = double.count(route);
    let error = listen_in(stt, None).await.unwrap_err();
    assert_eq!((error.stage(), error.provider()), (Some(Stage::Stt), Some(stt.listening_name())), "{error:?}");
    assert_eq!(double.count(route), before + 1, "a provider does not retry by itself");
    let shown = format!("{error}{error:?}{error:#?}");
    for secret in ["planted", "0123456789", SECRET_WORDS, "Ada"] {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
    }
    (error.kind(), error.retryable())
}
