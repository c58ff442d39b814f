//! Listing through an agent: all pages, within limits, and whose voices they are.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout};
use voice_core::{
    Pcm, Secret,
    agent::Principal,
    config::ProviderConfig,
    provider::{ResultStream, SynthesisRequest, VoiceChoice},
    store::{MemoryStore, Storage},
};
use voice_testkit::ScriptedTts;

use super::*;

/// A choir without end: every page has one voice, and says how to come to the next.
#[derive(Clone, Default)]
pub(super) struct Choir {
    pub(super) pages: Arc<AtomicUsize>,
    /// As which voices it was asked to speak.
    pub(super) chosen: Arc<std::sync::Mutex<Vec<VoiceChoice>>>,
    is_endless: bool,
}

#[async_trait]
impl TextToSpeech for Choir {
    fn name(&self) -> &str {
        "house/choir"
    }

    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> Result<ResultStream<Pcm>, Error> {
        ScriptedTts::new().synthesize(request, ctx).await
    }

    async fn voices(&self, request: VoicesRequest, _: &CallContext) -> Result<VoicesPage, Error> {
        let n = self.pages.fetch_add(1, Ordering::SeqCst);
        assert_eq!(request.after, (n > 0).then(|| n.to_string()));
        let next = self.is_endless.then(|| (n + 1).to_string());
        Ok(VoicesPage::last(vec![Voice::new(format!("voice {n}")).with_language("en-IN")]).with_next(next))
    }

    fn with_voice(&self, choice: &VoiceChoice) -> Result<Arc<dyn TextToSpeech>, Error> {
        self.chosen.lock().unwrap().push(choice.clone());
        Ok(Arc::new(self.clone()))
    }
}

fn at_most(limit: usize) -> VoiceQuery {
    let mut query = VoiceQuery::default();
    query.limit = limit;
    query
}

/// An agent that speaks with ElevenLabs on a double.
async fn with_elevenlabs(double: &Double, more: Value) -> VoiceAgent {
    let mut config = json!({"tts": elevenlabs(double, json!({})), "storage": "memory", "retry": {"attempts": 1}});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    agent(config).await
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_no_further_than_asked() {
    for (limit, listed, has_more, pages) in [
        (10_000, &["a", "b", "c", "d"][..], false, 3),
        (4, &["a", "b", "c", "d"], false, 3),
        (3, &["a", "b", "c"], true, 3),
        (2, &["a", "b"], true, 2),
        (1, &["a"], true, 1),
    ] {
        let double = double().await;
        double.nth(ELEVENLABS, 0, some(&["a", "b"], Some("2"))).nth(ELEVENLABS, 1, some(&["b", "a", "c"], Some("3")));
        double.nth(ELEVENLABS, 2, some(&["d", "a"], None));
        let agent = with_elevenlabs(&double, json!({})).await;
        let page = patient(agent.voices().list(at_most(limit))).await.unwrap();
        assert_eq!((ids(&page.items), page.has_more, double.count(ELEVENLABS)), (listed.to_vec(), has_more, pages));
    }
}

#[tokio::test]
async fn a_list_that_leads_back_or_never_ends_is_left() {
    let double = double().await;
    double.always(ELEVENLABS, some(&["a"], Some("again")));
    let agent = with_elevenlabs(&double, json!({})).await;
    let error = patient(agent.voices().list(VoiceQuery::default())).await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::MalformedResponse, Some(Stage::Tts)));
    assert_eq!(double.count(ELEVENLABS), 2);

    let choir = Choir { is_endless: true, ..Choir::default() };
    let agent = VoiceAgent::builder().llm(ScriptedLlm::saying("Hi.")).tts(choir.clone()).storage("memory");
    let page = patient(agent.build().await.unwrap().voices().list(VoiceQuery::default())).await.unwrap();
    assert_eq!((page.items.len(), page.has_more, choir.pages.load(Ordering::SeqCst)), (200, true, 200));
}

#[tokio::test]
async fn a_page_is_asked_for_again_and_speech_does_not_suffer() {
    let double = double().await;
    let down = || Reply::json(503, json!({"detail": {"message": "down"}}));
    double.nth(ELEVENLABS, 0, some(&["a"], Some("2"))).nth(ELEVENLABS, 1, down()).nth(
        ELEVENLABS,
        2,
        some(&["b"], None),
    );
    double.always(ELEVENLABS, down());
    let retry = json!({"retry": {"attempts": 2, "first_delay_ms": 1}, "circuit_breaker": {"failures": 2}});
    let agent = with_elevenlabs(&double, retry).await;
    assert_eq!(ids(&patient(agent.voices().list(VoiceQuery::default())).await.unwrap().items), ["a", "b"]);
    for n in 0..4 {
        let error = patient(agent.voices().list(VoiceQuery::default())).await.unwrap_err();
        assert_eq!((error.kind(), double.count(ELEVENLABS)), (ErrorKind::ProviderFailed, 5 + 2 * n));
    }
    double.always(Route::At("POST /v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream"), sound(10));
    let reply = patient(agent.turn("What time is it?").into_future()).await.unwrap();
    assert!(!reply.audio.is_empty() && reply.audio_error.is_none(), "{:?}", reply.audio_error);
}

