//! Bhashini's pipeline, and a server of AI4Bharat's.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use voice_core::{
    Config, Error, ErrorKind, Pcm, Stage, Transcript, Utterance, VoiceAgent,
    provider::{CallContext, SpeechToText, SynthesisRequest, TextToSpeech, TranscribeRequest},
    providers::bhashini::{BhashiniStt, BhashiniTts},
};
use voice_testkit::openai::{OpenAiDouble, Reply, Route, refused_address};

use crate::{
    left::{endless, left_alone},
    patient,
};

const USER: &str = "planted-user-5c2f9e7d1b3a";
const KEY: &str = "planted-ulca-0123456789abcdef";
/// What ULCA gives for the services. A raw value: whoever put `Bearer` before it would send it twice.
const INFERENCE_KEY: &str = "Bearer planted-inference-fedcba9876543210";
const SECRET_WORDS: &str = "मेरी पड़ोसन अदा पर मेरे चालीस पाउंड बाकी हैं";
const CONFIG: &str = "/ulca/apis/v0/model/getModelsPipeline";
const COMPUTE: &str = "/services/inference/pipeline";

async fn double() -> OpenAiDouble {
    OpenAiDouble::start().await.unwrap()
}

fn origin(double: &OpenAiDouble) -> String {
    double.base_url().trim_end_matches("/v1").to_owned()
}

fn stt(double: &OpenAiDouble) -> BhashiniStt {
    BhashiniStt::new(USER, KEY).base_url(origin(double))
}

fn tts(double: &OpenAiDouble) -> BhashiniTts {
    BhashiniTts::new(USER, KEY).base_url(origin(double)).language("en-IN")
}

/// What ULCA says of its services, which are on the double too.
fn services(double: &OpenAiDouble) -> Value {
    let service = |id: &str, language: &str| json!({"serviceId": id, "modelId": "m", "language": {"sourceLanguage": language}, "domain": ["general"]});
    let mut voice = service("Bhashini/IITM/TTS", "en");
    voice["supportedVoices"] = json!(["male", "female"]);
    let mut only = service("ai4bharat/tts-ta", "ta");
    only["supportedVoices"] = json!(["male"]);
    json!({
        "languages": [{"sourceLanguage": "hi", "targetLanguageList": ["en"]}],
        "pipelineResponseConfig": [
            {"taskType": "asr", "config": [service("ai4bharat/conformer-ta", "ta"), service("ai4bharat/conformer-hi-gpu--t4", "hi")]},
            {"taskType": "tts", "config": [only, voice]},
        ],
        "feedbackUrl": "https://example.invalid/feedback",
        "pipelineInferenceAPIEndPoint": {
            "callbackUrl": format!("{}{COMPUTE}", origin(double)),
            "inferenceApiKey": {"name": "Authorization", "value": INFERENCE_KEY},
            "isMultilingualEnabled": true,
            "isSyncApi": true,
        },
    })
}

/// A double whose first answer names the services.
async fn ulca() -> OpenAiDouble {
    let double = double().await;
    double.nth(Route::Unknown, 0, Reply::json(200, services(&double)));
    double
}

fn heard(text: &str) -> Reply {
    let asr = json!({"taskType": "asr", "config": null, "output": [{"source": text}], "audio": null});
    Reply::json(200, json!({"pipelineResponse": [asr]}))
}

fn spoken(file: &[u8]) -> Reply {
    let config = json!({"audioFormat": "wav", "language": {"sourceLanguage": "en"}, "encoding": "base64", "samplingRate": 16000});
    let audio = json!([{"audioContent": STANDARD.encode(file), "audioUri": null}]);
    let tts = json!({"taskType": "tts", "config": config, "output": null, "audio": audio});
    Reply::json(200, json!({"pipelineResponse": [tts]}))
}

