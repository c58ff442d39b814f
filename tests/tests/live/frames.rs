//! The frames of a live session: read as they were written, and refused without harm.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use voice_core::{
    Action, DocumentId, ErrorKind, MessageId, Pcm, SessionId, TurnId,
    event::TextDelta,
    live::{
        AgentState, EndReason, LiveEvent, SpeechKind, UserState,
        wire::{ClientMessage, Encoding, Frame, ServerMessage, SoundFormat, Wire, WireError, WireSource},
    },
};
use voice_testkit::{ScriptedLlm, Voice};

use super::{ANSWER, call::Call};

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..20).prop_map(|chars| chars.into_iter().collect())
}

fn maybe<T: Clone + std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(of)
}

fn client_message() -> impl Strategy<Value = ClientMessage> {
    prop_oneof![
        vec(any::<i16>(), 0..50).prop_map(ClientMessage::Audio),
        text().prop_map(|text| ClientMessage::UserMessage { text }),
        text().prop_map(|keys| ClientMessage::Dtmf { keys }),
        Just(ClientMessage::Commit),
        Just(ClientMessage::Interrupt),
        Just(ClientMessage::Pause),
        Just(ClientMessage::Resume),
        any::<u64>().prop_map(|position| ClientMessage::Playback { position }),
        maybe(text()).prop_map(|language| ClientMessage::Language { language }),
        Just(ClientMessage::EndSession),
    ]
}

fn error() -> impl Strategy<Value = WireError> {
    (text(), text(), maybe(text()), any::<bool>(), maybe(any::<u64>())).prop_map(
        |(code, message, stage, retryable, retry_after_ms)| WireError {
            code,
            message,
            stage,
            retryable,
            retry_after_ms,
        },
    )
}

fn format() -> impl Strategy<Value = SoundFormat> {
    (any::<u32>(), any::<u32>()).prop_map(|(sample_rate, channels)| SoundFormat {
        encoding: Encoding::Pcm16,
        sample_rate,
        channels,
    })
}

fn done() -> impl Strategy<Value = ServerMessage> {
    (text(), maybe(text()), text(), any::<bool>(), maybe(error()), maybe(any::<u64>())).prop_map(
        |(transcript, language, text, interrupted, audio_error, delay)| ServerMessage::AssistantMessage {
            turn_id: TurnId::new(),
            kind: SpeechKind::Answer,
            transcript,
            text_language: language.clone(),
            language,
            sources: vec![source(&text)],
            text,
            interrupted,
            audio_error: audio_error.map(Box::new),
            user_message_id: interrupted.then(MessageId::new),
            assistant_message_id: Some(MessageId::new()),
            end_of_utterance_delay_ms: delay,
            response_delay_ms: delay,
        },
    )
}

fn source(title: &str) -> WireSource {
    WireSource { document_id: DocumentId::new(), title: title.to_owned(), heading: String::new(), score: 0.5 }
}

fn server_message() -> impl Strategy<Value = ServerMessage> {
    let session_id = SessionId::new();
    prop_oneof![
        (any::<u32>(), format(), format()).prop_map(move |(version, input, output)| ServerMessage::Connected {
            version,
            session_id,
            input,
            output
        }),
        Just(ServerMessage::UserState { state: UserState::Away }),
        Just(ServerMessage::AgentState { state: AgentState::Thinking }),
        (text(), any::<bool>(), maybe(text())).prop_map(|(text, is_final, language)| ServerMessage::Transcript {
            text,
            is_final,
            language
        }),
        Just(ServerMessage::AssistantStarted { turn_id: TurnId::new(), kind: SpeechKind::Greeting }),
        text().prop_map(|text| ServerMessage::AssistantText { text }),
        (text(), any::<bool>(), any::<u64>()).prop_map(|(text, filler, position)| ServerMessage::Speaking {
            text,
            filler,
            position
        }),
        (any::<u64>(), vec(any::<i16>(), 0..50))
            .prop_map(|(position, samples)| ServerMessage::Audio { position, samples }),
        any::<u64>().prop_map(|position| ServerMessage::Clear { position }),
        text().prop_map(|heard| ServerMessage::Interrupted { turn_id: TurnId::new(), heard }),
        Just(ServerMessage::FalseInterruption),
        text().prop_map(|text| ServerMessage::Backchannel { text }),
        text().prop_map(|keys| ServerMessage::Dtmf { keys }),
        (text(), text()).prop_map(|(id, name)| ServerMessage::ToolCall { id, name }),
        (text(), text(), any::<bool>(), any::<u64>())
            .prop_map(|(id, name, failed, elapsed_ms)| { ServerMessage::ToolResult { id, name, failed, elapsed_ms } }),
        done(),
        text().prop_map(|kind| {
            let ids = (SessionId::new(), TurnId::new(), MessageId::new());
            let action = Box::new(Action::new(ids.0, ids.1, ids.2, kind, jiff::Timestamp::UNIX_EPOCH));
            ServerMessage::ActionDetected { action }
        }),
        error().prop_map(|error| ServerMessage::Error { error }),
        (any::<u64>(), any::<u32>(), any::<u32>()).prop_map(move |(duration_ms, turns, interruptions)| {
            ServerMessage::SessionEnded { session_id, reason: EndReason::Goodbye, duration_ms, turns, interruptions }
        }),
    ]
}

