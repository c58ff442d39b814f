//! Anthropic's messages.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use voice_core::{
    Config, Error, ErrorKind, FunctionTool, Stage, ToolCall, VoiceAgent,
    message::Role,
    provider::{
        CallContext, FinishReason, GenerateRequest, LanguageModel, LlmEvent, PromptMessage, ToolChoice, ToolSpec,
    },
    providers::anthropic::AnthropicLlm,
};
use voice_testkit::openai::{OpenAiDouble, Recorded, Reply, Route};

use crate::{
    SECRET_WORDS,
    left::{endless, left_alone},
    patient,
};

const KEY: &str = "sk-ant-planted-0123456789abcdef";
const STREAM: &str = "text/event-stream; charset=utf-8";

async fn double() -> OpenAiDouble {
    OpenAiDouble::start().await.unwrap()
}

fn origin(double: &OpenAiDouble) -> String {
    double.base_url().trim_end_matches("/v1").to_owned()
}

fn llm(double: &OpenAiDouble) -> AnthropicLlm {
    AnthropicLlm::new(KEY).base_url(origin(double))
}

fn prompt() -> GenerateRequest {
    GenerateRequest::new(vec![
        PromptMessage::new(Role::System, "Be brief."),
        PromptMessage::new(Role::User, SECRET_WORDS),
    ])
}

async fn ask(llm: &AnthropicLlm, request: GenerateRequest) -> Result<Vec<LlmEvent>, Error> {
    patient(async { llm.generate(request, &CallContext::new()).await?.try_collect().await }).await
}

/// What an answer says, calls (id, name, arguments), uses (input, cached, output) and why it ends.
type Told = (String, Vec<(String, String, Value)>, Option<(u64, u64, u64)>, Option<FinishReason>);

fn told(events: &[LlmEvent]) -> Told {
    let (mut text, mut calls, mut used, mut end) = (String::new(), Vec::new(), None, None);
    for event in events {
        assert_eq!(end, None, "nothing comes behind the end: {events:?}");
        match event {
            LlmEvent::Text(piece) => text.push_str(piece),
            LlmEvent::ToolCall(call) => calls.push((call.id.clone(), call.name.clone(), call.arguments.clone())),
            LlmEvent::Usage(usage) => used = Some((usage.input_tokens, usage.cached_tokens, usage.output_tokens)),
            LlmEvent::Finished(reason) => end = Some(*reason),
            other => panic!("{other:?}"),
        }
    }
    (text, calls, used, end)
}

/// Events as they stand on the wire: the name of each is its type.
fn wire(events: &[Value]) -> Vec<String> {
    events.iter().map(|e| format!("event: {}\ndata: {e}\n\n", e["type"].as_str().unwrap())).collect()
}

fn reply(events: &[Value]) -> Reply {
    Reply::raw(200, STREAM, wire(events))
}

fn start() -> Value {
    let usage = json!({"input_tokens": 5, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 1});
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage});
    json!({"type": "message_start", "message": message})
}

fn block(index: u32, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u32, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn words(text: &str) -> Value {
    delta(0, json!({"type": "text_delta", "text": text}))
}

fn stop(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn reason(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 7}})
}

fn done() -> Value {
    json!({"type": "message_stop"})
}

/// An answer in words.
fn saying(pieces: &[&str]) -> Vec<Value> {
    let mut events = vec![start(), block(0, json!({"type": "text", "text": ""})), json!({"type": "ping"})];
    events.extend(pieces.iter().map(|piece| words(piece)));
    events.extend([stop(0), reason("end_turn"), done()]);
    events
}

/// An answer that says something and calls a tool for each of these arguments, written in fragments.
fn calling(arguments: &[Value]) -> Vec<Value> {
    let mut events = vec![start(), block(0, json!({"type": "text", "text": ""})), words("Let me look."), stop(0)];
    for (n, arguments) in (1u32..).zip(arguments) {
        events.push(block(
            n,
            json!({"type": "tool_use", "id": format!("toolu_{n}"), "name": "order_status", "input": {}}),
        ));
        let written: Vec<char> = arguments.to_string().chars().collect();
        events.push(delta(n, json!({"type": "input_json_delta", "partial_json": ""})));
        events.extend(written.chunks(4).map(|piece| {
            delta(n, json!({"type": "input_json_delta", "partial_json": piece.iter().collect::<String>()}))
        }));
        events.push(stop(n));
    }
    events.extend([reason("tool_use"), done()]);
    events
}