/// A WAV file; `format` 1 is whole numbers, 3 floats.
fn wav(format: u16, bits: u16, rate: u32, data: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    file.extend(format.to_le_bytes());
    file.extend(1u16.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(bits) / 8).to_le_bytes());
    file.extend((bits / 8).to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    file.extend(data);
    file
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

async fn transcribe(stt: &BhashiniStt, samples: Vec<i16>, language: Option<&str>) -> Result<Vec<Transcript>, Error> {
    let request = TranscribeRequest::new(Utterance::from_samples(samples)).with_language(language.map(str::to_owned));
    patient(async { stt.transcribe(request, &CallContext::new()).await?.try_collect().await }).await
}

async fn hear(stt: &BhashiniStt) -> Result<Vec<Transcript>, Error> {
    transcribe(stt, vec![5; 1600], Some("hi-IN")).await
}

async fn speak(tts: &BhashiniTts) -> Result<Vec<Pcm>, Error> {
    let request = SynthesisRequest::new(SECRET_WORDS);
    patient(async { tts.synthesize(request, &CallContext::new()).await?.try_collect().await }).await
}

fn sent(double: &OpenAiDouble, n: usize) -> Value {
    double.requests()[n].json().unwrap().clone()
}

fn paths(double: &OpenAiDouble) -> Vec<String> {
    double.requests().into_iter().map(|r| format!("{} {}", r.method, r.path)).collect()
}

#[tokio::test]
async fn a_service_is_found_and_then_it_recognises() {
    let double = ulca().await;
    double.always(Route::Unknown, heard(" कल बारिश होगी "));
    let stt = stt(&double).post_processors(["itn", "punctuation"]);
    let heard = hear(&stt).await.unwrap();
    assert_eq!(heard, [Transcript::last("कल बारिश होगी").with_language("hi-IN")]);
    assert_eq!(paths(&double), [format!("POST {CONFIG}"), format!("POST {COMPUTE}")]);

    let [config, compute] = double.requests().try_into().unwrap();
    assert_eq!((config.header("userid"), config.header("ulcaapikey")), (Some(USER), Some(KEY)));
    assert!(config.bearer.is_none());
    assert_eq!(
        sent(&double, 0),
        json!({
            "pipelineTasks": [{"taskType": "asr", "config": {"language": {"sourceLanguage": "hi"}}}],
            "pipelineRequestConfig": {"pipelineId": "64392f96daac500b55c543cd"},
        })
    );
    assert_eq!((compute.header("userid"), compute.header("ulcaapikey")), (None, None), "these are ULCA's only");
    assert_eq!(
        compute.bearer.as_ref().map(|b| b.expose().to_owned()).as_deref(),
        INFERENCE_KEY.strip_prefix("Bearer ")
    );
    let mut body = sent(&double, 1);
    let audio = body["inputData"]["audio"][0]["audioContent"].take();
    assert_eq!(STANDARD.decode(audio.as_str().unwrap()).unwrap(), wav_of(&[5; 1600]));
    assert_eq!(
        body,
        json!({
            "pipelineTasks": [{"taskType": "asr", "config": {
                "audioFormat": "wav",
                "samplingRate": 16000,
                "postProcessors": ["itn", "punctuation"],
                "language": {"sourceLanguage": "hi"},
                "serviceId": "ai4bharat/conformer-hi-gpu--t4",
            }}],
            "inputData": {"audio": [{"audioContent": null}]},
            "controlConfig": {"dataTracking": false},
        })
    );
    assert_eq!(stt.name(), "bhashini");
}

fn wav_of(samples: &[i16]) -> Vec<u8> {
    Utterance::from_samples(samples).to_wav().to_vec()
}

#[tokio::test]
async fn a_service_is_found_and_then_it_speaks() {
    let double = ulca().await;
    double.always(Route::Unknown, spoken(&wav(1, 16, 22_050, &bytes(&[0, 1, -2, 300]))));
    let sound = speak(&tts(&double).speed(1.5)).await.unwrap();
    assert_eq!((sound[0].samples(), sound[0].sample_rate(), sound.len()), (&[0, 1, -2, 300][..], 22_050, 1));
    assert_eq!(
        sent(&double, 1),
        json!({
            "pipelineTasks": [{"taskType": "tts", "config": {
                "gender": "female",
                "samplingRate": 16000,
                "speed": 1.5,
                "language": {"sourceLanguage": "en"},
                "serviceId": "Bhashini/IITM/TTS",
            }}],
            "inputData": {"input": [{"source": SECRET_WORDS}]},
            "controlConfig": {"dataTracking": false},
        })
    );
}

#[tokio::test]
async fn a_voice_that_the_service_has_is_taken_unless_one_is_named() {
    for (language, named, expected) in [("en", None, "female"), ("ta", None, "male"), ("ta", Some("female"), "female")]
    {
        let double = ulca().await;
        double.always(Route::Unknown, spoken(&wav(1, 16, 16_000, &bytes(&[1]))));
        let tts = tts(&double).language(language).sample_rate(8_000);
        speak(&named.into_iter().fold(tts, |tts, voice: &str| tts.voice(voice))).await.unwrap();
        let config = sent(&double, 1)["pipelineTasks"][0]["config"].clone();
        assert_eq!(
            (&config["gender"], &config["samplingRate"]),
            (&json!(expected), &json!(8000)),
            "{language} {named:?}"
        );
    }
}

#[tokio::test]
async fn sound_of_every_width_is_read_and_nothing_else() {
    let float: Vec<u8> = [0.5f32, -1.0].iter().flat_map(|f| f.to_le_bytes()).collect();
    let files = [
        (wav(3, 32, 48_000, &float), Some((vec![16_384, -32_768], 48_000))),
        (wav(1, 8, 8_000, &[128, 192]), Some((vec![0, 16_384], 8_000))),
        (b"ID3\x04 no WAV".to_vec(), None),
        (wav(1, 16, 16_000, &[])[..20].to_vec(), None),
    ];
    for (file, expected) in files {
        let double = ulca().await;
        double.always(Route::Unknown, spoken(&file));
        let sound = speak(&tts(&double)).await;
        match expected {
            Some((samples, rate)) => {
                let sound = sound.unwrap();
                assert_eq!((sound[0].samples(), sound[0].sample_rate()), (&samples[..], rate));
            }
            None => assert_eq!(sound.unwrap_err().kind(), ErrorKind::MalformedResponse),
        }
    }
}

#[tokio::test]
async fn services_are_looked_up_once_for_a_language_and_again_when_their_key_is_refused() {
    let double = ulca().await;
    double.always(Route::Unknown, heard("नमस्ते"));
    let stt = stt(&double);
    for _ in 0..3 {
        hear(&stt).await.unwrap();
    }
    let (c, s) = (format!("POST {CONFIG}"), format!("POST {COMPUTE}"));
    assert_eq!(paths(&double), [&c, &s, &s, &s].map(String::as_str));

    double.nth(Route::Unknown, 4, Reply::json(200, services(&double)));
    transcribe(&stt, vec![1; 160], Some("ta")).await.unwrap();
    assert_eq!(sent(&double, 5)["pipelineTasks"][0]["config"]["serviceId"], "ai4bharat/conformer-ta");

    let refused = || Reply::json(401, json!({"detail": {"message": "expired"}}));
    double.nth(Route::Unknown, 6, refused()).nth(Route::Unknown, 7, Reply::json(200, services(&double)));
    assert_eq!(hear(&stt).await.unwrap()[0].text, "नमस्ते");
    assert_eq!(paths(&double)[6..], [&s, &c, &s].map(String::as_str));

    double.nth(Route::Unknown, 9, refused()).nth(Route::Unknown, 10, Reply::json(200, services(&double)));
    double.nth(Route::Unknown, 11, refused());
    assert_eq!(hear(&stt).await.unwrap_err().kind(), ErrorKind::InvalidProviderKey, "a new key is tried once");
    assert_eq!(paths(&double).len(), 12);
}

#[tokio::test]
async fn warming_up_finds_the_service_of_the_language_that_is_set() {
    let double = ulca().await;
    double.always(Route::Unknown, heard("नमस्ते"));
    let stt = stt(&double).language("hi");
    stt.warm_up().await.unwrap();
    transcribe(&stt, vec![1; 160], None).await.unwrap();
    assert_eq!(paths(&double), [format!("POST {CONFIG}"), format!("POST {COMPUTE}")]);
    let nowhere = BhashiniStt::new(USER, KEY).base_url(refused_address().await.unwrap()).language("hi");
    nowhere.warm_up().await.unwrap();
}

#[tokio::test]
async fn a_language_must_be_named_and_must_be_known() {
    let double = ulca().await;
    let error = transcribe(&stt(&double), vec![1; 160], None).await.unwrap_err();
    assert_eq!((error.kind(), error.stage(), error.retryable()), (ErrorKind::InvalidConfig, Some(Stage::Stt), false));
    assert!(error.message().contains("language of the speech") && error.message().contains("`language`"), "{error}");
    let error = speak(&BhashiniTts::new(USER, KEY).base_url(origin(&double))).await.unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidConfig && error.message().contains("language of the text"), "{error}");
    assert_eq!(double.requests().len(), 0);
    let error = transcribe(&stt(&double), vec![1; 160], Some("fr")).await.unwrap_err();
    assert_eq!((error.kind(), double.requests().len()), (ErrorKind::Unsupported, 1));
    assert!(error.message().contains("recognition in the language \"fr\""), "{error}");
}

