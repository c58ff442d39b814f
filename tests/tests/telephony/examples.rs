//! The carriers' documented messages.

use std::{fs, path::Path};

use serde_json::Value;
use voice_core::telephony::{PhoneCall, PhoneEncoding, Protocol};

use super::{
    carrier::{Carrier, Writes},
    phone::Phone,
};

/// The lines of a file of examples, where the folder of them is there.
fn examples(name: &str) -> Option<Vec<Value>> {
    let mut near = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|a| a.join("shared/specs/fixtures/telephony"));
    let text = near.find_map(|folder| fs::read_to_string(folder.join(name)).ok());
    if text.is_none() {
        println!("{name} is not here: not checked");
    }
    Some(text?.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The kinds of values of a message, by their places.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "text".into(),
        other => other.clone(),
    }
}

fn carrier(protocol: Protocol, l16: bool) -> Carrier {
    if l16 { Carrier::new(protocol, Writes::Little, 8_000) } else { Carrier::new(protocol, Writes::MuLaw, 8_000) }
}

#[tokio::test(start_paused = true)]
async fn every_example_of_what_carriers_send_is_understood() {
    for (protocol, l16) in
        [(Protocol::Twilio, false), (Protocol::Plivo, true), (Protocol::Vobiz, false), (Protocol::Vonage, true)]
    {
        let Some(messages) = examples(&format!("{protocol}_inbound.jsonl")) else { continue };
        let mut phone = Phone::ringing(carrier(protocol, l16), "{}", |live| live).await;
        for message in &messages {
            phone.wire.receive(&phone.session, &voice_core::live::wire::Frame::Text(message.to_string())).unwrap();
        }
        let call = phone.wire.call().unwrap();
        assert_eq!((call.encoding == PhoneEncoding::L16, call.protocol), (l16, protocol));
        let opening = messages.iter().find_map(|message| PhoneCall::read(&message.to_string(), None).unwrap());
        assert_eq!(opening.as_ref(), Some(call), "{protocol} is told from its first messages");
    }
}

#[tokio::test(start_paused = true)]
async fn what_carriers_are_sent_looks_like_their_examples() {
    for (protocol, l16) in
        [(Protocol::Twilio, false), (Protocol::Plivo, true), (Protocol::Vobiz, false), (Protocol::Vonage, true)]
    {
        let Some(messages) = examples(&format!("{protocol}_outbound.jsonl")) else { continue };
        let mut phone = Phone::new(carrier(protocol, l16)).await;
        phone.until_turns(1).await;
        phone.session.say("This is interrupted before long.").unwrap();
        let before = phone.carrier.loud();
        phone.until_loud(before + 300).await;
        phone.session.interrupt().unwrap();
        phone.until_turns(2).await;
        let pressed = phone.wire.press("123").ok();
        phone.session.end().await.unwrap();
        phone.go_on();
        let mut sent: Vec<Value> = phone.carrier.sent.iter().map(shape).collect();
        if let Some(voice_core::live::wire::Frame::Text(pressed)) = pressed {
            sent.push(shape(&serde_json::from_str(&pressed).unwrap()));
        }
        for message in &messages {
            let mut wanted = shape(message);
            if protocol == Protocol::Vonage && !wanted["payload"].is_null() {
                wanted["payload"] = shape(&serde_json::json!({"name": "what a host gives comes back"}));
            }
            assert!(sent.contains(&wanted), "{protocol}: {wanted} is not among what was sent");
        }
        for message in &sent {
            let kind = |one: &Value| one.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert!(messages.iter().any(|known| kind(&shape(known)) == kind(message)), "{protocol}: {message}");
        }
    }
}

#[test]
fn carriers_are_told_from_their_first_messages() {
    for carrier in [
        Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000),
        Carrier::new(Protocol::Plivo, Writes::Little, 16_000),
        Carrier::new(Protocol::Vobiz, Writes::MuLaw, 8_000),
        Carrier::new(Protocol::Exotel, Writes::Little, 24_000),
        Carrier::new(Protocol::Telnyx, Writes::ALaw, 8_000),
        Carrier::new(Protocol::Vonage, Writes::Little, 16_000),
    ] {
        let (protocol, rate, mut carrier) = (carrier.protocol, carrier.rate, carrier);
        let messages = carrier.opening();
        let read = |frame: &voice_core::live::wire::Frame| match frame {
            voice_core::live::wire::Frame::Text(text) => PhoneCall::read(text, None).unwrap(),
            voice_core::live::wire::Frame::Binary(_) => None,
        };
        let calls: Vec<PhoneCall> = messages.iter().filter_map(read).collect();
        assert_eq!(calls.len(), 1, "{protocol}");
        assert_eq!((calls[0].protocol, calls[0].sample_rate), (protocol, rate));
        assert_eq!(protocol.to_string().parse::<Protocol>().unwrap(), protocol);
        let shown = format!("{:?}", calls[0]);
        assert!(!shown.contains("+91") && !shown.contains("u1"), "who calls whom is not printed: {shown}");
    }
    let numbers = r#"{"event":"start","start":{"call_control_id":"c","from":"+1","to":"+2"},"stream_id":"s"}"#;
    let call = PhoneCall::read(numbers, None).unwrap().unwrap();
    assert_eq!((call.from_number.as_deref(), call.to_number.as_deref()), (Some("+1"), Some("+2")));
    assert!("sip".parse::<Protocol>().unwrap_err().message().contains("twilio"));
}
