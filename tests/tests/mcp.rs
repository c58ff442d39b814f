//! Tools of servers of the Model Context Protocol, held against a server made with its official library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use voice_core::{
    Config, Error, ErrorCode, ErrorKind, LanguageModel, Role, ToolCall, VoiceAgent,
    provider::{CallContext, FinishReason, GenerateRequest, LlmCapabilities, LlmEvent, ResultStream},
};
use voice_testkit::ScriptedTts;
use voice_tests::servers::Mcp;

const ANSWER: &str = "That is all I know.";

/// A model that calls what it is told to call, as in `order_status {"number": 7}`, and keeps what it could have called.
#[derive(Clone, Default)]
struct Obedient(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl LanguageModel for Obedient {
    fn name(&self) -> &str {
        "test/obedient"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true)
    }

    async fn generate(&self, request: GenerateRequest, _: &CallContext) -> voice_core::Result<ResultStream<LlmEvent>> {
        *self.0.lock().unwrap() = request.tools.iter().map(|tool| tool.name.clone()).collect();
        let last = request.messages.last().filter(|message| message.role == Role::User);
        let wanted = last.and_then(|message| message.content.split_once(' '));
        let wanted = wanted.and_then(|(tool, arguments)| Some((tool, serde_json::from_str(arguments).ok()?)));
        let said = match wanted {
            Some((tool, arguments)) => LlmEvent::ToolCall(ToolCall::new("call-1", tool, arguments)),
            None => LlmEvent::Text(ANSWER.into()),
        };
        Ok(stream::iter([Ok(said), Ok(LlmEvent::Finished(FinishReason::Stop))]).boxed())
    }
}

fn at(server: &Mcp) -> Value {
    json!({"url": server.url(), "headers": {"Authorization": format!("Bearer {}", Mcp::TOKEN)}})
}

/// An agent with one server, and its model.
async fn made(server: &Value) -> voice_core::Result<(VoiceAgent, Obedient)> {
    let config = json!({"storage": "memory", "mcp_servers": {"orders": server}});
    let model = Obedient::default();
    let agent = VoiceAgent::builder()
        .config(Config::from_json(&config.to_string())?)
        .stt("none")
        .llm(model.clone())
        .tts(ScriptedTts::new())
        .build()
        .await?;
    Ok((agent, model))
}

async fn agent(server: &Value) -> VoiceAgent {
    made(server).await.unwrap().0
}

async fn refused(server: &Value) -> Error {
    made(server).await.map(|_| ()).unwrap_err()
}

/// What the one call of a turn gave, and whether it failed.
async fn called(agent: &VoiceAgent, call: &str) -> (String, bool) {
    let reply = agent.turn(call).await.unwrap();
    let [call] = &*reply.tool_calls else { panic!("{} calls", reply.tool_calls.len()) };
    (call.result.clone(), call.failed)
}

fn on_its_way() -> (String, bool) {
    ("order 7 is on its way".into(), false)
}