#[tokio::test]
async fn the_language_of_a_call_comes_before_the_one_that_is_set() {
    let double = ulca().await;
    double.always(Route::Unknown, heard("வணக்கம்"));
    let heard = transcribe(&stt(&double).language("hi"), vec![1; 160], Some("ta-IN")).await.unwrap();
    assert_eq!(heard[0].language.as_deref(), Some("ta-IN"));
    assert_eq!(sent(&double, 0)["pipelineTasks"][0]["config"]["language"], json!({"sourceLanguage": "ta"}));
}

#[tokio::test]
async fn a_service_that_is_named_is_called_wherever_it_is() {
    let double = ulca().await;
    double.always(Route::Unknown, heard("नमस्ते"));
    let named = stt(&double).model("bhashini/ai4bharat/conformer-multilingual-asr");
    hear(&named).await.unwrap();
    assert_eq!(
        sent(&double, 1)["pipelineTasks"][0]["config"]["serviceId"],
        "bhashini/ai4bharat/conformer-multilingual-asr"
    );
    assert_eq!(named.name(), "bhashini/bhashini/ai4bharat/conformer-multilingual-asr");

    let direct = BhashiniStt::direct(INFERENCE_KEY).base_url(origin(&double));
    let error = hear(&direct).await.unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidConfig && error.message().contains("model"), "{error}");
    hear(&direct.model("ai4bharat/whisper")).await.unwrap();
    let request = double.requests().pop().unwrap();
    assert_eq!((request.path.as_str(), request.header("ulcaapikey")), (COMPUTE, None));
    assert_eq!(
        request.bearer.as_ref().map(|b| b.expose().to_owned()).as_deref(),
        INFERENCE_KEY.strip_prefix("Bearer ")
    );
}

