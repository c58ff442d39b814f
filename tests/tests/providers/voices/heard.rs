//! Previews: a voice as it is asked for, on the way of every speech.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use voice_testkit::{ScriptedTts, Step};

use super::{asked::Choir, *};

const OWN: Route = Route::At("POST /v1/text-to-speech/own/stream");
const OTHER: Route = Route::At("POST /v1/text-to-speech/other/stream");

fn of(voice: &str, text: &str) -> PreviewOptions {
    let mut options = PreviewOptions::of(voice);
    options.text = Some(text.into());
    options
}

async fn with(double: &Double, more: Value) -> VoiceAgent {
    let own = json!({"voice": "own", "settings": {"stability": 0.3, "similarity_boost": 0.5, "enable_logging": false}});
    let mut config = json!({"tts": elevenlabs(double, own), "storage": "memory", "retry": {"attempts": 1}});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    agent(config).await
}

#[tokio::test]
async fn a_voice_speaks_with_the_settings_that_are_asked_for_above_its_own() {
    let double = double().await;
    double.always(OWN, sound(20)).always(OTHER, sound(30));
    let price = json!({"elevenlabs/eleven_multilingual_v2": {"spoken_per_million_characters": 100}});
    let agent = with(&double, json!({"prices": {"models": price}})).await;
    let mut options = of("other", "Good day.").setting("similarity", 0.9).setting("speed", 1.1);
    options.language = Some("en-GB".into());
    let heard = patient(agent.voices().preview(options)).await.unwrap();
    assert_eq!((heard.provider.as_str(), heard.voice.as_deref()), ("elevenlabs/eleven_multilingual_v2", Some("other")));
    assert_eq!((heard.text.as_str(), heard.language.as_deref()), ("Good day.", Some("en-GB")));
    assert_eq!((heard.audio.sample_rate(), heard.audio.samples().len()), (24_000, 7_200));
    assert_eq!(heard.usage.tts_characters, 9);
    assert_eq!(heard.cost.map(|cost| cost.micros()), Some(900));
    let asked = double.requests().pop().unwrap();
    assert!(asked.query().any(|(name, value)| (name.as_str(), value.as_str()) == ("enable_logging", "false")));
    let settings = json!({"stability": 0.3, "similarity_boost": 0.9, "speed": 1.1});
    let body = json!({"text": "Good day.", "model_id": "eleven_multilingual_v2", "voice_settings": settings});
    assert_eq!(asked.json().unwrap(), &body);

    let mut own = PreviewOptions::default();
    own.text = Some("Good day.".into());
    let heard = patient(agent.voices().preview(own)).await.unwrap();
    assert_eq!((heard.voice, heard.audio.samples().len()), (None, 4_800));
    let asked = double.requests().pop().unwrap();
    assert_eq!(asked.json().unwrap()["voice_settings"], json!({"stability": 0.3, "similarity_boost": 0.5}));

    let wrong = of("other", "Good day.").setting("pitch", 1);
    let error = patient(agent.voices().preview(wrong)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().starts_with("tts.settings.pitch: this provider has no such setting"), "{error}");
    assert_eq!(double.requests().len(), 2);
    assert!(!format!("{:?}", of("other", "Good day.").setting("instructions", "quietly")).contains("quietly"));
}

#[tokio::test]
async fn the_voice_is_named_as_its_provider_wants_it() {
    for (provider, path, place, rest) in [
        ("cartesia", "POST /tts/bytes", "/voice/id", Reply::raw(200, "audio/pcm", [vec![1_u8; 4_800]])),
        ("openai", "POST /v1/audio/speech", "/voice", Reply::speech(vec![5; 2_400])),
        ("google", "POST /v1/text:synthesize", "/voice/name", google_sound()),
    ] {
        let double = double().await;
        let route = if provider == "openai" { Route::Speech } else { Route::At(path) };
        double.always(route, rest);
        let base = if provider == "cartesia" { double.origin() } else { double.base_url() };
        let tts = json!({"provider": provider, "api_key": KEY, "base_url": base, "voice": "en-US-Chirp3-HD-Kore"});
        let agent = agent(json!({"tts": tts, "storage": "memory"})).await;
        let heard = patient(agent.voices().preview(of("en-US-Chirp3-HD-Puck", "Good day."))).await.unwrap();
        assert!(!heard.audio.is_empty(), "{provider}");
        let asked = double.requests().pop().unwrap();
        assert_eq!(asked.json().unwrap().pointer(place), Some(&json!("en-US-Chirp3-HD-Puck")), "{provider}");
    }
    let double = double().await;
    double.always(Route::At("POST /v1/speak"), Reply::raw(200, "audio/l16", [vec![1_u8; 4_800]]));
    let tts = json!({"provider": "deepgram", "api_key": KEY, "base_url": double.origin(), "model": "aura-2-luna-en"});
    let agent = agent(json!({"tts": tts, "storage": "memory"})).await;
    let heard = patient(agent.voices().preview(of("aura-2-zeus-en", "Good day."))).await.unwrap();
    assert_eq!(heard.provider, "deepgram/aura-2-zeus-en");
    assert!(double.requests()[0].query().any(|pair| pair == ("model".into(), "aura-2-zeus-en".into())));
}

fn google_sound() -> Reply {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let wav = voice_core::Pcm::new(vec![5; 2_400], 24_000).encode(voice_core::AudioFormat::Wav).unwrap();
    Reply::json(200, json!({"audioContent": STANDARD.encode(wav)}))
}

