//! The voices of providers: which there are, how one sounds, and what they take of the settings that voices have in common.

mod asked;
mod heard;
mod lists;
mod settings;

use serde_json::{Value, json};
use voice_core::{
    Config, Error, ErrorKind, Stage, VoiceAgent,
    agent::{PreviewOptions, VoiceQuery},
    provider::{CallContext, TextToSpeech, Voice, VoicesPage, VoicesRequest},
};
use voice_testkit::{
    ScriptedLlm,
    openai::{OpenAiDouble as Double, Recorded, RecordedBody, Reply, Route, Spec},
};

use crate::{KEY, conform, patient};

const ELEVENLABS: Route = Route::At("GET /v2/voices");
const CARTESIA: Route = Route::At("GET /voices");
const GOOGLE: Route = Route::At("GET /v1/voices");
const DEEPGRAM: Route = Route::At("GET /v1/models");

async fn double() -> Double {
    Double::start().await.unwrap()
}

/// A page of a provider's voices: of a language, behind the one that ended so.
async fn page(tts: &dyn TextToSpeech, language: Option<&str>, after: Option<&str>) -> Result<VoicesPage, Error> {
    let request = VoicesRequest::in_language(language.map(Into::into)).after(after.map(Into::into));
    patient(tts.voices(request, &CallContext::new())).await
}

fn ids(voices: &[Voice]) -> Vec<&str> {
    voices.iter().map(|voice| voice.id.as_str()).collect()
}

fn query(request: &Recorded) -> Vec<(String, String)> {
    request.query().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// An agent that speaks as the document says.
async fn agent(config: Value) -> VoiceAgent {
    let config = Config::from_json(&config.to_string()).unwrap();
    VoiceAgent::builder().config(config).llm(ScriptedLlm::saying("It is noon.")).build().await.unwrap()
}

/// ElevenLabs on a double, as a config names it.
fn elevenlabs(double: &Double, more: Value) -> Value {
    let mut tts = json!({"provider": "elevenlabs", "api_key": KEY, "base_url": double.origin()});
    tts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tts
}

/// A page of ElevenLabs.
fn some(ids: &[&str], next: Option<&str>) -> Reply {
    let voices: Vec<Value> = ids.iter().map(|id| json!({"voice_id": id, "name": id.to_uppercase()})).collect();
    Reply::json(200, json!({"voices": voices, "has_more": next.is_some(), "next_page_token": next, "total_count": 0}))
}

/// Sound of ElevenLabs: so many hundredths of a second.
fn sound(hundredths: usize) -> Reply {
    Reply::raw(200, "audio/mpeg", vec![vec![1_u8; 480]; hundredths])
}
