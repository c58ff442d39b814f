//! Google: Gemini, and the recognition and voices of Google Cloud.

use std::{fs, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use voice_core::{
    Config, Error, ErrorKind, FunctionTool, Pcm, Stage, Transcript, Utterance, VoiceAgent,
    message::Role,
    provider::{
        CallContext, FinishReason, GenerateRequest, LanguageModel, LlmEvent, PromptMessage, SpeechToText,
        SynthesisRequest, TextToSpeech, ToolChoice, ToolSpec, TranscribeRequest,
    },
    providers::google::{GeminiLlm, GoogleStt, GoogleTts},
};
use voice_testkit::{
    google::DiscoverySpec,
    openai::{OpenAiDouble, Reply, Route, SpecCheck, refused_address},
};

mod gemini;

use crate::{SECRET_WORDS, patient};

const KEY: &str = "AIzaPlanted-0123456789abcdef";

/// A server that answers whatever it is asked with `reply`.
async fn double(reply: Reply) -> OpenAiDouble {
    let double = OpenAiDouble::start().await.unwrap();
    double.always(Route::Unknown, reply);
    double
}

fn gemini(double: &OpenAiDouble) -> GeminiLlm {
    GeminiLlm::new(KEY).base_url(double.base_url())
}

fn stt(double: &OpenAiDouble) -> GoogleStt {
    GoogleStt::new(KEY).base_url(double.base_url())
}

fn tts(double: &OpenAiDouble) -> GoogleTts {
    GoogleTts::new(KEY).base_url(double.base_url())
}

fn prompt() -> GenerateRequest {
    GenerateRequest::new(vec![
        PromptMessage::new(Role::System, "Be brief."),
        PromptMessage::new(Role::User, SECRET_WORDS),
    ])
}

async fn generate(llm: &GeminiLlm) -> Result<Vec<LlmEvent>, Error> {
    patient(async { llm.generate(prompt(), &CallContext::new()).await?.try_collect().await }).await
}

async fn transcribe(stt: &GoogleStt, seconds: usize, language: Option<&str>) -> Result<Vec<Transcript>, Error> {
    let audio = Utterance::from_samples(vec![1i16; seconds * 16_000]);
    let request = TranscribeRequest::new(audio).with_language(language.map(Into::into));
    patient(async { stt.transcribe(request, &CallContext::new()).await?.try_collect().await }).await
}

async fn speak(tts: &GoogleTts, text: &str) -> Result<Vec<Pcm>, Error> {
    patient(async { tts.synthesize(SynthesisRequest::new(text), &CallContext::new()).await?.try_collect().await }).await
}

/// Every provider's error for the same answer.
async fn errors(double: &OpenAiDouble) -> [(Stage, Error); 3] {
    [
        (Stage::Llm, generate(&gemini(double)).await.unwrap_err()),
        (Stage::Stt, transcribe(&stt(double).phrases([SECRET_WORDS]), 1, None).await.unwrap_err()),
        (Stage::Tts, speak(&tts(double), SECRET_WORDS).await.unwrap_err()),
    ]
}

fn text(events: &[LlmEvent]) -> String {
    events.iter().filter_map(|e| if let LlmEvent::Text(t) = e { Some(t.as_str()) } else { None }).collect()
}

fn finish(events: &[LlmEvent]) -> Option<FinishReason> {
    if let Some(LlmEvent::Finished(reason)) = events.last() { Some(*reason) } else { None }
}

fn samples(sound: &[Pcm]) -> Vec<i16> {
    sound.iter().flat_map(|p| p.samples().to_vec()).collect()
}

/// A piece of an answer; `reason` is null but for the last.
fn chunk(parts: Value, reason: Value) -> String {
    let candidate = json!({"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0});
    let usage = json!({"promptTokenCount": 12, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "cachedContentTokenCount": 4, "totalTokenCount": 17});
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini", "responseId": "r"}).to_string()
}

fn spoken(text: &str) -> Reply {
    Reply::sse([chunk(json!([{ "text": text }]), json!("STOP"))])
}

fn heard(text: &str, language: &str) -> Reply {
    Reply::json(
        200,
        json!({"results": [{"alternatives": [{"transcript": text}], "languageCode": language}], "requestId": "1"}),
    )
}

fn sound(samples: &[i16], rate: u32) -> Reply {
    let pcm = Pcm::new(samples.to_vec(), rate);
    let wav = pcm.encode(voice_core::AudioFormat::Wav).unwrap();
    Reply::json(200, json!({"audioContent": STANDARD.encode(wav)}))
}

/// An error as Google writes it.
fn error(status: u16, word: &str, details: Value) -> Reply {
    let error = json!({"code": status, "message": "It is not to be.", "status": word, "details": details});
    Reply::json(status, json!({ "error": error }))
}

fn sent(double: &OpenAiDouble, n: usize) -> Value {
    double.requests_to(Route::Unknown)[n].json().unwrap().clone()
}

fn conforms(file: &str, method: &str, body: &Value) {
    match DiscoverySpec::find(file).check(method, body) {
        SpecCheck::Conforms => {}
        SpecCheck::NotChecked(why) => println!("{method}: not checked: {why}"),
        violated => panic!("{method}: {violated}\n{body}"),
    }
}

#[tokio::test]
async fn speech_is_recognised_as_the_official_description_has_it() {
    let double = double(heard("what time is it", "en-us")).await;
    let transcripts = transcribe(&stt(&double), 1, None).await.unwrap();
    assert_eq!(transcripts, [Transcript::last("what time is it").with_language("en-US")]);
    let request = &double.requests()[0];
    assert_eq!((request.path.as_str(), request.header("x-goog-api-key")), ("/v1/speech:recognize", Some(KEY)));
    let body = sent(&double, 0);
    let config = json!({"encoding": "LINEAR16", "sampleRateHertz": 16000, "languageCode": "en-US", "enableAutomaticPunctuation": true, "model": "default"});
    assert_eq!(body["config"], config);
    assert_eq!(STANDARD.decode(body["audio"]["content"].as_str().unwrap()).unwrap(), [1, 0].repeat(16_000));
    conforms("speech.v1.json", "speech.recognize", &body);

    let all =
        stt(&double).model("latest_long").language("en-IN").alternative_languages(["hi", "en-IN", "ta-IN", "te-IN"]);
    let all = all.phrases(["Ada"]);
    assert!(all.capabilities().detects_language && !stt(&double).capabilities().detects_language);
    transcribe(&all, 1, Some("hi")).await.unwrap();
    transcribe(&all, 1, None).await.unwrap();
    let config = sent(&double, 1)["config"].clone();
    assert_eq!(
        (&config["languageCode"], &config["alternativeLanguageCodes"]),
        (&json!("hi-IN"), &json!(["en-IN", "ta-IN"]))
    );
    assert_eq!((&config["model"], &config["speechContexts"]), (&json!("latest_long"), &json!([{"phrases": ["Ada"]}])));
    assert_eq!(sent(&double, 2)["config"]["alternativeLanguageCodes"], json!(["hi-IN", "ta-IN"]));
    conforms("speech.v1.json", "speech.recognize", &sent(&double, 1));
}

#[tokio::test]
async fn pieces_of_a_transcript_are_one_and_silence_is_none() {
    let results = json!({"results": [
        {"alternatives": [{"transcript": "It rains.", "confidence": 0.9}, {"transcript": "It reigns."}], "languageCode": "en-us"},
        {"alternatives": []}, {"resultEndTime": "1s"},
        {"alternatives": [{"transcript": " It pours."}]},
    ], "totalBilledTime": "15s"});
    let double = double(Reply::json(200, results)).await;
    assert_eq!(transcribe(&stt(&double), 1, None).await.unwrap()[0].text, "It rains. It pours.");
    double.always(Route::Unknown, Reply::json(200, json!({"totalBilledTime": "15s", "requestId": "1"})));
    assert_eq!(transcribe(&stt(&double), 1, None).await.unwrap(), [Transcript::last("")]);
    assert_eq!(transcribe(&stt(&double), 0, None).await.unwrap(), [Transcript::last("")]);
    assert_eq!(double.count(Route::Unknown), 2, "no sound is not sent");
}

#[tokio::test]
async fn an_utterance_longer_than_google_takes_is_recognised_in_pieces() {
    let double = double(heard("word", "en-us")).await;
    let transcripts = transcribe(&stt(&double), 130, None).await.unwrap();
    assert_eq!(transcripts, [Transcript::last("word word word").with_language("en-US")]);
    let length = |n: usize| STANDARD.decode(sent(&double, n)["audio"]["content"].as_str().unwrap()).unwrap().len();
    let lengths: Vec<usize> = (0..double.count(Route::Unknown)).map(length).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 130 * 32_000);
    assert!(lengths.iter().all(|n| *n <= 55 * 32_000), "{lengths:?}");
    double.nth(Route::Unknown, 4, error(503, "UNAVAILABLE", json!([])));
    assert_eq!(transcribe(&stt(&double), 130, None).await.unwrap_err().kind(), ErrorKind::ProviderFailed);
}

#[tokio::test]
async fn speech_is_made_as_the_official_description_has_it() {
    let double = double(sound(&[1, 2, 3], 24_000)).await;
    let spoken = speak(&tts(&double), "Hello.").await.unwrap();
    assert_eq!((samples(&spoken), spoken[0].sample_rate()), (vec![1, 2, 3], 24_000));
    let request = &double.requests()[0];
    assert_eq!((request.path.as_str(), request.header("x-goog-api-key")), ("/v1/text:synthesize", Some(KEY)));
    let expected = json!({
        "input": {"text": "Hello."},
        "voice": {"languageCode": "en-US", "name": "en-US-Chirp3-HD-Achernar"},
        "audioConfig": {"audioEncoding": "LINEAR16", "sampleRateHertz": 24000},
    });
    assert_eq!(request.json(), Some(&expected));
    let all = tts(&double).voice("hi-IN-Neural2-A").speaking_rate(1.25).pitch(-2.5).volume_gain_db(3.0).model("m");
    speak(&all, "नमस्ते").await.unwrap();
    let config = json!({"audioEncoding": "LINEAR16", "sampleRateHertz": 24000, "speakingRate": 1.25, "pitch": -2.5, "volumeGainDb": 3.0});
    assert_eq!(sent(&double, 1)["audioConfig"], config);
    assert_eq!(
        sent(&double, 1)["voice"],
        json!({"languageCode": "hi-IN", "name": "hi-IN-Neural2-A", "modelName": "m"})
    );
    for n in 0..2 {
        conforms("texttospeech.v1.json", "text.synthesize", &sent(&double, n));
    }
    // Another rate than was asked for, and no header at all.
    double.always(Route::Unknown, sound(&[4, 5], 16_000));
    assert_eq!(speak(&tts(&double), "Hello.").await.unwrap()[0].sample_rate(), 16_000);
    double.always(Route::Unknown, Reply::json(200, json!({"audioContent": "AQACAA=="})));
    assert_eq!(samples(&speak(&tts(&double), "Hello.").await.unwrap()), [1, 2]);
}

#[tokio::test]
async fn text_of_more_bytes_than_google_takes_is_spoken_in_several_calls() {
    let double = double(sound(&[1, 2], 24_000)).await;
    let sentence = "नमस्ते दुनिया। ";
    let spoken = speak(&tts(&double), &sentence.repeat(200)).await.unwrap();
    let texts: Vec<String> = (0..double.count(Route::Unknown))
        .map(|n| sent(&double, n)["input"]["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((texts.len(), spoken.len()), (2, 2));
    assert!(texts.iter().all(|t| t.len() <= 5000 && t.trim_end().ends_with('।')));
    assert_eq!(texts.iter().map(|t| t.matches("नमस्ते").count()).sum::<usize>(), 200);
    assert!(speak(&tts(&double), " \n").await.unwrap().is_empty());
    assert_eq!(double.count(Route::Unknown), 2, "nothing to say is not sent");
    // What was spoken before a failure is kept.
    double.nth(Route::Unknown, 3, error(500, "INTERNAL", json!([])));
    let (tts, request) = (tts(&double), SynthesisRequest::new(sentence.repeat(200)));
    let mut stream = patient(tts.synthesize(request, &CallContext::new())).await.unwrap();
    assert!(patient(stream.try_next()).await.unwrap().is_some());
    assert_eq!(patient(stream.try_next()).await.unwrap_err().kind(), ErrorKind::ProviderFailed);
    assert!(patient(stream.try_next()).await.unwrap().is_none());
}

#[tokio::test]
async fn google_cloud_is_entered_with_an_access_token_too() {
    let double = double(heard("hi", "en-us")).await;
    let token = "ya29.planted-token";
    let stt = GoogleStt::with_access_token(token).base_url(double.base_url()).project("proj-1");
    transcribe(&stt, 1, None).await.unwrap();
    double.always(Route::Unknown, sound(&[1], 24_000));
    speak(&GoogleTts::with_access_token(token).base_url(double.base_url()).project("proj-1"), "Hi.").await.unwrap();
    for request in double.requests() {
        assert_eq!(request.bearer.as_ref().map(|b| b.expose().to_owned()).as_deref(), Some(token));
        assert_eq!((request.header("x-goog-user-project"), request.header("x-goog-api-key")), (Some("proj-1"), None));
    }
    assert!(!format!("{stt:?}").contains("planted"));
}

#[tokio::test]
async fn every_refusal_becomes_its_typed_error() {
    use ErrorKind as K;
    let seconds = |s| Some(Duration::from_secs(s));
    let info = |reason: &str| json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}]);
    let wait = json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []}, {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]);
    let cases = [
        (error(400, "INVALID_ARGUMENT", json!([])), K::RejectedByProvider, false, None),
        (error(400, "INVALID_ARGUMENT", info("API_KEY_INVALID")), K::InvalidProviderKey, false, None),
        (error(401, "UNAUTHENTICATED", json!([])), K::InvalidProviderKey, false, None),
        (error(403, "PERMISSION_DENIED", info("SERVICE_DISABLED")), K::InvalidProviderKey, false, None),
        (error(404, "NOT_FOUND", json!([])), K::RejectedByProvider, false, None),
        (error(429, "RESOURCE_EXHAUSTED", json!([])), K::RateLimited, true, None),
        (error(429, "RESOURCE_EXHAUSTED", wait.clone()), K::RateLimited, true, seconds(17)),
        (error(429, "RESOURCE_EXHAUSTED", wait).header("retry-after", "2"), K::RateLimited, true, seconds(2)),
        (error(500, "INTERNAL", json!([])), K::ProviderFailed, true, None),
        (error(503, "UNAVAILABLE", json!([])), K::ProviderFailed, true, None),
        (error(504, "DEADLINE_EXCEEDED", json!([])), K::ProviderFailed, true, None),
        (Reply::json(503, json!([{"error": {"code": 503, "status": "UNAVAILABLE"}}])), K::ProviderFailed, true, None),
        (Reply::raw(502, "text/html", ["<html>"]), K::ProviderFailed, true, None),
        // Inside an answer that began well.
        (
            Reply::json(200, json!({"error": {"code": 503, "message": "later", "status": "UNAVAILABLE"}})),
            K::ProviderFailed,
            true,
            None,
        ),
        (
            Reply::json(200, json!({"error": {"code": 400, "status": "INVALID_ARGUMENT"}})),
            K::RejectedByProvider,
            false,
            None,
        ),
        (Reply::raw(200, "application/json", ["{nonsense"]), K::MalformedResponse, true, None),
    ];
    for (reply, kind, retryable, wait) in cases {
        let double = double(reply.clone()).await;
        for (stage, error) in errors(&double).await {
            let got = (error.kind(), error.retryable(), error.retry_after(), error.stage());
            assert_eq!(got, (kind, retryable, wait, Some(stage)), "{reply:?}: {error:?}");
            assert!(error.provider().is_some_and(|p| p.starts_with("google")), "{error:?}");
        }
        assert_eq!(double.count(Route::Unknown), 3, "a provider does not retry by itself");
    }
}

