//! The user's words: recognised while they are spoken where a provider can, else utterance by utterance.

use std::task::{Context, Poll, ready};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{event::LiveEvent, session::Driver, turn_taking::Input};
use crate::{
    audio::{Pcm, SPEECH_RATE, Utterance},
    config::Recognition,
    error::{Error, Result},
    event::{Transcript, TurnEvent},
    provider::{CallContext, Kept, ListenRequest},
    turn::{Outcome, Sink, Spoken},
};

/// How much of what recognisers tell meanwhile may wait for the session.
const TOLD: usize = 16;

/// What is being recognised.
#[derive(Clone, Copy)]
pub(super) enum Heard {
    /// An utterance.
    Segment(u64),
    /// What is being said, to be looked at once.
    Probe,
}

/// What comes of recognising.
pub(super) enum News {
    /// Something is told of it meanwhile.
    Told(Heard, TurnEvent),
    /// It is recognised, or cannot be.
    Done(Heard, Result<Outcome>),
}

/// Everything that is being recognised.
pub(super) struct Hearing {
    tasks: JoinSet<(Heard, Result<Outcome>)>,
    /// What each of them tells meanwhile.
    told: Vec<(Heard, mpsc::Receiver<Result<TurnEvent>>)>,
    /// One that is done, until the last that it told is taken.
    done: Option<(Heard, Result<Outcome>)>,
    /// The utterance that is recognised while it is spoken.
    open: Option<Open>,
    /// What the recogniser keeps from one utterance to the next.
    kept: Kept,
    /// Its own: what was said last is recognised though the session is over.
    cancel: CancellationToken,
    _stop: DropGuard,
}

/// An utterance that is being spoken.
struct Open {
    segment: u64,
    /// Closed by the other side when nobody listens any more.
    sound: mpsc::UnboundedSender<Pcm>,
    whole: oneshot::Sender<Utterance>,
    /// How many samples of it were passed on.
    given: usize,
}

impl Open {
    /// Passes on what is new of what was said so far.
    fn give(&mut self, so_far: &[i16]) {
        if let Some(new) = so_far.get(self.given..).filter(|new| !new.is_empty()) {
            self.given = so_far.len();
            // Where nobody listens any more, the whole is recognised in the end.
            let _deaf = self.sound.send(Pcm::new(new, SPEECH_RATE));
        }
    }
}

impl Hearing {
    pub(super) fn new() -> Self {
        let cancel = CancellationToken::new();
        let stop = cancel.clone().drop_guard();
        Self {
            tasks: JoinSet::new(),
            told: Vec::new(),
            done: None,
            open: None,
            kept: Kept::default(),
            cancel,
            _stop: stop,
        }
    }

    /// Whether nothing is being recognised.
    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.done.is_none()
    }

    /// The next news; pending while nothing is being recognised.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        loop {
            for (what, events) in &mut self.told {
                if let Poll::Ready(Some(Ok(event))) = events.poll_recv(cx) {
                    return Poll::Ready(News::Told(*what, event));
                }
            }
            if let Some((what, outcome)) = self.done.take() {
                return Poll::Ready(News::Done(what, outcome));
            }
            let Some(ended) = ready!(self.tasks.poll_join_next(cx)) else { return Poll::Pending };
            self.done = Some(ended.unwrap_or_else(|stopped| {
                let error = Error::internal(format!("a task that recognises speech stopped: {stopped}"));
                (Heard::Probe, Err(error))
            }));
            self.told.retain(|(_, events)| !(events.is_closed() && events.is_empty()));
        }
    }
}

impl Driver {
    fn listens(&self) -> bool {
        self.config.recognition == Recognition::Streaming && self.engine.can_listen()
    }

    fn listen_request(&self) -> ListenRequest {
        let mut request = ListenRequest::new().with_language(self.language.clone());
        request.kept = self.hearing.kept.clone();
        request
    }

    /// The session begins: somebody may speak at any moment.
    pub(super) fn prepare_to_listen(&self) {
        if self.listens() && self.talk.is_none() {
            self.engine.prepare_to_listen(&self.listen_request());
        }
    }

    /// The user begins to speak.
    pub(super) fn begin_to_listen(&mut self) {
        if !self.listens() {
            return;
        }
        let segment = self.segment();
        let (sound, taken) = mpsc::unbounded_channel();
        let (whole, rest) = oneshot::channel();
        self.hearing.open = Some(Open { segment, sound, whole, given: 0 });
        let (engine, request, ctx) = (self.engine.clone(), self.listen_request(), self.recognising());
        self.attend(Heard::Segment(segment), move |sink| async move {
            engine.listen(Spoken { sound: taken, whole: rest }, request, ctx, &Sink::Stream(sink)).await
        });
    }

