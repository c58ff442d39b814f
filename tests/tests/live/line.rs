//! What comes over a bad line: frames late, lost, twice, in bursts, and a line that dies.

use std::{sync::Arc, time::Duration};

use voice_core::{
    Audio, AudioLimits, Config, ConversationStore, Result, VoiceAgent,
    audio::prepare,
    live::LiveEvent,
    provider::{CallContext, TurnDetector},
    store::{BlobKey, BlobStore, MemoryBlobs, MemoryStore, blobs},
};
use voice_testkit::{ScriptedLlm, VirtualClock, Voice};

use crate::call::{Call, ms};

const ANSWER: &str = "It will rain tomorrow in the north.";

fn chance(n: usize) -> u64 {
    (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
}

#[tokio::test(start_paused = true)]
async fn drifted_and_lossy_frames_are_one_question() {
    let voice = Voice::new();
    let call = Call::new(&voice, ScriptedLlm::saying(ANSWER), "{}").await;
    let mut sound = voice.say("will it rain tomorrow?");
    sound.resize(sound.len() + 32_000, 0);
    // Up to 40 ms late, out of order, by a clock 200 ppm fast; a frame of the first word and some of the silence are lost.
    let arrives = |n: usize| {
        let sent = ms(20).mul_f64(n as f64 * 0.9998);
        (n != 7 && (n < 50 || n % 20 != 7)).then(|| sent + ms(chance(n) % 40))
    };
    call.push_over(Duration::from_secs(1_000), &sound, arrives).await;
    call.until_turns(1).await;
    let turns = call.turns();
    // What is made up is no word to this recogniser; every other word is whole and in its place.
    assert_eq!((turns.len(), turns[0].transcript.as_str()), (1, "it rain tomorrow?"));
}

#[tokio::test(start_paused = true)]
async fn a_burst_after_a_hole_in_the_line_is_heard_whole() {
    let voice = Voice::new();
    let call = Call::new(&voice, ScriptedLlm::saying(ANSWER), "{}").await;
    let mut sound = voice.say("will it rain tomorrow?");
    sound.resize(sound.len() + 32_000, 0);
    // Nothing for 600 ms, then everything at once, twice.
    let arrives = |n: usize| Some(if (10..40).contains(&n) { ms(800) } else { ms(20) * n as u32 });
    call.push_over(Duration::ZERO, &sound, arrives).await;
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, "will it rain tomorrow?");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_dies_in_the_middle_of_a_word_ends_the_turn() {
    let voice = Voice::new();
    let call = Call::new(&voice, ScriptedLlm::saying(ANSWER), "{}").await;
    call.speak("will it rain").await;
    // Not even silence comes any more.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(call.turns()[0].transcript, "will it rain");
}

/// What a detector does when it is asked.
#[derive(Clone, Copy)]
enum Hears {
    Completeness(f32),
    NeverAnswers,
    Panics,
}

/// Does this at each pause, in turn.
struct Scripted(std::sync::Mutex<Vec<Hears>>);

#[async_trait::async_trait]
impl TurnDetector for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn completeness(&self, _: voice_core::Utterance, _: &CallContext) -> Result<f32> {
        let hears = self.0.lock().unwrap().remove(0);
        match hears {
            Hears::Completeness(likely) => Ok(likely),
            Hears::NeverAnswers => std::future::pending().await,
            #[allow(clippy::panic, reason = "the test asks for it")]
            Hears::Panics => panic!("on purpose"),
        }
    }
}

async fn with_detector(voice: &Voice, pauses: &[Hears]) -> Call {
    let store = Arc::new(MemoryStore::new());
    let config = r#"{ "live": { "turn_detection": "model", "endpointing": { "min_delay_ms": 300 } } }"#;
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(voice.stt())
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(voice.tts())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .clock(Arc::new(VirtualClock::new()))
        .turn_detector(Scripted(std::sync::Mutex::new(pauses.to_vec())))
        .build()
        .await
        .unwrap();
    Call::on(agent, voice, store, |live| live).await
}

