//! The rooms of what is kept, as every language calls them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use serde_json::{Value, json};
use voice_bridge::{Agent, ErrorRecord, Hosts, Input, TurnOptions};

/// An agent whose providers are nobody.
fn agent() -> Agent {
    let nobody =
        json!({ "provider": "openai", "model": "none", "api_key": "sk-model", "base_url": "http://127.0.0.1:9" });
    let config = json!({
        "storage": "memory",
        "stt": nobody,
        "llm": nobody,
        "tts": nobody,
        "retry": { "attempts": 1 },
        "accounts": { "credentials_key": "07".repeat(32) },
    });
    Agent::build(&config.to_string(), Hosts::default()).wait().unwrap_or_else(|e| panic!("{}", e.detail))
}

fn call(agent: &Agent, room: &str, method: &str, arguments: Value) -> Result<Value, ErrorRecord> {
    let answer = agent.call(room, method, &arguments.to_string()).wait()?;
    Ok(serde_json::from_str(&answer.json).unwrap())
}

/// An organization with a user, and what they reach.
fn person(agent: &Agent, email: &str) -> (Value, Value, Agent) {
    let organization = call(agent, "accounts", "create_organization", json!({ "name": email })).unwrap()["id"].clone();
    let new = call(agent, "accounts", "register", json!({ "organization": organization, "email": email })).unwrap();
    let principal = call(agent, "accounts", "authenticate", json!({ "key": new["secret"] })).unwrap();
    assert_eq!(principal["user"], new["user"]["id"]);
    (organization, new, agent.with(&principal.to_string()).unwrap())
}

/// What is there instead, as an error tells it.
fn known(error: &ErrorRecord) -> Vec<&str> {
    error.detail.split_once("known: ").unwrap().1.split(", ").collect()
}

#[test]
fn the_readme_of_c_lists_every_room_and_method() {
    let readme = include_str!("../../bindings-c/README.md");
    let (_, header) = include_str!("../../include/voice_core.h").split_once("// The rooms are").unwrap();
    let (agent, nothing) = (agent(), json!({}));
    let none = call(&agent, "none", "none", nothing.clone()).unwrap_err();
    for room in known(&none) {
        assert!(header.split(';').next().unwrap().contains(&format!("`{room}`")), "the header lacks {room}");
        let title = format!("`{room}`\n");
        let section = readme.split("\n### ").find(|section| section.starts_with(&title));
        let section = section.unwrap_or_else(|| panic!("{room} is missing"));
        let methods = section.lines().filter_map(|line| line.split('|').nth(1)).collect::<String>();
        for method in known(&call(&agent, room, "none", nothing.clone()).unwrap_err()) {
            assert!(methods.contains(&format!("`{method}`")), "{room} lacks {method}");
        }
    }
}

#[test]
fn somebody_reaches_their_own_and_what_is_another_s_does_not_exist() {
    let agent = agent();
    let (organization, ann, anns) = person(&agent, "ann@example.com");
    let (_, _, bobs) = person(&agent, "bob@example.com");
    let session = call(&anns, "sessions", "create", json!({ "metadata": { "room": 4 } })).unwrap();
    assert_eq!((&session["user"], &session["organization"]), (&ann["user"]["id"], &organization));
    let id = json!({ "id": session["id"] });
    assert_eq!(call(&anns, "sessions", "get", id.clone()).unwrap()["metadata"]["room"], 4);
    assert_eq!(call(&bobs, "sessions", "get", id.clone()).unwrap_err().code, "SESSION_NOT_FOUND");
    assert_eq!(call(&bobs, "sessions", "list", json!({})).unwrap()["items"], json!([]));
    let asked = json!({ "organization": organization, "id": ann["user"]["id"] });
    assert_eq!(call(&bobs, "accounts", "user", asked.clone()).unwrap_err().http_status, 404);
    assert_eq!(call(&anns, "accounts", "user", asked).unwrap()["email"], "ann@example.com");
    // What concerns everybody is the host's, and so is its life.
    for (room, method, arguments) in [
        ("accounts", "organizations", json!({})),
        ("accounts", "authenticate", json!({ "key": ann["secret"] })),
        ("sessions", "clean_up", json!({})),
        ("sessions", "expire_idle", json!({})),
        ("audit", "entries", json!({})),
        ("webhooks", "list", json!({})),
        ("assistants", "create", json!({ "assistant": { "name": "Mine" } })),
    ] {
        let refused = call(&anns, room, method, arguments).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.kind.as_str()), ("UNAUTHORIZED", "forbidden"), "{room}.{method}");
    }
    assert_eq!(anns.close().wait().unwrap_err().kind, "forbidden");
    assert!(anns.with(&json!({ "organization": organization }).to_string()).is_err());
    assert_eq!(call(&agent, "sessions", "clean_up", json!({})).unwrap()["expired"], 0);
    agent.close().wait().unwrap();
    assert_eq!(call(&anns, "sessions", "get", id).unwrap_err().kind, "closed");
}