    /// The user speaks: what is new of it goes to who listens.
    pub(super) fn go_on_listening(&mut self) {
        if let (Some(open), Some(so_far)) = (&mut self.hearing.open, self.front.so_far()) {
            open.give(so_far);
        }
    }

    /// An utterance is over, or cut off: it is recognised under the number that is given back.
    pub(super) fn utterance_is_over(&mut self, samples: Vec<i16>) -> u64 {
        if self.engine.recordings.as_ref().is_some_and(|kept| kept.user) {
            self.said.extend_from_slice(&samples);
        }
        match self.hearing.open.take() {
            Some(mut open) => {
                open.give(&samples);
                // The session's own end drops the task; nobody else does.
                let _over = open.whole.send(Utterance::from_samples(samples));
                open.segment
            }
            None => {
                let segment = self.segment();
                self.recognise(Heard::Segment(segment), samples);
                segment
            }
        }
    }

    /// Looks at what is being said.
    pub(super) fn look_at_what_is_said(&mut self) {
        if self.hearing.open.as_ref().is_some_and(|open| !open.sound.is_closed()) {
            let text = self.taking.being_said().to_owned();
            self.tell(Input::Probed { text });
        } else if let Some(samples) = self.front.so_far().map(<[i16]>::to_vec) {
            self.recognise(Heard::Probe, samples);
        }
    }

    fn recognise(&mut self, what: Heard, samples: Vec<i16>) {
        let (engine, language, mut ctx) = (self.engine.clone(), self.language.clone(), self.recognising());
        ctx.deadline = Some(Instant::now() + engine.settings.deadline);
        self.attend(what, move |sink| async move {
            engine.hear(Utterance::from_samples(samples), language, ctx, &Sink::Figures(sink)).await
        });
    }

    /// Has something recognised by a task of its own, which tells meanwhile what there is to tell.
    fn attend<F>(&mut self, what: Heard, hear: impl FnOnce(mpsc::Sender<Result<TurnEvent>>) -> F)
    where
        F: Future<Output = Result<Outcome>> + Send + 'static,
    {
        let (sink, events) = mpsc::channel(TOLD);
        self.hearing.told.push((what, events));
        // In a place of its own: a call of a provider is kilobytes, and a task is moved.
        let hearing = Box::pin(hear(sink));
        self.hearing.tasks.spawn(async move { (what, hearing.await) });
    }

    fn recognising(&self) -> CallContext {
        let mut ctx = CallContext::new();
        ctx.session_id = self.session.id;
        ctx.user = self.session.user.as_deref().map(Into::into);
        ctx.cancel = self.hearing.cancel.child_token();
        (ctx.ledger, ctx.scope) = (self.ledger.clone(), self.unanswered.clone());
        ctx
    }

    pub(super) fn on_news(&mut self, news: News) {
        match news {
            News::Told(Heard::Segment(segment), TurnEvent::Transcript(words)) if !words.is_final => {
                if words.language.is_some() {
                    self.heard_language = words.language;
                }
                self.note(segment, words.text);
                self.tell(Input::Interim);
            }
            News::Told(_, TurnEvent::Metrics(metrics)) => self.emit(LiveEvent::Metrics(metrics)),
            News::Told(..) => {}
            News::Done(what, outcome) => self.on_heard(what, outcome),
        }
    }

    fn on_heard(&mut self, what: Heard, outcome: Result<Outcome>) {
        let (text, completeness) = match outcome {
            Ok(outcome) => {
                // Of who interprets several people are heard: the language of one says nothing of the next.
                let is_anew = self.engine.interpreter.is_some() && !outcome.transcript.is_empty();
                if outcome.language.is_some() || is_anew {
                    self.heard_language = outcome.language;
                }
                (outcome.transcript, outcome.completeness)
            }
            Err(error) => {
                self.emit(LiveEvent::Error(error));
                (String::new(), None)
            }
        };
        match what {
            Heard::Probe => {
                self.show_interim(&text);
                self.tell(Input::Probed { text });
            }
            Heard::Segment(segment) => {
                self.note(segment, text.clone());
                self.tell(Input::Transcribed { segment, text, completeness });
            }
        }
    }

    /// What an utterance says, so far or in the end. It is shown before anything comes of it: the words may end the turn.
    fn note(&mut self, segment: u64, text: String) {
        let now = self.now();
        self.taking.note(segment, text, now);
        self.show_interim("");
    }

    /// What the user says, as far as it is known; `latest` is what was seen of it just now.
    fn show_interim(&mut self, latest: &str) {
        let mut text = self.taking.said_so_far();
        if !text.is_empty() && !latest.is_empty() {
            text.push(' ');
        }
        text.push_str(latest.trim());
        if !text.is_empty() {
            self.show(Transcript::interim(text));
        }
    }

    pub(super) fn show(&mut self, mut transcript: Transcript) {
        transcript.language = self.spoken_language();
        self.emit(LiveEvent::Transcript(transcript));
    }
}
