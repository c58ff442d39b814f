//! How a live session takes turns and behaves.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Config, parse, range};
use crate::{audio::Cleaning, error::Result};

/// How a live session takes turns and behaves.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LiveConfig {
    /// When the user's words are recognised.
    pub recognition: Recognition,
    /// Who says that the user's turn is over.
    pub turn_detection: TurnDetection,
    /// When the user's turn is over.
    pub endpointing: EndpointingOptions,
    /// When the user may stop the agent.
    pub interruption: InterruptionOptions,
    /// When sound counts as speech.
    pub vad: VadOptions,
    /// What is done to the user's sound before it is listened to.
    pub input: InputOptions,
    /// How sound is given out.
    pub output: OutputOptions,
    /// How the conversation is kept going and ended.
    pub conversation: ConversationOptions,
}

/// When the user's words are recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Recognition {
    /// While they are spoken, with a recogniser that can; otherwise as `utterances`. Only utterances are sent, not the silence
    /// between them.
    #[default]
    Streaming,
    /// After each utterance: cheaper where a provider charges more for streaming, and slower.
    Utterances,
}

/// Who says that the user's turn is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnDetection {
    /// The library, from the user's voice and words.
    #[default]
    Automatic,
    /// The library, from the user's voice and words and from a model that hears how they are said: the one given to the agent,
    /// else `smart-turn` in the model directory (`voice-core models fetch smart-turn`, feature `local`). Pauses inside a turn
    /// are told better from its end, so that a lower `min_delay_ms`, say 300, serves well.
    Model,
    /// The host, by `commit`: push to talk.
    Manual,
}

/// When the user's turn is over: at least `min_delay_ms` after the last voice when the words sound complete, at most
/// `max_delay_ms` when they do not.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EndpointingOptions {
    /// The least silence, in milliseconds. Default 500.
    pub min_delay_ms: u32,
    /// The most silence that is waited for, in milliseconds. Default 3,000.
    pub max_delay_ms: u32,
    /// The answer is begun as soon as the turn is likely over, and thrown away if the user goes on. Default true.
    pub preemptive_generation: bool,
    /// The longest utterance, in seconds; it is answered then, even if the user still speaks. Default 60.
    pub max_utterance_seconds: f64,
}

impl Default for EndpointingOptions {
    fn default() -> Self {
        Self { min_delay_ms: 500, max_delay_ms: 3_000, preemptive_generation: true, max_utterance_seconds: 60.0 }
    }
}

/// When the user may stop the agent.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct InterruptionOptions {
    /// Whether the user can interrupt at all. What is said meanwhile is answered when the agent has finished. Default true.
    pub enabled: bool,
    /// For how long the user must speak before the agent falls silent, in milliseconds. Default 500.
    pub min_duration_ms: u32,
    /// How many words the user must say to interrupt. Default 0: any word that is not a backchannel.
    pub min_words: u32,
    /// How long after the user's voice the agent goes on speaking if there were no words, in milliseconds. Default 2,000.
    pub false_interruption_timeout_ms: u32,
    /// Whether the agent goes on speaking where it stopped if the interruption was none. Default true.
    pub resume_false_interruption: bool,
    /// What listeners say without wanting the turn, in lower case; more than the built-in ones.
    pub backchannels: Vec<String>,
}

impl Default for InterruptionOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            min_duration_ms: 500,
            min_words: 0,
            false_interruption_timeout_ms: 2_000,
            resume_false_interruption: true,
            backchannels: Vec::new(),
        }
    }
}

/// When sound counts as speech.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VadOptions {
    /// How sure the detector must be, 0–1. Default 0.5.
    pub threshold: f32,
    /// For how long there must be voice, in milliseconds. Default 48.
    pub min_speech_ms: u32,
    /// For how long there must be none before an utterance is recognised, in milliseconds. Default 200.
    pub min_silence_ms: u32,
    /// How much of the sound before the voice belongs to it, in milliseconds. Default 300.
    pub prefix_padding_ms: u32,
    /// Voices that go on this many decibels fainter than the user's are others', behind the user: they keep no turn open and
    /// begin none. 0: every voice is the user's. Default 12.
    pub background_below_db: f32,
}

impl Default for VadOptions {
    fn default() -> Self {
        let (min_speech_ms, min_silence_ms, prefix_padding_ms) = (48, 200, 300);
        Self { threshold: 0.5, min_speech_ms, min_silence_ms, prefix_padding_ms, background_below_db: 12.0 }
    }
}

/// What is done to the user's sound before it is listened to. Each costs some processor time; together they make it at most
/// 30 ms late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct InputOptions {
    /// Whether noise is taken out (RNNoise). Default false: recognisers that know noise do better without.
    pub denoising: bool,
    /// Whether the echo of what the agent says is taken out (WebRTC's AEC3): for loudspeakers near the microphone where the
    /// device does not do it itself. What is played is known from what was given out. Default false.
    pub echo_cancellation: bool,
    /// Whether quiet voices are made louder and loud ones kept from clipping (WebRTC's AGC2). Default false.
    pub automatic_gain: bool,
}

impl InputOptions {
    pub(crate) fn cleaning(self) -> Cleaning {
        let Self { denoising, echo_cancellation, automatic_gain } = self;
        Cleaning { denoising, echo_cancellation, automatic_gain }
    }
}