fn refused(status: u16, class: &str, message: &str) -> Reply {
    Reply::json(status, json!({"type": "error", "error": {"type": class, "message": message}, "request_id": "req_1"}))
}

fn sent(double: &OpenAiDouble, n: usize) -> Value {
    double.requests()[n].json().unwrap().clone()
}

#[tokio::test]
async fn a_request_and_its_answer_are_as_documented() {
    let double = double().await;
    double.always(Route::Unknown, reply(&saying(&["It ", "is ", "noon."])));
    let events = ask(&llm(&double), prompt()).await.unwrap();
    assert_eq!(
        told(&events),
        ("It is noon.".into(), Vec::new(), Some((125, 100, 7)), Some(FinishReason::Stop)),
        "what is read from the cache and written to it is input too, and counts are not added up"
    );
    assert_eq!(events.len(), 5, "it streams: {events:?}");
    let request: Recorded = double.requests().remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/messages"));
    for (name, value) in [
        ("x-api-key", KEY),
        ("anthropic-version", "2023-06-01"),
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert!(request.bearer.is_none());
    assert_eq!(
        sent(&double, 0),
        json!({
            "model": "claude-haiku-5-5",
            "max_tokens": 500,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": SECRET_WORDS}],
            "stream": true,
        })
    );
}

#[tokio::test]
async fn however_the_stream_is_cut_its_answer_is_the_same() {
    let mut events = saying(&["नमस्ते, ", "दोपहर है।"]);
    let call = calling(&[json!({"शहर": "पुणे"}), json!({})]);
    events.splice(events.len() - 2.., call[4..].iter().cloned());
    for (line_end, size) in [("\n", 1), ("\r\n", 3), ("\r", 7), ("\n", 64 * 1024)] {
        let bytes = wire(&events).concat().replace('\n', line_end).into_bytes();
        let double = double().await;
        double.always(Route::Unknown, Reply::raw(200, STREAM, bytes.chunks(size).map(<[u8]>::to_vec)));
        let (text, calls, _, end) = told(&ask(&llm(&double), prompt()).await.unwrap());
        assert_eq!((text.as_str(), end), ("नमस्ते, दोपहर है।", Some(FinishReason::ToolCalls)), "{size}");
        let arguments: Vec<Value> = calls.into_iter().map(|(_, _, arguments)| arguments).collect();
        assert_eq!(arguments, [json!({"शहर": "पुणे"}), json!({})], "{size}");
    }
}

#[tokio::test]
async fn every_reason_to_stop_is_understood() {
    for (written, read) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("tool_use", FinishReason::ToolCalls),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("refusal", FinishReason::ContentFilter),
        ("pause_turn", FinishReason::Other),
        ("something_new", FinishReason::Other),
    ] {
        let double = double().await;
        let mut end = reason(written);
        end["delta"]["stop_details"] = json!({"type": "refusal", "category": "x", "explanation": "no"});
        double.always(Route::Unknown, reply(&[start(), words("Hm."), end, done()]));
        let (text, _, _, end) = told(&ask(&llm(&double), prompt()).await.unwrap());
        assert_eq!((text.as_str(), end), ("Hm.", Some(read)), "{written}");
    }
}