#[tokio::test]
async fn without_words_it_introduces_itself_in_a_language_that_it_speaks() {
    let double = double().await;
    let voice = |id: &str, tag: &str| json!({"voice_id": id, "labels": {"language": tag}});
    let listed =
        json!({"voices": [voice("own", "fr"), voice("other", "de")], "has_more": true, "next_page_token": "2"});
    double.nth(ELEVENLABS, 0, Reply::json(200, listed.clone())).nth(ELEVENLABS, 1, Reply::json(200, listed));
    double.always(ELEVENLABS, Reply::json(503, json!({})));
    double.always(OWN, sound(10)).always(OTHER, sound(10));
    let agent = with(&double, json!({"assistant": {"language": "fr-FR"}})).await;
    for (voice, language, begins) in [("own", "fr-FR", "Bonjour"), ("other", "de", "Hallo")] {
        let heard = patient(agent.voices().preview(PreviewOptions::of(voice))).await.unwrap();
        assert_eq!(heard.language.as_deref(), Some(language));
        assert!(heard.text.starts_with(begins), "{}", heard.text);
    }
    assert_eq!(double.count(ELEVENLABS), 2, "no further than to the voice");
    // Nobody knows what it speaks: it is heard all the same.
    let heard = patient(agent.voices().preview(PreviewOptions::of("own"))).await.unwrap();
    assert_eq!((heard.language.as_deref(), double.count(ELEVENLABS)), (Some("fr-FR"), 3));
}

#[tokio::test]
async fn another_voice_is_no_use_and_a_failure_is_tried_again() {
    let double = double().await;
    let down = || Reply::json(503, json!({}));
    double.nth(OTHER, 0, down()).nth(OTHER, 1, sound(10)).always(OTHER, down()).always(OWN, sound(10));
    let tts = json!([elevenlabs(&double, json!({"voice": "other"})), elevenlabs(&double, json!({"voice": "own"}))]);
    let retry = json!({"attempts": 2, "first_delay_ms": 1});
    let agent = agent(json!({"tts": tts, "storage": "memory", "retry": retry})).await;
    assert!(patient(agent.voices().preview(of("other", "Good day."))).await.is_ok());
    let error = patient(agent.voices().preview(of("other", "Good day."))).await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::ProviderFailed, Some(Stage::Tts)));
    let mut own = PreviewOptions::default();
    own.text = Some("Good day.".into());
    assert_eq!(patient(agent.voices().preview(own)).await.unwrap_err().kind(), ErrorKind::ProviderFailed);
    assert_eq!((double.count(OTHER), double.count(OWN)), (6, 0));
}

#[tokio::test]
async fn a_preview_has_the_deadline_of_a_turn_and_ends_with_whoever_asked() {
    let double = double().await;
    double.always(OWN, Reply::never()).always(OTHER, Reply::raw(200, "audio/mpeg", [""]));
    let agent = with(&double, json!({"limits": {"turn_seconds": 0.3}})).await;
    let error = patient(agent.voices().preview(of("own", "Good day."))).await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::DeadlineExceeded, Some(Stage::Tts)));
    let error = patient(agent.voices().preview(of("other", "Good day."))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MalformedResponse, "no sound is no preview");

    let agent = with(&double, json!({})).await;
    let left = timeout(Duration::from_millis(100), agent.voices().preview(of("own", "Good day."))).await;
    assert!(left.is_err(), "it would still be asking");
    let voices = agent.voices();
    let asking = tokio::spawn(async move { voices.preview(of("own", "Good day.")).await });
    while double.count(OWN) < 3 {
        sleep(Duration::from_millis(5)).await;
    }
    patient(agent.close()).await.unwrap();
    assert_eq!(patient(asking).await.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn an_object_of_the_hosts_own_is_asked_for_the_voice() {
    let (choir, named) = (Choir::default(), Choir::default());
    let agent = VoiceAgent::builder()
        .llm(ScriptedLlm::saying("Hi."))
        .tts(choir.clone())
        .named_tts("named", Arc::new(named.clone()))
        .storage("memory")
        .build()
        .await
        .unwrap();
    let mut options = of("bass", "Good day.").setting("speed", 0.8).setting("mood", "dark");
    patient(agent.voices().preview(options.clone())).await.unwrap();
    options.provider = Some("named".into());
    patient(agent.voices().preview(options)).await.unwrap();
    for choir in [choir, named] {
        let chosen = choir.chosen.lock().unwrap().clone();
        let [choice] = &chosen[..] else { panic!("{chosen:?}") };
        assert_eq!(choice.id.as_deref(), Some("bass"));
        assert_eq!(Value::Object(choice.settings.clone()), json!({"speed": 0.8, "mood": "dark"}));
        assert!(!format!("{choice:?}").contains("dark"), "{choice:?}");
    }
}

#[tokio::test]
async fn a_voice_that_panics_fails_alone() {
    let tts = ScriptedTts::new().call(0, Step::panic());
    let agent = VoiceAgent::builder().llm(ScriptedLlm::saying("Hi.")).tts(tts).storage("memory").build().await.unwrap();
    let error = patient(agent.voices().preview(PreviewOptions::default())).await.unwrap_err();
    assert_eq!(error.code(), voice_core::ErrorCode::InternalError);
    assert!(patient(agent.voices().preview(PreviewOptions::default())).await.is_ok());
}