#[tokio::test]
async fn a_list_takes_no_longer_than_a_turn_and_ends_with_whoever_asked() {
    let double = double().await;
    double.always(ELEVENLABS, Reply::never());
    let agent = with_elevenlabs(&double, json!({"limits": {"turn_seconds": 0.3}})).await;
    let error = patient(agent.voices().list(VoiceQuery::default())).await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::DeadlineExceeded, Some(Stage::Tts)));
    let agent = with_elevenlabs(&double, json!({"timeouts": {"first_byte_ms": 100}})).await;
    assert_eq!(
        patient(agent.voices().list(VoiceQuery::default())).await.unwrap_err().kind(),
        ErrorKind::FirstByteTimeout
    );

    let agent = with_elevenlabs(&double, json!({})).await;
    let left = timeout(Duration::from_millis(100), agent.voices().list(VoiceQuery::default())).await;
    assert!(left.is_err(), "it would still be asking");
    let voices = agent.voices();
    let asking = tokio::spawn(async move { voices.list(VoiceQuery::default()).await });
    while double.count(ELEVENLABS) < 4 {
        sleep(Duration::from_millis(5)).await;
    }
    patient(agent.close()).await.unwrap();
    assert_eq!(patient(asking).await.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(patient(agent.voices().list(VoiceQuery::default())).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn lists_and_speech_have_one_rate_limit() {
    let config = Config::from_json(r#"{"rate_limit": {"per_minute": 60, "burst": 1}, "storage": "memory"}"#).unwrap();
    let agent = VoiceAgent::builder().config(config).llm(ScriptedLlm::saying("Hi.")).tts(Choir::default());
    let agent = agent.build().await.unwrap();
    let started = Instant::now();
    agent.voices().list(VoiceQuery::default()).await.unwrap();
    let mut options = PreviewOptions::of("ann");
    options.text = Some("Hello.".into());
    agent.voices().preview(options).await.unwrap();
    assert_eq!(started.elapsed().as_millis().div_ceil(10), 100);
}

#[tokio::test(start_paused = true)]
async fn previews_of_a_provider_that_nobody_else_speaks_with_have_one_rate_limit() {
    let config = Config::from_json(r#"{"rate_limit": {"per_minute": 60, "burst": 1}, "storage": "memory"}"#).unwrap();
    let agent = VoiceAgent::builder().config(config).llm(ScriptedLlm::saying("Hi.")).tts("none");
    let agent = agent.named_tts("choir", Arc::new(Choir::default())).build().await.unwrap();
    let started = Instant::now();
    for voice in ["ann", "kai"] {
        let mut options = PreviewOptions::of(voice);
        (options.provider, options.text) = (Some("choir".into()), Some("Hello.".into()));
        agent.voices().preview(options).await.unwrap();
    }
    assert_eq!(started.elapsed().as_millis().div_ceil(10), 100);
}

#[tokio::test]
async fn a_provider_goes_by_its_name_in_the_config_or_in_errors() {
    let double = double().await;
    double.always(ELEVENLABS, some(&["eleven"], None)).always(DEEPGRAM, Reply::json(200, json!({"tts": []})));
    let cartesia = json!({"data": [{"id": "carte"}], "has_more": false});
    double.always(CARTESIA, Reply::json(200, cartesia));
    let own = json!([
        {"provider": "openai", "model": "tts-1", "api_key": KEY},
        elevenlabs(&double, json!({})),
        elevenlabs(&double, json!({"model": "eleven_v3"})),
        {"provider": "deepgram", "api_key": KEY, "base_url": double.origin(), "voice": "aura-2-luna-en"},
    ]);
    let mut house = ProviderConfig::named("cartesia");
    (house.api_key, house.base_url) = (Some(Secret::new(KEY)), Some(double.origin()));
    let config = json!({"tts": own, "storage": "memory"}).to_string();
    let agent = VoiceAgent::builder()
        .config(Config::from_json(&config).unwrap())
        .llm(ScriptedLlm::saying("Hi."))
        .named_tts("choir", Arc::new(Choir::default()))
        .named_provider("house", house)
        .build()
        .await
        .unwrap();
    let listed = async |name: Option<&str>| {
        let query = name.map_or_else(VoiceQuery::default, VoiceQuery::of);
        patient(agent.voices().list(query))
            .await
            .map(|page| page.items.iter().map(|v| v.id.clone()).collect::<Vec<_>>())
    };
    assert_eq!(listed(None).await.unwrap().len(), 9, "the first of its own");
    assert_eq!(listed(Some("openai")).await.unwrap().len(), 9);
    assert_eq!(listed(Some("openai/gpt-4o-mini-tts")).await.unwrap().len(), 13, "another of its models");
    for (name, voices) in [
        ("elevenlabs", vec!["eleven"]),
        ("elevenlabs/eleven_v3", vec!["eleven"]),
        ("ElevenLabs/eleven_multilingual_v2", vec!["eleven"]),
        ("deepgram", vec![]),
        ("deepgram/aura-2-luna-en", vec![]),
        ("choir", vec!["voice 0"]),
        ("house", vec!["carte"]),
    ] {
        assert_eq!(listed(Some(name)).await.unwrap(), voices, "{name}");
    }
    for name in ["nobody", "nobody/at-all"] {
        assert_eq!(listed(Some(name)).await.unwrap_err().kind(), ErrorKind::InvalidField, "{name}");
    }
    let mute = VoiceAgent::builder().llm(ScriptedLlm::saying("Hi.")).tts("none").storage("memory");
    let mute = mute.build().await.unwrap();
    let error = mute.voices().list(VoiceQuery::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::InvalidConfig, Some(Stage::Tts)));
    assert!(error.message().contains("`tts`"), "{error}");
}

#[tokio::test]
async fn an_organization_asks_with_its_own_credential() {
    let double = double().await;
    double.always(ELEVENLABS, some(&["a"], None));
    let vault = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let config = json!({"tts": elevenlabs(&double, json!({})), "accounts": {"credentials_key": vault}});
    let mut house = ProviderConfig::named("elevenlabs");
    (house.api_key, house.base_url) = (Some(Secret::new("host")), Some(double.origin()));
    let agent = VoiceAgent::builder()
        .config(Config::from_json(&config.to_string()).unwrap())
        .llm(ScriptedLlm::saying("Hi."))
        .named_provider("house", house)
        .stores(Storage::of(Arc::new(MemoryStore::new())))
        .build()
        .await
        .unwrap();
    let organization = agent.accounts().create_organization("A house").await.unwrap().id;
    for provider in ["elevenlabs", "house"] {
        agent
            .accounts()
            .of(organization)
            .set_credential(provider, &Secret::new(format!("own-{provider}")))
            .await
            .unwrap();
    }
    let asked = async |voices: voice_core::agent::Voices, provider: &str| {
        patient(voices.list(VoiceQuery::of(provider))).await.unwrap();
        double.requests().pop().unwrap().header("xi-api-key").map(str::to_owned).unwrap()
    };
    let theirs = || agent.with(&Principal::organization_itself(organization)).voices();
    assert_eq!(asked(theirs(), "elevenlabs").await, "own-elevenlabs");
    assert_eq!(asked(theirs(), "house").await, "own-house");
    assert_eq!(asked(agent.voices().of(organization), "elevenlabs").await, "own-elevenlabs");
    let other = agent.accounts().create_organization("Another house").await.unwrap().id;
    let others = agent.with(&Principal::organization_itself(other)).voices();
    assert_eq!(asked(others.clone(), "elevenlabs").await, KEY);
    let error = patient(others.of(organization).list(VoiceQuery::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert_eq!(asked(agent.voices(), "elevenlabs").await, KEY);
    assert_eq!(asked(agent.voices(), "house").await, "host");
}

#[tokio::test]
async fn whoever_speaks_another_language_is_left_out() {
    let double = double().await;
    let voice = |id: &str, tag: Option<&str>| json!({"voice_id": id, "labels": {"language": tag}});
    let voices = json!([voice("ann", Some("en")), voice("kai", Some("de")), voice("eve", None)]);
    double.always(ELEVENLABS, Reply::json(200, json!({"voices": voices, "has_more": false})));
    let agent = with_elevenlabs(&double, json!({})).await;
    for (tag, speak) in [("de-AT", ["kai", "eve"]), ("EN", ["ann", "eve"])] {
        let page = patient(agent.voices().list(VoiceQuery::in_language(tag))).await.unwrap();
        assert_eq!(ids(&page.items), speak);
    }
}
