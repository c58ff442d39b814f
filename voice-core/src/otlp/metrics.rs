//! Reports added up to metrics: histograms and counters since the start.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    attributes::Attributes,
    spans::{nanos, provider_and_model},
};
use crate::{
    cost::Usage,
    error::{ErrorCode, Stage},
    telemetry::{CallReport, Report, SessionReport, ToolReport, TurnReport},
    time::Timestamp,
};

/// The most series that are kept; what would make another is counted in one for all the rest.
const MOST_SERIES: usize = 2_000;

/// Sums and counts are of everything since the start.
const CUMULATIVE: u32 = 2;

/// Where the conventions cut durations (in seconds) and numbers of tokens.
const SECONDS: &[f64] = &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

enum Shape {
    Histogram(&'static [f64]),
    /// A sum of whole numbers.
    Count,
    /// A sum of any numbers.
    Sum,
}

struct Instrument {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    shape: Shape,
}

const fn instrument(name: &'static str, unit: &'static str, shape: Shape, description: &'static str) -> Instrument {
    Instrument { name, unit, description, shape }
}

static LLM_DURATION: Instrument = instrument(
    "gen_ai.client.operation.duration",
    "s",
    Shape::Histogram(SECONDS),
    "How long a call of the language model took.",
);
static LLM_FIRST: Instrument = instrument(
    "gen_ai.client.operation.time_to_first_chunk",
    "s",
    Shape::Histogram(SECONDS),
    "From a call of the language model to its first token (TTFT).",
);
static LLM_TOKENS: Instrument = instrument(
    "gen_ai.client.token.usage",
    "{token}",
    Shape::Histogram(TOKENS),
    "Tokens of a call of the language model.",
);
static TOOL_DURATION: Instrument =
    instrument("gen_ai.execute_tool.duration", "s", Shape::Histogram(SECONDS), "How long a call of a tool took.");
static SPEECH_DURATION: Instrument = instrument(
    "voice.speech.operation.duration",
    "s",
    Shape::Histogram(SECONDS),
    "How long a call of a recogniser or a voice took.",
);
static SPEECH_FIRST: Instrument = instrument(
    "voice.speech.operation.time_to_first_byte",
    "s",
    Shape::Histogram(SECONDS),
    "From a call of a recogniser or a voice to its first result (TTFB).",
);
static TURN_DURATION: Instrument =
    instrument("voice.turn.duration", "s", Shape::Histogram(SECONDS), "How long a turn took.");
static TURN_FIRST: Instrument = instrument(
    "voice.turn.time_to_first_audio",
    "s",
    Shape::Histogram(SECONDS),
    "From the start of a turn to the first sound of its answer (TTFA).",
);
static TURN_DELAY: Instrument = instrument(
    "voice.turn.end_of_utterance_delay",
    "s",
    Shape::Histogram(SECONDS),
    "From the end of the user's voice to the end of the user's turn.",
);
static SESSION_DURATION: Instrument =
    instrument("voice.session.duration", "s", Shape::Histogram(SECONDS), "How long a live session lasted.");
static TURNS: Instrument = instrument("voice.turns", "{turn}", Shape::Count, "Turns that are over.");
static INTERRUPTIONS: Instrument =
    instrument("voice.interruptions", "{turn}", Shape::Count, "Turns that the user interrupted.");
static ERRORS: Instrument =
    instrument("voice.errors", "{error}", Shape::Count, "Calls, tools and turns that failed, by their code.");
static ALL_TOKENS: Instrument = instrument("voice.tokens", "{token}", Shape::Count, "Tokens that were used.");
static CHARACTERS: Instrument =
    instrument("voice.characters", "{character}", Shape::Count, "Characters that were spoken.");
static HEARD: Instrument = instrument("voice.heard", "s", Shape::Sum, "Seconds of speech that were recognised.");
static COST: Instrument =
    instrument("voice.cost", "1", Shape::Sum, "What calls cost, in units of the currency that stands beside it.");

type Labels = Vec<(&'static str, String)>;

enum Point {
    Histogram { buckets: Vec<u64>, sum: f64, least: f64, most: f64 },
    Sum(f64),
}

struct Series {
    instrument: &'static Instrument,
    labels: Labels,
    point: Point,
}

/// Everything that was measured since the start.
pub(super) struct Metrics {
    since: Timestamp,
    series: Vec<Series>,
    places: HashMap<(&'static str, Labels), usize>,
    changed: bool,
}

impl Metrics {
    pub(super) fn new(since: Timestamp) -> Self {
        Self { since, series: Vec::new(), places: HashMap::new(), changed: false }
    }

    /// Whether there is something new since it was last written.
    pub(super) fn has_changed(&self) -> bool {
        self.changed
    }

    /// What was written has not arrived.
    pub(super) fn is_changed(&mut self) {
        self.changed = true;
    }

    pub(super) fn add(&mut self, report: &Report) {
        self.changed = true;
        match report {
            Report::Call(call) => self.add_call(call),
            Report::Tool(tool) => self.add_tool(tool),
            Report::Turn(turn) => self.add_turn(turn),
            Report::Session(session) => self.add_session(session),
        }
    }

    fn add_call(&mut self, call: &CallReport) {
        let (provider, model) = provider_and_model(&call.provider);
        let is_llm = call.stage == Stage::Llm;
        let operation = if is_llm { "chat" } else { call.stage.as_str() };
        let mut labels =
            vec![("gen_ai.operation.name", operation.to_owned()), ("gen_ai.provider.name", provider.to_owned())];
        labels.extend(model.map(|model| ("gen_ai.request.model", model.to_owned())));

        let (duration, first) = if is_llm { (&LLM_DURATION, &LLM_FIRST) } else { (&SPEECH_DURATION, &SPEECH_FIRST) };
        self.record(duration, with_error(&labels, call.error), call.duration.as_secs_f64());
        if let Some(came) = call.first_result {
            self.record(first, labels.clone(), came.as_secs_f64());
        }
        let Usage { input_tokens, output_tokens, stt_seconds, tts_characters, .. } = call.usage;
        for (kind, tokens) in [("input", input_tokens), ("output", output_tokens)].into_iter().filter(|(_, n)| *n > 0) {
            let labels = with(&labels, "gen_ai.token.type", kind);
            self.record(&LLM_TOKENS, labels.clone(), tokens as f64);
            self.record(&ALL_TOKENS, labels, tokens as f64);
        }
        if tts_characters > 0 {
            self.record(&CHARACTERS, labels.clone(), tts_characters as f64);
        }
        if stt_seconds > 0.0 {
            self.record(&HEARD, labels.clone(), stt_seconds);
        }
        if let Some(cost) = call.cost {
            let amount = cost.amount().parse().unwrap_or_default();
            self.record(&COST, with(&labels, "voice.cost.currency", cost.currency().as_str()), amount);
        }
        self.add_error(operation, call.error);
    }

    fn add_tool(&mut self, tool: &ToolReport) {
        let mut labels = vec![("gen_ai.operation.name", "execute_tool".to_owned())];
        labels.extend(tool.name.clone().map(|name| ("gen_ai.tool.name", name)));
        self.record(&TOOL_DURATION, with_error(&labels, tool.error), tool.duration.as_secs_f64());
        self.add_error("execute_tool", tool.error);
    }

    fn add_turn(&mut self, turn: &TurnReport) {
        let labels = vec![("voice.turn.kind", turn.kind.to_owned()), ("voice.turn.live", turn.live.to_string())];
        let ended = with_error(&labels, turn.error);
        self.record(&TURNS, ended.clone(), 1.0);
        self.record(&TURN_DURATION, ended, turn.duration.as_secs_f64());
        if let Some(first) = turn.first_audio {
            self.record(&TURN_FIRST, labels.clone(), first.as_secs_f64());
        }
        if let Some(delay) = turn.end_of_utterance_delay {
            self.record(&TURN_DELAY, labels.clone(), delay.as_secs_f64());
        }
        if turn.interrupted {
            self.record(&INTERRUPTIONS, labels, 1.0);
        }
        self.add_error("turn", turn.error);
    }

    fn add_session(&mut self, session: &SessionReport) {
        let labels = vec![("voice.session.end_reason", session.reason.to_owned())];
        self.record(&SESSION_DURATION, labels, session.duration.as_secs_f64());
    }

    fn add_error(&mut self, operation: &str, error: Option<ErrorCode>) {
        if error.is_some_and(|code| code != ErrorCode::Cancelled) {
            let labels = with_error(&vec![("gen_ai.operation.name", operation.to_owned())], error);
            self.record(&ERRORS, labels, 1.0);
        }
    }

    fn record(&mut self, instrument: &'static Instrument, labels: Labels, value: f64) {
        let place = match self.places.get(&(instrument.name, labels.clone())) {
            Some(place) => *place,
            None => self.begin(instrument, labels),
        };
        self.series[place].point.add(instrument, value);
    }

    /// Begins a series, or gives the one for all the rest of its instrument.
    fn begin(&mut self, instrument: &'static Instrument, labels: Labels) -> usize {
        let rest = vec![("otel.metric.overflow", true.to_string())];
        let labels = if self.series.len() < MOST_SERIES { labels } else { rest };
        let key = (instrument.name, labels.clone());
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let place = self.series.len();
        self.series.push(Series { instrument, labels, point: Point::new(instrument) });
        self.places.insert(key, place);
        place
    }

    /// Everything as OTLP writes it; from here on nothing has changed.
    pub(super) fn written(&mut self, now: Timestamp) -> Vec<Value> {
        self.changed = false;
        let (since, now) = (nanos(self.since), nanos(now));
        let mut by_name: Vec<(&'static Instrument, Vec<Value>)> = Vec::new();
        for series in &self.series {
            let point = series.written(&since, &now);
            match by_name.iter_mut().find(|(instrument, _)| instrument.name == series.instrument.name) {
                Some((_, points)) => points.push(point),
                None => by_name.push((series.instrument, vec![point])),
            }
        }
        by_name.into_iter().map(|(instrument, points)| instrument.written(points)).collect()
    }
}

impl Point {
    fn new(instrument: &Instrument) -> Self {
        match instrument.shape {
            Shape::Histogram(bounds) => {
                let (least, most) = (f64::INFINITY, f64::NEG_INFINITY);
                Self::Histogram { buckets: vec![0; bounds.len() + 1], sum: 0.0, least, most }
            }
            Shape::Count | Shape::Sum => Self::Sum(0.0),
        }
    }

    fn add(&mut self, instrument: &Instrument, value: f64) {
        match self {
            Self::Sum(sum) => *sum += value,
            Self::Histogram { buckets, sum, least, most } => {
                let Shape::Histogram(bounds) = instrument.shape else { return };
                // A bound belongs to the bucket below it.
                buckets[bounds.partition_point(|bound| *bound < value)] += 1;
                *sum += value;
                (*least, *most) = (least.min(value), most.max(value));
            }
        }
    }
}

impl Series {
    fn written(&self, since: &str, now: &str) -> Value {
        let mut attributes = Attributes::default();
        for (key, value) in &self.labels {
            match value.parse() {
                Ok(flag) => attributes.flag(key, flag),
                Err(_) => attributes.text(key, value),
            }
        }
        let mut point = json!({ "attributes": attributes, "startTimeUnixNano": since, "timeUnixNano": now });
        match &self.point {
            Point::Sum(sum) if matches!(self.instrument.shape, Shape::Count) => {
                point["asInt"] = format!("{sum:.0}").into();
            }
            Point::Sum(sum) => point["asDouble"] = json!(sum),
            Point::Histogram { buckets, sum, least, most } => {
                let Shape::Histogram(bounds) = self.instrument.shape else { return point };
                point["count"] = buckets.iter().sum::<u64>().to_string().into();
                point["sum"] = json!(sum);
                point["min"] = json!(least);
                point["max"] = json!(most);
                point["bucketCounts"] = buckets.iter().map(u64::to_string).collect();
                point["explicitBounds"] = json!(bounds);
            }
        }
        point
    }
}

impl Instrument {
    fn written(&self, points: Vec<Value>) -> Value {
        let mut metric = json!({ "name": self.name, "unit": self.unit, "description": self.description });
        match self.shape {
            Shape::Histogram(_) => {
                metric["histogram"] = json!({ "aggregationTemporality": CUMULATIVE, "dataPoints": points });
            }
            Shape::Count | Shape::Sum => {
                let sum = json!({ "aggregationTemporality": CUMULATIVE, "isMonotonic": true, "dataPoints": points });
                metric["sum"] = sum;
            }
        }
        metric
    }
}

fn with(labels: &Labels, key: &'static str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.push((key, value.to_owned()));
    labels
}

fn with_error(labels: &Labels, error: Option<ErrorCode>) -> Labels {
    error.map_or_else(|| labels.clone(), |code| with(labels, "error.type", code.as_str()))
}