#[tokio::test(start_paused = true)]
async fn a_sentence_that_sounds_complete_is_answered_after_the_least_delay() {
    let voice = Voice::new();
    let call = with_detector(&voice, &[Hears::Completeness(0.98)]).await;
    call.speak("will it rain").await;
    call.until_turns(1).await;
    let delay = call.turns()[0].end_of_utterance_delay.unwrap();
    assert!((ms(280)..ms(380)).contains(&delay), "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sentence_that_sounds_unfinished_is_waited_for_though_its_words_are_complete() {
    let voice = Voice::new();
    let call = with_detector(&voice, &[Hears::Completeness(0.1), Hears::Completeness(0.98)]).await;
    call.speak("will it rain?").await;
    call.silence(1_500).await;
    call.speak("And when?").await;
    call.until_turns(1).await;
    assert_eq!(call.turns().len(), 1);
    assert_eq!(call.turns()[0].transcript, "will it rain? And when?");
}

#[tokio::test(start_paused = true)]
async fn a_detector_that_never_answers_keeps_a_turn_open_for_the_longest_pause_only() {
    let voice = Voice::new();
    let call = with_detector(&voice, &[Hears::NeverAnswers]).await;
    call.speak("will it rain?").await;
    call.until_turns(1).await;
    let delay = call.turns()[0].end_of_utterance_delay.unwrap();
    assert!((ms(2_980)..ms(3_100)).contains(&delay), "{delay:?}");

    // The next pause is asked about all the same.
    let call = with_detector(&voice, &[Hears::NeverAnswers, Hears::Completeness(0.98)]).await;
    call.speak("will it rain?").await;
    call.silence(1_500).await;
    call.speak("Or tomorrow?").await;
    call.until_turns(1).await;
    let delay = call.turns()[0].end_of_utterance_delay.unwrap();
    assert!((ms(280)..ms(380)).contains(&delay), "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn a_detector_that_panics_leaves_the_end_of_the_turn_to_the_words() {
    let voice = Voice::new();
    let call = with_detector(&voice, &[Hears::Panics]).await;
    call.speak("will it rain?").await;
    call.until_turns(1).await;
    let delay = call.turns()[0].end_of_utterance_delay.unwrap();
    assert!((ms(280)..ms(400)).contains(&delay), "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_recorded_with_both_sides_where_they_were_heard() {
    let (voice, store, kept) = (Voice::new(), Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let config = r#"{ "recordings": { "store": "memory", "live": true } }"#;
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(voice.stt())
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(voice.tts())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .clock(Arc::new(VirtualClock::new()))
        .recordings(Arc::clone(&kept) as Arc<dyn BlobStore>)
        .build()
        .await
        .unwrap();
    let call = Call::on(agent, &voice, store, |live| live).await;
    call.silence(1_000).await;
    call.speak("will it rain?").await;
    call.until_turns(1).await;
    let first = call.events().into_iter().find(|(_, event)| matches!(event, LiveEvent::Audio(_))).unwrap().0;
    let played = call.played();
    call.live.end().await.unwrap();

    let recorded =
        |event: LiveEvent| if let LiveEvent::Recorded { recording } = event { Some(recording) } else { None };
    while call.count(|event| matches!(event, LiveEvent::Ended(_))) == 0 {
        tokio::time::sleep(ms(1)).await;
    }
    let blob = call.events().into_iter().find_map(|(_, event)| recorded(event)).unwrap();
    let bytes = blobs::collect(kept.get(&blob).await.unwrap().unwrap()).await.unwrap();
    let samples: Vec<i16> = bytes[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let side = |n: usize| samples.iter().skip(n).step_by(2).copied().collect::<Vec<i16>>();
    let (user, spoken) = (side(0), side(1));
    assert_eq!(voice.understood(&user), "will it rain?");
    assert_eq!(voice.understood(&spoken), played);
    let begins = |side: &[i16]| side.iter().position(|s| *s != 0).unwrap() / 16;
    assert!(begins(&user).abs_diff(1_000) <= 20, "the user begins at {} ms", begins(&user));
    let first = first.as_millis() as usize;
    assert!(begins(&spoken).abs_diff(first) <= 20, "the agent at {} ms, not {first}", begins(&spoken));

    // Each side of the turn is kept beside its words as well.
    for message in call.stored().await {
        let sound = call.agent.sessions().recording(call.live.session_id(), &message).await.unwrap().unwrap();
        let bytes = blobs::collect(sound).await.unwrap();
        let heard = prepare(&Audio::from(bytes), &AudioLimits::default()).unwrap();
        assert_eq!(voice.understood(&heard.samples), message.content);
    }
    // All of it goes with the session.
    call.agent.sessions().delete(call.live.session_id()).await.unwrap();
    let left = kept.list(&BlobKey::new("sessions").unwrap(), None, 10).await.unwrap();
    assert_eq!(left.items.len(), 0);
}