#[tokio::test]
async fn what_breaks_in_the_middle_keeps_what_came_and_says_what_happened() {
    use ErrorKind as K;
    let piece = || chunk(json!([{"text": "Hel"}]), Value::Null);
    let two = || Reply::sse([piece(), chunk(json!([{"text": "lo."}]), json!("STOP"))]);
    for (what, reply, kind) in [
        ("reset", two().reset_after(1), K::ConnectionLost),
        ("cut", two().cut_after(1), K::ConnectionLost),
        ("truncated", two().stop_after(1), K::ConnectionLost),
        (
            "half an event",
            Reply::raw(200, "text/event-stream", [format!("data: {}\n\ndata: {{\"can", piece())]),
            K::ConnectionLost,
        ),
        ("not JSON", Reply::sse([piece(), "{nonsense".into()]), K::MalformedResponse),
        (
            "error",
            Reply::sse([piece(), json!({"error": {"code": 503, "status": "UNAVAILABLE"}}).to_string()]),
            K::ProviderFailed,
        ),
        (
            "limited",
            Reply::sse([piece(), json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}).to_string()]),
            K::RateLimited,
        ),
    ] {
        let double = double(reply).await;
        let mut stream = gemini(&double).generate(prompt(), &CallContext::new()).await.unwrap();
        let first = patient(stream.try_next()).await.unwrap();
        assert!(matches!(first, Some(LlmEvent::Text(t)) if t == "Hel"), "{what}");
        let error = patient(stream.try_next()).await.unwrap_err();
        assert_eq!((error.kind(), error.stage()), (kind, Some(Stage::Llm)), "{what}: {error:?}");
        assert!(patient(stream.try_next()).await.unwrap().is_none(), "{what}: the stream is over after its error");
    }
    for (reason, reply) in ["MALFORMED_FUNCTION_CALL", "OTHER"].map(|r| (r, Reply::sse([chunk(json!([]), json!(r))]))) {
        let error = generate(&gemini(&double(reply).await)).await.unwrap_err();
        assert!(error.kind() == K::ProviderFailed && error.message().contains(reason), "{error:?}");
    }
    for (what, reply) in [
        ("not base64", Reply::json(200, json!({"audioContent": "§"}))),
        ("no sound", Reply::json(200, json!({}))),
        (
            "stereo",
            Reply::json(
                200,
                json!({"audioContent": STANDARD.encode(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\xC0]\0\0\0\0\0\0\x04\0\x10\0data\x04\0\0\0abcd")}),
            ),
        ),
    ] {
        let error = speak(&tts(&double(reply).await), "Hi.").await.unwrap_err();
        assert_eq!(error.kind(), K::MalformedResponse, "{what}");
    }
    let error = transcribe(&stt(&double(Reply::json(200, json!([1]))).await), 1, None).await.unwrap_err();
    assert_eq!(error.kind(), K::MalformedResponse);
}

#[tokio::test]
async fn connections_that_do_not_come_about_say_why() {
    for (url, kind) in
        [(refused_address().await.unwrap(), ErrorKind::Connect), ("nonsense".into(), ErrorKind::InvalidConfig)]
    {
        let llm = GeminiLlm::new(KEY).base_url(&url);
        let errors = [
            generate(&llm).await.unwrap_err(),
            transcribe(&GoogleStt::new(KEY).base_url(&url), 1, None).await.unwrap_err(),
            speak(&GoogleTts::new(KEY).base_url(&url), "Hi.").await.unwrap_err(),
        ];
        assert!(errors.iter().all(|e| e.kind() == kind), "{errors:?}");
    }
}

#[tokio::test]
async fn neither_keys_nor_words_reach_errors_or_debug() {
    let echo = format!("API key {KEY} not valid. You said: {SECRET_WORDS}");
    let body = json!({"error": {"code": 400, "message": echo, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}});
    let mut shown = String::new();
    for reply in [
        Reply::json(400, body.clone()),
        Reply::json(200, body),
        Reply::json(400, json!({"error": {"message": "API key AIzaPlanted-0123456789abcdef expired."}})),
        Reply::raw(500, "text/html", [format!("<p>{echo}</p>")]),
    ] {
        let double = double(reply).await;
        for (_, error) in errors(&double).await {
            shown.push_str(&format!("{error}\n{error:?}\n{error:#?}\n"));
        }
        let stt = stt(&double).phrases([SECRET_WORDS]);
        shown.push_str(&format!("{:?}{:?}", gemini(&double), tts(&double)));
        assert!(!format!("{stt:?}").contains(KEY));
    }
    for secret in ["Planted", "0123456789", "Ada", "forty pounds"] {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
    }
    assert!(shown.contains("[redacted]"));
}

#[tokio::test]
async fn dropping_an_answer_closes_its_connection() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let llm = GeminiLlm::new(KEY).base_url(format!("http://{}", listener.local_addr().unwrap()));
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"}}") {
            assert!(socket.read_buf(&mut request).await.unwrap() > 0);
        }
        let event = format!("data: {}\n\n", chunk(json!([{"text": "Hi."}]), Value::Null));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        socket.write_all(format!("{head}{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.unwrap();
        // The end of the connection is a read of nothing, or an error.
        socket.read(&mut [0]).await.unwrap_or(0)
    };
    let client = async {
        let mut stream = llm.generate(prompt(), &CallContext::new()).await.unwrap();
        assert!(stream.try_next().await.unwrap().is_some());
    };
    assert_eq!(patient(async { tokio::join!(server, client) }).await.0, 0);

    let double = double(spoken("Hi.")).await;
    let cancelled = CallContext::new();
    cancelled.cancel.cancel();
    let error = gemini(&double).generate(prompt(), &cancelled).await.err().unwrap();
    assert_eq!((error.kind(), double.count(Route::Unknown)), (ErrorKind::Cancelled, 0));
}

