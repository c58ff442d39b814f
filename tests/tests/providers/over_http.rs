//! What the tests of recognisers and voices behind plain HTTP share.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use voice_core::{
    Audio, Config, Error, ErrorKind, Pcm, Stage, Transcript, Utterance, VoiceAgent,
    message::Reply as Spoken,
    provider::{CallContext, SpeechToText, SynthesisRequest, TextToSpeech, TranscribeRequest},
};
use voice_testkit::openai::{OpenAiDouble, Recorded, Reply, Route, Spec, SpecCheck};

pub(crate) use crate::{SECRET_WORDS, patient};

pub(crate) const KEY: &str = "sk_planted_0123456789abcdef";

/// A server of which only the HTTP is used: it answers every path as it is told, and records.
pub(crate) struct Double(OpenAiDouble);

impl Double {
    pub(crate) async fn answering(reply: Reply) -> Self {
        let double = OpenAiDouble::start().await.unwrap();
        double.always(Route::Unknown, reply);
        Self(double)
    }

    pub(crate) fn base_url(&self) -> String {
        self.0.base_url().trim_end_matches("/v1").to_owned()
    }

    pub(crate) fn answer(&self, reply: Reply) {
        self.0.always(Route::Unknown, reply);
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.0.requests()
    }

    pub(crate) fn connections(&self) -> usize {
        self.0.connections()
    }
}

pub(crate) async fn transcribe(
    stt: &dyn SpeechToText,
    samples: usize,
    language: Option<&str>,
) -> Result<Vec<Transcript>, Error> {
    let request = TranscribeRequest::new(Utterance::from_samples(vec![3i16; samples]));
    let request = request.with_language(language.map(str::to_owned));
    patient(async { stt.transcribe(request, &CallContext::new()).await?.try_collect().await }).await
}

pub(crate) async fn speak_in(tts: &dyn TextToSpeech, language: Option<&str>) -> Result<Vec<Pcm>, Error> {
    let mut request = SynthesisRequest::new(SECRET_WORDS);
    request.language = language.map(str::to_owned);
    patient(async { tts.synthesize(request, &CallContext::new()).await?.try_collect().await }).await
}

/// Speaks, and is told when each word is heard: words, and their begin and end in milliseconds.
pub(crate) async fn speak_with_words(tts: &dyn TextToSpeech) -> Result<(Vec<i16>, Vec<(String, u128, u128)>), Error> {
    let mut request = SynthesisRequest::new(SECRET_WORDS);
    request.word_times = true;
    let spoken: Vec<Pcm> =
        patient(async { tts.synthesize(request, &CallContext::new()).await?.try_collect().await }).await?;
    let words = spoken.iter().flat_map(|pcm| pcm.words());
    let words = words.map(|word| (word.text.clone(), word.start.as_millis(), word.end.as_millis())).collect();
    Ok((samples(&spoken), words))
}

pub(crate) async fn speak(tts: &dyn TextToSpeech) -> Result<Vec<Pcm>, Error> {
    speak_in(tts, None).await
}

pub(crate) fn samples(sound: &[Pcm]) -> Vec<i16> {
    sound.iter().flat_map(|p| p.samples().to_vec()).collect()
}

pub(crate) fn ramp(n: i16) -> Vec<i16> {
    (0..n).collect()
}

/// Samples as raw PCM, in pieces of `piece` bytes: an odd number cuts samples apart.
pub(crate) fn pcm(samples: &[i16], piece: usize) -> Vec<Bytes> {
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    bytes.chunks(piece).map(Bytes::copy_from_slice).collect()
}

/// Holds a request against the vendor's description, or says that there is none at hand.
pub(crate) fn conforms(spec: &Spec, request: &Recorded) {
    crate::conform(spec, std::slice::from_ref(request));
}

/// That the vendor's description, if there is one at hand, would find a fault in a request.
pub(crate) fn is_at_fault(spec: &Spec, request: &Recorded) {
    let found = spec.check(request);
    assert!(!spec.is_present() || matches!(found, SpecCheck::Violations(_)), "{found}: {:?}", request.body);
}