#[tokio::test]
async fn a_recording_of_more_than_a_minute_goes_out_in_pieces() {
    let double = ulca().await;
    double.nth(Route::Unknown, 1, heard("एक")).nth(Route::Unknown, 2, heard("")).nth(Route::Unknown, 3, heard("दो"));
    let samples = vec![9i16; 16_000 * 150];
    let heard = transcribe(&stt(&double), samples.clone(), Some("hi")).await.unwrap();
    let texts: Vec<_> = heard.iter().map(|t| (t.text.as_str(), t.is_final)).collect();
    assert_eq!(texts, [("एक", false), ("एक", false), ("एक दो", true)]);
    let pieces: Vec<usize> = (1..4)
        .map(|n| sent(&double, n)["inputData"]["audio"][0]["audioContent"].as_str().unwrap().to_owned())
        .map(|audio| (STANDARD.decode(audio).unwrap().len() - 44) / 2)
        .collect();
    assert_eq!(pieces.iter().sum::<usize>(), samples.len());
    assert!(pieces.iter().all(|n| *n <= 16_000 * 60), "{pieces:?}");
}

#[tokio::test]
async fn silence_is_an_empty_transcript_and_no_error() {
    let double = ulca().await;
    double.always(Route::Unknown, heard(""));
    assert_eq!(hear(&stt(&double)).await.unwrap(), [Transcript::last("").with_language("hi-IN")]);
    assert_eq!(transcribe(&stt(&double), Vec::new(), Some("hi")).await.unwrap().len(), 1);
    let stream = tts(&double).synthesize(SynthesisRequest::new(" \n"), &CallContext::new()).await.unwrap();
    assert!(stream.try_collect::<Vec<_>>().await.unwrap().is_empty());
    assert_eq!(double.requests().len(), 2, "nothing is not sent");
}