#[tokio::test]
async fn a_turn_calls_the_tools_of_a_server_over_http() {
    for answers in ["events", "json"] {
        let server = Mcp::start(answers);
        assert_eq!(
            called(&agent(&at(&server)).await, r#"order_status {"number": 7}"#).await,
            on_its_way(),
            "{answers}"
        );
    }
}

#[tokio::test]
async fn a_turn_calls_the_tools_of_a_program_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let program = json!({"command": Mcp::program(folder.path())});
    assert_eq!(called(&agent(&program).await, r#"order_status {"number": 7}"#).await, on_its_way());
}

#[tokio::test]
async fn a_server_that_asks_in_mid_answer_is_answered() {
    let (server, folder) = (Mcp::start("events"), tempfile::tempdir().unwrap());
    for server in [at(&server), json!({"command": Mcp::program(folder.path())})] {
        assert_eq!(called(&agent(&server).await, "ask {}").await, ("answered".into(), false));
    }
}

#[tokio::test]
async fn the_model_is_told_of_every_page_of_tools_as_far_as_they_are_wanted() {
    let server = Mcp::start("events");
    let told = async |server: &Value| {
        let (agent, model) = made(server).await.unwrap();
        agent.turn("Hello.").await.unwrap();
        let mut names = model.0.lock().unwrap().clone();
        names.sort();
        names
    };
    assert_eq!(told(&at(&server)).await, ["ask", "cancelled", "end", "order_status", "refund", "variable", "wait"]);
    let mut some = at(&server);
    (some["tools"], some["prefix"]) = (json!(["refund", "wait"]), "shop.".into());
    assert_eq!(told(&some).await, ["shop_refund", "shop_wait"]);
}

#[tokio::test]
async fn what_a_server_refuses_is_told_to_the_model() {
    let server = Mcp::start("events");
    let (result, failed) = called(&agent(&at(&server)).await, r#"refund {"number": 7}"#).await;
    assert!(failed && result.contains("within 30 days only"), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_lost_begins_anew() {
    let mut server = Mcp::start("events");
    let over_http = agent(&at(&server)).await;
    server.stop();
    server.start_again();
    assert_eq!(called(&over_http, r#"order_status {"number": 7}"#).await, on_its_way());

    let folder = tempfile::tempdir().unwrap();
    let with_program = agent(&json!({"command": Mcp::program(folder.path())})).await;
    let (result, failed) = called(&with_program, "end {}").await;
    assert!(failed && result.contains("has ended"), "{result}");
    assert_eq!(called(&with_program, r#"order_status {"number": 7}"#).await, on_its_way());
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_cancelled_on_the_server() {
    let (server, folder) = (Mcp::start("events"), tempfile::tempdir().unwrap());
    for server in [at(&server), json!({"command": Mcp::program(folder.path())})] {
        let agent = agent(&server).await;
        let late = agent.turn("wait {}").deadline(Duration::from_millis(700)).await.unwrap_err();
        assert_eq!(late.code(), ErrorCode::Timeout);
        let heard = async {
            while called(&agent, "cancelled {}").await.0 == "0" {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), heard).await.expect("the server never heard of it");
    }
}

#[tokio::test]
async fn a_program_gets_what_it_is_given_and_no_key_of_this_process() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(&json!({"command": Mcp::program(folder.path()), "env": {"REGION": "north"}})).await;
    assert_eq!(called(&agent, r#"variable {"name": "REGION"}"#).await.0, "REGION=north");
    // Cargo gives it to every test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(called(&agent, r#"variable {"name": "CARGO_MANIFEST_DIR"}"#).await.0, "CARGO_MANIFEST_DIR=");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_is_named_and_no_secret_is_shown() {
    let mut server = Mcp::start("events");
    let mut wrong = at(&server);
    wrong["headers"]["Authorization"] = "Bearer wrong-planted-token".into();
    let unauthorized = refused(&wrong).await;
    assert_eq!((unauthorized.kind(), unauthorized.provider()), (ErrorKind::InvalidProviderKey, Some("mcp/orders")));
    assert!(!format!("{unauthorized:?} {unauthorized}").contains("planted"), "{unauthorized}");

    server.stop();
    let down = refused(&at(&server)).await;
    assert_eq!((down.kind(), down.provider()), (ErrorKind::Connect, Some("mcp/orders")));
    let mut optional = at(&server);
    optional["required"] = false.into();
    assert_eq!(agent(&optional).await.turn("Hello.").await.unwrap().text, ANSWER);

    let missing = refused(&json!({"command": "there-is-no-such-program"})).await;
    assert_eq!(missing.kind(), ErrorKind::InvalidConfig);
    assert!(missing.message().contains("there-is-no-such-program"), "{missing}");
    let silent = refused(&json!({"command": "sleep", "args": ["60"], "timeout_seconds": 0.3})).await;
    assert_eq!((silent.code(), silent.provider()), (ErrorCode::Timeout, Some("mcp/orders")));
}

#[test]
fn a_config_that_names_no_server_or_two_is_refused() {
    for (server, path) in [
        (json!({}), "mcp_servers.orders"),
        (json!({"url": "https://example.org", "command": "npx"}), "mcp_servers.orders"),
        (json!({"url": "ftp://ada:planted@example.org"}), "mcp_servers.orders.url"),
        (json!({"command": "npx", "timeout_seconds": 0}), "mcp_servers.orders.timeout_seconds"),
        (json!({"command": "npx", "argz": []}), "mcp_servers.orders.argz"),
    ] {
        let error = Config::from_json(&json!({"mcp_servers": {"orders": server}}).to_string()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains(path) && !error.message().contains("planted"), "{error}");
    }
}