#[test]
fn a_key_is_made_rotated_and_revoked_and_every_change_is_in_the_log() {
    let agent = agent();
    let (organization, ann, _) = person(&agent, "ann@example.com");
    let user = &ann["user"]["id"];
    let again = json!({ "organization": organization, "email": "Ann@Example.com" });
    assert_eq!(call(&agent, "accounts", "register", again).unwrap_err().kind, "already_exists");
    let options = json!({ "organization": organization, "user": user, "name": "phone", "rate_limit": { "per_minute": 60, "burst": 1 } });
    let key = call(&agent, "accounts", "create_key", options).unwrap();
    assert_eq!(call(&agent, "accounts", "log_in", json!({ "key": key["secret"] })).unwrap()["user"]["id"], *user);
    let limited = call(&agent, "accounts", "authenticate", json!({ "key": key["secret"] })).unwrap_err();
    assert_eq!((limited.code.as_str(), limited.retry_after_ms.is_some()), ("RATE_LIMIT_EXCEEDED", true));
    let which = json!({ "organization": organization, "id": key["key"]["id"] });
    let new = call(&agent, "accounts", "rotate_key", which.clone()).unwrap();
    let old = call(&agent, "accounts", "authenticate", json!({ "key": key["secret"] })).unwrap_err();
    assert_eq!((old.code.as_str(), old.detail.contains("sk_")), ("INVALID_API_KEY", false));
    let which = json!({ "organization": organization, "id": new["key"]["id"] });
    call(&agent, "accounts", "revoke_key", which).unwrap();
    assert_eq!(call(&agent, "accounts", "authenticate", json!({ "key": new["secret"] })).unwrap_err().http_status, 401);
    let keys = call(&agent, "accounts", "keys", json!({ "organization": organization, "user": user })).unwrap();
    assert_eq!(keys["items"].as_array().map(Vec::len), Some(3));
    assert!(!keys.to_string().contains("sk_\"") && keys["items"][0].get("hash").is_none(), "{keys}");
    let log =
        call(&agent, "audit", "entries", json!({ "organization": organization, "action": "key.revoke" })).unwrap();
    assert_eq!((&log["items"][0]["target"], &log["items"][0]["actor"]), (&new["key"]["id"], &json!("host")));
    assert_eq!(call(&agent, "audit", "delete_older_than", json!({ "age_seconds": 3600 })).unwrap(), 0);
}

#[test]
fn a_credential_is_kept_and_listed_and_never_given_back() {
    let agent = agent();
    let (organization, ..) = person(&agent, "ann@example.com");
    let set = json!({ "organization": organization, "provider": "openai", "secret": "sk-planted" });
    assert_eq!(call(&agent, "accounts", "set_credential", set).unwrap(), Value::Null);
    let kept = call(&agent, "accounts", "credentials", json!({ "organization": organization })).unwrap();
    assert_eq!((&kept[0]["provider"], kept.to_string().contains("planted")), (&json!("openai"), false));
    let wrong = json!({ "organization": organization, "provider": "openai", "secret": { "sk-planted": 1 } });
    let refused = call(&agent, "accounts", "set_credential", wrong).unwrap_err();
    assert!(refused.detail.starts_with("secret: ") && !format!("{refused:?}").contains("planted"), "{refused:?}");
    let one = json!({ "organization": organization, "provider": "openai" });
    call(&agent, "accounts", "delete_credential", one.clone()).unwrap();
    assert_eq!(call(&agent, "accounts", "delete_credential", one).unwrap_err().kind, "not_found");
}

#[test]
fn an_access_token_opens_what_it_was_issued_for_and_nothing_when_it_was_changed() {
    let agent = agent();
    let (organization, ann, _) = person(&agent, "ann@example.com");
    let keys = json!({ "keys": [{ "id": "k1", "hs256": "a secret of at least thirty-two bytes" }] });
    let principal = json!({ "organization": organization, "user": ann["user"]["id"] });
    let asked = json!({ "keys": keys, "principal": principal, "valid_seconds": 60 });
    let token = call(&agent, "accounts", "issue_token", asked).unwrap();
    let who = call(&agent, "accounts", "authenticate_token", json!({ "keys": keys, "token": token })).unwrap();
    assert_eq!(who["user"], ann["user"]["id"]);
    let forged = format!("{}x", token.as_str().unwrap());
    let refused = call(&agent, "accounts", "authenticate_token", json!({ "keys": keys, "token": forged }));
    assert_eq!(refused.unwrap_err().kind, "invalid_token");
    let bad = json!({ "keys": { "keys": [{ "id": "k1", "hs512": "x" }] }, "token": token });
    assert!(call(&agent, "accounts", "authenticate_token", bad).unwrap_err().detail.starts_with("keys: "));
}

