//! Reports as spans.

use std::time::Duration;

use serde_json::{Value, json};

use super::attributes::Attributes;
use crate::{
    cost::{Cost, Usage},
    error::{ErrorCode, Stage},
    telemetry::{CallReport, Report, SessionReport, ToolReport, TraceContext, TurnReport},
    time::Timestamp,
};

/// The kinds of spans, by their numbers: work inside of this process, and a request to somebody else.
const INTERNAL: u32 = 1;
const CLIENT: u32 = 3;
/// The status of a span that failed.
const FAILED: u32 = 2;

/// A report as a span.
pub(super) fn span(report: &Report) -> Value {
    match report {
        Report::Call(call) => of_call(call),
        Report::Tool(tool) => of_tool(tool),
        Report::Turn(turn) => of_turn(turn),
        Report::Session(session) => of_session(session),
    }
}

/// `openai/gpt-transcribe` as the provider's name and the model's.
pub(super) fn provider_and_model(name: &str) -> (&str, Option<&str>) {
    name.split_once('/').map_or((name, None), |(provider, model)| (provider, Some(model)))
}

fn of_call(call: &CallReport) -> Value {
    let (provider, model) = provider_and_model(&call.provider);
    // The conventions have a name for what a language model does; for speech there is none yet.
    let operation = if call.stage == Stage::Llm { "chat" } else { call.stage.as_str() };
    let mut attributes = Attributes::default();
    attributes.text("gen_ai.operation.name", operation);
    attributes.text("gen_ai.provider.name", provider);
    attributes.some_text("gen_ai.request.model", model);
    attributes.text("gen_ai.conversation.id", &call.session_id.to_string());
    attributes.some_text("voice.turn.id", call.turn_id);
    attributes.text("voice.stage", call.stage.as_str());
    attributes.whole("voice.attempts", call.attempts.into());
    if let Some(first) = call.first_result {
        let key =
            if call.stage == Stage::Llm { "gen_ai.response.time_to_first_chunk" } else { "voice.time_to_first_byte" };
        attributes.number(key, first.as_secs_f64());
    }
    used(&mut attributes, &call.usage, call.cost);
    failed(&mut attributes, call.error);
    let name = model.map_or_else(|| operation.to_owned(), |model| format!("{operation} {model}"));
    written(&call.trace, &name, CLIENT, call.started_at, call.duration, attributes, call.error)
}

fn of_tool(tool: &ToolReport) -> Value {
    let mut attributes = Attributes::default();
    attributes.text("gen_ai.operation.name", "execute_tool");
    attributes.some_text("gen_ai.tool.name", tool.name.as_deref());
    attributes.text("gen_ai.tool.type", "function");
    attributes.text("gen_ai.conversation.id", &tool.session_id.to_string());
    attributes.some_text("voice.turn.id", tool.turn_id);
    failed(&mut attributes, tool.error);
    let name = tool.name.as_ref().map_or_else(|| "execute_tool".to_owned(), |name| format!("execute_tool {name}"));
    written(&tool.trace, &name, INTERNAL, tool.started_at, tool.duration, attributes, tool.error)
}

fn of_turn(turn: &TurnReport) -> Value {
    let mut attributes = Attributes::default();
    attributes.some_text("gen_ai.conversation.id", turn.session_id);
    attributes.text("voice.turn.id", &turn.turn_id.to_string());
    attributes.text("voice.turn.kind", turn.kind);
    attributes.flag("voice.turn.live", turn.live);
    attributes.flag("voice.turn.interrupted", turn.interrupted);
    attributes.whole("voice.turn.tool_calls", turn.tool_calls.into());
    attributes.some_text("voice.organization.id", turn.organization_id);
    attributes.some_text("gen_ai.agent.id", turn.assistant_id);
    attributes.some_text("user.id", turn.user.as_deref());
    if let Some(first) = turn.first_audio {
        attributes.number("voice.turn.time_to_first_audio", first.as_secs_f64());
    }
    if let Some(delay) = turn.end_of_utterance_delay {
        attributes.number("voice.turn.end_of_utterance_delay", delay.as_secs_f64());
    }
    used(&mut attributes, &turn.usage, turn.cost);
    failed(&mut attributes, turn.error);
    written(&turn.trace, "turn", INTERNAL, turn.started_at, turn.duration, attributes, turn.error)
}

fn of_session(session: &SessionReport) -> Value {
    let mut attributes = Attributes::default();
    attributes.text("gen_ai.conversation.id", &session.session_id.to_string());
    attributes.text("voice.session.end_reason", session.reason);
    attributes.whole("voice.session.turns", session.turns.into());
    attributes.whole("voice.session.interruptions", session.interruptions.into());
    attributes.some_text("voice.organization.id", session.organization_id);
    attributes.some_text("gen_ai.agent.id", session.assistant_id);
    attributes.some_text("user.id", session.user.as_deref());
    used(&mut attributes, &session.usage, session.cost);
    written(&session.trace, "session", INTERNAL, session.started_at, session.duration, attributes, None)
}

fn used(attributes: &mut Attributes, usage: &Usage, cost: Option<Cost>) {
    for (key, count) in [
        ("gen_ai.usage.input_tokens", usage.input_tokens),
        ("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens),
        ("gen_ai.usage.output_tokens", usage.output_tokens),
        ("voice.usage.tts_characters", usage.tts_characters),
    ] {
        if count > 0 {
            attributes.whole(key, count);
        }
    }
    if usage.stt_seconds > 0.0 {
        attributes.number("voice.usage.stt_seconds", usage.stt_seconds);
    }
    if let Some(cost) = cost {
        attributes.text("voice.cost.amount", &cost.amount());
        attributes.text("voice.cost.currency", cost.currency().as_str());
    }
}

fn failed(attributes: &mut Attributes, error: Option<ErrorCode>) {
    attributes.some_text("error.type", error);
}

fn written(
    trace: &TraceContext,
    name: &str,
    kind: u32,
    started_at: Timestamp,
    duration: Duration,
    attributes: Attributes,
    error: Option<ErrorCode>,
) -> Value {
    let mut span = json!({
        "traceId": trace.trace_id,
        "spanId": trace.span_id,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": nanos(started_at),
        "endTimeUnixNano": nanos(started_at.checked_add(duration).unwrap_or(started_at)),
        "attributes": attributes,
    });
    if let Some(parent) = trace.parent_span_id {
        span["parentSpanId"] = json!(parent);
    }
    // What was cancelled was not wanted any more; that is no failure.
    if error.is_some_and(|code| code != ErrorCode::Cancelled) {
        span["status"] = json!({ "code": FAILED });
    }
    span
}

/// Nanoseconds since 1970 as OTLP writes them.
pub(super) fn nanos(at: Timestamp) -> String {
    at.as_nanosecond().max(0).to_string()
}
