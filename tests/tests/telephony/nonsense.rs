//! Messages that no carrier sends.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use voice_core::{
    ErrorCode,
    live::{LiveEvent, wire::Frame},
    telephony::{PhoneCall, Protocol},
};

use super::{
    carrier::{Carrier, Writes},
    phone::{GREETING, Phone, QUESTION},
};

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_refused_and_the_call_goes_on() {
    let mut phone = Phone::new(Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000)).await;
    let long = format!(r#"{{"event":"media","media":{{"payload":"{}"}}}}"#, "A".repeat(1 << 20));
    for wrong in [
        "",
        "{",
        "[]",
        "null",
        r#"{"event":1}"#,
        r#"{"event":"media"}"#,
        r#"{"event":"media","media":{"payload":"§"}}"#,
        r#"{"event":"media","media":{"payload":12}}"#,
        r#"{"event":"mark"}"#,
        r#"{"event":"dtmf","dtmf":{}}"#,
        r#"{"event":"dtmf","dtmf":{"digit":"x"}}"#,
        &long,
    ] {
        let error = phone.wire.receive(&phone.session, &Frame::Text(wrong.into())).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ValidationError, "{}", &wrong[..wrong.len().min(60)]);
        assert!(!error.to_string().contains('§'), "nothing is quoted: {error}");
    }
    assert!(phone.wire.receive(&phone.session, &Frame::Binary(vec![0; 160])).is_err());
    for unknown in
        [r#"{"event":"weather"}"#, r#"{"event":"start","start":{"streamSid":"other"}}"#, r#"{"event":"connected"}"#]
    {
        phone.receive(&Frame::Text(unknown.into()));
    }
    for mark in ["", "0-", "-1", "0-99999999999", "7-10", "theirs", "0-99999999999999999999999"] {
        let mark = serde_json::json!({"event": "mark", "mark": {"name": mark}});
        let _refused = phone.wire.receive(&phone.session, &Frame::Text(mark.to_string()));
    }
    assert_eq!(phone.wire.call().unwrap().stream_id.as_deref(), Some("MZ1"));
    phone.until_turns(1).await;
    phone.speak(1_000).await;
    phone.until_turns(2).await;
    assert_eq!(phone.history().await[..2], [GREETING, QUESTION]);
}

#[tokio::test(start_paused = true)]
async fn sound_before_the_beginning_and_after_the_end_is_nobodys() {
    let mut carrier = Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000);
    let early = carrier.media(&[6_000; 160]);
    let mut phone = Phone::ringing(carrier, "{}", |live| live).await;
    assert!(phone.wire.receive(&phone.session, &early).is_err());
    phone.open();
    let stop = phone.carrier.stop().unwrap();
    phone.receive(&stop);
    phone.receive(&early);
    phone.silence(100).await;
    assert!(phone.has(|event| matches!(event, LiveEvent::Ended(_))));
    phone.receive(&early);
}

/// Documented messages with parts of them taken out, doubled, exchanged or made up.
#[tokio::test(start_paused = true)]
async fn no_message_by_chance_breaks_anything() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for protocol in Protocol::ALL {
        let mut carrier = Carrier::new(protocol, Writes::Little, 16_000);
        let mut frames = carrier.opening();
        frames.extend([carrier.media(&[7; 320]), carrier.key("5")]);
        frames.extend(carrier.stop());
        seeds.extend(frames.into_iter().map(|frame| match frame {
            Frame::Text(text) => text.into_bytes(),
            Frame::Binary(bytes) => bytes,
        }));
    }
    let words: [&[u8]; 12] = [
        b"null",
        b"-1",
        b"1e999",
        b"18446744073709551615",
        b"\"\"",
        b"{}",
        b"[]",
        b"\"start\"",
        b"\"media\"",
        b"=",
        b"\\u0000",
        b"\"OPUS\"",
    ];
    for round in 0..40 {
        let protocol = (round % 2 == 0).then(|| *Protocol::ALL.choose(&mut rng).unwrap());
        let carrier = Carrier::new(protocol.unwrap_or(Protocol::Twilio), Writes::MuLaw, 8_000);
        let mut phone = Phone::ringing(carrier, "{}", |live| live).await;
        for _ in 0..250 {
            let mut message = seeds.choose(&mut rng).unwrap().clone();
            for _ in 0..rng.random_range(0..4) {
                let at = rng.random_range(0..message.len().max(1)).min(message.len());
                let to = (at + rng.random_range(0..12)).min(message.len());
                let word = words.choose(&mut rng).unwrap();
                message.splice(at..to, word.iter().copied());
            }
            let text = String::from_utf8_lossy(&message).into_owned();
            let _read = PhoneCall::read(&text, None);
            let frame = if rng.random_bool(0.9) { Frame::Text(text) } else { Frame::Binary(message) };
            let _refused = phone.wire.receive(&phone.session, &frame);
            while let Some(event) = phone.session.try_next() {
                let _frames = phone.wire.encode(&event);
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}