#[tokio::test]
async fn every_bend_of_the_format_is_followed() {
    let thoughts = [
        block(0, json!({"type": "thinking", "thinking": "hm", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "well"})),
        delta(0, json!({"type": "signature_delta", "signature": "Eq=="})),
        block(1, json!({"type": "server_tool_use", "id": "s", "name": "search", "input": {}})),
        delta(1, json!({"type": "input_json_delta", "partial_json": "{\"q\": 1}"})),
        json!({"type": "content_block_of_tomorrow"}),
        delta(0, json!({"type": "citations_delta", "citation": {}})),
    ];
    let hello = [words("Hello."), reason("end_turn")];
    let without_type = |event: &Value| {
        let mut bare = event.clone();
        let name = bare.as_object_mut().unwrap().remove("type").unwrap();
        format!(": a comment\nevent: {}\ndata: {bare}\n\n", name.as_str().unwrap())
    };
    let whole = |reason: &str| json!({"id": "m", "type": "message", "role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello."}], "stop_reason": reason, "usage": {"input_tokens": 1, "output_tokens": 2}});
    for (what, answer) in [
        ("no end mark", reply(&hello)),
        ("an end mark that never comes", reply(&hello).hang_after(2)),
        ("a reset behind the reason", reply(&[hello[0].clone(), hello[1].clone(), done()]).reset_after(2)),
        ("thoughts and blocks of other kinds", reply(&[&thoughts[..], &hello[..], &[done()]].concat())),
        (
            "text at the start of a block",
            reply(&[block(0, json!({"type": "text", "text": "Hello."})), hello[1].clone()]),
        ),
        ("names of events only", Reply::raw(200, STREAM, hello.iter().map(without_type).collect::<Vec<_>>())),
        ("no names of events", Reply::sse(hello.iter().map(Value::to_string))),
        ("no stream at all", Reply::json(200, whole("end_turn"))),
    ] {
        let double = double().await;
        double.always(Route::Unknown, answer);
        let (text, calls, _, end) = told(&ask(&llm(&double), prompt()).await.unwrap());
        assert_eq!((text.as_str(), calls.len(), end), ("Hello.", 0, Some(FinishReason::Stop)), "{what}");
    }
}

#[tokio::test]
async fn a_temperature_that_a_model_refuses_is_left_out_from_then_on() {
    let double = double().await;
    double.always(Route::Unknown, reply(&saying(&["Hello."]))).nth(
        Route::Unknown,
        0,
        refused(400, "invalid_request_error", "`temperature` is deprecated for this model."),
    );
    let old = llm(&double).model("claude-sonnet-4-6");
    for _ in 0..2 {
        assert_eq!(told(&ask(&old, prompt()).await.unwrap()).0, "Hello.");
    }
    ask(&llm(&double).model("claude-haiku-4-5"), prompt()).await.unwrap();
    ask(&llm(&double).model("claude-opus-4-8").effort("low"), prompt()).await.unwrap();
    let temperatures: Vec<Value> = (0..5).map(|n| sent(&double, n)["temperature"].clone()).collect();
    assert_eq!(temperatures, [json!(0.7), Value::Null, Value::Null, json!(0.7), Value::Null]);
    assert_eq!(sent(&double, 4)["output_config"], json!({"effort": "low"}));

    double.always(Route::Unknown, refused(400, "invalid_request_error", "temperature: expected a number"));
    let error = ask(&llm(&double).model("claude-haiku-4-5"), prompt()).await.unwrap_err();
    assert_eq!(
        (error.kind(), double.requests().len()),
        (ErrorKind::RejectedByProvider, 7),
        "asked once more, not for ever"
    );
}

