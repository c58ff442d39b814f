//! The host's side of a live session.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    event::{LiveEvent, LiveSummary},
    inlet::{Inlet, inlet, over},
    session::Driver,
    talk::Talk,
    wire::{ClientMessage, Wire},
};
use crate::{
    audio::{VoiceActivity, check_shape},
    config::{LiveConfig, TurnDetection, check_language},
    context,
    error::{Error, ErrorKind, Result},
    id::SessionId,
    message::Role,
    provider::{CallContext, ConversationRequest, TurnDetector, Turns},
    store::Session,
    tool::{Tool, Toolbox},
    turn::{Caller, Engine, check_text},
};

/// How many events may wait for the host.
pub(super) const EVENTS: usize = 512;
/// The longest frame.
const LONGEST_FRAME_SECONDS: usize = 10;

/// What a live session is started with.
pub(crate) struct LiveSetup {
    /// `None`: that of the session's assistant.
    pub(crate) config: Option<LiveConfig>,
    pub(crate) caller: Caller,
    pub(crate) language: Option<String>,
    pub(crate) input_rate: u32,
    pub(crate) input_channels: u32,
    pub(crate) output_rate: u32,
    pub(crate) speak: bool,
    /// `None`: that of the session's assistant.
    pub(crate) first_message: Option<String>,
    pub(crate) vad: VoiceActivity,
    /// What the model may call besides the engine's tools.
    pub(crate) more_tools: Vec<Arc<dyn Tool>>,
    /// All that it may call: found when the session starts.
    pub(crate) tools: Arc<Toolbox>,
    /// What hears the end of turns: found when the session starts.
    pub(crate) turn_detector: Option<Arc<dyn TurnDetector>>,
    pub(crate) cancel: CancellationToken,
    /// The agent's own token, which tells its closing from the host's cancelling.
    pub(crate) closing: CancellationToken,
}

/// What the host tells the session.
pub(super) enum Command {
    Audio(Vec<i16>),
    TimedAudio { at: Duration, samples: Vec<i16> },
    Text(String),
    Dtmf(char),
    Commit,
    Say { text: String, interruptible: bool },
    Interrupt,
    Pause,
    Resume,
    Playback(Duration),
    Language(Option<String>),
    End(oneshot::Sender<LiveSummary>),
}

/// A live conversation: push sound, take events. Made by `VoiceAgent::live`.
///
/// All calls take `&self`, so one task may push while another takes events. Dropping it ends the session: what was heard is
/// stored.
#[derive(Debug)]
pub struct LiveSession {
    id: SessionId,
    input_rate: u32,
    output_rate: u32,
    channels: usize,
    longest_frame: usize,
    max_text_characters: usize,
    inlet: Inlet,
    events: Mutex<mpsc::Receiver<LiveEvent>>,
    _stop: DropGuard,
}

pub(crate) async fn start(engine: Arc<Engine>, mut setup: LiveSetup) -> Result<LiveSession> {
    if let Some(config) = &setup.config {
        config.validate()?;
    }
    let channels = setup.input_channels as usize;
    check_shape(setup.input_rate, channels)?;
    check_shape(setup.output_rate, 1)?;
    let (stored, leave, is_new) = engine.admit(&setup.caller).await?;
    leave.give_back().await;
    let agents_own = Arc::clone(&engine);
    let engine = engine.engine_of(&stored).await?.unwrap_or(engine);
    setup.first_message = setup.first_message.or_else(|| engine.settings.first_message.clone());
    let config = setup.config.take().unwrap_or_else(|| engine.settings.live.clone());
    if engine.interpreter.is_none() {
        let tools = engine.toolbox(std::mem::take(&mut setup.more_tools))?;
        setup.tools = engine.with_search(tools, engine.realtime.is_some())?;
    }
    let _beside_the_greeting = engine.prepare_documents();
    let mut talk = None;
    if let Some(realtime) = &engine.realtime {
        let (request, ctx) = conversation(&engine, &setup, &config, &stored).await?;
        let window = engine.settings.context_messages;
        talk = Some(tokio::select! {
            biased;
            () = setup.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "the live session was not wanted any more")),
            talk = Talk::open(Arc::clone(realtime), request, window, ctx) => talk?,
        });
    } else if config.turn_detection == TurnDetection::Model {
        setup.turn_detector = Some(agents_own.turn_detector().await?);
    }
    let (inlet, intake) = inlet();
    let (event_sender, events) = mpsc::channel(EVENTS);
    let stop = setup.cancel.clone().drop_guard();
    let session = LiveSession {
        id: stored.id,
        input_rate: setup.input_rate,
        output_rate: setup.output_rate,
        channels,
        longest_frame: setup.input_rate as usize * channels * LONGEST_FRAME_SECONDS,
        max_text_characters: engine.settings.max_text_characters,
        inlet,
        events: Mutex::new(events),
        _stop: stop,
    };
    // Boxed before it runs: a task's future would hold it twice over, as what it was given and as what it works with.
    let driver = Box::new(Driver::new(engine, setup, config, (stored, is_new, talk), event_sender));
    tokio::spawn(Box::pin(driver.run(intake)));
    Ok(session)
}

