//! Live sessions.

use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::sync::{Mutex, OwnedMutexGuard};
use voice_core::{LiveEvent, SessionId, agent::Live, config::LiveConfig};

use crate::{
    Call, ErrorRecord, EventRecord, LiveSummaryRecord, Outcome,
    arguments::Arguments,
    call::patient,
    tell::{BATCH, Feed, tell},
};

const OPTIONS: [&str; 11] = [
    "session",
    "user",
    "organization",
    "assistant",
    "language",
    "config",
    "first_message",
    "input_rate",
    "input_channels",
    "output_rate",
    "speak",
];

/// A live conversation. Cheap to clone; what is pushed never waits; letting go of every clone ends it.
///
/// It is started from options as JSON, every one of which may be left out or null:
///
/// | option | meaning | default |
/// |---|---|---|
/// | `session` | the stored session to continue; an unknown one starts a fresh one | a fresh one |
/// | `user` | whose conversation it is | nobody's |
/// | `organization` | in which organization it is held, by its id | in none |
/// | `assistant` | who talks in a fresh session, by its id | the agent's own |
/// | `language` | the language that is spoken (BCP 47) | the assistant's, else it is detected |
/// | `config` | how turns are taken, as `live` in the config document | the config's `live` |
/// | `first_message` | what the agent says first | the assistant's |
/// | `input_rate`, `input_channels` | the sound that will be pushed | 16,000 samples a second, 1 |
/// | `output_rate` | the rate of the sound that is given out | 24,000 samples a second |
/// | `speak` | whether the agent speaks | true |
#[derive(Clone)]
pub struct LiveSession {
    session: Arc<voice_core::LiveSession>,
    pub(crate) events: Arc<Mutex<Events>>,
    /// The process that runs it: a child that was forked off has the memory but not the threads.
    pid: u32,
}

#[derive(Default)]
pub(crate) struct Events {
    /// Events that a batch was to bring which nobody took.
    ready: VecDeque<EventRecord>,
    summary: Option<LiveSummaryRecord>,
    pub(crate) over: bool,
}

/// What happened next. Nobody else gets later events until this is taken or dropped; dropped, it comes again.
pub struct LiveBatch {
    events: Vec<EventRecord>,
    state: OwnedMutexGuard<Events>,
}

impl LiveBatch {
    /// The events.
    #[must_use]
    pub fn into_events(mut self) -> Vec<EventRecord> {
        std::mem::take(&mut self.events)
    }

    /// Whether there will be none after these.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.state.over
    }
}

impl Feed for LiveSession {
    async fn next(&mut self) -> Outcome<Vec<EventRecord>> {
        Ok(self.next_batch(BATCH).await?.into_events())
    }
}

impl Drop for LiveBatch {
    fn drop(&mut self) {
        for event in self.events.drain(..).rev() {
            self.state.ready.push_front(event);
        }
    }
}

impl LiveSession {
    pub(crate) fn start(live: Live, options_json: &str) -> Call<Self> {
        let options = Arguments::read(options_json);
        Call::spawn(async move {
            let options = options?;
            options.only(&OPTIONS)?;
            let text = |name: &str| Ok::<_, ErrorRecord>(options.text(name)?.map(str::to_owned));
            // A word that is no id is an unknown session like any other.
            let mut live = live.session(text("session")?.and_then(|id| id.parse::<SessionId>().ok()));
            if let Some(user) = text("user")? {
                live = live.user(user);
            }
            if let Some(organization) = options.parsed("organization")? {
                live = live.organization(organization);
            }
            if let Some(assistant) = options.parsed("assistant")? {
                live = live.assistant(assistant);
            }
            if let Some(language) = text("language")? {
                live = live.language(language);
            }
            if let Some(config) = options.given("config") {
                live = live.config(LiveConfig::from_value(config.clone())?);
            }
            if let Some(message) = text("first_message")? {
                live = live.first_message(message);
            }
            let (rate, channels) = (options.number("input_rate")?, options.number("input_channels")?);
            live = live.input(rate.unwrap_or(16_000), channels.unwrap_or(1));
            if let Some(rate) = options.number("output_rate")? {
                live = live.output(rate);
            }
            let live = live.speak(options.flag("speak")?.unwrap_or(true));
            Ok(Self { session: Arc::new(live.start().await?), events: Arc::default(), pid: std::process::id() })
        })
    }

