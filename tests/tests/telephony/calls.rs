//! Whole calls.

use voice_core::{
    ErrorKind, VoiceAgent,
    live::{EndReason, LiveEvent, wire::Frame},
    telephony::{PhoneEncoding, Protocol},
};

use voice_testkit::{ScriptedRealtime, Voice};

use super::{
    carrier::{Carrier, Writes},
    phone::{ANSWER, GREETING, Phone, QUESTION, length},
};

/// Every carrier, as it is usually set up, and every other way in which one writes sound.
fn carriers() -> Vec<Carrier> {
    let mut swapped = Carrier::new(Protocol::Vobiz, Writes::Little, 16_000);
    swapped.writes = Writes::Big;
    vec![
        Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000),
        Carrier::new(Protocol::Plivo, Writes::MuLaw, 8_000),
        Carrier::new(Protocol::Plivo, Writes::Little, 8_000),
        Carrier::new(Protocol::Plivo, Writes::Little, 16_000),
        Carrier::new(Protocol::Vobiz, Writes::MuLaw, 8_000),
        Carrier::new(Protocol::Vobiz, Writes::Little, 16_000),
        swapped,
        Carrier::new(Protocol::Exotel, Writes::Little, 8_000),
        Carrier::new(Protocol::Exotel, Writes::Little, 16_000),
        Carrier::new(Protocol::Exotel, Writes::Little, 24_000),
        Carrier::new(Protocol::Telnyx, Writes::MuLaw, 8_000),
        Carrier::new(Protocol::Telnyx, Writes::ALaw, 8_000),
        Carrier::new(Protocol::Telnyx, Writes::Little, 16_000),
        Carrier::new(Protocol::Vonage, Writes::Little, 8_000),
        Carrier::new(Protocol::Vonage, Writes::Little, 16_000),
    ]
}

#[tokio::test(start_paused = true)]
async fn with_every_carrier_the_greeting_is_heard_the_caller_is_answered_and_hangs_up() {
    for carrier in carriers() {
        let named = format!("{} {:?} {}", carrier.protocol, carrier.writes, carrier.rate);
        let mut phone = Phone::new(carrier).await;
        let call = phone.wire.call().unwrap().clone();
        assert_eq!((call.protocol, call.sample_rate), (phone.carrier.protocol, phone.carrier.rate), "{named}");
        assert_eq!(call.parameters["user"], "u1", "{named}");
        if call.protocol != Protocol::Vonage {
            assert_eq!((call.stream_id.as_deref(), call.call_id.as_deref()), (Some("MZ1"), Some("CA1")), "{named}");
            assert_eq!(call.account_id.as_deref(), Some("AC1"), "{named}");
        }
        phone.until_turns(1).await;
        phone.speak(1_000).await;
        phone.until_turns(2).await;
        for digit in ["4", "2", "#"] {
            let key = phone.carrier.key(digit);
            phone.receive(&key);
        }
        phone.until_turns(3).await;
        assert!(phone.has(|event| matches!(event, LiveEvent::Dtmf(keys) if keys.0 == "42")), "{named}");
        assert_eq!(phone.turns()[1].text, ANSWER, "{named}");
        assert_eq!(phone.history().await[..3], [GREETING, QUESTION, ANSWER], "{named}");
        let expected = length(GREETING) + 2 * length(ANSWER);
        assert!(phone.carrier.loud().abs_diff(expected) <= 60, "{named}: {} ms, not {expected}", phone.carrier.loud());
        assert_eq!(phone.carrier.count("clear") + phone.carrier.count("clearAudio"), 0, "{named}");

        match phone.carrier.stop() {
            Some(stop) => phone.receive(&stop),
            None => {
                phone.session.end().await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                phone.go_on();
            }
        }
        phone.silence(100).await;
        assert!(phone.has(|e| matches!(e, LiveEvent::Ended(s) if s.reason == EndReason::Host)), "{named}");
        assert_eq!(phone.carrier.count("stop"), usize::from(call.protocol == Protocol::Vobiz), "{named}");
    }
}

