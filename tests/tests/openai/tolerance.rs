//! Servers that bend the format.

use super::*;

#[tokio::test]
async fn every_bend_of_the_chat_format_is_followed() {
    let stop = || chunk(json!({}), json!("stop"));
    let hello = |c: Value| chunk(c, Value::Null);
    let cases: Vec<(&str, Reply, FinishReason)> = vec![
        ("no end mark", Reply::sse([hello(json!({"content": "Hello."})), stop()]), FinishReason::Stop),
        (
            "end mark without its blank line",
            Reply::raw(
                200,
                "text/event-stream",
                [format!("data: {}\n\ndata: [DONE]", chunk(json!({"content": "Hello."}), json!("stop")))],
            ),
            FinishReason::Stop,
        ),
        (
            "comments, CRLF, a name, content null, role repeated, thoughts",
            Reply::raw(
                200,
                "text/event-stream; charset=utf-8",
                [format!(
                    ": OPENROUTER PROCESSING\r\n\r\nevent: chunk\r\ndata: {}\r\n\r\ndata: {}\r\n\r\ndata: {}\r\n\r\n: keep-alive\r\n\r\ndata: {}\r\n\r\ndata: [DONE]\r\n\r\n",
                    hello(json!({"role": "assistant", "content": null, "reasoning_content": "hm"})),
                    hello(json!({"role": "assistant", "reasoning": "well"})),
                    hello(json!({"role": "assistant", "content": "Hello."})),
                    stop()
                )],
            ),
            FinishReason::Stop,
        ),
        (
            "thoughts in the text",
            Reply::sse(
                ["<thi", "nk>hm</think>\n", "\nHel", "lo."]
                    .map(|c| hello(json!({"content": c})))
                    .into_iter()
                    .chain([stop()]),
            ),
            FinishReason::Stop,
        ),
        (
            "tool calls without index",
            Reply::sse([
                hello(json!({"content": "Hello."})),
                chunk(json!({"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}), json!("tool_calls")),
                "[DONE]".into(),
            ]),
            FinishReason::ToolCalls,
        ),
        (
            "unknown reason",
            Reply::sse([chunk(json!({"content": "Hello."}), json!("eos_reached")), "[DONE]".into()]),
            FinishReason::Other,
        ),
        (
            "parts",
            Reply::sse([hello(json!({"content": [{"type": "text", "text": "Hello."}]})), stop()]),
            FinishReason::Stop,
        ),
        ("refusal", Reply::sse([hello(json!({"refusal": "Hello."})), stop()]), FinishReason::ContentFilter),
        ("length", Reply::sse([chunk(json!({"content": "Hello."}), json!("length"))]), FinishReason::Length),
        (
            "no stream at all",
            Reply::json(
                200,
                json!({"choices": [{"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}]}),
            ),
            FinishReason::Stop,
        ),
        (
            "a reset behind the end",
            Reply::sse([hello(json!({"content": "Hello."})), stop(), "late".into()]).reset_after(2),
            FinishReason::Stop,
        ),
        (
            "empty choices and null usage",
            Reply::sse([
                json!({"choices": [], "usage": null}).to_string(),
                hello(json!({"content": "Hello."})),
                stop(),
            ]),
            FinishReason::Stop,
        ),
    ];
    for (what, reply, reason) in cases {
        let double = double().await;
        double.always(Route::Chat, reply);
        let events =
            generate(&OpenAiLlm::with_config(config(&double))).await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!((text(&events).as_str(), finish(&events)), ("Hello.", Some(reason)), "{what}");
    }
}

#[tokio::test]
async fn groqs_usage_is_read_from_its_own_place() {
    let double = double().await;
    let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}});
    double.always(Route::Chat, Reply::sse([chunk(json!({"content": "Hi."}), Value::Null), last.to_string()]));
    let events = generate(&OpenAiLlm::with_config(config(&double))).await.unwrap();
    assert!(events.iter().any(|e| matches!(e, LlmEvent::Usage(u) if u.output_tokens == 2)), "{events:?}");
}

#[tokio::test]
async fn a_stream_that_stays_open_after_the_answer_does_not_hold_it_up() {
    let double = double().await;
    double.always(Route::Chat, Reply::sse([chunk(json!({"content": "Hi."}), json!("stop"))]).hang_after(1));
    assert_eq!(text(&generate(&OpenAiLlm::with_config(config(&double))).await.unwrap()), "Hi.");
}
