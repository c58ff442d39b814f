//! What is being measured, and which turn it belongs to: in a live session that is known only when the turn is stored.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    CallReport, Report, SessionReport, SpanId, ToolReport, TraceContext, TraceId, TurnReport,
    lane::{Lanes, Telemetry},
};
use crate::{
    cost::{Cost, Spent, Usage},
    error::{Error, ErrorCode, Stage},
    id::{AssistantId, OrganizationId, SessionId, TurnId},
    message::{Reply, Timings},
    time::Timestamp,
};

/// The most reports that wait for their turn to be known; later ones go without.
const MOST_WAITING: usize = 512;

/// Whose turns and sessions are measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Who {
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) assistant: Option<AssistantId>,
    pub(crate) user: Option<String>,
}

/// What calls are a part of. Clones are one; the default one measures nothing.
#[derive(Clone, Default)]
pub(crate) struct Scope(Option<Arc<Inner>>);

struct Inner {
    lanes: Arc<Lanes>,
    trace_id: TraceId,
    session_id: SessionId,
    state: Mutex<State>,
}

enum State {
    /// Nobody knows yet which turn it is.
    Open(Vec<Report>),
    /// It is this.
    Known(Parent),
    /// It is whatever that one is.
    Joined(Arc<Inner>),
}

#[derive(Clone, Copy)]
struct Parent {
    turn: Option<TurnId>,
    span: Option<SpanId>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({})", if self.0.is_some() { "measured" } else { "not measured" })
    }
}

impl Scope {
    fn new(lanes: &Arc<Lanes>, trace_id: TraceId, session_id: SessionId, state: State) -> Self {
        let lanes = Arc::clone(lanes);
        Self(Some(Arc::new(Inner { lanes, trace_id, session_id, state: Mutex::new(state) })))
    }

    /// Begins to measure a call of a provider.
    pub(crate) fn call(&self, stage: Stage, provider: &str) -> MeasuredCall {
        MeasuredCall(self.0.as_ref().map(|inner| {
            Box::new(CallUnderWay {
                scope: Arc::clone(inner),
                stage,
                provider: provider.to_owned(),
                started: Instant::now(),
                first_result: None,
                attempts: 1,
                usage: Usage::default(),
                cost: None,
            })
        }))
    }

    /// Begins to measure a call of a tool.
    pub(crate) fn tool(&self, name: Option<&str>) -> MeasuredTool {
        MeasuredTool(self.0.as_ref().map(|inner| (Arc::clone(inner), name.map(str::to_owned), Instant::now())))
    }

    /// What was measured here belongs to `other`, unless it is known already. `false`: `other` belongs to this one.
    pub(crate) fn join(&self, other: &Self) -> bool {
        let (Some(one), Some(other)) = (&self.0, &other.0) else { return true };
        let (one, other) = (root(one), root(other));
        if Arc::ptr_eq(&one, &other) {
            return false;
        }
        let waiting = {
            let mut state = one.lock();
            let State::Open(waiting) = &mut *state else { return true };
            let waiting = std::mem::take(waiting);
            *state = State::Joined(Arc::clone(&other));
            waiting
        };
        waiting.into_iter().for_each(|report| other.send(report));
        true
    }

    fn settle(&self, parent: Parent) {
        let Some(inner) = self.0.as_ref().map(root) else { return };
        let waiting = {
            let mut state = inner.lock();
            match &mut *state {
                State::Open(waiting) => {
                    let waiting = std::mem::take(waiting);
                    *state = State::Known(parent);
                    waiting
                }
                State::Known(_) | State::Joined(_) => return,
            }
        };
        waiting.into_iter().for_each(|report| inner.send(report));
    }
}