#[tokio::test]
async fn every_refusal_of_either_step_becomes_its_typed_error() {
    use ErrorKind as K;
    let answer = |status: u16, body: Value| Reply::json(status, body);
    for (reply, kind, retryable) in [
        (answer(400, json!({"detail": {"message": "Invalid service id"}})), K::RejectedByProvider, false),
        (answer(401, json!({"detail": "Not authenticated"})), K::InvalidProviderKey, false),
        (answer(403, json!({"message": "Forbidden"})), K::InvalidProviderKey, false),
        (answer(404, json!({"detail": "Not Found"})), K::RejectedByProvider, false),
        (answer(422, json!({"detail": [{"loc": ["body"], "msg": "field required"}]})), K::RejectedByProvider, false),
        (answer(429, json!({"message": "Too many"})).header("retry-after", "3"), K::RateLimited, true),
        (answer(500, json!({"detail": {"kind": "DHRUVA-101", "message": "Request failed."}})), K::ProviderFailed, true),
        (Reply::raw(502, "text/html", ["<h1>Bad gateway</h1>"]), K::ProviderFailed, true),
        (answer(503, json!({"detail": "busy"})), K::ProviderFailed, true),
        (answer(200, json!({"detail": {"message": "Request failed."}})), K::ProviderFailed, true),
        (answer(200, json!({"status": "ok"})), K::MalformedResponse, true),
        (Reply::raw(200, "application/json", ["{\"pipeline"]), K::MalformedResponse, true),
        (Reply::raw(200, "application/json", ["{\"pipeline", "Response\": []}"]).cut_after(1), K::ConnectionLost, true),
    ] {
        for first_step in [true, false] {
            let double = ulca().await;
            if first_step {
                double.nth(Route::Unknown, 0, reply.clone());
            } else {
                double.always(Route::Unknown, reply.clone());
            }
            let errors = [
                (Stage::Stt, hear(&stt(&double)).await.err()),
                (Stage::Tts, {
                    let double = ulca().await;
                    if first_step {
                        double.nth(Route::Unknown, 0, reply.clone());
                    } else {
                        double.always(Route::Unknown, reply.clone());
                    }
                    speak(&tts(&double)).await.err()
                }),
            ];
            for (stage, error) in errors {
                let error = error.unwrap_or_else(|| panic!("{reply:?}"));
                let got = (error.kind(), error.retryable(), error.stage(), error.provider());
                assert_eq!(got, (kind, retryable, Some(stage), Some("bhashini")), "{reply:?}: {error:?}");
                assert_eq!(error.retry_after().is_some(), kind == K::RateLimited);
            }
            assert_eq!(double.requests().len(), if first_step { 1 } else { 2 }, "nothing is tried again: {reply:?}");
        }
    }
}

