//! The config document.

use voice_core::{Audio, Config, VoiceAgent};
use voice_testkit::ScriptedLlm;

use super::*;

async fn agent(stt: Value, tts: Value) -> Result<VoiceAgent, Error> {
    let config = json!({"stt": stt, "tts": tts, "storage": "memory"}).to_string();
    let llm = ScriptedLlm::saying("It is noon.");
    VoiceAgent::builder().config(Config::from_json(&config).unwrap()).llm(llm).build().await
}

fn provider(more: Value) -> Value {
    let mut provider = json!({"provider": "deepgram", "api_key": KEY});
    provider.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    provider
}

#[tokio::test]
async fn a_config_sets_everything_that_a_provider_takes() {
    let double = double().await;
    double.always(RECORDED, Reply::json(200, answer("What time is it?")));
    double.always(SPEAK, Reply::raw(200, "audio/l16", [vec![1u8; 9600]]));
    let stt = json!({"base_url": double.origin(), "model": "nova-2", "settings": {"keyterms": ["Pune"], "smart_format": false, "mip_opt_out": true, "live_model": "flux-general-en"}});
    let tts = json!({"base_url": double.origin(), "voice": "aura-2-luna-en", "settings": {"speed": 1.2, "sample_rate": 48000}});
    let agent = agent(provider(stt), provider(tts)).await.unwrap();
    let audio = Audio::from_pcm([3_000_i16, -3_000].repeat(8_000), 16_000, 1);
    let reply = patient(agent.converse(audio).into_future()).await.unwrap();
    assert_eq!((reply.transcript.as_str(), reply.text.as_str()), ("What time is it?", "It is noon."));
    let asked = |route: Route| double.requests_to(route).pop().unwrap().path;
    assert!(asked(RECORDED).starts_with("/v1/listen?model=nova-2&keywords=Pune&mip_opt_out=true&punctuate=true"));
    let query = "model=aura-2-luna-en&encoding=linear16&container=none&sample_rate=48000&speed=1.2";
    assert_eq!(asked(SPEAK), format!("/v1/speak?{query}"));
}

#[tokio::test]
async fn a_wrong_setting_is_named() {
    let good = || provider(json!({}));
    let set = |settings: Value| provider(json!({ "settings": settings }));
    for (stt, tts, words) in [
        (
            set(json!({"keyterm": ["a"]})),
            good(),
            "stt.settings.keyterm: this provider has no such setting; did you mean `keyterms`?",
        ),
        (set(json!({"keyterms": "a"})), good(), "stt.settings.keyterms: expected a list of strings"),
        (set(json!({"keyterms": [1]})), good(), "stt.settings.keyterms: expected a list of strings"),
        (set(json!({"smart_format": "yes"})), good(), "stt.settings.smart_format: expected true or false"),
        (set(json!({"live_model": 1})), good(), "stt.settings.live_model: expected a string"),
        (good(), set(json!({"speed": 2})), "tts.settings.speed: expected a number from 0.7 to 1.5"),
        (good(), set(json!({"sample_rate": 22050})), "tts.settings.sample_rate: expected one of 8000, 16000, 24000"),
        (good(), set(json!({"pitch": 1})), "tts.settings.pitch: this provider has no such setting"),
        (good(), provider(json!({"voice": "a", "model": "b"})), "a voice is a model"),
    ] {
        let error = agent(stt, tts).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{words}");
        assert!(error.message().contains(words), "{words}: {error}");
    }
}