/// One of the collected examples, when a copy of them is at hand.
pub(crate) fn fixture(name: &str) -> Option<Value> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let path: Option<PathBuf> =
        folders.map(|folder| folder.join("shared/specs/fixtures").join(name)).find(|path| path.is_file());
    if path.is_none() {
        println!("{name}: not checked: fixtures not found");
    }
    path.map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
}

/// The error of an example: its status, headers and body.
pub(crate) fn example_error(example: &Value) -> Reply {
    let status = u16::try_from(example["status"].as_u64().unwrap()).unwrap();
    let reply = Reply::json(status, example["body"].clone());
    let headers = example["headers"].as_object().unwrap();
    headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value.as_str().unwrap()))
}

/// What an answer is to become: kind, whether to try again, how long to wait first.
pub(crate) type Meaning = (ErrorKind, bool, Option<Duration>);

/// That a recogniser and a voice make of an answer what it means, and show nothing private.
pub(crate) async fn means(
    double: &Double,
    stt: &dyn SpeechToText,
    tts: &dyn TextToSpeech,
    reply: Reply,
    meaning: Meaning,
) {
    double.answer(reply.clone());
    let before = double.requests().len();
    let errors = [
        (Stage::Stt, stt.name(), transcribe(stt, 1600, None).await.unwrap_err()),
        (Stage::Tts, tts.name(), speak(tts).await.unwrap_err()),
    ];
    for (stage, name, error) in errors {
        assert_eq!((error.kind(), error.retryable(), error.retry_after()), meaning, "{reply:?}: {error:?}");
        assert_eq!((error.stage(), error.provider()), (Some(stage), Some(name)));
        assert!(error.provider_status().is_some());
        // A recogniser does not know what was said; there is nothing that it could recognise in a message.
        let secrets = if stage == Stage::Stt { &SECRETS[..2] } else { &SECRETS };
        shows_none(&format!("{error}{error:?}{error:#?}"), secrets);
    }
    assert_eq!(double.requests().len(), before + 2, "a provider does not retry by itself");
}

/// Parts of the key, and of what was said.
const SECRETS: [&str; 4] = ["planted", "0123456789", "Ada", "forty pounds"];

fn shows_none(text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is shown: {text}");
    }
}

/// That neither the key nor what was said is in a text.
pub(crate) fn shows_nothing(text: &str) {
    shows_none(text, &SECRETS);
}

/// That a voice whose stream is dropped hangs up. `tts` is given the address of a server that begins to speak and never ends.
pub(crate) async fn hangs_up<T: TextToSpeech>(tts: impl FnOnce(&str) -> T) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let tts = tts(&format!("http://{}", listener.local_addr().unwrap()));
    let closed: JoinHandle<()> = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        assert!(socket.read(&mut bytes).await.unwrap() > 0);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\ntransfer-encoding: chunked\r\n\r\n10\r\n";
        socket.write_all(&[head.as_bytes(), &[1; 16], b"\r\n"].concat()).await.unwrap();
        while socket.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
    });
    let mut stream = tts.synthesize(SynthesisRequest::new("Hi."), &CallContext::new()).await.unwrap();
    assert_eq!(patient(stream.try_next()).await.unwrap().unwrap().samples(), [0x0101; 8]);
    drop(stream);
    patient(closed).await.unwrap();
}

/// What an agent answers that hears and speaks as the config document says.
pub(crate) async fn converse(stt: Value, tts: Value) -> Result<Spoken, Error> {
    let llm = OpenAiDouble::start().await.unwrap();
    let config = json!({
        "stt": stt, "llm": {"provider": "openai", "api_key": "k", "base_url": llm.base_url()}, "tts": tts,
        "storage": "memory", "retry": {"attempts": 1},
    });
    let agent = VoiceAgent::builder().config(Config::from_json(&config.to_string())?).build().await?;
    let question = Audio::from_pcm([3_000_i16, -3_000].repeat(8_000), 16_000, 1);
    patient(agent.converse(question).into_future()).await
}

/// The complaint about a setting of a voice.
pub(crate) async fn complaint(provider: &str, place: &str, settings: Value) -> String {
    let named = |at: &str| {
        let settings = if at == place { settings.clone() } else { json!({}) };
        json!({"provider": provider, "api_key": KEY, "settings": settings})
    };
    converse(named("stt"), named("tts")).await.unwrap_err().message().to_owned()
}
