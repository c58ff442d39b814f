//! The Realtime API as a model that hears and speaks by itself.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{
    Method,
    header::LOCATION,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use super::{
    super::{
        OpenAiConfig,
        call::{Endpoint, endpoint_builder},
        llm::number,
        stt::live_transcription,
        tts::voice,
    },
    RATE, conversation,
    protocol::{Protocol, offered},
    speech::{REASONING, VOICE},
};
use crate::{
    error::{Result, Stage},
    provider::{
        CallAnswer, CallContext, ClientSecret, ClientSecretRequest, Conversation, ConversationInput,
        ConversationRequest, SpeechToSpeech, ToModel, Turns,
    },
    providers::http::Private,
    time::Timestamp,
};

/// The default model.
const MODEL: &str = "gpt-realtime-2.1";
/// What recognises the user's words at OpenAI, beside the model.
const TRANSCRIPTION: &str = "gpt-live-transcribe";
/// The most that the API takes for one answer; more is unlimited.
const MOST_TOKENS: u32 = 4_096;
/// The largest answer about a secret or a call.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// The lives that the API gives a secret.
const LIVES: std::ops::RangeInclusive<u64> = 10..=7_200;

/// How the server hears that the user is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VoiceDetection {
    /// By silence.
    #[default]
    Server,
    /// By what is said and how, too.
    Semantic(Eagerness),
}

/// How soon [`VoiceDetection::Semantic`] believes that the user is done: it waits for 8, 4 and 2 seconds at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eagerness {
    /// As the server sees fit.
    #[default]
    Auto,
    /// Late.
    Low,
    /// In between.
    Medium,
    /// Soon.
    High,
}

impl Eagerness {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A speech-to-speech model over the Realtime API.
///
/// Default model `gpt-realtime-2.1`, voice `marin`, transcription by `gpt-live-transcribe`. The session is set up with
/// `session.update` and begins when the server has agreed. The server ends a session after 60 minutes; a live session goes on
/// over a new one before that.
#[derive(Clone, Debug)]
pub struct OpenAiRealtime {
    endpoint: Endpoint,
    voice: String,
    speed: Option<f32>,
    transcription: String,
    noise_reduction: Option<String>,
    reasoning_effort: Option<String>,
    detection: VoiceDetection,
}

impl OpenAiRealtime {
    endpoint_builder!();

    /// A model of the server that `config` describes.
    #[must_use]
    pub fn with_config(config: OpenAiConfig) -> Self {
        Self {
            endpoint: Endpoint::new(config, MODEL, Stage::Llm),
            voice: VOICE.into(),
            speed: None,
            transcription: TRANSCRIPTION.into(),
            noise_reduction: None,
            reasoning_effort: None,
            detection: VoiceDetection::default(),
        }
    }

    /// Sets the voice: a name such as `marin`, or the `voice_…` id of a custom one.
    #[must_use]
    pub fn voice(mut self, voice: impl Into<String>) -> Self {
        self.voice = voice.into();
        self
    }

    /// Sets the pace: 0.25–1.5, default 1.
    #[must_use]
    pub fn speed(mut self, speed: f32) -> Self {
        self.speed = Some(speed);
        self
    }

    /// Sets the model that recognises the user's words, which are shown and stored; the speech-to-speech model itself hears the sound.
    #[must_use]
    pub fn transcription(mut self, model: impl Into<String>) -> Self {
        self.transcription = model.into();
        self
    }

    /// Has the server take noise out of the user's sound: `near_field` for headsets, `far_field` for rooms. Default: it does not.
    #[must_use]
    pub fn noise_reduction(mut self, kind: impl Into<String>) -> Self {
        self.noise_reduction = Some(kind.into());
        self
    }

    /// Sets how much the model reasons before it answers: `minimal`, `low`, `medium`, `high` or `xhigh`. Default: the model's own, `low`.
    #[must_use]
    pub fn reasoning_effort(mut self, effort: impl Into<String>) -> Self {
        self.reasoning_effort = Some(effort.into());
        self
    }

    /// Sets how the server hears that the user is done.
    #[must_use]
    pub fn voice_detection(mut self, detection: VoiceDetection) -> Self {
        self.detection = detection;
        self
    }

    fn turn_detection(&self, turns: Turns) -> Value {
        let Turns::Automatic { interruptible, threshold, prefix_padding, silence } = turns else { return Value::Null };
        let mut detection = match self.detection {
            VoiceDetection::Server => json!({
                "type": "server_vad",
                "threshold": number(threshold),
                "prefix_padding_ms": ms(prefix_padding),
                "silence_duration_ms": ms(silence),
            }),
            VoiceDetection::Semantic(eagerness) => json!({"type": "semantic_vad", "eagerness": eagerness.as_str()}),
        };
        // Without interruptions the server might begin an answer that it cannot, and say nothing of it.
        detection["create_response"] = interruptible.into();
        detection["interrupt_response"] = interruptible.into();
        detection
    }

