//! Gemini.

use super::*;

#[tokio::test]
async fn an_answer_streams_in_however_it_is_cut() {
    let stream = format!(
        ": hello\r\n\r\ndata: {}\r\n\r\ndata: {}\r\n\r\n",
        chunk(json!([{"text": "Let me think.", "thought": true}, {"text": "पुणे "}]), Value::Null),
        chunk(json!([{"text": "rains."}, {"text": ""}, {"something": "new"}]), json!("STOP")),
    );
    for size in [1, 7, 100, stream.len()] {
        let pieces = stream.as_bytes().chunks(size).map(<[u8]>::to_vec);
        let double = double(Reply::raw(200, "text/event-stream", pieces)).await;
        let events = generate(&gemini(&double)).await.unwrap();
        assert_eq!((text(&events).as_str(), finish(&events)), ("पुणे rains.", Some(FinishReason::Stop)), "{size}");
        let LlmEvent::Usage(usage) = &events[events.len() - 2] else { panic!("usage comes before the end") };
        assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (12, 4, 5));
        let request = &double.requests()[0];
        assert_eq!(request.path, "/v1/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse");
        assert_eq!((request.method.as_str(), request.header("x-goog-api-key")), ("POST", Some(KEY)));
        let expected = json!({
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [{"role": "user", "parts": [{"text": SECRET_WORDS}]}],
            "generationConfig": {"maxOutputTokens": 500, "thinkingConfig": {"thinkingLevel": "MINIMAL"}},
        });
        assert_eq!(request.json(), Some(&expected));
    }
}

#[tokio::test]
async fn every_end_of_an_answer_has_its_reason() {
    use FinishReason as F;
    let said = |reason: &str| Reply::sse([chunk(json!([{"text": "Hi."}]), json!(reason))]);
    let whole = |parts: Value| serde_json::from_str::<Value>(&chunk(parts, json!("STOP"))).unwrap();
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}});
    for (what, reply, words, reason) in [
        ("length", said("MAX_TOKENS"), "Hi.", F::Length),
        ("safety", said("SAFETY"), "Hi.", F::ContentFilter),
        (
            "safety without a word",
            Reply::sse([json!({"candidates": [{"finishReason": "SAFETY"}]}).to_string()]),
            "",
            F::ContentFilter,
        ),
        ("recitation", said("RECITATION"), "Hi.", F::ContentFilter),
        ("a new reason", said("TIRED"), "Hi.", F::Other),
        ("a blocked prompt", Reply::sse([blocked.to_string()]), "", F::ContentFilter),
        ("no stream", Reply::json(200, whole(json!([{"text": "Hi."}]))), "Hi.", F::Stop),
        (
            "a list",
            Reply::json(200, json!([whole(json!([{"text": "H"}])), whole(json!([{"text": "i."}]))])),
            "Hi.",
            F::Stop,
        ),
        ("a stream that stays open", said("STOP").hang_after(1), "Hi.", F::Stop),
        (
            "a reset behind the end",
            Reply::sse([chunk(json!([{"text": "Hi."}]), json!("STOP")), "{}".into()]).reset_after(1),
            "Hi.",
            F::Stop,
        ),
    ] {
        let double = double(reply).await;
        let events = generate(&gemini(&double)).await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!((text(&events).as_str(), finish(&events)), (words, Some(reason)), "{what}");
    }
}

#[tokio::test]
async fn models_are_told_what_their_family_understands() {
    let double = double(spoken("Hi.")).await;
    for (model, level, expected) in [
        ("gemini-3.8-flash", None, json!({"maxOutputTokens": 500, "thinkingConfig": {"thinkingLevel": "LOW"}})),
        (
            "gemini-3.8-flash",
            Some("high"),
            json!({"maxOutputTokens": 500, "thinkingConfig": {"thinkingLevel": "HIGH"}}),
        ),
        (
            "gemini-2.5-flash",
            None,
            json!({"maxOutputTokens": 500, "temperature": 0.7, "thinkingConfig": {"thinkingBudget": 0}}),
        ),
        ("gemma-3-27b-it", None, json!({"maxOutputTokens": 500, "temperature": 0.7})),
    ] {
        let mut llm = gemini(&double).model(model);
        if let Some(level) = level {
            llm = llm.thinking_level(level);
        }
        generate(&llm).await.unwrap();
        let request = double.requests().pop().unwrap();
        assert_eq!(request.json().unwrap()["generationConfig"], expected, "{model}");
        assert_eq!(llm.name(), format!("google/{model}"));
    }
}

