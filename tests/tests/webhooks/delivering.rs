//! What is sent, and what follows from how it is answered.

use serde_json::json;
use voice_core::{
    store::{ActionQuery, AuditQuery},
    time::Clock,
};

use super::*;

#[tokio::test]
async fn sessions_and_turns_are_told_signed_and_without_words() {
    let folder = tempfile::tempdir().unwrap();
    for storage in [memory(), sqlite(folder.path())] {
        let (receiver, agent) = (Receiver::start().await, agent_on(storage).await);
        let hook = hooked(&agent, &receiver).await;
        let reply = agent.turn("Will it rain?").user("ada").speak(false).await.unwrap();
        agent.sessions().end(reply.session_id).await.unwrap();
        let got = receiver.wait(3).await;
        assert_eq!(types(&got), ["session.ended", "session.started", "turn.completed"]);
        for message in &got {
            assert!(message.head.starts_with("POST /hook HTTP/1.1"), "{}", message.head);
            assert_eq!(message.header("content-type"), "application/json");
            assert!(good(std::slice::from_ref(&hook.secret), message));
            assert!(!good(&[Secret::new("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")], message));
            let json = message.json();
            assert_eq!(json["data"]["session_id"], json!(reply.session_id));
            assert_eq!(json["data"]["user"], "ada");
            assert!(json["timestamp"].as_str().unwrap().parse::<voice_core::time::Timestamp>().is_ok());
            assert!(!message.json().to_string().contains("rain"), "what was said is not told");
        }
        let of_turn = got.iter().map(Got::json).find(|json| json["type"] == "turn.completed").unwrap();
        assert_eq!(of_turn["data"]["turn_id"], json!(reply.turn_id));
        let roles: Vec<_> = of_turn["data"]["messages"].as_array().unwrap().iter().map(|m| &m["role"]).collect();
        assert_eq!(roles, ["user", "assistant"]);
        let ended = got.iter().map(Got::json).find(|json| json["type"] == "session.ended").unwrap();
        assert_eq!(ended["data"]["status"], "ended");
        for message in &got {
            let delivery = settled(&agent, id_of(message), DeliveryStatus::Delivered).await;
            assert_eq!((statuses(&delivery), delivery.tries), (vec![Some(204)], 1));
            assert_eq!(delivery.body.as_bytes(), message.body);
        }
        agent.close().await.unwrap();
        assert_eq!(receiver.got().len(), 3, "each is told once");
    }
}

#[tokio::test]
async fn an_attempt_that_fails_is_made_again_with_the_same_id_and_body() {
    let (receiver, agent) = (Receiver::start().await, agent_on(memory()).await);
    let hook = hooked(&agent, &receiver).await;
    receiver.next([Answer::Status(500), Answer::Close, Answer::With(429, "retry-after", "0")]);
    agent.sessions().create().await.unwrap();
    let got = receiver.wait(4).await;
    assert!(got.iter().all(|message| id_of(message) == id_of(&got[0]) && message.body == got[0].body));
    assert!(got.iter().all(|message| good(std::slice::from_ref(&hook.secret), message)));
    let delivery = settled(&agent, id_of(&got[0]), DeliveryStatus::Delivered).await;
    assert_eq!(statuses(&delivery), [Some(500), None, Some(429), Some(204)]);
    let errors: Vec<_> = delivery.attempts.iter().map(|attempt| attempt.error.as_deref()).collect();
    assert_eq!((errors[0], errors[3]), (Some("answered 500"), None));
    assert!(errors[1].unwrap().starts_with("the connection broke"), "{errors:?}");
}