#[tokio::test]
async fn warming_up_asks_for_something_cheap_and_fails_nothing() {
    let double = double(error(403, "PERMISSION_DENIED", json!([]))).await;
    gemini(&double).warm_up("").await.unwrap();
    stt(&double).warm_up().await.unwrap();
    tts(&double).language("hi-IN").warm_up().await.unwrap();
    let asked: Vec<_> = double.requests().into_iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    assert_eq!(
        asked,
        ["GET /v1/models/gemini-3.5-flash-lite", "GET /v1/operations?pageSize=1", "GET /v1/voices?languageCode=hi-IN"]
    );
    GeminiLlm::new(KEY).base_url(refused_address().await.unwrap()).warm_up("").await.unwrap();
}

#[tokio::test]
async fn the_examples_at_hand_are_read() {
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|a| a.join("shared/specs/fixtures/google"));
    let Some(folder) = near.into_iter().find(|p| p.is_dir()) else {
        println!("vendors' examples: not checked: fixtures not found");
        return;
    };
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let double = double(Reply::raw(200, "text/event-stream", [read("gemini_stream.sse.txt")])).await;
    let events = generate(&gemini(&double)).await.unwrap();
    assert_eq!((text(&events).as_str(), finish(&events)), ("Hello!", Some(FinishReason::ToolCalls)));
    assert!(
        events.iter().any(|e| matches!(e, LlmEvent::ToolCall(c) if c.name == "f" && c.arguments == json!({"x": "1"})))
    );
    let json = |name: &str| Reply::raw(200, "application/json", [read(name)]);
    double.always(Route::Unknown, json("stt_v1_recognize.json"));
    let expected = Transcript::last("how old is the Brooklyn Bridge").with_language("en-US");
    assert_eq!(transcribe(&stt(&double), 1, None).await.unwrap(), [expected]);
    double.always(Route::Unknown, json("stt_v1_no_speech.json"));
    assert_eq!(transcribe(&stt(&double), 1, None).await.unwrap(), [Transcript::last("")]);
    double.always(Route::Unknown, json("tts_synthesize.json"));
    let spoken = speak(&tts(&double), "Hi.").await.unwrap();
    assert_eq!((samples(&spoken), spoken[0].sample_rate()), ((0..8).collect(), 16_000));
    for (name, kind) in [("401", ErrorKind::InvalidProviderKey), ("429", ErrorKind::RateLimited)] {
        let fixture: Value = serde_json::from_str(&read(&format!("errors/{name}.json"))).unwrap();
        double.always(Route::Unknown, Reply::json(name.parse().unwrap(), fixture["body"].clone()));
        assert!(errors(&double).await.iter().all(|(_, error)| error.kind() == kind), "{name}");
    }
}