#[tokio::test]
async fn answers_that_lack_what_they_should_have_are_malformed() {
    let without = |field: &str| {
        let field = field.to_owned();
        move |services: &mut Value| *services.pointer_mut(&field).unwrap() = json!(null)
    };
    for field in [
        "/pipelineInferenceAPIEndPoint",
        "/pipelineInferenceAPIEndPoint/callbackUrl",
        "/pipelineInferenceAPIEndPoint/inferenceApiKey/value",
        "/pipelineResponseConfig",
    ] {
        let double = double().await;
        let mut named = services(&double);
        without(field)(&mut named);
        double.always(Route::Unknown, Reply::json(200, named));
        assert_eq!(hear(&stt(&double)).await.unwrap_err().kind(), ErrorKind::MalformedResponse, "{field}");
    }
    let tts_entry = |audio: Value| Reply::json(200, json!({"pipelineResponse": [{"taskType": "tts", "audio": audio}]}));
    for reply in [
        tts_entry(json!(null)),
        tts_entry(json!([{"audioContent": ""}])),
        tts_entry(json!([{"audioContent": "no base64!"}])),
    ] {
        let double = ulca().await;
        double.always(Route::Unknown, reply);
        assert_eq!(speak(&tts(&double)).await.unwrap_err().kind(), ErrorKind::MalformedResponse);
    }
}

#[tokio::test]
async fn a_server_of_ai4bharats_is_asked_without_a_key() {
    let double = double().await;
    double.always(Route::Unknown, Reply::json(200, json!({"text": " வணக்கம் "})));
    let own = BhashiniStt::self_hosted(origin(&double)).language("ta-IN");
    let heard = transcribe(&own, vec![1, -2, 300], None).await.unwrap();
    assert_eq!(heard, [Transcript::last("வணக்கம்").with_language("ta-IN")]);
    let request = double.requests().pop().unwrap();
    assert_eq!(
        (request.method.as_str(), request.path.as_str(), request.bearer.is_none()),
        ("POST", "/transcribe", true)
    );
    assert_eq!(sent(&double, 0), json!({"audio_b64": STANDARD.encode(bytes(&[1, -2, 300])), "language_id": "ta"}));

    double.always(Route::Unknown, Reply::json(503, json!({"detail": "STT queue is full"})));
    let error = hear(&own).await.unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::ProviderFailed, true));
    assert!(error.message().contains("STT queue is full"), "{error}");
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let (address, gone) = left_alone(endless("application/json", "{\"text\": ")).await;
    let own = BhashiniStt::self_hosted(address).language("hi");
    let request = TranscribeRequest::new(Utterance::from_samples(vec![1i16; 160]));
    let mut stream = own.transcribe(request, &CallContext::new()).await.unwrap();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), stream.try_next()).await.is_err());
    drop(stream);
    patient(gone).await.unwrap();

    let cancelled = CallContext::new();
    cancelled.cancel.cancel();
    let error = own.transcribe(TranscribeRequest::new(Utterance::from_samples(vec![1i16])), &cancelled).await.err();
    assert_eq!(error.unwrap().kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn neither_keys_nor_words_are_shown() {
    let echo = format!("bad: {USER} {KEY} {INFERENCE_KEY} {SECRET_WORDS}");
    let mut shown = String::new();
    for reply in [
        Reply::json(401, json!({"message": echo})),
        Reply::json(401, json!({"message": format!("key {KEY} is wrong")})),
        Reply::json(400, json!({"detail": {"message": format!("{INFERENCE_KEY} is wrong")}})),
        Reply::raw(500, "text/html", [echo.clone()]),
        Reply::json(200, json!({"detail": format!("cannot say '{SECRET_WORDS}'")})),
    ] {
        for first_step in [true, false] {
            let double = ulca().await;
            let n = usize::from(!first_step);
            double.nth(Route::Unknown, n, reply.clone());
            let tts = tts(&double);
            // What a step can know, it can repeat: ULCA is never told the words, a service never the user.
            let error = speak(&tts).await.unwrap_err();
            let told = if first_step { [USER, KEY] } else { [&INFERENCE_KEY[7..], "अदा"] };
            for secret in told {
                assert!(!format!("{error} {error:#?}").contains(secret), "{secret}: {error:?}");
            }
            shown.push_str(&format!("{tts:?} {:?}\n", stt(&double)));
        }
    }
    assert!(!shown.contains("planted"), "{shown}");
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
    let double = double().await;
    for stt in [BhashiniStt::new(USER, "planted\u{7}key"), BhashiniStt::new("planted\u{7}user", KEY)] {
        let error = hear(&stt.base_url(origin(&double))).await.unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidConfig && !format!("{error:?}").contains("planted"), "{error:?}");
    }
    assert_eq!(double.requests().len(), 0);
}

