//! The settings that voices have in common: each provider takes what it has and leaves out the rest; what cannot be is refused.

use std::sync::Arc;

use voice_core::{
    Secret,
    config::{Assistant, ProviderConfig},
};
use voice_testkit::ScriptedTts;

use super::{asked::Choir, *};

fn all() -> Value {
    json!({"stability": 0.4, "similarity": 0.6, "style": 0.2, "speed": 1.1})
}

/// What a provider is sent for a turn with these settings.
async fn sent(provider: &str, settings: Value) -> Recorded {
    let double = double().await;
    double.always(Route::Unknown, Reply::raw(200, "audio/l16", [vec![1_u8; 4_800]]));
    let base = if matches!(provider, "openai" | "google") { double.base_url() } else { double.origin() };
    let tts = json!({"provider": provider, "api_key": KEY, "base_url": base, "settings": settings});
    let agent = agent(json!({"tts": tts, "storage": "memory", "retry": {"attempts": 1}})).await;
    patient(agent.turn("What time is it?").into_future()).await.unwrap();
    double.requests().pop().unwrap()
}

#[tokio::test]
async fn each_provider_takes_what_it_has() {
    let body = |request: &Recorded, place: &str| request.json().unwrap().pointer(place).cloned();
    let asked = sent("elevenlabs", all()).await;
    let settings = json!({"stability": 0.4, "similarity_boost": 0.6, "style": 0.2, "speed": 1.1});
    assert_eq!(body(&asked, "/voice_settings"), Some(settings));
    assert_eq!(body(&sent("cartesia", all()).await, "/generation_config"), Some(json!({"speed": 1.1})));
    assert_eq!(body(&sent("google", all()).await, "/audioConfig/speakingRate"), Some(json!(1.1)));
    let asked = sent("openai", all()).await;
    let RecordedBody::Json(Value::Object(fields)) = &asked.body else { panic!("{asked:?}") };
    assert_eq!(fields["speed"], json!(1.1));
    assert!(!fields.keys().any(|name| all().get(name).is_some() && name != "speed"), "{fields:?}");
    let asked = sent("deepgram", all()).await;
    let common: Vec<_> = asked.query().filter(|(name, _)| all().get(name).is_some()).collect();
    assert_eq!(common, pairs(&[("speed", "1.1")]));
    // Their own names for them go on working.
    let asked = sent("elevenlabs", json!({"similarity_boost": 0.7})).await;
    assert_eq!(body(&asked, "/voice_settings"), Some(json!({"similarity_boost": 0.7})));
    assert_eq!(
        body(&sent("google", json!({"speaking_rate": 0.9})).await, "/audioConfig/speakingRate"),
        Some(json!(0.9))
    );
}

#[tokio::test]
async fn what_a_setting_cannot_be_is_refused_whoever_it_is_for() {
    let refused = async |provider: &str, settings: Value| {
        let mut settings = settings;
        if provider == "bhashini" {
            settings["user_id"] = json!("somebody");
        }
        let tts = json!({"provider": provider, "api_key": KEY, "settings": settings});
        let config = Config::from_json(&json!({"tts": tts, "storage": "memory"}).to_string()).unwrap();
        let error = VoiceAgent::builder().config(config).llm(ScriptedLlm::saying("Hi.")).build().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{provider}: {error}");
        error.message().to_owned()
    };
    for provider in ["openai", "google", "deepgram", "cartesia", "bhashini", "elevenlabs"] {
        for (name, value) in
            [("stability", json!(1.5)), ("style", json!("much")), ("similarity", json!(-1)), ("speed", json!(99))]
        {
            let message = refused(provider, json!({ name: value })).await;
            assert!(message.starts_with(&format!("tts.settings.{name}: ")), "{provider}: {message}");
        }
    }
    for (provider, names) in
        [("elevenlabs", ["similarity", "similarity_boost"]), ("google", ["speed", "speaking_rate"])]
    {
        let message = refused(provider, json!({names[0]: 0.5, names[1]: 0.6})).await;
        assert!(names.iter().all(|name| message.contains(name)) && message.contains("give one of them"), "{message}");
    }
    let message = refused("deepgram", json!({"speed": 2})).await;
    assert!(message.contains("from 0.7 to 1.5"), "{message}");
}

#[tokio::test]
async fn an_assistants_voice_speaks_with_its_settings_above_those_of_the_host() {
    let double = double().await;
    double.always(Route::At("POST /v1/text-to-speech/luna/stream"), sound(10));
    let mut cloud = ProviderConfig::named("elevenlabs");
    (cloud.api_key, cloud.base_url) = (Some(Secret::new(KEY)), Some(double.origin()));
    cloud.settings = json!({"similarity_boost": 0.1, "style": 0.5}).as_object().unwrap().clone();
    let choir = Choir::default();
    let agent = VoiceAgent::builder()
        .llm(ScriptedLlm::saying("It is noon."))
        .tts(ScriptedTts::new())
        .named_provider("cloud", cloud)
        .named_tts("choir", Arc::new(choir.clone()))
        .named_tts("one", Arc::new(ScriptedTts::new()))
        .storage("memory")
        .build()
        .await
        .unwrap();
    let settings = json!({"similarity": 0.9, "speed": 1.2});
    for provider in ["cloud", "choir", "one"] {
        let assistant =
            json!({"name": "Luna", "voice_provider": provider, "voice_id": "luna", "voice_settings": settings});
        let made = agent.assistants().create(&Assistant::from_value(assistant).unwrap()).await.unwrap();
        let reply = patient(agent.turn("What time is it?").assistant(made.id).into_future()).await.unwrap();
        assert!(!reply.audio.is_empty(), "{provider}: {:?}", reply.audio_error);
    }
    let asked = double.requests();
    let settings = json!({"similarity_boost": 0.9, "style": 0.5, "speed": 1.2});
    assert_eq!((asked.len(), &asked[0].json().unwrap()["voice_settings"]), (1, &settings));
    let chosen = choir.chosen.lock().unwrap().clone();
    assert_eq!((chosen.len(), chosen[0].id.as_deref()), (1, Some("luna")));
    assert_eq!(Value::Object(chosen[0].settings.clone()), json!({"similarity": 0.9, "speed": 1.2}));
}