#[test]
fn an_assistant_is_changed_in_versions_and_a_session_keeps_the_one_it_began_with() {
    let agent = agent();
    let (organization, _, anns) = person(&agent, "ann@example.com");
    let made = json!({ "organization": organization, "assistant": { "name": "Mira", "first_message": "Hello!" } });
    let mira = call(&agent, "assistants", "create", made).unwrap();
    let session = call(&anns, "sessions", "create", json!({ "assistant": mira["id"] })).unwrap();
    let fields = json!({ "organization": organization, "id": mira["id"], "fields": { "first_message": "Good day!" } });
    assert_eq!(call(&agent, "assistants", "patch", fields).unwrap()["version"], 2);
    let got = call(&anns, "assistants", "get", json!({ "id": mira["id"] })).unwrap();
    assert_eq!((&got["first_message"], &got["name"]), (&json!("Good day!"), &json!("Mira")));
    let first = call(&anns, "assistants", "version", json!({ "id": mira["id"], "version": 1 })).unwrap();
    assert_eq!(first["first_message"], "Hello!");
    assert_eq!(call(&anns, "sessions", "get", json!({ "id": session["id"] })).unwrap()["assistant"]["version"], 1);
    let with = call(&anns, "sessions", "list", json!({ "assistant": mira["id"] })).unwrap();
    assert_eq!(with["items"].as_array().map(Vec::len), Some(1));
    let greeting = anns.call("sessions", "greet", &json!({ "id": session["id"] }).to_string()).wait().unwrap();
    let told: Value = serde_json::from_str(&greeting.json).unwrap();
    // Speech that fails leaves the words.
    assert_eq!((&told["text"], &told["audio_error"]["code"]), (&json!("Hello!"), &json!("PROVIDER_ERROR")));
    assert_eq!(greeting.sound, Some(Vec::new()));
    let found = call(&anns, "sessions", "search", json!({ "text": "hello" })).unwrap();
    assert_eq!(found["items"][0]["content"], "Hello!");
    let export = call(&anns, "sessions", "export", json!({ "id": session["id"], "format": "text" })).unwrap();
    assert!(export.as_str().is_some_and(|text| text.ends_with("assistant: Hello!\n")), "{export}");
    assert_eq!(call(&anns, "sessions", "erase_user", json!({})).unwrap(), json!({ "sessions": 1, "messages": 1 }));
    let wrong = json!({ "organization": organization, "assistant": { "name": "M", "temprature": 1 } });
    assert!(call(&agent, "assistants", "create", wrong).unwrap_err().detail.contains("temprature"));
    let gone = json!({ "organization": organization, "id": mira["id"] });
    call(&agent, "assistants", "delete", gone.clone()).unwrap();
    assert_eq!(call(&agent, "assistants", "get", gone).unwrap_err().kind, "not_found");
}

#[test]
fn what_is_not_there_or_not_taken_is_named() {
    let agent = agent();
    for (room, method, arguments, named) in [
        ("people", "list", json!({}), "there is no room \"people\""),
        ("audit", "erase", json!({}), "there is no method \"erase\" of audit; known: entries"),
        ("accounts", "users", json!({ "organisation": 1 }), "organisation: there is no such"),
        ("accounts", "users", json!({}), "organization: missing"),
        ("accounts", "user", json!({ "organization": "x" }), "organization: not an organization id"),
        ("sessions", "list", json!({ "before": "x" }), "before: not a session id"),
        ("sessions", "delete_over", json!({ "age_seconds": -1 }), "age_seconds: expected"),
        ("accounts", "admit", json!({ "principal": { "organization": 3 } }), "principal: "),
    ] {
        let refused = call(&agent, room, method, arguments).unwrap_err();
        assert_eq!(refused.code, "VALIDATION_ERROR", "{}", refused.detail);
        assert!(refused.detail.starts_with(named), "{}", refused.detail);
    }
    let host = json!({ "organization": "0192f1d2-0000-7000-8000-000000000000", "actor": "host" });
    assert!(agent.with(&host.to_string()).err().is_some_and(|e| e.detail.contains("the host is no principal")));
    let options = TurnOptions { assistant: Some("x".into()), ..TurnOptions::default() };
    let refused = agent.turn(Input::Text("Hello".into()), options).wait().unwrap_err();
    assert!(refused.detail.starts_with("assistant: not an assistant id"), "{}", refused.detail);
}