    fn session(&self, request: &ConversationRequest) -> Value {
        let format = json!({"type": "audio/pcm", "rate": RATE});
        let language = request.language.as_deref();
        let mut input = json!({
            "format": format,
            "transcription": live_transcription(&self.transcription, language, None),
            "turn_detection": self.turn_detection(request.turns),
        });
        if let Some(kind) = &self.noise_reduction {
            input["noise_reduction"] = json!({"type": kind});
        }
        let mut output = json!({"format": format, "voice": voice(&self.voice)});
        if let Some(speed) = self.speed {
            output["speed"] = number(speed);
        }
        let most = if request.max_tokens > MOST_TOKENS { json!("inf") } else { json!(request.max_tokens.max(1)) };
        let mut session = json!({
            "type": "realtime",
            "instructions": &*request.instructions,
            "output_modalities": [if request.speak { "audio" } else { "text" }],
            "audio": {"input": input, "output": output},
            "max_output_tokens": most,
        });
        if !request.tools.is_empty() {
            session["tools"] = offered(&request.tools);
            session["tool_choice"] = "auto".into();
        }
        if let Some(effort) = self.reasoning_effort.as_ref().filter(|_| self.endpoint.model.starts_with(REASONING)) {
            session["reasoning"] = json!({"effort": effort});
        }
        session
    }

    /// The session of a browser, which names its model itself.
    fn clients_session(&self, request: &ClientSecretRequest) -> Value {
        let mut session = self.session(&request.session);
        session["model"] = self.endpoint.model.as_str().into();
        if let Some(name) = &request.voice {
            session["audio"]["output"]["voice"] = voice(name);
        }
        // Over WebRTC the formats are agreed on by the two ends.
        for side in ["input", "output"] {
            if let Some(side) = session["audio"][side].as_object_mut() {
                side.remove("format");
            }
        }
        session
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn private(request: &ConversationRequest) -> Private {
    [&request.instructions].into_iter().chain(request.history.iter().map(|message| &message.content)).cloned().collect()
}

#[async_trait]
impl SpeechToSpeech for OpenAiRealtime {
    fn name(&self) -> &str {
        &self.endpoint.peer.provider
    }

    async fn converse(
        &self,
        request: ConversationRequest,
        input: ConversationInput,
        ctx: &CallContext,
    ) -> Result<Conversation> {
        ctx.check()?;
        self.endpoint.warn_of_shutdown();
        let silence = match (self.detection, request.turns) {
            (VoiceDetection::Server, Turns::Automatic { silence, .. }) => silence,
            _ => Duration::ZERO,
        };
        let protocol = Protocol::new(self.endpoint.peer.clone(), silence, vec![request.instructions.clone()]);
        let session = self.session(&request);
        conversation::open(&self.endpoint, session, ToModel::Remember(request.history), protocol, input).await
    }

    async fn client_secret(&self, request: ClientSecretRequest, ctx: &CallContext) -> Result<ClientSecret> {
        ctx.check()?;
        self.endpoint.warn_of_shutdown();
        let peer = &self.endpoint.peer;
        let seconds = request.valid.as_secs().clamp(*LIVES.start(), *LIVES.end());
        let body = json!({
            "expires_after": {"anchor": "created_at", "seconds": seconds},
            "session": self.clients_session(&request),
        });
        let path = "/realtime/client_secrets";
        let private = private(&request.session);
        let sent = self.endpoint.send(&private, |_| Ok(self.endpoint.request(Method::POST, path)?.json(&body)));
        let answer = peer.read_all(sent.await?, LARGEST_ANSWER).await?;
        let mut answer: Value =
            serde_json::from_slice(&answer).map_err(|_| peer.malformed("answered with broken JSON"))?;
        let value = answer["value"].as_str().filter(|value| !value.is_empty());
        let expires_at = answer["expires_at"].as_i64().and_then(|at| Timestamp::from_second(at).ok());
        match (value, expires_at) {
            (Some(value), Some(at)) => Ok(ClientSecret::new(value.to_owned(), at, answer["session"].take())),
            _ => Err(peer.malformed("answered without a client secret")),
        }
    }

    async fn answer_call(&self, offer: &str, request: ClientSecretRequest, ctx: &CallContext) -> Result<CallAnswer> {
        ctx.check()?;
        self.endpoint.warn_of_shutdown();
        let peer = &self.endpoint.peer;
        let session = self.clients_session(&request).to_string();
        let part = |text: &str, kind: &str| {
            let part = Part::text(text.to_owned()).mime_str(kind);
            part.map_err(|_| crate::error::Error::internal("a media type that is none"))
        };
        let private = private(&request.session);
        let sent = self.endpoint.send(&private, |_| {
            let form = Form::new().part("sdp", part(offer, "application/sdp")?);
            let form = form.part("session", part(&session, "application/json")?);
            Ok(self.endpoint.request(Method::POST, "/realtime/calls")?.multipart(form))
        });
        let response = sent.await?;
        let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        let call_id = place.and_then(|place| place.rsplit('/').next()).filter(|id| !id.is_empty()).map(str::to_owned);
        let answer = peer.read_all(response, LARGEST_ANSWER).await?;
        match std::str::from_utf8(&answer) {
            Ok(sdp) if sdp.trim_start().starts_with("v=") => Ok(CallAnswer::new(sdp, call_id)),
            _ => Err(peer.malformed("answered the offer with no session description")),
        }
    }
}