#[tokio::test]
async fn a_config_says_who_is_called() {
    let double = ulca().await;
    double.always(Route::Unknown, heard("नमस्ते"));
    let build = |stt: Value, tts: Value| {
        let config = json!({"stt": stt, "tts": tts, "llm": {"provider": "ollama"}, "storage": "memory"}).to_string();
        VoiceAgent::builder().config(Config::from_json(&config).unwrap()).build()
    };
    let full = json!({"provider": "bhashini", "api_key": KEY, "base_url": origin(&double), "settings": {"user_id": USER, "language": "hi", "pipeline_id": "p"}});
    let mut voice = full.clone();
    voice["voice"] = json!("male");
    voice["settings"]["speed"] = json!(1.2);
    voice["settings"]["sample_rate"] = json!(24000);
    build(full.clone(), voice.clone()).await.unwrap();
    build(json!({"provider": "bhashini", "base_url": origin(&double)}), json!("none")).await.unwrap();
    let direct = json!({"provider": "bhashini", "model": "a/b", "api_key": KEY, "settings": {"api": "dhruva"}});
    build(direct.clone(), direct).await.unwrap();

    for (change, said) in [
        (json!({"api": "other"}), "tts.settings.api: expected ulca, dhruva or ai4bharat"),
        (json!({"api": "ai4bharat"}), "recognition only"),
        (json!({"user_id": USER, "speed": 0}), "tts.settings.speed"),
        (json!({"user_id": USER, "sample_rate": 4000}), "tts.settings.sample_rate"),
        (json!({"user_id": USER, "langauge": "hi"}), "did you mean `language`?"),
        (json!({"user_id": 7}), "tts.settings.user_id: expected a string"),
    ] {
        voice["settings"] = change;
        let error = build(full.clone(), voice.clone()).await.err().unwrap();
        assert!(error.kind() == ErrorKind::InvalidConfig && error.message().contains(said), "{said}: {error}");
    }
    let mut hearing = full.clone();
    hearing["settings"]["post_processors"] = json!("itn");
    let error = build(hearing, json!("none")).await.err().unwrap();
    assert!(error.message().contains("stt.settings.post_processors: expected a list of strings"), "{error}");
    let error = build(json!({"provider": "bhashini", "settings": {"api": "ai4bharat"}}), json!("none")).await.err();
    assert!(error.unwrap().message().contains("stt.base_url"));
}

fn shared(below: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|a| a.join("shared/specs").join(below));
    let found = found.into_iter().find(|p| p.exists());
    if found.is_none() {
        println!("{below}: not checked: not found");
    }
    found
}