/// What a model that hears and speaks by itself is told at the beginning.
async fn conversation(
    engine: &Engine,
    setup: &LiveSetup,
    config: &LiveConfig,
    session: &Session,
) -> Result<(ConversationRequest, CallContext)> {
    let settings = &engine.settings;
    let history = engine.history(session.id, false, true).await?;
    let mut prompt = context::so_far(&settings.system_prompt, &history, settings.context_messages, true);
    let has_instructions = prompt.first().is_some_and(|message| message.role == Role::System);
    let instructions = if has_instructions { prompt.remove(0).content } else { "".into() };
    let mut request = ConversationRequest::new(instructions);
    request.history = prompt;
    request.tools = setup.tools.specs();
    request.language = setup.language.clone().or_else(|| settings.language.clone());
    request.max_tokens = settings.max_tokens;
    request.speak = setup.speak;
    request.turns = turns(config);
    let mut ctx = CallContext::new();
    ctx.session_id = session.id;
    ctx.user = session.user.as_deref().map(Into::into);
    Ok((request, ctx))
}

/// Who says that the user's turn is over, as such a model is told.
pub(crate) fn turns(config: &LiveConfig) -> Turns {
    if config.turn_detection == TurnDetection::Manual {
        return Turns::Manual;
    }
    Turns::Automatic {
        interruptible: config.interruption.enabled,
        threshold: config.vad.threshold,
        prefix_padding: Duration::from_millis(config.vad.prefix_padding_ms.into()),
        silence: Duration::from_millis(config.endpointing.min_delay_ms.into()),
    }
}

