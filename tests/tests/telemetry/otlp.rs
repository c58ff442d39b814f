//! What a collector of OpenTelemetry gets, read by the official definitions, and what one that fails does to the rest: nothing.

use std::collections::HashMap;

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point},
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use voice_core::{Error, ErrorKind};
use voice_testkit::{Collector, Exported, Step};

use super::*;

fn config(endpoint: &str, more: &serde_json::Value) -> String {
    let mut config: serde_json::Value = serde_json::from_str(PRICES).unwrap();
    // Nothing is sent before the agent closes: time on the virtual clock passes at once where a connection is waited for.
    config["telemetry"] = json!({
        "otlp_endpoint": endpoint, "headers": {"x-api-key": HEADER}, "service_name": "bakery",
        "attributes": {"deployment.environment.name": "test"},
        "spans_interval_ms": 86_400_000, "metrics_interval_ms": 86_400_000
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config.to_string()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|a| a.key == key)?.value.as_ref()?.value.as_ref()?;
    Some(match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(n) => n.to_string(),
        Value::DoubleValue(n) => n.to_string(),
        Value::BoolValue(b) => b.to_string(),
        other => format!("{other:?}"),
    })
}

fn resource(resource: Option<Resource>) {
    let attributes = resource.unwrap().attributes;
    assert_eq!(text(&attributes, "service.name").as_deref(), Some("bakery"));
    assert_eq!(text(&attributes, "deployment.environment.name").as_deref(), Some("test"));
    assert_eq!(text(&attributes, "telemetry.sdk.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
}

fn requests(collector: &Collector, path: &str) -> Vec<Exported> {
    let all = collector.exported(path);
    for request in &all {
        let header = |name: &str| request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!((header("content-type"), header("x-api-key")), (Some("application/json"), Some(HEADER)));
        assert_nothing_said(std::str::from_utf8(&request.body).unwrap());
    }
    all
}

fn spans(collector: &Collector) -> Vec<Span> {
    let mut all = Vec::new();
    for request in requests(collector, "/v1/traces") {
        let told: ExportTraceServiceRequest = serde_json::from_slice(&request.body).unwrap();
        for of in told.resource_spans {
            resource(of.resource);
            all.extend(of.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    all
}

fn metrics(collector: &Collector) -> HashMap<String, Metric> {
    let request = requests(collector, "/v1/metrics").pop().unwrap();
    let told: ExportMetricsServiceRequest = serde_json::from_slice(&request.body).unwrap();
    let of = told.resource_metrics.into_iter().next().unwrap();
    resource(of.resource);
    of.scope_metrics.into_iter().flat_map(|scope| scope.metrics).map(|metric| (metric.name.clone(), metric)).collect()
}

/// The names of all spans below this one, indented; of those of one name and one place, one.
fn tree(spans: &[Span], parent: &[u8], depth: usize) -> Vec<String> {
    let mut below: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == parent).collect();
    below.sort_by_key(|span| span.start_time_unix_nano);
    let mut lines: Vec<String> = Vec::new();
    for span in below {
        let line = format!("{}{}", "  ".repeat(depth), span.name);
        if !lines.contains(&line) || span.name == "turn" {
            lines.push(line);
        }
        lines.extend(tree(spans, &span.span_id, depth + 1));
    }
    lines
}

/// How often a histogram was recorded, and the sum of what was.
fn recorded(metric: &Metric) -> (u64, f64) {
    let Some(Data::Histogram(histogram)) = &metric.data else { panic!("{} is no histogram", metric.name) };
    for point in &histogram.data_points {
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
        assert!(point.start_time_unix_nano > 0 && point.time_unix_nano >= point.start_time_unix_nano);
    }
    histogram.data_points.iter().fold((0, 0.0), |(n, sum), p| (n + p.count, sum + p.sum.unwrap()))
}

fn summed(metric: &Metric) -> f64 {
    let Some(Data::Sum(sum)) = &metric.data else { panic!("{} is no sum", metric.name) };
    assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
    let number = |value| match value {
        Some(number_data_point::Value::AsInt(n)) => n as f64,
        Some(number_data_point::Value::AsDouble(n)) => n,
        None => panic!("a point without a value"),
    };
    sum.data_points.iter().map(|point| number(point.value)).sum()
}

#[tokio::test(start_paused = true)]
async fn a_one_shot_turn_is_a_trace_of_its_own() {
    let (collector, clock) = (Collector::start().await.unwrap(), VirtualClock::new());
    let agent = one_shot(&config(&collector.endpoint(), &json!({}))).clock(Arc::new(clock)).build().await.unwrap();
    let reply = agent.converse(question()).await.unwrap();
    let held = clock.hold();
    agent.close().await.unwrap();
    drop(held);

    let spans = spans(&collector);
    assert_eq!(tree(&spans, &[], 0), ["turn", "  stt stt", "  chat llm", "  tts tts"]);
    for span in &spans {
        assert_eq!((span.trace_id.len(), span.span_id.len(), &span.trace_id), (16, 8, &spans[0].trace_id));
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        let session = text(&span.attributes, "gen_ai.conversation.id");
        assert_eq!(session, Some(reply.session_id.to_string()));
    }
    let find = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (turn, llm) = (find("turn"), find("chat llm"));
    assert_eq!((turn.kind(), llm.kind()), (SpanKind::Internal, SpanKind::Client));
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "scripted"),
        ("gen_ai.request.model", "llm"),
        ("gen_ai.usage.input_tokens", "100"),
        ("gen_ai.usage.output_tokens", "10"),
        ("gen_ai.response.time_to_first_chunk", "0.2"),
        ("voice.cost.amount", "0.00012"),
    ] {
        assert_eq!(text(&llm.attributes, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(llm.end_time_unix_nano - llm.start_time_unix_nano, 200_000_000);
    let first_audio = reply.timings.first_audio.unwrap().as_secs_f64().to_string();
    assert_eq!(text(&turn.attributes, "voice.turn.time_to_first_audio"), Some(first_audio));

    let metrics = metrics(&collector);
    let one = |name: &str| recorded(&metrics[name]);
    assert_eq!(one("gen_ai.client.operation.duration"), (1, 0.2));
    assert_eq!(one("gen_ai.client.operation.time_to_first_chunk"), (1, 0.2));
    assert_eq!(one("gen_ai.client.token.usage"), (2, 110.0));
    assert_eq!(one("voice.speech.operation.time_to_first_byte").0, 3);
    assert_eq!(one("voice.turn.time_to_first_audio"), (1, reply.timings.first_audio.unwrap().as_secs_f64()));
    let sum = |name: &str| summed(&metrics[name]);
    assert_eq!((sum("voice.turns"), sum("voice.tokens"), sum("voice.heard")), (1.0, 110.0, 1.0));
    assert_eq!(sum("voice.characters"), reply.usage.tts_characters as f64);
    let cost: f64 = reply.cost.unwrap().amount().parse().unwrap();
    assert!((sum("voice.cost") - cost).abs() < 1e-12);
    assert!(!metrics.contains_key("voice.errors") && !metrics.contains_key("voice.interruptions"));
}

#[tokio::test(start_paused = true)]
async fn a_live_session_is_one_trace_of_its_turns_with_their_tools() {
    let collector = Collector::start().await.unwrap();
    live_session(|agent| agent, &config(&collector.endpoint(), &json!({})), VirtualClock::new()).await;

    let spans = spans(&collector);
    let first = ["session", "  turn", "    stt voice", "    chat llm", "    execute_tool weather", "    tts speaker"];
    let lines = tree(&spans, &[], 0);
    assert_eq!(lines[..first.len()], first, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| *line == "  turn").count(), 2, "{lines:#?}");
    assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id));
    let turns: Vec<&Span> = spans.iter().filter(|span| span.name == "turn").collect();
    let interrupted = |span: &&&Span| text(&span.attributes, "voice.turn.interrupted").as_deref() == Some("true");
    assert_eq!(turns.iter().filter(interrupted).count(), 1);
    let tool = spans.iter().find(|span| span.name == "execute_tool weather").unwrap();
    assert_eq!(text(&tool.attributes, "gen_ai.tool.name").as_deref(), Some("weather"));
    assert_eq!(tool.end_time_unix_nano - tool.start_time_unix_nano, 400_000_000);

    let metrics = metrics(&collector);
    assert_eq!((summed(&metrics["voice.turns"]), summed(&metrics["voice.interruptions"])), (2.0, 1.0));
    assert_eq!(recorded(&metrics["gen_ai.execute_tool.duration"]).0, 2);
    assert_eq!(recorded(&metrics["voice.turn.end_of_utterance_delay"]).0, 2);
    assert_eq!(recorded(&metrics["voice.session.duration"]).0, 1);
}

#[tokio::test(start_paused = true)]
async fn what_fails_carries_its_code() {
    let (collector, clock) = (Collector::start().await.unwrap(), VirtualClock::new());
    let broken = Step::fail(Error::new(ErrorKind::RejectedByProvider, "planted-answer of a server"));
    let agent = one_shot(&config(&collector.endpoint(), &json!({})))
        .llm(ScriptedLlm::saying(ANSWER).every_call(broken))
        .clock(Arc::new(clock))
        .build()
        .await
        .unwrap();
    let error = agent.turn("hello").await.unwrap_err();
    let _held = clock.hold();
    agent.close().await.unwrap();
    let spans = spans(&collector);
    for name in ["turn", "chat llm"] {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
        assert_eq!(text(&span.attributes, "error.type").as_deref(), Some(error.code().as_str()));
    }
    assert_eq!(summed(&metrics(&collector)["voice.errors"]), 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_asks_for_a_pause_is_asked_again() {
    let (collector, clock) = (Collector::start().await.unwrap(), VirtualClock::new());
    let agent = one_shot(&config(&collector.endpoint(), &json!({}))).clock(Arc::new(clock)).build().await.unwrap();
    // As many reports as are sent at once: they go before the agent closes.
    for _ in 0..256 {
        agent.turn("hello").speak(false).await.unwrap();
    }
    collector.answer_next(429, Some("0")).answer_next(503, Some("0"));
    let _held = clock.hold();
    collector.until_requests(3).await;
    agent.close().await.unwrap();
    let asked: Vec<_> = collector.requests().iter().map(|r| (r.path.clone(), r.status.unwrap())).collect();
    let traces = |status| ("/v1/traces".to_owned(), status);
    assert_eq!(asked, [traces(429), traces(503), traces(200), ("/v1/metrics".to_owned(), 200)]);
    assert_eq!((spans(&collector).len(), agent.dropped_reports()), (512, 0));
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_refuses_is_not_asked_again() {
    let (collector, clock) = (Collector::start().await.unwrap(), VirtualClock::new());
    collector.answer_next(400, None);
    let agent = one_shot(&config(&collector.endpoint(), &json!({}))).clock(Arc::new(clock)).build().await.unwrap();
    agent.turn("hello").speak(false).await.unwrap();
    let _held = clock.hold();
    agent.close().await.unwrap();
    assert_eq!((collector.requests().len(), agent.dropped_reports()), (2, 2), "the spans, and the metrics once");
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_down_delays_no_turn_and_no_end() {
    let (clock, address) = (VirtualClock::new(), voice_testkit::openai::refused_address().await.unwrap());
    let agent = one_shot(&config(&address, &json!({}))).clock(Arc::new(clock)).build().await.unwrap();
    let took = agent.converse(question()).await.unwrap().timings.total;
    let other = one_shot(PRICES).build().await.unwrap().converse(question()).await.unwrap();
    assert_eq!(took, other.timings.total);
    let _held = clock.hold();
    agent.close().await.unwrap();
    assert_eq!(agent.dropped_reports(), 5, "four calls and the turn");
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_hangs_is_not_waited_for_at_the_end() {
    let collector = Collector::start().await.unwrap();
    collector.be_silent_next();
    let agent = one_shot(&config(&collector.endpoint(), &json!({}))).build().await.unwrap();
    agent.turn("hello").await.unwrap();
    let began = tokio::time::Instant::now();
    agent.close().await.unwrap();
    assert!(began.elapsed() <= ms(5_101), "{:?}", began.elapsed());
    assert_eq!(agent.dropped_reports(), 4, "three calls and the turn, which it never answered for");
}

#[tokio::test]
async fn an_address_that_is_none_or_holds_a_password_is_refused_and_not_shown() {
    for address in ["http://", "https://planted:planted@localhost:4318"] {
        let error = one_shot(&config(address, &json!({}))).build().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().starts_with("telemetry.otlp_endpoint: "), "{error}");
        assert!(!format!("{error:?}").contains("planted"), "{error}");
    }
}

#[test]
fn the_settings_are_checked_and_their_secrets_are_never_shown() {
    let refused = |telemetry: serde_json::Value| {
        Config::from_json(&json!({ "telemetry": telemetry }).to_string()).unwrap_err().message().to_owned()
    };
    let secret = json!({ "otlp_endpoint": "http://localhost:4318", "headers": { "x-api-key": HEADER } });
    let shown = Config::from_json(&json!({ "telemetry": secret }).to_string()).unwrap();
    assert!(!format!("{shown:?}").contains(HEADER));
    for (telemetry, message) in [
        (json!({"otlp_endpoint": "user:planted@host"}), "telemetry.otlp_endpoint: expected an address"),
        (json!({"headers": {"x api": HEADER}}), "telemetry.headers: a name"),
        (json!({"headers": {"x-api-key": format!("{HEADER}\n")}}), "telemetry.headers.x-api-key: a value"),
        (json!({"spans_interval_ms": 0}), "telemetry.spans_interval_ms: 0 is out of range"),
        (json!({"endpoint": "x"}), "telemetry.endpoint: there is no such key"),
    ] {
        let said = refused(telemetry);
        assert!(said.starts_with(message) && !said.contains("planted"), "{said}");
    }
}