#[tokio::test]
async fn every_refusal_becomes_its_typed_error() {
    use ErrorKind as K;
    let seconds = |s| Some(Duration::from_secs(s));
    let detailed = |code: &str| {
        let error = json!({"type": "rate_limit_error", "message": "no", "details": {"error_code": code}});
        Reply::json(429, json!({"type": "error", "error": error})).header("retry-after", "4")
    };
    for (answer, kind, retryable, wait) in [
        (refused(400, "invalid_request_error", "max_tokens: required"), K::RejectedByProvider, false, None),
        (refused(401, "authentication_error", "invalid x-api-key"), K::InvalidProviderKey, false, None),
        (refused(402, "billing_error", "no credit"), K::QuotaExhausted, false, None),
        (refused(403, "permission_error", "not yours"), K::InvalidProviderKey, false, None),
        (refused(404, "not_found_error", "model: claude-none"), K::RejectedByProvider, false, None),
        (refused(408, "timeout_error", "slow"), K::ProviderFailed, true, None),
        (refused(409, "conflict_error", "again"), K::ProviderFailed, true, None),
        (refused(413, "request_too_large", "32 MB"), K::RejectedByProvider, false, None),
        (refused(429, "rate_limit_error", "slow down").header("retry-after", "7"), K::RateLimited, true, seconds(7)),
        (detailed("ramp_limit_exceeded"), K::RateLimited, true, seconds(4)),
        (detailed("enforced_spend_limit_reached"), K::QuotaExhausted, false, None),
        (refused(500, "api_error", "sorry"), K::ProviderFailed, true, None),
        (refused(504, "timeout_error", "slow"), K::ProviderFailed, true, None),
        (
            refused(529, "overloaded_error", "Overloaded").header("retry-after", "2"),
            K::ProviderFailed,
            true,
            seconds(2),
        ),
        (Reply::raw(502, "text/html", ["<h1>Bad gateway</h1>"]), K::ProviderFailed, true, None),
    ] {
        let double = double().await;
        double.always(Route::Unknown, answer.clone());
        let error = ask(&llm(&double), prompt()).await.unwrap_err();
        let got = (error.kind(), error.retryable(), error.retry_after(), error.stage());
        assert_eq!(got, (kind, retryable, wait, Some(Stage::Llm)), "{answer:?}: {error:?}");
        assert_eq!(error.provider(), Some("anthropic/claude-haiku-5-5"));
        assert!(error.provider_status().is_some());
        assert_eq!(double.requests().len(), 1, "a provider does not retry by itself");
    }
    let head = "HTTP/1.1 529 Overloaded\r\nrequest-id: req_011\r\ncontent-length: 0\r\n\r\n";
    let (address, _) = left_alone(head.into()).await;
    let error = ask(&AnthropicLlm::new(KEY).base_url(address), prompt()).await.unwrap_err();
    assert!(error.message().contains("[request req_011]"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_behind_what_came() {
    use ErrorKind as K;
    let error =
        |class: &str| json!({"type": "error", "error": {"type": class, "message": "Overloaded"}, "request_id": "r"});
    let begun = || vec![start(), words("Hel")];
    let behind = |event: Value| reply(&[begun(), vec![event, done()]].concat());
    for (what, answer, kind, retryable) in [
        ("cut short", reply(&begun()), K::ConnectionLost, true),
        ("closed", reply(&saying(&["Hel", "lo"])).cut_after(4), K::ConnectionLost, true),
        ("reset", reply(&saying(&["Hel", "lo"])).reset_after(4), K::ConnectionLost, true),
        ("ended without a reason", reply(&begun()).stop_after(2), K::ConnectionLost, true),
        (
            "cut inside an event",
            Reply::raw(200, STREAM, [wire(&begun()).concat(), "event: content_block_delta\ndata: {\"type\"".into()]),
            K::ConnectionLost,
            true,
        ),
        (
            "no JSON",
            Reply::raw(200, STREAM, [wire(&begun()).concat(), "data: <html>\n\n".into()]),
            K::MalformedResponse,
            true,
        ),
        ("overloaded", behind(error("overloaded_error")), K::ProviderFailed, true),
        ("failed", behind(error("api_error")), K::ProviderFailed, true),
        ("limited", behind(error("rate_limit_error")), K::RateLimited, true),
        ("out of credit", behind(error("billing_error")), K::QuotaExhausted, false),
        ("refused", behind(error("invalid_request_error")), K::RejectedByProvider, false),
        ("too large", behind(error("request_too_large")), K::RejectedByProvider, false),
        ("forbidden", behind(error("permission_error")), K::InvalidProviderKey, false),
        ("unknown class", behind(error("something_new")), K::ProviderFailed, true),
    ] {
        let double = double().await;
        double.always(Route::Unknown, answer);
        let model = llm(&double);
        let mut stream = patient(model.generate(prompt(), &CallContext::new())).await.unwrap();
        let first = patient(stream.try_next()).await.unwrap();
        assert!(matches!(first, Some(LlmEvent::Text(text)) if text == "Hel"), "{what}");
        let error = patient(stream.try_next()).await.unwrap_err();
        assert_eq!((error.kind(), error.retryable()), (kind, retryable), "{what}: {error:?}");
        assert!(patient(stream.try_next()).await.unwrap().is_none(), "{what}: the stream is over after its error");
    }
    for (what, answer, kind) in [
        ("an error with a good status", Reply::json(200, error("api_error")), K::ProviderFailed),
        ("JSON without content", Reply::json(200, json!({"id": "m"})), K::MalformedResponse),
        ("broken JSON", Reply::raw(200, "application/json", ["{"]), K::MalformedResponse),
    ] {
        let double = double().await;
        double.always(Route::Unknown, answer);
        assert_eq!(ask(&llm(&double), prompt()).await.unwrap_err().kind(), kind, "{what}");
    }
}

#[tokio::test]
async fn calls_that_are_cut_off_are_not_made() {
    let double = double().await;
    let events = calling(&[json!({"number": 7})]);
    double.always(Route::Unknown, reply(&events).stop_after(events.len() - 2));
    let model = llm(&double);
    let stream = patient(model.generate(prompt(), &CallContext::new())).await.unwrap();
    let seen: Vec<_> = patient(futures_util::StreamExt::collect(stream)).await;
    assert!(seen.iter().all(|event| !matches!(event, Ok(LlmEvent::ToolCall(_)))), "{seen:?}");
    assert_eq!(seen.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::ConnectionLost);
}

fn order_status() -> FunctionTool {
    let schema = json!({"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]});
    FunctionTool::new("order_status", "Where an order is.", schema, |arguments, _| async move {
        Ok(format!("order {} is on its way", arguments["number"]))
    })
}

#[tokio::test]
async fn calls_go_out_side_by_side_and_their_results_come_back_as_documented() {
    let double = double().await;
    double.always(Route::Unknown, reply(&saying(&["On their way."]))).nth(
        Route::Unknown,
        0,
        reply(&calling(&[json!({"number": 7}), json!({"number": 8})])),
    );
    let agent = VoiceAgent::builder().stt("none").llm(llm(&double)).tts("none").storage("memory").tool(order_status());
    let agent = agent.build().await.unwrap();
    let answer = patient(async { agent.turn("where are they?").await.unwrap() }).await;
    assert_eq!(answer.text, "Let me look. On their way.");
    let made: Vec<_> = answer.tool_calls.iter().map(|c| (c.id.as_str(), &c.arguments, c.result.as_str())).collect();
    assert_eq!(
        made,
        [
            ("toolu_1", &json!({"number": 7}), "order 7 is on its way"),
            ("toolu_2", &json!({"number": 8}), "order 8 is on its way"),
        ]
    );
    assert_eq!(
        sent(&double, 0)["tools"],
        json!([{"name": "order_status", "description": "Where an order is.", "input_schema": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}}])
    );
    assert!(sent(&double, 0).get("tool_choice").is_none());
    let call = |id: &str, n: u32| json!({"type": "tool_use", "id": id, "name": "order_status", "input": {"number": n}});
    let result = |id: &str, n: u32| json!({"type": "tool_result", "tool_use_id": id, "content": format!("order {n} is on its way")});
    assert_eq!(
        sent(&double, 1)["messages"],
        json!([
            {"role": "user", "content": "where are they?"},
            {"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, call("call00001", 7), call("call00002", 8)]},
            {"role": "user", "content": [result("call00001", 7), result("call00002", 8)]},
        ])
    );
    patient(async { agent.turn("thanks").session(answer.session_id).await.unwrap() }).await;
    let later = sent(&double, 2);
    let roles: Vec<&str> = later["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant", "user", "assistant", "user"], "they alternate");
}

#[tokio::test]
async fn what_calls_are_allowed_is_told() {
    let tools: std::sync::Arc<[ToolSpec]> = vec![ToolSpec::new("f", "Does.", json!({"type": "object"}))].into();
    for (choice, parallel, expected) in [
        (ToolChoice::Auto, true, Value::Null),
        (ToolChoice::Auto, false, json!({"type": "auto", "disable_parallel_tool_use": true})),
        (ToolChoice::None, true, json!({"type": "none"})),
    ] {
        let double = double().await;
        double.always(Route::Unknown, reply(&saying(&["Hm."])));
        let mut request = prompt();
        (request.tools, request.tool_choice, request.parallel_tool_calls) = (tools.clone(), choice, parallel);
        ask(&llm(&double), request).await.unwrap();
        assert_eq!(sent(&double, 0)["tool_choice"], expected);
    }
}

#[tokio::test]
async fn arguments_come_in_fragments_whole_or_broken() {
    let use_of = |input: Value| block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": input}));
    let piece = |text: &str| delta(0, json!({"type": "input_json_delta", "partial_json": text}));
    for (events, read) in [
        (vec![use_of(json!({}))], json!({})),
        (vec![use_of(Value::Null), piece("")], json!({})),
        (vec![use_of(json!({})), piece("{\"n\": "), piece("1}")], json!({"n": 1})),
        (vec![use_of(json!({"n": 1}))], json!({"n": 1})),
        (vec![use_of(json!({})), piece("{\"n\": ")], json!("{\"n\": ")),
    ] {
        let double = double().await;
        double.always(Route::Unknown, reply(&[events, vec![stop(0), reason("max_tokens"), done()]].concat()));
        let (_, calls, _, end) = told(&ask(&llm(&double), prompt()).await.unwrap());
        assert_eq!((calls, end), (vec![("t".into(), "f".into(), read)], Some(FinishReason::Length)));
    }
}

#[tokio::test]
async fn dropping_an_answer_closes_its_connection() {
    let (address, gone) = left_alone(endless(STREAM, &wire(&saying(&["Hello."])[..4]).concat())).await;
    let model = AnthropicLlm::new(KEY).base_url(address);
    let mut stream = patient(model.generate(prompt(), &CallContext::new())).await.unwrap();
    assert!(matches!(patient(stream.try_next()).await, Ok(Some(LlmEvent::Text(_)))));
    drop(stream);
    patient(gone).await.unwrap();

    let double = double().await;
    let cancelled = CallContext::new();
    cancelled.cancel.cancel();
    let error = llm(&double).generate(prompt(), &cancelled).await.err().unwrap();
    assert_eq!((error.kind(), double.requests().len()), (ErrorKind::Cancelled, 0));
}

#[tokio::test]
async fn warming_up_opens_a_connection_and_fails_nothing() {
    let double = double().await;
    llm(&double).warm_up("Be brief.").await.unwrap();
    let request = &double.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/v1/models"));
    assert_eq!(request.header("x-api-key"), Some(KEY));
    let nowhere = voice_testkit::openai::refused_address().await.unwrap();
    AnthropicLlm::new(KEY).base_url(nowhere).warm_up("").await.unwrap();
}

#[tokio::test]
async fn neither_keys_nor_words_are_shown() {
    let echo = format!("invalid x-api-key {KEY}: {SECRET_WORDS}");
    let mut shown = String::new();
    for answer in [
        refused(401, "authentication_error", &format!("invalid x-api-key: {KEY}")),
        refused(400, "invalid_request_error", &echo),
        Reply::raw(500, "text/html", [format!("<p>{echo}</p>")]),
        reply(&[json!({"type": "error", "error": {"type": "api_error", "message": echo}})]),
        reply(&calling(&[json!({"note": SECRET_WORDS})])),
    ] {
        let double = double().await;
        double.always(Route::Unknown, answer);
        let model = llm(&double);
        let mut request = prompt();
        let call = ToolCall::new("a", "f", json!({"note": SECRET_WORDS}));
        let called =
            [PromptMessage::calling("", [call.clone()]), PromptMessage::tool_result(&call, false, SECRET_WORDS)];
        request.messages = request.messages.iter().cloned().chain(called).collect();
        let outcome = ask(&model, request).await;
        if let Err(error) = &outcome {
            shown.push_str(&format!("{error}\n{error:#?}\n"));
        }
        shown.push_str(&format!("{model:?}\n"));
    }
    assert!(shown.contains("[redacted]"), "{shown}");
    for secret in ["planted", "0123456789", "Ada", "forty pounds"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[tokio::test]
async fn a_config_names_the_model_and_its_effort() {
    let double = double().await;
    double.always(Route::Unknown, reply(&saying(&["It is noon."])));
    let build = |settings: Value| {
        let llm = json!({"provider": "anthropic", "model": "claude-sonnet-5-5", "api_key": KEY, "base_url": double.base_url(), "settings": settings});
        let config = json!({"stt": "none", "tts": "none", "storage": "memory", "llm": llm}).to_string();
        VoiceAgent::builder().config(Config::from_json(&config).unwrap()).build()
    };
    let agent = build(json!({"effort": "low"})).await.unwrap();
    let answer = patient(async { agent.turn("what time is it?").await.unwrap() }).await;
    assert_eq!(answer.text, "It is noon.");
    let body = double.requests().iter().rfind(|r| r.path == "/v1/messages").and_then(|r| r.json().cloned()).unwrap();
    assert_eq!((&body["model"], &body["output_config"]["effort"]), (&json!("claude-sonnet-5-5"), &json!("low")));
    let error = build(json!({"efort": "low"})).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("llm.settings.efort") && error.message().contains("effort"), "{error}");
}

/// The folder of vendors' examples, when a copy of it is at hand.
fn fixtures() -> Option<PathBuf> {
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|a| a.join("shared/specs/fixtures/anthropic"));
    let found = near.into_iter().find(|p| p.is_dir());
    if found.is_none() {
        println!("examples of Anthropic's API: not checked: fixtures not found");
    }
    found
}

#[tokio::test]
async fn examples_of_the_api_are_read() {
    let Some(folder) = fixtures() else { return };
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let call = |id: &str, name: &str, arguments: Value| (id.to_owned(), name.to_owned(), arguments);
    for (name, text, calls, end) in [
        ("stream_text.sse.txt", "नमस्ते, how can I help?", vec![], FinishReason::Stop),
        ("stream_thinking.sse.txt", "Yes.", vec![], FinishReason::Stop),
        (
            "stream_tool_use.sse.txt",
            "Let me check.",
            vec![call("toolu_01A", "get_weather", json!({"city": "Pune"})), call("toolu_01B", "get_time", json!({}))],
            FinishReason::ToolCalls,
        ),
        ("message.json", "Hello!", vec![], FinishReason::Stop),
    ] {
        let double = double().await;
        let kind = if name.ends_with("json") { "application/json" } else { STREAM };
        double.always(Route::Unknown, Reply::raw(200, kind, [read(name)]));
        let (said, made, used, why) = told(&ask(&llm(&double), prompt()).await.unwrap());
        assert_eq!((said.as_str(), made, why), (text, calls, Some(end)), "{name}");
        assert!(
            used.is_some_and(|(input, cached, output)| input >= 10 && cached == 0 && output >= 5),
            "{name}: {used:?}"
        );
    }
    for (status, kind, retryable) in [
        (400, ErrorKind::RejectedByProvider, false),
        (401, ErrorKind::InvalidProviderKey, false),
        (429, ErrorKind::RateLimited, true),
        (529, ErrorKind::ProviderFailed, true),
    ] {
        let example: Value = serde_json::from_str(&read(&format!("errors/{status}.json"))).unwrap();
        let mut answer = Reply::json(status, example["body"].clone());
        for (name, value) in example["headers"].as_object().unwrap() {
            answer = answer.header(name, value.as_str().unwrap());
        }
        let double = double().await;
        double.always(Route::Unknown, answer);
        let error = ask(&llm(&double), prompt()).await.unwrap_err();
        assert_eq!((error.kind(), error.retryable()), (kind, retryable), "{status}: {error:?}");
        assert_eq!(error.retry_after(), (status == 429).then_some(Duration::from_secs(7)));
    }
}
