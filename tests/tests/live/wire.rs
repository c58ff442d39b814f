//! A live session over a connection: a client that speaks in frames.

use tokio::time::sleep;
use voice_core::live::{
    LiveEvent,
    wire::{ClientMessage, Frame, ServerMessage, Wire},
};
use voice_testkit::{ScriptedLlm, Voice};

use super::{
    ANSWER, assert_heard,
    call::{Call, ms},
};

fn say(call: &Call, frame: &Frame) -> voice_core::Result<()> {
    ClientMessage::from_frame(frame).and_then(|message| call.live.receive(message))
}

fn text(call: &Call, json: &str) -> voice_core::Result<()> {
    say(call, &Frame::Text(json.to_owned()))
}

/// Everything that the client was sent.
fn sent(call: &Call) -> Vec<ServerMessage> {
    let mut wire = call.live.wire();
    let frames = call.events().into_iter().filter_map(|(_, event)| wire.encode(&event));
    frames.map(|frame| ServerMessage::from_frame(&frame).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_client_speaks_and_types_and_ends_the_session_in_frames() {
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), "{}").await;
    for frame in call.voice.say("will it rain tomorrow?").chunks(320) {
        say(&call, &ClientMessage::Audio(frame.to_vec()).to_frame()).unwrap();
        sleep(ms(20)).await;
    }
    call.until_turns(1).await;
    text(&call, r#"{"type":"user-message","text":"and then?"}"#).unwrap();
    call.until_turns(2).await;
    text(&call, r#"{"type":"end-session"}"#).unwrap();
    call.until("the end", |event| matches!(event, LiveEvent::Ended(_))).await;

    let sent = sent(&call);
    assert!(matches!(sent[0], ServerMessage::Connected { input, output, .. }
        if (input.sample_rate, input.channels, output.sample_rate) == (16_000, 1, 16_000)));
    let told: Vec<(String, String)> = sent
        .iter()
        .filter_map(|message| match message {
            ServerMessage::AssistantMessage { transcript, text, .. } => Some((transcript.clone(), text.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(told.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), [ANSWER, ANSWER]);
    assert_eq!(told[1].0, "and then?");
    assert!(matches!(sent.last(), Some(ServerMessage::SessionEnded { turns: 2, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_makes_no_sense_is_refused_and_the_session_goes_on() {
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), "{}").await;
    for frame in [
        Frame::Text("{".into()),
        Frame::Text(r#"{"type":"sing"}"#.into()),
        Frame::Text(r#"{"type":"user-message","text":""}"#.into()),
        Frame::Text(r#"{"type":"dtmf","keys":"x"}"#.into()),
        Frame::Text(r#"{"type":"language","language":""}"#.into()),
        Frame::Text(r#"{"type":"language","language":"whatever I say"}"#.into()),
        Frame::Binary(vec![1]),
        ClientMessage::Audio(vec![0; 1_000_000]).to_frame(),
    ] {
        let error = say(&call, &frame).unwrap_err();
        let told = ServerMessage::from_frame(&Wire::error(&error)).unwrap();
        assert!(matches!(&told, ServerMessage::Error { error } if error.code == "VALIDATION_ERROR"), "{frame:?}");
    }
    text(&call, r#"{"type":"interrupt"}"#).unwrap();
    text(&call, r#"{"type":"language","language":"pt-BR"}"#).unwrap();
    text(&call, r#"{"type":"language","language":"auto"}"#).unwrap();
    text(&call, r#"{"type":"user-message","text":"will it rain?"}"#).unwrap();
    call.until_turns(1).await;
    assert_eq!((call.turns()[0].text.as_str(), call.turns()[0].language.as_deref()), (ANSWER, None));
}

#[tokio::test(start_paused = true)]
async fn what_the_client_says_it_played_is_what_is_kept() {
    let config = r#"{"live": {"output": {"pacing": "immediate"}}}"#;
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), config).await;
    text(&call, r#"{"type":"user-message","text":"will it rain?"}"#).unwrap();
    call.silence(100).await;
    let played = 630 * 16;
    text(&call, &format!(r#"{{"type":"playback","position":{played}}}"#)).unwrap();
    call.silence(5_000).await;
    text(&call, r#"{"type":"interrupt"}"#).unwrap();
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].text, "It will rain");
}

#[tokio::test(start_paused = true)]
async fn sound_that_is_held_back_is_heard_once_and_kept_whole() {
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), "{}").await;
    text(&call, r#"{"type":"user-message","text":"will it rain?"}"#).unwrap();
    call.until_played(3).await;
    text(&call, r#"{"type":"pause"}"#).unwrap();
    call.silence(1_000).await;
    text(&call, r#"{"type":"resume"}"#).unwrap();
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].text, ANSWER);
    assert_heard(ANSWER, &call.played());

    // Laid where they belong, the frames are the session's sound without a gap.
    let mut end = 0;
    for message in sent(&call) {
        match message {
            ServerMessage::Audio { position, samples } => {
                assert_eq!(position, end, "a gap");
                end = position + samples.len() as u64;
            }
            ServerMessage::Clear { position } => {
                assert!(position < end, "nothing was thrown away");
                end = position;
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_counts_on_from_a_cut_hears_the_next_reply_to_its_end() {
    let call = Call::new(&Voice::new(), ScriptedLlm::saying(ANSWER), "{}").await;
    text(&call, r#"{"type":"user-message","text":"will it rain?"}"#).unwrap();
    call.until_played(2).await;
    text(&call, r#"{"type":"playback","position":8000}"#).unwrap();
    text(&call, r#"{"type":"user-message","text":"and then?"}"#).unwrap();
    call.silence(200).await;
    // The client plays each frame as it comes.
    let mut told = 0;
    while call.turns().len() < 2 {
        let played = sent(&call).into_iter().fold(0, |end, message| match message {
            ServerMessage::Audio { position, samples } => position + samples.len() as u64,
            ServerMessage::Clear { position } => position,
            _ => end,
        });
        if std::mem::replace(&mut told, played) != played {
            text(&call, &format!(r#"{{"type":"playback","position":{played}}}"#)).unwrap();
        }
        call.silence(20).await;
        assert!(call.now() < ms(60_000), "the reply never ends: {:#?}", call.names());
    }
    let turns = call.turns();
    assert!(turns[0].interrupted && ANSWER.starts_with(&turns[0].text) && !turns[1].interrupted);
    assert_eq!(turns[1].text, ANSWER);
}