    pub(crate) fn here(&self) -> Outcome<&Arc<voice_core::LiveSession>> {
        if self.pid == std::process::id() {
            return Ok(&self.session);
        }
        Err(ErrorRecord::closed("live session, which belongs to the process that this one was forked from,"))
    }

    /// The stored session, whose history the conversation continues.
    #[must_use]
    pub fn session_id(&self) -> String {
        self.session.session_id().to_string()
    }

    /// Takes the next sound of the user: interleaved 16-bit samples, at most ten seconds.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the samples do not fill every channel or are too many; `RATE_LIMIT_EXCEEDED` when sound comes
    /// faster than it can be heard; `INVALID_REQUEST` (kind `closed`) after the end.
    pub fn push_audio(&self, samples: Vec<i16>) -> Outcome<()> {
        Ok(self.here()?.push_audio(samples)?)
    }

    /// The same for sound that comes over a network, with the time at which its sender took it: seconds from any moment. Frames
    /// may come late, twice, out of order, in bursts or never.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for what is no time; otherwise as [`push_audio`](Self::push_audio).
    pub fn push_audio_at(&self, seconds: f64, samples: Vec<i16>) -> Outcome<()> {
        Ok(self.here()?.push_audio_at(time("at", seconds)?, samples)?)
    }

    /// The same as [`push_audio`](Self::push_audio) for floats, full scale ±1.
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn push_audio_f32(&self, samples: &[f32]) -> Outcome<()> {
        Ok(self.here()?.push_audio_f32(samples)?)
    }

    /// Takes something that the user typed.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the text is empty or too long; otherwise as [`push_audio`](Self::push_audio).
    pub fn push_text(&self, text: &str) -> Outcome<()> {
        Ok(self.here()?.push_text(text)?)
    }

    /// Takes keys of the telephone: `0`–`9`, `*`, `#`, `A`–`D`. `#` or a pause completes them.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for any other key, those before it having been taken; otherwise as [`push_audio`](Self::push_audio).
    pub fn push_dtmf(&self, keys: &str) -> Outcome<()> {
        let session = self.here()?;
        Ok(keys.chars().try_for_each(|key| session.push_dtmf(key))?)
    }

    /// Ends the user's turn now: push to talk.
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn commit(&self) -> Outcome<()> {
        Ok(self.here()?.commit()?)
    }

    /// Has the agent say something, after what it is saying now.
    ///
    /// # Errors
    /// As [`push_text`](Self::push_text).
    pub fn say(&self, text: &str, interruptible: bool) -> Outcome<()> {
        let session = self.here()?;
        Ok(if interruptible { session.say(text) } else { session.say_uninterruptible(text) }?)
    }

    /// Stops what the agent says or is about to say.
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn interrupt(&self) -> Outcome<()> {
        Ok(self.here()?.interrupt()?)
    }

    /// Holds the sound back until [`resume`](Self::resume).
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn pause(&self) -> Outcome<()> {
        Ok(self.here()?.pause()?)
    }

    /// Goes on after [`pause`](Self::pause).
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn resume(&self) -> Outcome<()> {
        Ok(self.here()?.resume()?)
    }

    /// Says how many seconds of the session's sound were played so far. From then on only this tells what was heard.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for what is no duration; otherwise as [`push_audio`](Self::push_audio).
    pub fn set_playback_position(&self, seconds: f64) -> Outcome<()> {
        Ok(self.here()?.set_playback_position(time("position", seconds)?)?)
    }