/// How sound is given out.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OutputOptions {
    /// At which pace.
    pub pacing: Pacing,
    /// With real-time pacing, how much sound is given out ahead of its time, in milliseconds. Default 200.
    pub lead_ms: u32,
    /// How long each piece of sound is, in milliseconds; 0: as the provider gives it. Default 20.
    pub frame_ms: u32,
}

impl Default for OutputOptions {
    fn default() -> Self {
        Self { pacing: Pacing::RealTime, lead_ms: 200, frame_ms: 20 }
    }
}

/// At which pace sound is given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pacing {
    /// As it is heard, a little ahead: nothing much is left to be thrown away when the user interrupts.
    #[default]
    RealTime,
    /// As fast as it comes: the host keeps it, plays it, and throws it away when it is told to.
    Immediate,
}

/// How the conversation is kept going and ended.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ConversationOptions {
    /// Whether the greeting can be interrupted. Default false.
    pub greeting_interruptible: bool,
    /// After how many seconds of silence the user is reminded. Default: never.
    pub reminder_seconds: Option<f64>,
    /// How often at most, until the user speaks again. Default 2.
    pub reminder_max_count: u32,
    /// What is said then.
    pub reminder_message: String,
    /// After how many seconds of silence from both sides the session ends. Default: never.
    pub silence_timeout_seconds: Option<f64>,
    /// After how many seconds the session ends, whatever happens. Default: never.
    pub max_duration_seconds: Option<f64>,
    /// When the agent's answer has one of these phrases, the session ends once it is spoken.
    pub end_call_phrases: Vec<String>,
    /// When the user says no more than one of these, the agent answers and the session ends.
    pub goodbye_phrases: Vec<String>,
    /// What is said before the session ends of itself.
    pub end_call_message: Option<String>,
    /// How long digits are collected before they count as typed, in milliseconds; `#` ends them at once. Default 2,000.
    pub dtmf_timeout_ms: u32,
}

impl Default for ConversationOptions {
    fn default() -> Self {
        Self {
            greeting_interruptible: false,
            reminder_seconds: None,
            reminder_max_count: 2,
            reminder_message: "Are you still there?".into(),
            silence_timeout_seconds: None,
            max_duration_seconds: None,
            end_call_phrases: Vec::new(),
            goodbye_phrases: Vec::new(),
            end_call_message: None,
            dtmf_timeout_ms: 2_000,
        }
    }
}

impl LiveConfig {
    /// What the `live` part of a config document says; what it leaves out has its default.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`), naming the path of what is wrong.
    pub fn from_value(document: serde_json::Value) -> Result<Self> {
        let config: Config = parse::document(serde_json::json!({ "live": document }))?;
        config.live.validate()?;
        Ok(config.live)
    }

    /// Checks what types cannot: ranges.
    pub(crate) fn validate(&self) -> Result<()> {
        let ms = |path: &str, value: u32, most: f64| range(&format!("live.{path}"), f64::from(value), 0.0, most);
        let e = &self.endpointing;
        ms("endpointing.max_delay_ms", e.max_delay_ms, 60_000.0)?;
        ms("endpointing.min_delay_ms", e.min_delay_ms, f64::from(e.max_delay_ms))?;
        range("live.endpointing.max_utterance_seconds", e.max_utterance_seconds, 1.0, 300.0)?;
        ms("interruption.min_duration_ms", self.interruption.min_duration_ms, 10_000.0)?;
        ms("interruption.min_words", self.interruption.min_words, 100.0)?;
        ms("interruption.false_interruption_timeout_ms", self.interruption.false_interruption_timeout_ms, 60_000.0)?;
        range("live.vad.threshold", decimal(self.vad.threshold), 0.01, 0.99)?;
        ms("vad.min_speech_ms", self.vad.min_speech_ms, 2_000.0)?;
        range("live.vad.min_silence_ms", f64::from(self.vad.min_silence_ms), 50.0, 5_000.0)?;
        ms("vad.prefix_padding_ms", self.vad.prefix_padding_ms, 2_000.0)?;
        range("live.vad.background_below_db", decimal(self.vad.background_below_db), 0.0, 60.0)?;
        range("live.output.lead_ms", f64::from(self.output.lead_ms), 20.0, 10_000.0)?;
        ms("output.frame_ms", self.output.frame_ms, 1_000.0)?;
        let c = &self.conversation;
        let seconds = [
            ("reminder_seconds", c.reminder_seconds),
            ("silence_timeout_seconds", c.silence_timeout_seconds),
            ("max_duration_seconds", c.max_duration_seconds),
        ];
        for (name, value) in seconds {
            if let Some(value) = value {
                range(&format!("live.conversation.{name}"), value, 0.1, 86_400.0)?;
            }
        }
        ms("conversation.dtmf_timeout_ms", c.dtmf_timeout_ms, 60_000.0)
    }
}

/// A float as the number that was written, to six places: 0.01 would be a little less than itself.
fn decimal(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_range_of_a_threshold_are_in_it() {
        for (threshold, is_fine) in [("0.01", true), ("0.99", true), ("0.009", false), ("0.991", false)] {
            let document = serde_json::json!({ "vad": { "threshold": threshold.parse::<f64>().unwrap_or_default() } });
            let refused = LiveConfig::from_value(document).err().map(|error| error.message().to_owned());
            let expected = format!("live.vad.threshold: {threshold} is out of range; 0.01 to 0.99 is accepted");
            assert_eq!(refused, (!is_fine).then_some(expected));
        }
    }
}