/// Where the reports of a scope go in the end.
fn root(inner: &Arc<Inner>) -> Arc<Inner> {
    let mut at = Arc::clone(inner);
    loop {
        let next = match &*at.lock() {
            State::Joined(next) => Arc::clone(next),
            State::Open(_) | State::Known(_) => break,
        };
        at = next;
    }
    at
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trace(&self) -> TraceContext {
        TraceContext { trace_id: self.trace_id, span_id: SpanId::new(), parent_span_id: None }
    }

    fn send(self: &Arc<Self>, mut report: Report) {
        let parent = match &mut *self.lock() {
            State::Open(waiting) if waiting.len() < MOST_WAITING => return waiting.push(report),
            State::Open(_) => Ok(Parent { turn: None, span: None }),
            State::Known(parent) => Ok(*parent),
            State::Joined(next) => Err(Arc::clone(next)),
        };
        let parent = match parent {
            Ok(parent) => parent,
            Err(next) => return next.send(report),
        };
        let (turn, trace) = match &mut report {
            Report::Call(call) => (&mut call.turn_id, &mut call.trace),
            Report::Tool(tool) => (&mut tool.turn_id, &mut tool.trace),
            Report::Turn(_) | Report::Session(_) => return self.lanes.send(report),
        };
        (*turn, trace.parent_span_id) = (parent.turn, parent.span);
        self.lanes.send(report);
    }

    /// When something began that has gone on for so long.
    fn began(&self, ago: Duration) -> Timestamp {
        began(&self.lanes, ago)
    }
}

fn began(lanes: &Lanes, ago: Duration) -> Timestamp {
    let now = lanes.clock().now();
    now.checked_sub(ago).unwrap_or(now)
}

/// A call of a provider under way. One that is dropped before its end was cancelled.
pub(crate) struct MeasuredCall(Option<Box<CallUnderWay>>);

struct CallUnderWay {
    scope: Arc<Inner>,
    stage: Stage,
    provider: String,
    /// What its duration counts from.
    started: Instant,
    first_result: Option<Duration>,
    attempts: u32,
    usage: Usage,
    cost: Option<Cost>,
}

impl MeasuredCall {
    /// Its first result came then, after so many attempts.
    pub(crate) fn opened(&mut self, first_result: Instant, attempts: u32) {
        if let Some(call) = &mut self.0 {
            (call.first_result, call.attempts) = (Some(first_result.saturating_duration_since(call.started)), attempts);
        }
    }

    /// It counts from now on: nobody waited before.
    pub(crate) fn counts_from_now(&mut self) {
        if let Some(call) = &mut self.0 {
            call.started = Instant::now();
        }
    }

    /// Its result came.
    pub(crate) fn came(&mut self) {
        if let Some(call) = &mut self.0 {
            call.first_result = Some(call.started.elapsed());
        }
    }

    /// What it used so far, and what that costs.
    pub(crate) fn used(&mut self, usage: Usage, cost: Option<Cost>) {
        if let Some(call) = &mut self.0 {
            (call.usage, call.cost) = (usage, cost);
        }
    }

    /// It failed, after so many attempts.
    pub(crate) fn failed(&mut self, error: &Error, attempts: u32) {
        if let Some(call) = &mut self.0 {
            call.attempts = attempts;
        }
        self.end(Some(error.code()));
    }

    /// It is over; later calls of this do nothing.
    pub(crate) fn end(&mut self, error: Option<ErrorCode>) {
        let Some(call) = self.0.take() else { return };
        let duration = call.started.elapsed();
        let CallUnderWay { scope, stage, provider, first_result, attempts, usage, cost, .. } = *call;
        scope.send(Report::Call(CallReport {
            session_id: scope.session_id,
            turn_id: None,
            trace: scope.trace(),
            stage,
            provider,
            started_at: scope.began(duration),
            duration,
            first_result,
            attempts,
            usage,
            cost,
            error,
        }));
    }
}

impl Drop for MeasuredCall {
    fn drop(&mut self) {
        self.end(Some(ErrorCode::Cancelled));
    }
}

/// A call of a tool under way. One that is dropped before its end was cancelled.
pub(crate) struct MeasuredTool(Option<(Arc<Inner>, Option<String>, Instant)>);

impl MeasuredTool {
    /// It is over.
    pub(crate) fn end(&mut self, error: Option<ErrorCode>) {
        let Some((scope, name, started)) = self.0.take() else { return };
        let duration = started.elapsed();
        scope.send(Report::Tool(ToolReport {
            session_id: scope.session_id,
            turn_id: None,
            trace: scope.trace(),
            name,
            started_at: scope.began(duration),
            duration,
            error,
        }));
    }
}