#[tokio::test]
async fn what_is_refused_or_never_taken_has_failed() {
    let (receiver, agent) = (Receiver::start().await, agent_on(memory()).await);
    hooked(&agent, &receiver).await;
    let elsewhere = Receiver::start().await;
    let redirect: &'static str = elsewhere.url().leak();
    for (answer, attempts) in [
        (Answer::Status(404), vec![Some(404)]),
        (Answer::With(307, "location", redirect), vec![Some(307)]),
        (Answer::Status(503), vec![Some(503); 4]),
    ] {
        receiver.always(answer);
        let before = receiver.got().len();
        agent.sessions().create().await.unwrap();
        let got = receiver.wait(before + 1).await;
        let delivery = settled(&agent, id_of(got.last().unwrap()), DeliveryStatus::Failed).await;
        assert_eq!(statuses(&delivery), attempts);
        assert!(delivery.settled_at.is_some());
        assert_eq!(receiver.got().len(), before + attempts.len());
    }
    assert!(elsewhere.got().is_empty(), "redirects are not followed");
    let mut failed = DeliveryQuery::default();
    failed.status = Some(DeliveryStatus::Failed);
    assert_eq!(agent.webhooks().deliveries(failed).await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_nothing_more() {
    let (receiver, agent) = (Receiver::start().await, agent_on(memory()).await);
    let hook = hooked(&agent, &receiver).await;
    receiver.always(Answer::Status(410));
    agent.sessions().create().await.unwrap();
    let got = receiver.wait(1).await;
    let delivery = settled(&agent, id_of(&got[0]), DeliveryStatus::Failed).await;
    let info = agent.webhooks().get(hook.webhook.id).await.unwrap();
    assert!(!info.enabled && info.disabled_because.unwrap().contains("410"));
    let mut query = AuditQuery::default();
    query.action = Some("webhook.disable".into());
    assert_eq!(agent.audit().entries(query).await.unwrap().items.len(), 1);
    agent.sessions().create().await.unwrap();
    assert_eq!(log(&agent).await.len(), 1, "nothing is written down for a disabled webhook");
    // Asked for again, it is not sent either; enabled again, it is.
    agent.webhooks().redeliver(delivery.id).await.unwrap();
    let refused = settled(&agent, delivery.id, DeliveryStatus::Failed).await;
    assert_eq!(refused.attempts.last().unwrap().error.as_deref(), Some("the webhook is disabled"));
    assert_eq!(receiver.got().len(), 1);
    receiver.always(Answer::Status(200));
    let enable = serde_json::from_value(json!({"enabled": true})).unwrap();
    assert_eq!(agent.webhooks().update(hook.webhook.id, &enable).await.unwrap().disabled_because, None);
    agent.webhooks().redeliver(delivery.id).await.unwrap();
    let got = receiver.wait(2).await;
    assert_eq!(id_of(&got[1]), delivery.id);
    let delivered = settled(&agent, delivery.id, DeliveryStatus::Delivered).await;
    assert_eq!(delivered.attempts.len(), 3);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let (receiver, agent) = (Receiver::start().await, agent_on(memory()).await);
    hooked(&agent, &receiver).await;
    receiver.next([Answer::Endless]);
    agent.sessions().create().await.unwrap();
    let got = receiver.wait(1).await;
    let delivery = settled(&agent, id_of(&got[0]), DeliveryStatus::Delivered).await;
    assert_eq!(statuses(&delivery), [Some(200)]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_does_not_answer_is_left_after_30_seconds() {
    let clock = VirtualClock::new();
    let agent = building(memory(), "").clock(Arc::new(clock)).build().await.unwrap();
    let held = clock.hold();
    let receiver = Receiver::start().await;
    hooked(&agent, &receiver).await;
    receiver.next([Answer::Hang]);
    agent.sessions().create().await.unwrap();
    let id = id_of(&receiver.wait(1).await[0]);
    drop(held);
    let delivery = loop {
        let delivery = agent.webhooks().delivery(id).await.unwrap();
        if !delivery.attempts.is_empty() {
            break delivery;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let attempt = &delivery.attempts[0];
    assert_eq!(attempt.error.as_deref(), Some("no answer within 30 s"));
    assert!((30_000..30_200).contains(&attempt.duration_ms), "{attempt:?}");
    let wait = delivery.due_at.duration_since(attempt.at).as_secs_f64() - 30.0;
    assert!((5.0..=6.5).contains(&wait), "{wait}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_never_answers_keeps_no_other_waiting() {
    let (clock, stores) = (VirtualClock::new(), memory());
    let (hanging, healthy) = (Receiver::start().await, Receiver::start().await);
    hanging.always(Answer::Hang);
    let before = building(stores.clone(), r#""deliver": false"#).clock(Arc::new(clock)).build().await.unwrap();
    for (receiver, events) in [(&hanging, "session.started"), (&healthy, "order.placed")] {
        before.webhooks().create(&NewWebhook::new(receiver.url()).events([events])).await.unwrap();
    }
    for _ in 0..40 {
        before.sessions().create().await.unwrap();
    }
    before.webhooks().send("order.placed", object(json!({"cakes": 2})), None).await.unwrap();
    // Time stands still: no attempt comes to its time-out.
    let _held = clock.hold();
    let _agent = building(stores, "").clock(Arc::new(clock)).build().await.unwrap();
    let begun = std::time::Instant::now();
    while healthy.got().is_empty() || hanging.got().len() < 4 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{} wait, {} came",
            hanging.got().len(),
            healthy.got().len()
        );
        tokio::task::yield_now().await;
    }
    assert_eq!((hanging.got().len(), types(&healthy.got())), (4, vec!["order.placed".to_owned()]));
}

#[tokio::test]
async fn a_turn_is_told_with_its_messages_however_much_was_said_since() {
    let (receiver, stores) = (Receiver::start().await, memory());
    let before = building(stores.clone(), r#""deliver": false"#).build().await.unwrap();
    before.webhooks().create(&NewWebhook::new(receiver.url()).events(["turn.completed"])).await.unwrap();
    let mut session = None;
    for _ in 0..60 {
        session = Some(before.turn("Will it rain?").session(session).speak(false).await.unwrap().session_id);
    }
    let _agent = agent_on(stores).await;
    for message in receiver.wait(60).await {
        let data = message.json()["data"].clone();
        let roles: Vec<_> = data["messages"].as_array().unwrap().iter().map(|m| &m["role"]).collect();
        assert_eq!(roles, ["user", "assistant"]);
    }
}

#[tokio::test(start_paused = true)]
async fn waits_grow_as_the_schedule_says_until_the_last_attempt() {
    let clock = VirtualClock::new();
    // Time stands still while something is on a real connection.
    let mut held = Some(clock.hold());
    let agent = building(memory(), r#""attempts": 5"#).clock(Arc::new(clock)).build().await.unwrap();
    let receiver = Receiver::start().await;
    hooked(&agent, &receiver).await;
    receiver.always(Answer::Status(503));
    agent.sessions().create().await.unwrap();
    for (count, wait) in [(1, 5.0), (2, 20.0), (3, 80.0), (4, 320.0)] {
        receiver.wait(count).await;
        let delivery = loop {
            match log(&agent).await.pop() {
                Some(delivery) if delivery.attempts.len() == count => break delivery,
                _ => tokio::task::yield_now().await,
            }
        };
        let found = delivery.due_at.duration_since(clock.now()).as_secs_f64();
        assert!((wait - 0.1..=wait * 1.25).contains(&found), "{found} instead of {wait}");
        drop(held.take());
        tokio::time::sleep(Duration::from_secs_f64(found) - Duration::from_millis(10)).await;
        assert_eq!(receiver.got().len(), count, "not before it is due");
        held = Some(clock.hold());
        clock.advance(Duration::from_millis(20)).await;
    }
    let got = receiver.wait(5).await;
    let delivery = settled(&agent, id_of(&got[0]), DeliveryStatus::Failed).await;
    assert_eq!((statuses(&delivery), delivery.tries), (vec![Some(503); 5], 5));
}

#[tokio::test]
async fn an_address_that_leads_to_this_machine_by_its_name_is_not_called() {
    let receiver = Receiver::start().await;
    let webhooks = r#""allow_private": false, "first_delay_seconds": 0.02, "attempts": 1"#;
    let port = receiver.url().rsplit(':').next().unwrap().to_owned();
    let stores = memory();
    // Made while it was allowed.
    let before = building(stores.clone(), r#""deliver": false"#).build().await.unwrap();
    before.webhooks().create(&NewWebhook::new(format!("http://localhost:{port}"))).await.unwrap();
    before.webhooks().create(&NewWebhook::new(receiver.url())).await.unwrap();
    let config = Config::from_json(&format!(
        r#"{{"accounts": {{"credentials_key": "{VAULT}"}}, "webhooks": {{"allow_http": true, {webhooks}}}}}"#
    ))
    .unwrap();
    let agent = building(stores, "").config(config).build().await.unwrap();
    agent.sessions().create().await.unwrap();
    while log(&agent).await.iter().filter(|delivery| delivery.status == DeliveryStatus::Failed).count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(receiver.got().is_empty());
    assert!(log(&agent).await.iter().all(|d| d.attempts[0].error.as_deref().unwrap().contains("private network")));
}

#[tokio::test]
async fn what_has_to_be_acted_on_is_told_once_and_whole() {
    let found = json!({"actions": [
        {"type": "refill", "line": 1, "details": {"medication": "metformin"}, "confidence": 0.9},
    ]});
    for actions in [true, false] {
        let receiver = Receiver::start().await;
        let mut config = config("");
        config.actions = actions.then(Default::default);
        let model = ScriptedLlm::tokens([found.to_string()]);
        let agent = building(memory(), "").config(config).llm(model).build().await.unwrap();
        agent.webhooks().create(&NewWebhook::new(receiver.url()).events(["action.detected"])).await.unwrap();
        let reply = agent.turn("I need a refill of my metformin.").speak(false).await.unwrap();
        if actions {
            let got = receiver.wait(1).await;
            let data = got[0].json()["data"].clone();
            let kept = agent.sessions().actions(reply.session_id, ActionQuery::newest(10)).await.unwrap().items;
            assert_eq!(data, json!(kept[0]));
            assert_eq!((&data["type"], &data["details"]["medication"]), (&json!("refill"), &json!("metformin")));
            assert_eq!(data["session_id"], json!(reply.session_id));
        }
        agent.close().await.unwrap();
        assert_eq!(types(&receiver.got()).len(), usize::from(actions));
    }
}