#[tokio::test(start_paused = true)]
async fn sound_goes_out_in_pieces_of_the_carriers_size_a_little_ahead_of_its_time() {
    for carrier in carriers() {
        let named = format!("{} {:?} {}", carrier.protocol, carrier.writes, carrier.rate);
        let mut phone = Phone::new(carrier).await;
        phone.until_turns(1).await;
        let pieces = &phone.carrier.pieces;
        let width = if matches!(phone.carrier.writes, Writes::MuLaw | Writes::ALaw) { 1 } else { 2 };
        let frame = phone.carrier.rate as usize / 50 * width;
        match phone.carrier.protocol {
            Protocol::Exotel => assert!(pieces.iter().all(|&bytes| bytes == 3_200), "{named}: {pieces:?}"),
            Protocol::Vonage => assert!(pieces.iter().all(|&bytes| bytes == frame), "{named}: {pieces:?}"),
            _ => assert!(pieces[..pieces.len() - 1].iter().all(|&bytes| bytes == frame), "{named}: {pieces:?}"),
        }
        assert!((180..=280).contains(&phone.ahead), "{named}: {} ms ahead", phone.ahead);
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_clears_what_is_not_played_and_what_marks_told_is_what_is_kept() {
    for carrier in carriers() {
        let named = format!("{} {:?} {}", carrier.protocol, carrier.writes, carrier.rate);
        let mut phone = Phone::new(carrier).await;
        phone.until_turns(1).await;
        phone.speak(1_000).await;
        let before = phone.carrier.loud();
        phone.until_loud(before + 1_000).await;
        phone.speak(1_500).await;
        phone.until_turns(2).await;
        let (turns, sent) = (phone.turns(), &phone.carrier);
        assert!(turns[1].interrupted, "{named}: {:#?}", phone.names());
        assert!(sent.count("clear") + sent.count("clearAudio") >= 1, "{named}");
        // All sound of the answer that was ever played came before the next answer.
        let heard = &turns[1].text;
        assert!(ANSWER.starts_with(heard.as_str()) && !heard.is_empty() && heard != ANSWER, "{named}: {heard:?}");
        let played = phone.carrier.loud() - before;
        assert!(length(heard) <= played + 60, "{named}: {heard:?} takes longer than the {played} ms that were played");
        phone.until_turns(3).await;
        assert_eq!(phone.turns()[2].text, ANSWER, "{named}: what comes after it is heard to its end");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_mark_told_is_not_heard_when_the_caller_interrupts() {
    let mut phone = Phone::new(Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000)).await;
    phone.until_turns(1).await;
    phone.speak(1_000).await;
    // "It will rain" takes 520 ms; marks tell of 600 and no more.
    phone.carrier.marks = 6;
    let before = phone.carrier.loud();
    phone.until_loud(before + 1_700).await;
    phone.session.interrupt().unwrap();
    phone.until_turns(2).await;
    assert_eq!(phone.turns()[1].text, "It will rain");
}

#[tokio::test(start_paused = true)]
async fn marks_that_a_carrier_loses_hold_nothing_up() {
    for marks in [0, 3, 20] {
        let mut carrier = Carrier::new(Protocol::Vobiz, Writes::MuLaw, 8_000);
        carrier.marks = marks;
        let mut phone = Phone::new(carrier).await;
        phone.until_turns(1).await;
        phone.speak(1_000).await;
        phone.until_turns(2).await;
        assert_eq!(phone.history().await, [GREETING, QUESTION, ANSWER], "{marks} marks");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_heard_as_far_as_it_came_and_is_then_over() {
    for protocol in [Protocol::Twilio, Protocol::Exotel] {
        let voice = Voice::new();
        // 930 ms: neither a whole number of marks nor of pieces.
        let model = ScriptedRealtime::new(&voice).dropping(0, ANSWER, 4);
        let carrier =
            Carrier::new(protocol, if protocol == Protocol::Exotel { Writes::Little } else { Writes::MuLaw }, 8_000);
        let agent = VoiceAgent::builder().realtime(model);
        let mut phone = Phone::answered_by(agent, &voice, carrier, |live| live.input(8_000, 1).output(8_000)).await;
        phone.open();
        phone.session.push_text(QUESTION).unwrap();
        phone.until_turns(1).await;
        assert!(ANSWER.starts_with(&phone.turns()[0].text), "{protocol}: {}", phone.turns()[0].text);
        assert_eq!(phone.carrier.waiting(), 0, "{protocol}");
    }
}

#[tokio::test(start_paused = true)]
async fn sound_without_padding_is_heard() {
    let mut phone = Phone::new(Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000)).await;
    phone.until_turns(1).await;
    for _ in 0..50 {
        let Frame::Text(frame) = phone.carrier.media(&[6_000; 160]) else { unreachable!("Twilio sends texts") };
        assert!(frame.contains('='), "{frame}");
        phone.receive(&Frame::Text(frame.replace('=', "")));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    phone.until_turns(2).await;
    assert_eq!(phone.turns()[1].transcript, QUESTION);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_call_is_heard_of_again_where_there_was_no_room_for_it() {
    let mut phone = Phone::new(Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000)).await;
    while phone.session.resume().is_ok() {}
    let stop = phone.carrier.stop().unwrap();
    let error = phone.wire.receive(&phone.session, &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    tokio::time::sleep(error.retry_after().unwrap()).await;
    phone.receive(&stop);
    phone.silence(100).await;
    assert!(phone.has(|event| matches!(event, LiveEvent::Ended(_))));
}

#[tokio::test(start_paused = true)]
async fn a_session_of_other_rates_is_converted() {
    for (input, channels, output) in [(16_000, 1, 24_000), (48_000, 2, 16_000), (8_000, 1, 44_100)] {
        let carrier = Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000);
        let mut phone = Phone::ringing(carrier, "{}", |live| live.input(input, channels).output(output)).await;
        phone.open();
        phone.until_turns(1).await;
        phone.speak(1_000).await;
        phone.until_turns(2).await;
        assert_eq!(phone.history().await, [GREETING, QUESTION, ANSWER]);
        let expected = length(GREETING) + length(ANSWER);
        let played = phone.carrier.played.len() / 8;
        assert!(
            played.abs_diff(expected) <= 60 && phone.carrier.loud().abs_diff(expected) <= 60,
            "{output}: {played} ms"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_the_greeting_is_lost_before_the_media_stream_begins() {
    let carrier = Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000);
    let mut phone = Phone::ringing(carrier, "{}", |live| live.input(8_000, 1).output(8_000)).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    phone.go_on();
    assert!(phone.carrier.sent.is_empty() && phone.wire.call().is_none());
    phone.open();
    phone.until_turns(1).await;
    assert!(phone.carrier.loud().abs_diff(length(GREETING)) <= 60, "{} ms", phone.carrier.loud());
}

#[tokio::test(start_paused = true)]
async fn sound_out_of_order_is_heard_in_order() {
    let mut phone = Phone::new(Carrier::new(Protocol::Telnyx, Writes::MuLaw, 8_000)).await;
    phone.until_turns(1).await;
    let frames: Vec<Frame> = (0..50).map(|_| phone.carrier.media(&[6_000; 160])).collect();
    for pair in frames.chunks(2) {
        for frame in pair.iter().rev().chain(pair) {
            phone.receive(frame);
        }
        tokio::time::sleep(std::time::Duration::from_millis(40)).await;
    }
    phone.until_turns(2).await;
    assert_eq!(phone.turns()[1].transcript, QUESTION);
}

#[tokio::test(start_paused = true)]
async fn keys_are_pressed_where_the_carrier_takes_them() {
    let mut phone = Phone::new(Carrier::new(Protocol::Plivo, Writes::MuLaw, 8_000)).await;
    assert_eq!(phone.wire.press("12#").unwrap(), Frame::Text(r#"{"event":"sendDTMF","dtmf":"12#"}"#.into()));
    for wrong in ["", "x", "1 2", &"1".repeat(101)] {
        assert_eq!(phone.wire.press(wrong).unwrap_err().kind(), ErrorKind::InvalidField, "{wrong}");
    }
    phone.silence(20).await;
    let phone = Phone::new(Carrier::new(Protocol::Twilio, Writes::MuLaw, 8_000)).await;
    assert_eq!(phone.wire.press("1").unwrap_err().kind(), ErrorKind::Unsupported);
    let silent = Phone::ringing(Carrier::new(Protocol::Plivo, Writes::MuLaw, 8_000), "{}", |live| live).await;
    assert_eq!(silent.wire.press("1").unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_sound_is_not_understood_is_ended() {
    let carrier = Carrier::new(Protocol::Telnyx, Writes::MuLaw, 8_000);
    let mut phone = Phone::ringing(carrier, "{}", |live| live).await;
    let start = r#"{"event":"start","stream_id":"s","start":{"call_control_id":"c",
        "media_format":{"encoding":"OPUS","sample_rate":16000,"channels":1}}}"#;
    let error = phone.wire.receive(&phone.session, &Frame::Text(start.into())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedAudio);
    phone.silence(100).await;
    assert!(phone.has(|event| matches!(event, LiveEvent::Ended(_))));
    assert_eq!(PhoneEncoding::L16.bytes(), 2);
}
