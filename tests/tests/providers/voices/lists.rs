//! Each provider's list, as it comes over the wire.

use std::fs;

use voice_core::{
    provider::VoiceGender,
    providers::{
        bhashini::BhashiniTts,
        cartesia::CartesiaTts,
        deepgram::DeepgramTts,
        elevenlabs::ElevenLabsTts,
        google::GoogleTts,
        openai::{OpenAiRealtimeTts, OpenAiTts},
    },
};

use super::*;
use crate::examples;

#[tokio::test]
async fn elevenlabs_lists_the_voices_of_an_account_page_by_page() {
    let double = double().await;
    let entry = json!({
        "voice_id": "21m00", "name": " Rachel ", "category": "professional", "description": "Warm.",
        "preview_url": "https://example.invalid/rachel.mp3",
        "labels": {"accent": "american", "gender": "female", "language": "en", "age": "", "use_case": "social media", "odd": 7},
        "verified_languages": [
            {"language": "en", "locale": "en-us", "model_id": "m"}, {"language": "fr", "locale": null, "model_id": "m"},
            {"language": "en", "locale": "en-US", "model_id": "n"}, {"model_id": "m"},
        ],
        "settings": {"stability": 1.0},
    });
    let first = json!({"voices": [entry, {"name": "no voice"}, "no voice"], "has_more": true, "next_page_token": "a/b=", "total_count": 2});
    double.nth(ELEVENLABS, 0, Reply::json(200, first)).nth(ELEVENLABS, 1, some(&["last"], None));
    let tts = ElevenLabsTts::new(KEY).base_url(double.origin());
    let listed = page(&tts, Some("fr"), None).await.unwrap();
    let [rachel] = &listed.voices[..] else { panic!("{listed:?}") };
    assert_eq!(
        (rachel.id.as_str(), rachel.name.as_str(), rachel.gender),
        ("21m00", "Rachel", Some(VoiceGender::Female))
    );
    assert_eq!(rachel.languages, ["en", "en-US", "fr"]);
    assert_eq!(rachel.description.as_deref(), Some("Warm."));
    assert_eq!(rachel.preview_url.as_deref(), Some("https://example.invalid/rachel.mp3"));
    let labels = [("accent", "american"), ("category", "professional"), ("use_case", "social media")];
    assert_eq!(rachel.labels, labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert_eq!(listed.next.as_deref(), Some("a/b="));

    let last = page(&tts, None, listed.next.as_deref()).await.unwrap();
    assert_eq!((ids(&last.voices), &last.next, &last.voices[0].languages), (vec!["last"], &None, &vec![]));
    let requests = double.requests();
    assert_eq!(requests[0].header("xi-api-key"), Some(KEY));
    let paged = [("page_size", "100"), ("include_total_count", "false"), ("next_page_token", "a/b=")];
    assert_eq!((query(&requests[0]), query(&requests[1])), (pairs(&paged[..2]), pairs(&paged)));
    conform(&Spec::named("openapi/elevenlabs.openapi.trimmed.json"), &requests);

    let Some(folder) = examples("elevenlabs") else { return };
    let example: Value = serde_json::from_slice(&fs::read(folder.join("voices.json")).unwrap()).unwrap();
    double.always(ELEVENLABS, Reply::json(200, example));
    let listed = page(&tts, None, None).await.unwrap();
    assert_eq!(
        (ids(&listed.voices), &listed.voices[0].languages[..]),
        (vec!["21m00Tcm4TlvDq8ikWAM"], &["en-US".to_owned()][..])
    );
    assert_eq!(listed.voices[0].labels["description"], "expressive");
}

#[tokio::test]
async fn cartesia_lists_voices_of_a_language_page_by_page() {
    let double = double().await;
    let entry = |id: &str, more: Value| {
        let mut entry = json!({
            "id": id, "name": "Katie", "description": "Clear.", "is_owner": false, "is_public": true, "language": "hi",
            "created_at": "2026-01-01T00:00:00Z", "locales": [],
        });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let locales = json!([{"locale": "en-GB", "is_native": true}, {"locale": "fr-FR"}, {}]);
    let katie =
        entry("k", json!({"gender": "feminine", "locales": locales, "country": "GB", "preview_file_url": "https://a"}));
    let first = json!({"data": [katie, {"name": "no voice"}, entry("z", json!({"gender": null}))], "has_more": true});
    let second = json!({"data": [entry("y", json!({}))], "has_more": true, "next_page": "named"});
    double.nth(CARTESIA, 0, Reply::json(200, first)).nth(CARTESIA, 1, Reply::json(200, second));
    double.always(CARTESIA, Reply::json(200, json!({"data": [], "has_more": false, "next_page": "never"})));
    let tts = CartesiaTts::new(KEY).base_url(double.origin());
    let listed = page(&tts, Some("en_gb"), None).await.unwrap();
    assert_eq!((ids(&listed.voices), listed.next.as_deref()), (vec!["k", "z"], Some("z")));
    let katie = &listed.voices[0];
    assert_eq!((katie.name.as_str(), katie.gender), ("Katie", Some(VoiceGender::Female)));
    assert_eq!((katie.languages.join(" "), katie.labels["country"].as_str()), ("en-GB fr-FR".into(), "GB"));
    assert_eq!(
        (katie.description.as_deref(), &katie.preview_url),
        (Some("Clear."), &None),
        "it is heard with the key alone"
    );
    assert_eq!((&listed.voices[1].languages[..], listed.voices[1].gender), (&["hi".to_owned()][..], None));

    assert_eq!(page(&tts, None, Some("z")).await.unwrap().next.as_deref(), Some("named"));
    assert_eq!(page(&tts, None, Some("named")).await.unwrap(), VoicesPage::default());
    let requests = double.requests();
    assert_eq!(requests[0].bearer.as_ref().map(|bearer| bearer.expose()), Some(KEY));
    assert_eq!(query(&requests[0]), pairs(&[("limit", "100"), ("language", "en-GB")]));
    assert_eq!(query(&requests[1]), pairs(&[("limit", "100"), ("starting_after", "z")]));
    conform(&Spec::named("openapi/cartesia.openapi.trimmed.yaml"), &requests);
}

#[tokio::test]
async fn google_lists_its_voices_at_once() {
    let double = double().await;
    let voices = json!([
        {"languageCodes": ["en-US", "es-419"], "name": "en-US-Chirp3-HD-Kore", "ssmlGender": "FEMALE", "naturalSampleRateHertz": 24000},
        {"languageCodes": ["cmn-CN"], "name": "cmn-CN-Wavenet-B", "ssmlGender": "SSML_VOICE_GENDER_UNSPECIFIED"},
        {"languageCodes": ["de-DE"]},
    ]);
    double.always(GOOGLE, Reply::json(200, json!({ "voices": voices })));
    let tts = GoogleTts::new(KEY).base_url(double.base_url());
    let listed = page(&tts, None, None).await.unwrap();
    assert_eq!((ids(&listed.voices), &listed.next), (vec!["en-US-Chirp3-HD-Kore", "cmn-CN-Wavenet-B"], &None));
    let genders: Vec<_> = listed.voices.iter().map(|voice| voice.gender).collect();
    assert_eq!(
        (listed.voices[0].languages.join(" "), genders),
        ("en-US es-419".into(), vec![Some(VoiceGender::Female), None])
    );
    assert!(listed.voices[1].speaks("zh-CN") && !listed.voices[1].speaks("zh-TW"));

    let billed = GoogleTts::new(KEY).base_url(double.base_url()).project("house");
    for (tag, sent) in [("en-us", "en-US"), ("zh-TW", "cmn-TW"), ("zh", "cmn"), ("fil", "fil")] {
        page(&billed, Some(tag), None).await.unwrap();
        let asked = double.requests().pop().unwrap();
        assert_eq!(query(&asked), pairs(&[("languageCode", sent)]));
        assert_eq!((asked.header("x-goog-api-key"), asked.header("x-goog-user-project")), (Some(KEY), Some("house")));
    }
    assert_eq!(double.requests()[0].path, "/v1/voices");
    // What Google answers for a language of which it has no voice.
    double.always(GOOGLE, Reply::json(200, json!({})));
    assert_eq!(page(&tts, Some("tlh"), None).await.unwrap(), VoicesPage::default());
}

#[tokio::test]
async fn deepgrams_voices_stand_among_its_models() {
    let double = double().await;
    let metadata = json!({
        "accent": "Irish", "age": "Adult", "sample": "https://example.invalid/luna.wav", "tags": ["feminine", "calm"],
        "use_cases": ["IVR", "Casual chat"], "color": "#FFF", "image": "https://example.invalid/luna.png",
    });
    let tts = json!([
        {"name": "luna", "canonical_name": "aura-2-luna-en", "architecture": "aura-2", "languages": ["en", "en-IE"], "metadata": metadata},
        {"name": "zeus", "canonical_name": "aura-zeus-en", "languages": ["en-US"]},
        {"name": "alexis", "canonical_name": "flux-alexis-en", "languages": ["en"]},
        {"name": "nameless"},
    ]);
    double.always(DEEPGRAM, Reply::json(200, json!({"stt": [{"canonical_name": "nova-3"}], "tts": tts})));
    let listed = page(&DeepgramTts::new(KEY).base_url(double.origin()), Some("de"), None).await.unwrap();
    assert_eq!((ids(&listed.voices), &listed.next), (vec!["aura-2-luna-en", "aura-zeus-en"], &None));
    let luna = &listed.voices[0];
    assert_eq!((luna.name.as_str(), luna.gender), ("luna", Some(VoiceGender::Female)));
    assert_eq!(
        (luna.languages.join(" "), luna.preview_url.as_deref()),
        ("en en-IE".into(), Some("https://example.invalid/luna.wav"))
    );
    let labels = [("accent", "Irish"), ("age", "Adult"), ("tags", "feminine, calm"), ("use_cases", "IVR, Casual chat")];
    assert_eq!(luna.labels, labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert!(listed.voices[1].labels.is_empty() && listed.voices[1].gender.is_none());
    let requests = double.requests();
    assert_eq!(requests[0].path, "/v1/models");
    conform(&Spec::named("openapi/deepgram.openapi.trimmed.yml"), &requests);
}

#[tokio::test]
async fn bhashini_is_asked_which_voices_its_services_have() {
    const CONFIG: Route = Route::At("POST /ulca/apis/v0/model/getModelsPipeline");
    let double = double().await;
    let service = |id: &str, language: &str, voices: Value| json!({"serviceId": id, "modelId": "m", "language": {"sourceLanguage": language}, "supportedVoices": voices});
    let services = json!([
        service("dravidian", "ta", json!(["female", "male"])),
        service("northern", "hi", json!(["male"])),
        service("misc", "en", json!(["male", 7])),
        service("silent", "bn", Value::Null),
    ]);
    let answer = json!({"pipelineResponseConfig": [{"taskType": "tts", "config": services}], "languages": []});
    double.always(CONFIG, Reply::json(200, answer));
    let tts = || BhashiniTts::new("planted-user", KEY).base_url(double.origin()).language("hi-IN");
    let listed = page(&tts(), None, None).await.unwrap();
    assert_eq!((ids(&listed.voices), &listed.next), (vec!["male", "female"], &None));
    let of = |n: usize| (listed.voices[n].languages.join(" "), listed.voices[n].gender);
    assert_eq!(
        [of(0), of(1)],
        [("hi ta en".into(), Some(VoiceGender::Male)), ("ta".into(), Some(VoiceGender::Female))]
    );
    let one = page(&tts().model("dravidian"), Some("ta-IN"), None).await.unwrap();
    assert_eq!((ids(&one.voices), one.voices[0].languages.join(" ")), (vec!["female", "male"], "ta".into()));

    let tasks = |n: usize| double.requests()[n].json().unwrap()["pipelineTasks"].clone();
    assert_eq!(tasks(0), json!([{"taskType": "tts"}]));
    assert_eq!(tasks(1), json!([{"taskType": "tts", "config": {"language": {"sourceLanguage": "ta"}}}]));
    assert_eq!(double.requests()[0].header("ulcaapikey"), Some(KEY));

    let Some(folder) = examples("bhashini") else { return };
    let example: Value =
        serde_json::from_slice(&fs::read(folder.join("pipeline_config_response.json")).unwrap()).unwrap();
    double.always(CONFIG, Reply::json(200, example));
    assert_eq!(ids(&page(&tts(), None, None).await.unwrap().voices), ["male", "female"]);
}

#[tokio::test]
async fn openais_voices_are_those_of_its_documentation() {
    let tts = OpenAiTts::new("sk-nobody");
    let all = page(&tts, Some("hi"), None).await.unwrap();
    assert_eq!((all.voices.len(), &all.next), (13, &None));
    assert!(all.voices.iter().all(|voice| voice.speaks("hi") && voice.languages.is_empty() && voice.gender.is_none()));
    assert_eq!((all.voices[12].id.as_str(), all.voices[12].name.as_str()), ("verse", "Verse"));
    let first = page(&OpenAiTts::new("sk-nobody").model("tts-1-hd"), None, None).await.unwrap();
    assert_eq!((first.voices.len(), ids(&first.voices).contains(&"marin")), (9, false));
    let realtime = page(&OpenAiRealtimeTts::new("sk-nobody"), None, None).await.unwrap();
    assert_eq!((realtime.voices.len(), ids(&realtime.voices).contains(&"nova")), (10, false));

    // Its own description names the same.
    let spec = Spec::named("openapi/openai.openapi.trimmed.json");
    let Some(document) = spec.document() else { return println!("the names: not checked: spec not found") };
    let schemas = &document["components"]["schemas"];
    let said = schemas["CreateSpeechRequest"]["properties"]["voice"]["description"].to_string();
    assert_eq!(said.matches('`').count() / 2, all.voices.len() + 2, "beside two of a voice of one's own: {said}");
    assert!(all.voices.iter().all(|voice| said.contains(&format!("`{}`", voice.id))), "{said}");
    let known = schemas["VoiceIdsShared"]["anyOf"][1]["enum"].as_array().unwrap();
    let mut known: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
    known.sort_unstable();
    assert_eq!(ids(&realtime.voices), known);
}

#[tokio::test]
async fn who_has_no_list_says_what_to_do() {
    let double = double().await;
    let elsewhere = OpenAiTts::new("sk-nobody").base_url(double.base_url());
    let server = BhashiniTts::direct(KEY).base_url(double.origin());
    for tts in [&elsewhere as &dyn TextToSpeech, &server, &Silent] {
        let error = page(tts, None, None).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.stage(), error.provider()),
            (ErrorKind::Unsupported, Some(Stage::Tts), Some(tts.name()))
        );
        assert!(error.message().contains("voices") && !error.retryable(), "{error}");
    }
    assert_eq!(double.requests().len(), 0);
}

/// A host's own voice, without anything that it may leave out.
struct Silent;

#[async_trait::async_trait]
impl TextToSpeech for Silent {
    fn name(&self) -> &str {
        "house/silent"
    }

    async fn synthesize(
        &self,
        _: voice_core::provider::SynthesisRequest,
        _: &CallContext,
    ) -> Result<voice_core::provider::ResultStream<voice_core::Pcm>, Error> {
        Err(Error::new(ErrorKind::ProviderFailed, "it has nothing to say"))
    }
}

#[tokio::test]
async fn what_is_answered_instead_of_a_list_is_told_apart() {
    let double = double().await;
    let elevenlabs = ElevenLabsTts::new(KEY).base_url(double.origin());
    let cartesia = CartesiaTts::new(KEY).base_url(double.origin());
    let google = GoogleTts::new(KEY).base_url(double.base_url());
    let deepgram = DeepgramTts::new(KEY).base_url(double.origin());
    let all: [(&dyn TextToSpeech, Route, &str); 4] = [
        (&elevenlabs, ELEVENLABS, "voices"),
        (&cartesia, CARTESIA, "data"),
        (&google, GOOGLE, "voices"),
        (&deepgram, DEEPGRAM, "tts"),
    ];
    let odd = |status: u16| Reply::json(status, json!({"message": format!("the key {KEY} is odd")}));
    for (tts, route, field) in all {
        for (reply, kind) in [
            (odd(401), ErrorKind::InvalidProviderKey),
            (odd(429), ErrorKind::RateLimited),
            (odd(503), ErrorKind::ProviderFailed),
            (Reply::raw(200, "text/html", ["<html>sign in</html>"]), ErrorKind::MalformedResponse),
            (Reply::raw(200, "application/json", [r#"{"voices": [{"#]), ErrorKind::MalformedResponse),
            (Reply::json(200, json!([])), ErrorKind::MalformedResponse),
            (Reply::json(200, json!({"new": 1})), ErrorKind::MalformedResponse),
            (Reply::json(200, json!({ field: {"id": "a"} })), ErrorKind::MalformedResponse),
        ] {
            double.always(route, reply.clone());
            let error = page(tts, None, None).await.unwrap_err();
            let name = tts.name();
            assert_eq!(error.kind(), kind, "{name}: {reply:?}: {error:?}");
            assert_eq!((error.stage(), error.provider()), (Some(Stage::Tts), Some(name)));
            assert!(!format!("{error}{error:?}").contains("planted"), "{name}: {error:?}");
        }
        double.always(route, Reply::never());
        let ctx = CallContext::new();
        ctx.cancel.cancel();
        let asked = double.requests().len();
        let error = patient(tts.voices(VoicesRequest::default(), &ctx)).await.unwrap_err();
        assert_eq!((error.kind(), double.requests().len()), (ErrorKind::Cancelled, asked));
    }
}