impl Drop for MeasuredTool {
    fn drop(&mut self) {
        self.end(Some(ErrorCode::Cancelled));
    }
}

/// A one-shot turn under way. One that is dropped before its end was cancelled.
pub(crate) struct MeasuredTurn(Option<TurnUnderWay>);

struct TurnUnderWay {
    lanes: Arc<Lanes>,
    trace: TraceContext,
    turn_id: TurnId,
    kind: &'static str,
    started: Instant,
    session: OnceLock<(SessionId, Who)>,
}

impl Telemetry {
    /// Begins to measure a one-shot turn.
    pub(crate) fn turn(&self, turn_id: TurnId, kind: &'static str) -> MeasuredTurn {
        MeasuredTurn(self.0.as_ref().map(|lanes| TurnUnderWay {
            lanes: Arc::clone(lanes),
            trace: TraceContext { trace_id: TraceId::new(), span_id: SpanId::new(), parent_span_id: None },
            turn_id,
            kind,
            started: Instant::now(),
            session: OnceLock::new(),
        }))
    }

    /// Begins to measure a live session.
    pub(crate) fn session(&self, session_id: SessionId, who: impl FnOnce() -> Who) -> MeasuredSession {
        MeasuredSession(self.0.as_ref().map(|lanes| SessionUnderWay {
            lanes: Arc::clone(lanes),
            session_id,
            trace: TraceContext { trace_id: TraceId::new(), span_id: SpanId::new(), parent_span_id: None },
            who: who(),
        }))
    }
}

impl MeasuredTurn {
    /// It was let into this session: what its calls are a part of.
    pub(crate) fn enters(&self, session: SessionId, who: impl FnOnce() -> Who) -> Scope {
        let Some(turn) = &self.0 else { return Scope::default() };
        let session = turn.session.get_or_init(|| (session, who())).0;
        let parent = Parent { turn: Some(turn.turn_id), span: Some(turn.trace.span_id) };
        Scope::new(&turn.lanes, turn.trace.trace_id, session, State::Known(parent))
    }

    /// It is over: with its reply, an error, or both.
    pub(crate) fn end(&mut self, reply: Option<&Reply>, error: Option<ErrorCode>) {
        let timings = reply.map(|reply| reply.timings).unwrap_or_default();
        let spent = reply.map(|reply| (reply.usage, reply.cost)).unwrap_or_default();
        self.send(timings, reply.map_or(0, |reply| reply.tool_calls.len()), spent, error);
    }

    /// It is over, and was no answer: with what it used, and an error if it failed.
    pub(crate) fn end_with(&mut self, spent: Spent, error: Option<ErrorCode>) {
        self.send(Timings::default(), 0, (spent.usage, spent.cost), error);
    }

    fn send(
        &mut self,
        timings: Timings,
        tool_calls: usize,
        (usage, cost): (Usage, Option<Cost>),
        error: Option<ErrorCode>,
    ) {
        let Some(turn) = self.0.take() else { return };
        let duration = turn.started.elapsed();
        let (session_id, who) = turn.session.into_inner().unzip();
        let who = who.unwrap_or_default();
        turn.lanes.send(Report::Turn(Box::new(TurnReport {
            session_id,
            turn_id: turn.turn_id,
            organization_id: who.organization,
            assistant_id: who.assistant,
            user: who.user,
            trace: turn.trace,
            live: false,
            kind: turn.kind,
            started_at: began(&turn.lanes, duration),
            duration,
            timings,
            first_audio: timings.first_audio,
            end_of_utterance_delay: None,
            tool_calls: tool_calls as u32,
            interrupted: false,
            usage,
            cost,
            error,
        })));
    }
}

impl Drop for MeasuredTurn {
    fn drop(&mut self) {
        self.end(None, Some(ErrorCode::Cancelled));
    }
}

/// A live session under way.
#[derive(Clone)]
pub(crate) struct MeasuredSession(Option<SessionUnderWay>);

#[derive(Clone)]
struct SessionUnderWay {
    lanes: Arc<Lanes>,
    session_id: SessionId,
    trace: TraceContext,
    who: Who,
}