#[tokio::test]
async fn a_model_that_refuses_to_think_little_is_asked_without_once_and_for_all() {
    let double = double(spoken("Hi.")).await;
    let refusal = json!({"error": {"code": 400, "message": "Thinking level MINIMAL is not supported for this model.", "status": "INVALID_ARGUMENT"}});
    double.nth(Route::Unknown, 0, Reply::json(400, refusal.clone()));
    let llm = gemini(&double);
    for _ in 0..2 {
        assert_eq!(text(&generate(&llm).await.unwrap()), "Hi.");
    }
    let thought: Vec<bool> =
        (0..3).map(|n| !sent(&double, n)["generationConfig"]["thinkingConfig"].is_null()).collect();
    assert_eq!(thought, [true, false, false]);
    // A level that the host has set is its own affair.
    double.always(Route::Unknown, Reply::json(400, refusal));
    let error = generate(&gemini(&double).thinking_level("minimal")).await.unwrap_err();
    assert_eq!((error.kind(), double.count(Route::Unknown)), (ErrorKind::RejectedByProvider, 4));
}

fn order_status() -> FunctionTool {
    let schema = json!({"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]});
    FunctionTool::new("order_status", "Where an order is.", schema, |arguments, _| async move {
        Ok(format!("order {} is on its way", arguments["number"]))
    })
}

#[tokio::test]
async fn calls_come_in_and_go_back_with_their_ids_and_signatures() {
    let double = double(spoken("On their way.")).await;
    let call = |n: u32, id: &str| json!({"functionCall": {"id": id, "name": "order_status", "args": {"number": n}}});
    let mut signed = call(7, "a");
    signed["thoughtSignature"] = json!("c2lnbmVk");
    let first = chunk(json!([{"text": "Let me look."}, signed]), Value::Null);
    double.nth(Route::Unknown, 0, Reply::sse([first, chunk(json!([call(8, "b")]), json!("STOP"))]));
    // The second step asks without an id and without a signature, as a model before Gemini 3 would.
    let unsigned = json!({"functionCall": {"name": "order_status", "args": {"number": 9}}});
    double.nth(Route::Unknown, 1, Reply::sse([chunk(json!([unsigned]), json!("STOP"))]));
    let agent =
        VoiceAgent::builder().stt("none").llm(gemini(&double)).tts("none").storage("memory").tool(order_status());
    let agent = agent.build().await.unwrap();
    let reply = patient(async { agent.turn("where are they?").await.unwrap() }).await;
    assert_eq!(reply.text, "Let me look. On their way.");
    let made: Vec<_> = reply.tool_calls.iter().map(|c| (c.arguments["number"].clone(), c.result.as_str())).collect();
    let result = |n: u32| format!("order {n} is on its way");
    assert_eq!(made, [(json!(7), &*result(7)), (json!(8), &*result(8)), (json!(9), &*result(9))]);

    let declaration = json!({"name": "order_status", "description": "Where an order is.", "parameters": {
        "type": "OBJECT", "properties": {"number": {"type": "INTEGER"}}, "required": ["number"]}});
    assert_eq!(sent(&double, 0)["tools"], json!([{"functionDeclarations": [declaration]}]));
    assert!(sent(&double, 0).get("toolConfig").is_none());
    let answer = |n: u32, id: &str| json!({"functionResponse": {"id": id, "name": "order_status", "response": {"output": result(n)}}});
    let step = json!([
        {"role": "model", "parts": [{"text": "Let me look."}, signed, call(8, "b")]},
        {"role": "user", "parts": [answer(7, "a"), answer(8, "b")]},
    ]);
    assert_eq!(sent(&double, 1)["contents"].as_array().unwrap()[1..], step.as_array().unwrap()[..]);
    let last = sent(&double, 2)["contents"].as_array().unwrap()[3..].to_vec();
    assert_eq!(last[0]["parts"][0]["thoughtSignature"], "skip_thought_signature_validator");
    let ids = (&last[0]["parts"][0]["functionCall"]["id"], &last[1]["parts"][0]["functionResponse"]["id"]);
    assert!(ids.0.is_string() && ids.0 == ids.1, "{last:?}");

    // The next turn shows them again, each as a step of its own.
    patient(async { agent.turn("thanks").session(reply.session_id).await.unwrap() }).await;
    let contents = sent(&double, 3)["contents"].clone();
    let signatures: Vec<&Value> = contents
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|c| c["parts"].as_array().unwrap())
        .filter(|p| p.get("functionCall").is_some())
        .map(|p| &p["thoughtSignature"])
        .collect();
    let skipped = json!("skip_thought_signature_validator");
    assert_eq!(signatures, [&json!("c2lnbmVk"), &skipped, &skipped]);
}

#[tokio::test]
async fn a_model_that_shall_not_call_is_told_so() {
    let double = double(spoken("Hi.")).await;
    let mut request = prompt();
    request.tools = vec![ToolSpec::new("f", "Does.", json!({"type": "object"}))].into();
    request.tool_choice = ToolChoice::None;
    let llm = gemini(&double);
    patient(async { llm.generate(request, &CallContext::new()).await.unwrap().try_collect::<Vec<_>>().await.unwrap() })
        .await;
    assert_eq!(sent(&double, 0)["toolConfig"], json!({"functionCallingConfig": {"mode": "NONE"}}));
    assert_eq!(sent(&double, 0)["tools"], json!([{"functionDeclarations": [{"name": "f", "description": "Does."}]}]));
}
