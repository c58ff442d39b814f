//! Deepgram.

mod errors;
mod examples;
mod listening;
mod ready;
mod recordings;
mod settings;
mod speech;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use voice_core::{
    Error, ErrorKind, Pcm, Stage, Transcript, Utterance,
    provider::{
        CallContext, ListenRequest, SpeechToText, SpokenSound, SynthesisRequest, TextToSpeech, TranscribeRequest,
    },
    providers::deepgram::{DeepgramStt, DeepgramTts},
};
use voice_testkit::openai::{OpenAiDouble as Double, RecordedBody, Reply, Route, Spec};

use super::{KEY, SECRET_WORDS, conform, examples, over_socket::*, patient};

const RECORDED: Route = Route::At("POST /v1/listen");
const LIVE: Route = Route::At("GET /v1/listen");
const FLUX: Route = Route::At("GET /v2/listen");
const SPEAK: Route = Route::At("POST /v1/speak");

fn stt(double: &Double) -> DeepgramStt {
    DeepgramStt::new(KEY).base_url(double.origin())
}

fn tts(double: &Double) -> DeepgramTts {
    DeepgramTts::new(KEY).base_url(double.origin())
}

async fn transcribe(stt: &DeepgramStt, language: Option<&str>) -> Result<Vec<Transcript>, Error> {
    let audio = Utterance::from_samples(vec![0i16; 1600]);
    let request = TranscribeRequest::new(audio).with_language(language.map(Into::into));
    patient(async { stt.transcribe(request, &CallContext::new()).await?.try_collect().await }).await
}

async fn listen(stt: &DeepgramStt, language: Option<&str>) -> Result<Vec<Transcript>, Error> {
    listen_in(stt, language).await
}

async fn speak(tts: &DeepgramTts) -> Result<Vec<Pcm>, Error> {
    patient(async {
        tts.synthesize(SynthesisRequest::new(SECRET_WORDS), &CallContext::new()).await?.try_collect().await
    })
    .await
}

/// An answer to a recording.
fn answer(text: &str) -> Value {
    json!({
        "metadata": {"request_id": "r1", "duration": 0.1, "channels": 1},
        "results": {"channels": [{"alternatives": [{"transcript": text, "confidence": 0.99, "words": []}]}]},
    })
}

/// Words on a WebSocket.
fn results(text: &str, is_final: bool) -> Value {
    json!({
        "type": "Results", "channel_index": [0, 1], "duration": 1.0, "start": 0.0, "is_final": is_final,
        "speech_final": false, "channel": {"alternatives": [{"transcript": text, "confidence": 0.9, "words": []}]},
        "metadata": {"request_id": "r1", "model_info": {}, "model_uuid": "m1"},
    })
}

fn metadata() -> Value {
    json!({"type": "Metadata", "request_id": "r1", "duration": 1.0, "channels": 1})
}

/// An utterance in which "What time is it?" is said.
fn utterance() -> Reply {
    Reply::socket([results("what", false), results("What time", true), results("is", false)])
        .answering("CloseStream", [results("is it?", true), metadata()])
        .closing(1000, "")
}