/// What a live session says of an exchange that is over.
pub(crate) struct Exchange {
    pub(crate) turn_id: TurnId,
    pub(crate) kind: &'static str,
    /// How long ago it began.
    pub(crate) took: Duration,
    pub(crate) timings: Timings,
    pub(crate) first_audio: Option<Duration>,
    pub(crate) end_of_utterance_delay: Option<Duration>,
    pub(crate) tool_calls: usize,
    pub(crate) interrupted: bool,
    pub(crate) usage: Usage,
    pub(crate) cost: Option<Cost>,
    pub(crate) error: Option<ErrorCode>,
}

/// An exchange that is being stored. One that is dropped before that was cancelled.
pub(crate) struct MeasuredExchange(Option<(Arc<Lanes>, Box<TurnReport>)>);

impl MeasuredSession {
    /// What calls are a part of whose turn is not known yet.
    pub(crate) fn scope(&self) -> Scope {
        self.0.as_ref().map_or_else(Scope::default, |session| {
            Scope::new(&session.lanes, session.trace.trace_id, session.session_id, State::Open(Vec::new()))
        })
    }

    /// What was measured in `scope` came to nothing: it goes on with what came before.
    pub(crate) fn came_to_nothing(&self, scope: &Scope, before: &Scope) {
        if !scope.join(before) {
            self.belongs_to_no_turn(scope);
        }
    }

    /// What was measured in `scope` never became a part of a turn.
    pub(crate) fn belongs_to_no_turn(&self, scope: &Scope) {
        scope.settle(Parent { turn: None, span: self.0.as_ref().map(|session| session.trace.span_id) });
    }

    /// An exchange is over and about to be stored; what was measured in `scope` is a part of it.
    pub(crate) fn exchange(&self, scope: &Scope, exchange: Exchange) -> MeasuredExchange {
        let Some(session) = &self.0 else { return MeasuredExchange(None) };
        let parent_span_id = Some(session.trace.span_id);
        let trace = TraceContext { span_id: SpanId::new(), parent_span_id, ..session.trace };
        scope.settle(Parent { turn: Some(exchange.turn_id), span: Some(trace.span_id) });
        let report = TurnReport {
            session_id: Some(session.session_id),
            turn_id: exchange.turn_id,
            organization_id: session.who.organization,
            assistant_id: session.who.assistant,
            user: session.who.user.clone(),
            trace,
            live: true,
            kind: exchange.kind,
            started_at: began(&session.lanes, exchange.took),
            duration: exchange.took,
            timings: exchange.timings,
            first_audio: exchange.first_audio,
            end_of_utterance_delay: exchange.end_of_utterance_delay,
            tool_calls: exchange.tool_calls as u32,
            interrupted: exchange.interrupted,
            usage: exchange.usage,
            cost: exchange.cost,
            error: exchange.error,
        };
        MeasuredExchange(Some((Arc::clone(&session.lanes), Box::new(report))))
    }

    /// It is over.
    pub(crate) fn end(
        &self,
        reason: &'static str,
        duration: Duration,
        (turns, interruptions): (u32, u32),
        (usage, cost): (Usage, Option<Cost>),
    ) {
        let Some(session) = &self.0 else { return };
        session.lanes.send(Report::Session(SessionReport {
            session_id: session.session_id,
            organization_id: session.who.organization,
            assistant_id: session.who.assistant,
            user: session.who.user.clone(),
            trace: session.trace,
            started_at: began(&session.lanes, duration),
            duration,
            reason,
            turns,
            interruptions,
            usage,
            cost,
        }));
    }
}

impl MeasuredExchange {
    /// It is stored, or could not be; its stages came through at these times.
    pub(crate) fn end(mut self, stored: Option<ErrorCode>, timings: Timings) {
        if let Some((_, report)) = &mut self.0 {
            report.timings = timings;
        }
        self.send(stored);
    }

    fn send(&mut self, stored: Option<ErrorCode>) {
        let Some((lanes, mut report)) = self.0.take() else { return };
        report.error = report.error.or(stored);
        lanes.send(Report::Turn(report));
    }
}

impl Drop for MeasuredExchange {
    fn drop(&mut self) {
        self.send(Some(ErrorCode::Cancelled));
    }
}