impl LiveSession {
    /// The stored session, whose history the conversation continues.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.id
    }

    /// Samples a second of the sound that it takes.
    #[must_use]
    pub fn input_rate(&self) -> u32 {
        self.input_rate
    }

    /// The channels of the sound that it takes.
    #[must_use]
    pub fn input_channels(&self) -> usize {
        self.channels
    }

    /// Samples a second of the sound that it gives out.
    #[must_use]
    pub fn output_rate(&self) -> u32 {
        self.output_rate
    }

    /// Takes the next sound of the user: interleaved 16-bit samples of the rate and channels that the session was started with,
    /// any number of them up to ten seconds. Never blocks.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the samples do not fill every channel or are too many; `RATE_LIMIT_EXCEEDED` when sound comes
    /// faster than it can be heard: wait a moment and push it again; `INVALID_REQUEST` (kind `Closed`) after the end.
    pub fn push_audio(&self, samples: impl Into<Vec<i16>>) -> Result<()> {
        let samples = samples.into();
        self.check_frame(&samples)?;
        self.inlet.push(samples)
    }

    /// Takes sound that comes over a network, with the time at which its sender took it, counted from any moment: RTP's or a media
    /// stream's timestamp. Frames may come late, twice, out of order, in bursts or never: what is in order is heard at once, a
    /// gap is waited for 60 ms at most and then made up from the sound before it, and copies are dropped. A sender that begins
    /// to count anew is followed. Otherwise as [`push_audio`](Self::push_audio).
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn push_audio_at(&self, at: Duration, samples: impl Into<Vec<i16>>) -> Result<()> {
        let samples = samples.into();
        self.check_frame(&samples)?;
        self.inlet.send(Command::TimedAudio { at, samples })
    }

    fn check_frame(&self, samples: &[i16]) -> Result<()> {
        if !samples.len().is_multiple_of(self.channels) {
            return Err(Error::new(
                ErrorKind::InvalidField,
                format!("{} samples do not fill {} channels", samples.len(), self.channels),
            ));
        }
        if samples.len() > self.longest_frame {
            return Err(Error::new(
                ErrorKind::AudioTooLong,
                format!("a frame of {} samples is too long; push at most {LONGEST_FRAME_SECONDS} s", samples.len()),
            ));
        }
        Ok(())
    }

    /// Takes sound in floats, full scale ±1; otherwise as [`push_audio`](Self::push_audio).
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn push_audio_f32(&self, samples: &[f32]) -> Result<()> {
        let finite = |s: &f32| if s.is_finite() { crate::audio::to_i16(*s) } else { 0 };
        self.push_audio(samples.iter().map(finite).collect::<Vec<_>>())
    }

    /// Takes something that the user typed. It is answered at once; what the agent says is interrupted.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the text is empty or too long; otherwise as [`push_audio`](Self::push_audio).
    pub fn push_text(&self, text: impl Into<String>) -> Result<()> {
        let text = text.into();
        check_text(&text, self.max_text_characters)?;
        self.inlet.send(Command::Text(text))
    }

    /// Takes a key of the telephone: `0`–`9`, `*`, `#`, `A`–`D`. Keys are collected; `#` or a pause completes them.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for any other key; otherwise as [`push_audio`](Self::push_audio).
    pub fn push_dtmf(&self, key: char) -> Result<()> {
        if !matches!(key, '0'..='9' | '*' | '#' | 'A'..='D') {
            return Err(Error::new(
                ErrorKind::InvalidField,
                format!("{key:?} is no key of a telephone; 0–9, *, # and A–D are"),
            ));
        }
        self.inlet.send(Command::Dtmf(key))
    }

    /// Ends the user's turn now: push to talk.
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn commit(&self) -> Result<()> {
        self.inlet.send(Command::Commit)
    }

    /// Has the agent say something, after what it is saying now, and after the answer if the user is in the middle of a turn. It is
    /// stored as the agent's message.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the text is empty or too long; otherwise as [`push_audio`](Self::push_audio).
    pub fn say(&self, text: impl Into<String>) -> Result<()> {
        self.say_with(text.into(), true)
    }

    /// Has the agent say something that the user cannot interrupt: in the user's first pause; otherwise as [`say`](Self::say).
    ///
    /// # Errors
    /// As [`say`](Self::say).
    pub fn say_uninterruptible(&self, text: impl Into<String>) -> Result<()> {
        self.say_with(text.into(), false)
    }

    fn say_with(&self, text: String, interruptible: bool) -> Result<()> {
        check_text(&text, self.max_text_characters)?;
        self.inlet.send(Command::Say { text, interruptible })
    }

    /// Stops what the agent says or is about to say. What was heard of it is stored.
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn interrupt(&self) -> Result<()> {
        self.inlet.send(Command::Interrupt)
    }

    /// Holds the sound back until [`resume`](Self::resume); what was given out and not played is to be thrown away and comes
    /// again then.
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn pause(&self) -> Result<()> {
        self.inlet.send(Command::Pause)
    }

    /// Goes on after [`pause`](Self::pause).
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn resume(&self) -> Result<()> {
        self.inlet.send(Command::Resume)
    }

    /// Says how much of the session's sound was played so far. Once this was called, only it tells what was heard; until then
    /// sound counts as played when its time has passed. Sound that was thrown away counts as passed:
    /// [`LiveEvent::Clear`] says from where to count on.
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn set_playback_position(&self, position: Duration) -> Result<()> {
        self.inlet.send(Command::Playback(position))
    }

    /// Changes the language that is expected and spoken (BCP 47); `None`: detect it.
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn set_language(&self, language: Option<String>) -> Result<()> {
        self.inlet.send(Command::Language(language))
    }

    /// Does what a client asks for over a connection of the host's, read with [`ClientMessage::from_frame`]. A client that ends
    /// the session is not waited for: the end comes as an event.
    ///
    /// # Errors
    /// Those of the call that the message stands for. The session goes on; [`Wire::error`] tells the client.
    pub fn receive(&self, message: ClientMessage) -> Result<()> {
        match message {
            ClientMessage::Audio(samples) => self.push_audio(samples),
            ClientMessage::UserMessage { text } => self.push_text(text),
            ClientMessage::Dtmf { keys } => keys.chars().try_for_each(|key| self.push_dtmf(key)),
            ClientMessage::Commit => self.commit(),
            ClientMessage::Interrupt => self.interrupt(),
            ClientMessage::Pause => self.pause(),
            ClientMessage::Resume => self.resume(),
            ClientMessage::Playback { position } => {
                let position = position as f64 / f64::from(self.output_rate);
                let position = Duration::try_from_secs_f64(position).unwrap_or(Duration::MAX);
                self.set_playback_position(position)
            }
            ClientMessage::Language { language } => {
                let language = language.filter(|tag| tag != "auto");
                language.as_deref().map_or(Ok(()), |tag| check_language("language", tag))?;
                self.set_language(language)
            }
            ClientMessage::EndSession => self.inlet.send(Command::End(oneshot::channel().0)),
        }
    }

    /// Writes this session's events as messages for a client.
    #[must_use]
    pub fn wire(&self) -> Wire {
        Wire::new(self.input_rate, u32::try_from(self.channels).unwrap_or(u32::MAX))
    }

    /// The next event; `None` after [`LiveEvent::Ended`].
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn next(&self) -> Option<LiveEvent> {
        self.events.lock().await.recv().await
    }

    /// The next event if it is there already; `None`: not yet, or no more.
    pub fn try_next(&self) -> Option<LiveEvent> {
        self.events.try_lock().ok()?.try_recv().ok()
    }

    /// Ends the session: what is being said is stopped, what was heard is stored, and everything is let go of.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Closed`) when it is over already.
    pub async fn end(&self) -> Result<LiveSummary> {
        let (sender, summary) = oneshot::channel();
        self.inlet.send_in_time(Command::End(sender)).await?;
        summary.await.map_err(|_| over())
    }
}
