//! Tools over the wire: a whole turn against the double, and servers that bend the format of calls.

use super::*;
use voice_core::{FunctionTool, Reply as TurnReply, ToolCall, VoiceAgent, provider::ToolChoice};

fn order_status() -> FunctionTool {
    let schema = json!({"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]});
    FunctionTool::new("order_status", "Where an order is.", schema, |arguments, _| async move {
        Ok(format!("order {} is on its way", arguments["number"]))
    })
}

async fn agent(double: &OpenAiDouble, tool: FunctionTool) -> VoiceAgent {
    let llm = OpenAiLlm::with_config(official(double));
    VoiceAgent::builder().stt("none").llm(llm).tts("none").storage("memory").tool(tool).build().await.unwrap()
}

async fn turn(double: &OpenAiDouble, tool: FunctionTool) -> TurnReply {
    patient(async { agent(double, tool).await.turn("where is order 7?").await.unwrap() }).await
}

fn sent(double: &OpenAiDouble, n: usize) -> Value {
    double.requests_to(Route::Chat)[n].json().unwrap().clone()
}

fn conforms(double: &OpenAiDouble) {
    let spec = OpenAiSpec::find();
    for request in double.requests_to(Route::Chat) {
        match spec.check(&request) {
            SpecCheck::Conforms => {}
            SpecCheck::NotChecked(why) => println!("{} {}: not checked: {why}", request.method, request.path),
            violated => panic!("{} {}: {violated}\n{:?}", request.method, request.path, request.body),
        }
    }
}

#[tokio::test]
async fn a_call_goes_out_and_its_result_comes_back_as_the_official_description_has_it() {
    let double = double().await;
    let asks = Reply::chat(["Let me ", "look."]).calling("order_status", json!({"number": 7}));
    double.nth(Route::Chat, 0, asks.calling("order_status", json!({"number": 8})));
    let agent = agent(&double, order_status()).await;
    let reply = patient(async { agent.turn("where are they?").await.unwrap() }).await;
    assert_eq!(reply.text, "Let me look. It is noon.");
    let made: Vec<_> = reply.tool_calls.iter().map(|c| (c.id.as_str(), &c.arguments, c.result.as_str())).collect();
    assert_eq!(
        made,
        [
            ("call_double0", &json!({"number": 7}), "order 7 is on its way"),
            ("call_double1", &json!({"number": 8}), "order 8 is on its way"),
        ]
    );
    assert_eq!(sent(&double, 0)["tools"][0]["function"]["name"], "order_status");
    assert!(sent(&double, 0).get("tool_choice").is_none() && sent(&double, 0).get("parallel_tool_calls").is_none());
    let call = |id: &str, n: u32| json!({"id": id, "type": "function", "function": {"name": "order_status", "arguments": format!("{{\"number\":{n}}}")}});
    let result =
        |id: &str, n: u32| json!({"role": "tool", "tool_call_id": id, "content": format!("order {n} is on its way")});
    assert_eq!(
        sent(&double, 1)["messages"].as_array().unwrap()[2..],
        [
            json!({"role": "assistant", "content": "Let me look.", "tool_calls": [call("call00001", 7), call("call00002", 8)]}),
            result("call00001", 7),
            result("call00002", 8),
        ]
    );

    patient(async { agent.turn("thanks").session(reply.session_id).await.unwrap() }).await;
    let roles: Vec<Value> =
        sent(&double, 2)["messages"].as_array().unwrap().iter().map(|m| m["role"].clone()).collect();
    assert_eq!(roles, ["developer", "user", "assistant", "tool", "assistant", "tool", "assistant", "user"]);
    conforms(&double);
}

#[tokio::test]
async fn the_last_round_and_a_tool_that_is_not_parallel_are_told_to_the_server() {
    let double = double().await;
    double.always(Route::Chat, Reply::chat(["Hm."]).calling("order_status", json!({"number": 7})));
    let reply = turn(&double, order_status().parallel(false)).await;
    assert_eq!((reply.tool_calls.len(), double.count(Route::Chat)), (5, 6));
    assert_eq!(sent(&double, 0)["parallel_tool_calls"], false);
    assert_eq!((&sent(&double, 4)["tool_choice"], &sent(&double, 5)["tool_choice"]), (&Value::Null, &json!("none")));
    conforms(&double);
}

#[tokio::test]
async fn fields_that_a_model_refuses_are_left_out() {
    let double = double().await;
    let refused = |field: &str| Reply::refused_field("unsupported_parameter", field, "Unsupported parameter");
    double.nth(Route::Chat, 0, refused("parallel_tool_calls")).nth(Route::Chat, 1, refused("tool_choice"));
    let mut request = prompt();
    request.tools = vec![voice_core::provider::ToolSpec::new("f", "Does.", json!({"type": "object"}))].into();
    request.tool_choice = ToolChoice::None;
    request.parallel_tool_calls = false;
    let llm = OpenAiLlm::with_config(official(&double));
    let events: Vec<LlmEvent> =
        patient(async { llm.generate(request, &CallContext::new()).await.unwrap().try_collect().await.unwrap() }).await;
    assert_eq!(text(&events), "It is noon.");
    let last = sent(&double, 2);
    assert!(
        last.get("tools").is_some() && last.get("tool_choice").is_none() && last.get("parallel_tool_calls").is_none()
    );
}

#[tokio::test]
async fn every_bend_of_the_format_of_calls_is_followed() {
    let whole =
        json!({"id": "x", "type": "function", "function": {"name": "order_status", "arguments": "{\"number\": 7}"}});
    let message = |fields: Value, reason: &str| {
        Reply::json(200, json!({"choices": [{"message": fields, "finish_reason": reason}]}))
    };
    let cases: Vec<(&str, Reply)> = vec![
        (
            "whole in one chunk, called a stop",
            Reply::sse([chunk(json!({"tool_calls": [whole]}), json!("stop")), "[DONE]".into()]),
        ),
        (
            "no id, no number, arguments as an object, no end mark",
            Reply::sse([chunk(
                json!({"content": null, "tool_calls": [{"function": {"name": "order_status", "arguments": {"number": 7}}}]}),
                json!("tool_calls"),
            )]),
        ),
        (
            "the old form",
            Reply::sse([
                chunk(json!({"function_call": {"name": "order_status", "arguments": "{\"num"}}), Value::Null),
                chunk(json!({"function_call": {"arguments": "ber\": 7}"}}), Value::Null),
                chunk(json!({}), json!("function_call")),
            ]),
        ),
        (
            "no stream at all",
            message(json!({"role": "assistant", "content": null, "tool_calls": [whole]}), "tool_calls"),
        ),
    ];
    for (what, reply) in cases {
        let double = double().await;
        double.nth(Route::Chat, 0, reply);
        let reply = turn(&double, order_status()).await;
        assert_eq!(reply.text, "It is noon.", "{what}");
        let [call] = reply.tool_calls.as_slice() else { panic!("{what}: one call, not {:?}", reply.tool_calls) };
        assert_eq!((call.result.as_str(), call.id.is_empty()), ("order 7 is on its way", false), "{what}");
    }
}

#[tokio::test]
async fn a_call_that_is_cut_off_is_not_made_until_the_model_has_repeated_it_whole() {
    let double = double().await;
    let asks = Reply::chat([""; 0]).calling("order_status", json!({"number": 7}));
    double.nth(Route::Chat, 0, asks.clone().cut_after(3)).nth(Route::Chat, 1, asks);
    let reply = turn(&double, order_status()).await;
    assert_eq!((reply.text.as_str(), reply.tool_calls.len(), double.count(Route::Chat)), ("It is noon.", 1, 3));
}

#[tokio::test]
async fn a_name_that_the_model_made_up_is_sent_back_in_a_form_that_servers_take() {
    let double = double().await;
    double.nth(Route::Chat, 0, Reply::chat([""; 0]).calling("order status!", json!({})));
    let reply = turn(&double, order_status()).await;
    assert!(reply.tool_calls[0].failed);
    assert_eq!(sent(&double, 1)["messages"][2]["tool_calls"][0]["function"]["name"], "order_status_");
    conforms(&double);
}

#[tokio::test]
async fn what_tools_were_given_and_gave_is_withheld_from_errors() {
    let double = double().await;
    let echo = format!("invalid tool message: {SECRET_WORDS}");
    double
        .nth(Route::Chat, 0, Reply::chat([""; 0]).calling("order_status", json!({"number": 7, "note": SECRET_WORDS})))
        .nth(Route::Chat, 1, Reply::error(400, "invalid_request_error", &echo));
    let agent = agent(&double, order_status()).await;
    let error = patient(async { agent.turn("where is order 7?").await.unwrap_err() }).await;
    assert_eq!(error.kind(), ErrorKind::RejectedByProvider);
    assert!(!format!("{error} {error:?}").contains("forty pounds"), "{error:?}");
}

#[tokio::test]
async fn a_call_shows_its_name_only() {
    let events = [LlmEvent::ToolCall(ToolCall::new("a", "f", json!({"who": "planted"})))];
    assert!(!format!("{events:?}").contains("planted"));
}