    /// Changes the language that is expected and spoken (BCP 47); `None`: detect it.
    ///
    /// # Errors
    /// As [`push_audio`](Self::push_audio).
    pub fn set_language(&self, language: Option<String>) -> Outcome<()> {
        Ok(self.here()?.set_language(language)?)
    }

    /// Waits for the next events, at least one and at most `max`: whatever is there comes at once. Empty: the session is over.
    /// Cancelling the call loses nothing.
    pub fn next_batch(&self, max: usize) -> Call<LiveBatch> {
        self.next_within(max, None)
    }

    /// The same for as long as `patience`; `None`: for as long as it takes.
    ///
    /// # Errors
    /// `TIMEOUT` when nothing happened: ask again.
    pub fn next_within(&self, max: usize, patience: Option<Duration>) -> Call<LiveBatch> {
        let work = self.wait(max);
        Call::waiting(async move { patient(patience, work?).await })
    }

    /// Hands every event to `told`, one call after the other, on threads of the library for which it may block; the last call brings
    /// `Ended` or an error.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when the system gives no threads.
    pub fn tell(&self, told: impl FnMut(Outcome<EventRecord>) + Send + 'static) -> Outcome<()> {
        let lost = || ErrorRecord::closed("live session, whose events were not taken in time,");
        tell(self.clone(), lost, told)
    }

    fn wait(&self, max: usize) -> Outcome<impl Future<Output = Outcome<LiveBatch>> + Send + use<>> {
        self.here()?;
        let (session, events) = (Arc::clone(&self.session), Arc::clone(&self.events));
        Ok(async move {
            let mut batch = LiveBatch { events: Vec::new(), state: events.lock_owned().await };
            batch.fill(&session, max.max(1)).await;
            Ok(batch)
        })
    }

    /// Ends the session: what is being said is stopped, what was heard is stored. A session that is over already gives what it
    /// came to all the same.
    pub fn end(&self) -> Call<LiveSummaryRecord> {
        let here = self.here().map(|session| (Arc::clone(session), Arc::clone(&self.events)));
        Call::spawn(async move {
            let (session, events) = here?;
            let ended = session.end().await;
            let mut state = events.lock().await;
            match ended {
                Ok(summary) => Ok(state.summary.insert(summary.into()).clone()),
                Err(over) => {
                    // What it came to is among the events that nobody took yet.
                    while !state.over {
                        let next = session.next().await;
                        let event = state.seen(next);
                        state.ready.extend(event);
                    }
                    state.summary.clone().ok_or_else(|| over.into())
                }
            }
        })
    }
}

fn time(name: &str, seconds: f64) -> Outcome<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| ErrorRecord::invalid(format!("{name}: expected a number of seconds from 0")))
}

impl Events {
    /// Takes note of what the session gave.
    pub(crate) fn note(&mut self, event: Option<&LiveEvent>) {
        match event {
            None => self.over = true,
            Some(LiveEvent::Ended(summary)) => {
                self.summary = Some((**summary).into());
                self.over = true;
            }
            Some(_) => {}
        }
    }

    /// The same, with the record of it, if it has one.
    fn seen(&mut self, event: Option<LiveEvent>) -> Option<EventRecord> {
        self.note(event.as_ref());
        event.and_then(EventRecord::of_live)
    }
}

impl LiveBatch {
    async fn fill(&mut self, session: &voice_core::LiveSession, max: usize) {
        while self.events.len() < max {
            if let Some(event) = self.state.ready.pop_front() {
                self.events.push(event);
                continue;
            }
            if self.state.over {
                break;
            }
            // Only the first one is waited for.
            let next = match session.next().now_or_never() {
                Some(next) => next,
                None if self.events.is_empty() => session.next().await,
                None => break,
            };
            let event = self.state.seen(next);
            self.events.extend(event);
        }
    }
}