/// The names below `properties` or the items of `required` of a schema in ULCA's description.
fn names(description: &str, schema: &str, what: &str) -> BTreeSet<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines = description.lines().skip_while(|line| *line != format!("    {schema}:")).skip(1);
    let body = lines.take_while(|line| line.trim().is_empty() || indent(line) > 4);
    let list = body.skip_while(|line| line.trim() != format!("{what}:")).skip(1);
    let list = list.take_while(|line| line.trim().is_empty() || indent(line) > 6);
    list.filter(|line| indent(line) == 8)
        .map(|line| line.trim().trim_start_matches("- ").split(':').next().unwrap().trim().to_owned())
        .collect()
}

#[tokio::test]
async fn what_is_sent_is_named_in_the_official_description() {
    let Some(compute) = shared("openapi/bhashini-ulca-compute-pipeline-schemas.yml") else { return };
    let Some(common) = shared("openapi/bhashini-ulca-common-schemas.yml") else { return };
    let (compute, common) = (fs::read_to_string(compute).unwrap(), fs::read_to_string(common).unwrap());
    let fits = |value: &Value, schema: &str| {
        let fields: BTreeSet<String> = value.as_object().unwrap().keys().cloned().collect();
        let (known, required) = (names(&compute, schema, "properties"), names(&compute, schema, "required"));
        assert!(!known.is_empty() && fields.is_subset(&known), "{schema}: {fields:?} of {known:?}");
        assert!(required.is_subset(&fields), "{schema}: {fields:?} without some of {required:?}");
    };
    let double = ulca().await;
    double.always(Route::Unknown, heard("नमस्ते"));
    hear(&stt(&double).post_processors(["itn"])).await.unwrap();
    double.nth(Route::Unknown, 2, Reply::json(200, services(&double)));
    double.always(Route::Unknown, spoken(&wav(1, 16, 16_000, &bytes(&[1]))));
    speak(&tts(&double).voice("male")).await.unwrap();
    for (n, schemas) in [
        (1, ["ASRRequestConfig", "AudioConfig", "ASRRequestInput"]),
        (3, ["TTSRequestConfig", "TTSConfig", "TTSRequestInput"]),
    ] {
        let body = sent(&double, n);
        let (task, input) = (&body["pipelineTasks"][0], &body["inputData"]);
        fits(&body, "PipelineComputeRequest");
        fits(&body["controlConfig"], "ControlConfig");
        fits(task, schemas[0]);
        fits(&task["config"], schemas[1]);
        fits(input, schemas[2]);
        // A word that stands in one of the lists of words.
        let config = &task["config"];
        for value in
            [&config["language"]["sourceLanguage"], &task["taskType"], &config["gender"], &config["audioFormat"]]
        {
            let listed = |word: &str| common.lines().any(|line| line.trim() == format!("- {word}"));
            assert!(value.as_str().is_none_or(listed), "{value}");
        }
    }
    fits(&sent(&double, 3)["inputData"]["input"][0], "Sentence");
}

#[tokio::test]
async fn examples_of_the_api_are_read() {
    let Some(folder) = shared("fixtures/bhashini") else { return };
    let read = |name: &str| serde_json::from_slice::<Value>(&fs::read(folder.join(name)).unwrap()).unwrap();
    let double = double().await;
    let mut named = read("pipeline_config_response.json");
    let end_point = &mut named["pipelineInferenceAPIEndPoint"];
    assert!(end_point["callbackUrl"].as_str().unwrap().ends_with(COMPUTE));
    end_point["callbackUrl"] = json!(format!("{}{COMPUTE}", origin(&double)));
    let computed = read("compute_asr_nmt_tts.json");
    double.always(Route::Unknown, Reply::json(200, computed));
    double.nth(Route::Unknown, 0, Reply::json(200, named.clone())).nth(Route::Unknown, 2, Reply::json(200, named));
    assert_eq!(hear(&stt(&double)).await.unwrap()[0].text, "नमस्ते");
    let sound = speak(&tts(&double)).await.unwrap();
    assert_eq!((sound[0].samples(), sound[0].sample_rate()), (&[0, 1, 2, 3, 4, 5, 6, 7][..], 16_000));
}