fn config(place: &str, fields: &str, base_url: &str) -> Config {
    Config::from_toml(&format!("[{place}]\nprovider = \"google\"\nbase_url = \"{base_url}\"\n{fields}")).unwrap()
}

async fn built(place: &str, fields: &str, base_url: &str) -> Result<VoiceAgent, Error> {
    let mut builder = VoiceAgent::builder().config(config(place, fields, base_url)).storage("memory");
    for other in ["stt", "llm", "tts"].into_iter().filter(|other| *other != place) {
        builder = match other {
            "stt" => builder.stt("none"),
            "llm" => builder.llm(GeminiLlm::new(KEY).base_url(base_url)),
            _ => builder.tts("none"),
        };
    }
    builder.build().await
}

#[tokio::test]
async fn a_config_names_google_and_its_settings_are_checked() {
    let double = double(spoken("Hi.")).await;
    let url = double.base_url();
    let key = format!("api_key = \"{KEY}\"\n");
    let fields = format!("{key}model = \"gemini-3.8-flash\"\nsettings = {{ thinking_level = \"high\" }}");
    let agent = built("llm", &fields, &url).await.unwrap();
    patient(async { agent.turn("Hello.").await.unwrap() }).await;
    assert_eq!(sent(&double, 0)["generationConfig"]["thinkingConfig"], json!({"thinkingLevel": "HIGH"}));
    for (place, settings) in [
        (
            "stt",
            r#"{ language = "hi-IN", alternative_languages = ["en-IN"], phrases = ["Ada"], auth = "access_token", project = "p" }"#,
        ),
        ("tts", r#"{ language = "hi-IN", speaking_rate = 1.5, pitch = 2, volume_gain_db = 1, auth = "api_key" }"#),
    ] {
        built(place, &format!("{key}settings = {settings}"), &url).await.unwrap();
    }
    for (place, fields, says) in [
        (
            "llm",
            format!("{key}settings = {{ thinking_level = \"huge\" }}"),
            "llm.settings.thinking_level: expected one of minimal, low",
        ),
        ("llm", format!("{key}settings = {{ language = \"hi\" }}"), "no such setting"),
        (
            "stt",
            format!("{key}settings = {{ alternative_languages = [\"a\", \"b\", \"c\", \"d\"] }}"),
            "at most 3 strings",
        ),
        ("stt", "settings = { auth = \"access_token\" }".into(), "stt.settings.auth: the access token is missing"),
        (
            "tts",
            format!("{key}settings = {{ speaking_rate = 3 }}"),
            "tts.settings.speaking_rate: expected a number from 0.25 to 2",
        ),
        ("tts", format!("{key}settings = {{ speakingrate = 1 }}"), "did you mean `speaking_rate`?"),
    ] {
        let error = built(place, &fields, &url).await.err().unwrap();
        assert!(error.kind() == ErrorKind::InvalidConfig && error.message().contains(says), "{error}");
    }
}