proptest! {
    #[test]
    fn what_a_client_says_is_read_as_it_was_written(message in client_message()) {
        prop_assert_eq!(ClientMessage::from_frame(&message.to_frame()).unwrap(), message);
    }

    #[test]
    fn what_the_server_says_is_read_as_it_was_written(message in server_message()) {
        prop_assert_eq!(ServerMessage::from_frame(&message.to_frame()).unwrap(), message);
    }

    #[test]
    fn no_frame_is_too_strange_to_be_refused(
        bytes in vec(any::<u8>(), 0..200), message in client_message(), cut in any::<usize>(), put in any::<char>(),
    ) {
        let mut frames = vec![
            Frame::Text(String::from_utf8_lossy(&bytes).into_owned()),
            Frame::Binary(bytes),
        ];
        if let Frame::Text(text) = message.to_frame() {
            let mut chars: Vec<char> = text.chars().collect();
            let at = cut % chars.len();
            chars[at] = put;
            frames.push(Frame::Text(chars.iter().collect()));
            frames.push(Frame::Text(chars[..at].iter().collect()));
        }
        for frame in &frames {
            if let Err(error) = ClientMessage::from_frame(frame) {
                prop_assert_eq!(error.kind(), ErrorKind::InvalidField);
            }
            let _read = ServerMessage::from_frame(frame);
        }
    }
}

fn refusal(text: &str) -> String {
    ClientMessage::from_frame(&Frame::Text(text.to_owned())).unwrap_err().message().to_owned()
}

#[test]
fn a_frame_is_refused_for_what_is_wrong_with_it_and_never_quoted() {
    assert_eq!(refusal("hush"), "the message is not JSON (line 1, column 1)");
    assert!(refusal("[1]").starts_with("a message is a JSON object with a `type`, one of user-message, dtmf"));
    assert!(refusal(r#"{"type":"hush"}"#).starts_with("there is no message of that type; known: user-message"));
    let wrong = "a field of the message `user-message` is missing or of a wrong type";
    assert_eq!(refusal(r#"{"type":"user-message"}"#), wrong);
    assert_eq!(refusal(r#"{"type":"user-message","text":["hush"]}"#), wrong);
    let odd = ClientMessage::from_frame(&Frame::Binary(vec![0; 3])).unwrap_err();
    assert_eq!(odd.message(), "3 bytes of sound are no whole number of 16-bit samples");
}

#[test]
fn fields_that_are_not_known_do_no_harm() {
    let frame = Frame::Text(r#"{"type":"commit","since":2030}"#.into());
    assert_eq!(ClientMessage::from_frame(&frame).unwrap(), ClientMessage::Commit);
}

async fn wire() -> Wire {
    let set = |live: voice_core::agent::Live| live.input(48_000, 2);
    Call::with(&Voice::new(), ScriptedLlm::saying(ANSWER), "{}", set).await.live.wire()
}

#[tokio::test(start_paused = true)]
async fn sound_says_where_in_the_session_it_belongs() {
    let mut wire = wire().await;
    let sound = |count: usize| LiveEvent::Audio(Pcm::new(vec![7; count], 24_000));
    let started = LiveEvent::Started { session_id: SessionId::new(), sample_rate: 24_000 };
    let mut seen = Vec::new();
    for event in [started, sound(480), sound(480), LiveEvent::Clear { position: Duration::from_millis(25) }, sound(10)]
    {
        match ServerMessage::from_frame(&wire.encode(&event).unwrap()).unwrap() {
            ServerMessage::Connected { input, output, .. } => {
                seen.extend([input.sample_rate, output.sample_rate].map(u64::from));
            }
            ServerMessage::Audio { position, .. } | ServerMessage::Clear { position } => seen.push(position),
            _ => {}
        }
    }
    assert_eq!(seen, [48_000, 24_000, 0, 480, 600, 600]);
}

#[tokio::test(start_paused = true)]
async fn the_form_of_the_messages_is_the_one_that_is_written_down() {
    let mut wire = wire().await;
    let murmur = wire.encode(&LiveEvent::Backchannel(TextDelta("mm-hm".into())));
    assert_eq!(murmur, Some(Frame::Text(r#"{"type":"backchannel","text":"mm-hm"}"#.into())));
    let state = wire.encode(&LiveEvent::AgentState(AgentState::Thinking));
    assert_eq!(state, Some(Frame::Text(r#"{"type":"agent-state","state":"thinking"}"#.into())));
}

#[test]
fn the_schema_that_is_written_down_is_that_of_the_messages() {
    let schema = Wire::json_schema();
    let written = include_str!("../../../docs/schema/live-wire.schema.json");
    assert_eq!(serde_json::from_str::<serde_json::Value>(written).unwrap(), schema, "run `cargo xtask gen`");
    for (name, count) in [("ClientMessage", 9), ("ServerMessage", 18)] {
        assert_eq!(schema["$defs"][name]["oneOf"].as_array().map(Vec::len), Some(count), "{name}");
    }
}
