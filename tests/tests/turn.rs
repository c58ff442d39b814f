//! The turn: what it yields, in which order, what it keeps, and what a failure of each part does to it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    sync::Arc,
    time::{Duration, Instant as Real},
};

use tokio::time::Instant;
use voice_core::{
    Audio, Config, ConversationStore, Error, ErrorCode, ErrorKind, Reply, Role, SessionId, Stage, Transcript,
    TurnEvent, VoiceAgent,
    provider::TtsCapabilities,
    store::{MemoryStore, MessageQuery, SessionQuery},
};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts, Step, VirtualClock};

const ANSWER: &str = "It will rain tomorrow in the north. Take a warm coat with you.";

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn provider_down() -> Error {
    Error::new(ErrorKind::ProviderFailed, "down")
}

/// One second of a tone, as 16 kHz mono samples.
fn question() -> Audio {
    Audio::from_pcm([3_000_i16, -3_000].repeat(8_000), 16_000, 1)
}

struct Set {
    stt: ScriptedStt,
    llm: ScriptedLlm,
    tts: ScriptedTts,
    store: Arc<MemoryStore>,
    clock: VirtualClock,
}

impl Set {
    fn new() -> Self {
        Self {
            stt: ScriptedStt::hearing("will it rain tomorrow"),
            llm: ScriptedLlm::saying(ANSWER),
            tts: ScriptedTts::new(),
            store: Arc::new(MemoryStore::new()),
            clock: VirtualClock::new(),
        }
    }

    async fn agent(&self) -> VoiceAgent {
        self.agent_with("{}").await
    }

    async fn agent_with(&self, config: &str) -> VoiceAgent {
        VoiceAgent::builder()
            .config(Config::from_json(config).unwrap())
            .stt(self.stt.clone())
            .llm(self.llm.clone())
            .tts(self.tts.clone())
            .store(self.store.clone())
            .clock(Arc::new(self.clock))
            .build()
            .await
            .unwrap()
    }

    async fn sessions(&self) -> usize {
        self.store.list_sessions(&SessionQuery::default()).await.unwrap().items.len()
    }

    async fn stored(&self, session: SessionId) -> Vec<(Role, String)> {
        let page = self.store.messages(session, MessageQuery::latest(100)).await.unwrap();
        page.items.into_iter().map(|m| (m.role, m.content)).collect()
    }
}

async fn events(agent: &VoiceAgent) -> Vec<TurnEvent> {
    let mut stream = agent.converse(question()).stream();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event.unwrap());
    }
    events
}

#[tokio::test(start_paused = true)]
async fn a_spoken_question_gets_a_spoken_answer_and_both_are_kept() {
    let set = Set::new();
    let reply = set.agent().await.converse(question()).await.unwrap();

    assert_eq!(reply.transcript, "will it rain tomorrow");
    assert_eq!(reply.text, ANSWER);
    assert_eq!((reply.audio.sample_rate(), reply.audio.duration()), (24_000, Duration::from_secs(1)));
    assert!(reply.audio_error.is_none());
    assert_eq!(set.tts.spoken(), ["It will rain tomorrow in the north.", "Take a warm coat with you."]);
    assert_eq!(
        set.stored(reply.session_id).await,
        [(Role::User, "will it rain tomorrow".to_owned()), (Role::Assistant, ANSWER.to_owned())]
    );
    let page = set.store.messages(reply.session_id, MessageQuery::latest(2)).await.unwrap();
    assert_eq!(page.items[0].id, reply.user_message_id);
    assert_eq!(page.items[1].id, reply.assistant_message_id);
}

#[tokio::test(start_paused = true)]
async fn the_stream_tells_everything_in_order_and_ends_with_the_same_reply() {
    let events = events(&Set::new().agent().await).await;
    assert!(matches!(events[0], TurnEvent::Started { .. }));
    assert!(matches!(&events[1], TurnEvent::Transcript(t) if t.is_final));
    let text: String =
        events.iter().filter_map(|e| if let TurnEvent::Text(t) = e { Some(&**t) } else { None }).collect();
    let samples: usize =
        events.iter().filter_map(|e| if let TurnEvent::Audio(p) = e { Some(p.samples().len()) } else { None }).sum();
    let Some(TurnEvent::Done(reply)) = events.last() else { panic!("the last event is the reply") };
    assert_eq!(reply.text, text);
    assert_eq!(reply.audio.samples().len(), samples);
}

#[tokio::test(start_paused = true)]
async fn speech_begins_while_the_model_still_writes() {
    // The scripted turn of the benchmark: ideal first audio at 370 ms, last at 570 ms.
    let mut set = Set::new();
    set.stt = ScriptedStt::hearing("hello").first_after(ms(50));
    let tokens = "The weather will be mild and dry today. Tomorrow it may rain in the far north.";
    set.llm = ScriptedLlm::saying(tokens).first_after(ms(100)).then_every(ms(20));
    set.tts = ScriptedTts::new().first_after(ms(80)).then_every(ms(10));
    let agent = set.agent().await;

    let start = Instant::now();
    let mut heard = Vec::new();
    let mut stream = agent.converse(question()).stream();
    while let Some(event) = stream.next().await {
        if let TurnEvent::Audio(_) = event.unwrap() {
            heard.push(start.elapsed());
        }
    }
    assert_eq!(heard.len(), 10);
    // Tokens end in a space here, so a sentence is complete with its own last token.
    assert!(heard[0] >= ms(370) && heard[0] <= ms(375), "first audio after {:?}", heard[0]);
    assert!(heard[9] >= ms(570) && heard[9] <= ms(580), "last audio after {:?}", heard[9]);
}

#[tokio::test(start_paused = true)]
async fn a_voice_is_told_what_it_said_before_in_the_same_answer() {
    let set = Set::new();
    set.agent().await.turn("Will it rain?").await.unwrap();
    let before: Vec<_> = set.tts.requests().into_iter().map(|r| r.previous_text.map(|t| t.to_string())).collect();
    assert_eq!(before, [None, Some(set.tts.spoken()[0].clone())]);
}

#[tokio::test(start_paused = true)]
async fn typed_text_is_answered_without_a_recogniser() {
    let set = Set::new();
    let reply = set.agent().await.turn("will it rain?").await.unwrap();
    assert_eq!(reply.transcript, "will it rain?");
    assert_eq!(set.stt.calls(), 0);
    assert!(!reply.audio.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_shall_not_be_spoken_has_no_sound() {
    let set = Set::new();
    let reply = set.agent().await.turn("hello").speak(false).await.unwrap();
    assert_eq!((set.tts.calls(), reply.audio.is_empty(), reply.audio_error.is_none()), (0, true, true));
}

#[tokio::test(start_paused = true)]
async fn interim_transcripts_come_before_the_final_one() {
    let mut set = Set::new();
    set.stt = ScriptedStt::with(vec![Transcript::interim("will"), Transcript::last(" will it rain ")]);
    let events = events(&set.agent().await).await;
    let transcripts: Vec<_> = events
        .iter()
        .filter_map(|e| if let TurnEvent::Transcript(t) = e { Some((t.text.as_str(), t.is_final)) } else { None })
        .collect();
    assert_eq!(transcripts, [("will", false), ("will it rain", true)]);
}

#[tokio::test(start_paused = true)]
async fn a_session_remembers_and_the_model_is_shown_the_latest_messages() {
    let set = Set::new();
    let agent = set.agent_with(r#"{"assistant": {"context_messages": 2, "system_prompt": "Be brief."}}"#).await;
    let session = agent.turn("one").await.unwrap().session_id;
    assert_eq!(agent.turn("two").session(session).await.unwrap().session_id, session);
    agent.turn("three").session(session).await.unwrap();
    let shown: Vec<_> = set.llm.requests()[2].messages.iter().map(|m| (m.role, m.content.to_string())).collect();
    assert_eq!(
        shown,
        [
            (Role::System, "Be brief.".to_owned()),
            (Role::User, "two".to_owned()),
            (Role::Assistant, ANSWER.to_owned()),
            (Role::User, "three".to_owned())
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_foreign_ended_and_idle_sessions_start_a_fresh_one() {
    let set = Set::new();
    let agent = set.agent().await;
    let unknown = SessionId::new();
    assert_ne!(agent.turn("hello").session(unknown).await.unwrap().session_id, unknown);

    let alices = agent.turn("hello").user("alice").await.unwrap().session_id;
    assert_ne!(agent.turn("hello").user("bob").session(alices).await.unwrap().session_id, alices);
    assert_ne!(agent.turn("hello").session(alices).await.unwrap().session_id, alices);
    assert_eq!(agent.turn("hello").user("alice").session(alices).await.unwrap().session_id, alices);

    agent.sessions().end(alices).await.unwrap();
    assert_ne!(agent.turn("hello").user("alice").session(alices).await.unwrap().session_id, alices);

    let idle = agent.turn("hello").await.unwrap().session_id;
    set.clock.advance(Duration::from_secs(31 * 60)).await;
    assert_ne!(agent.turn("hello").session(idle).await.unwrap().session_id, idle);
}

#[tokio::test(start_paused = true)]
async fn nothing_said_is_a_validation_error_and_nothing_is_kept() {
    for heard in ["", "  ", "...", "?!"] {
        let mut set = Set::new();
        set.stt = ScriptedStt::hearing(heard);
        let error = set.agent().await.converse(question()).await.unwrap_err();
        assert_eq!((error.code(), error.kind()), (ErrorCode::ValidationError, ErrorKind::NoSpeech), "{heard:?}");
        assert_eq!((set.llm.calls(), set.sessions().await), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn empty_and_overlong_text_is_refused() {
    let set = Set::new();
    let agent = set.agent_with(r#"{"limits": {"max_text_characters": 5}}"#).await;
    for text in ["", " \n", "too long"] {
        assert_eq!(agent.turn(text).await.unwrap_err().kind(), ErrorKind::InvalidText);
    }
    assert_eq!(set.sessions().await, 0);
}

#[tokio::test(start_paused = true)]
async fn signs_that_are_typed_are_answered() {
    let set = Set::new();
    let agent = set.agent().await;
    for text in ["👍", "?"] {
        let reply = agent.turn(text).await.unwrap();
        assert_eq!((reply.transcript.as_str(), reply.text.as_str()), (text, ANSWER));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_stage_is_tried_again_and_the_turn_goes_on() {
    let mut set = Set::new();
    set.stt = set.stt.call(0, Step::fail(provider_down()));
    set.llm = set.llm.call(0, Step::fail(provider_down())).call(1, Step::fail(provider_down()));
    set.tts = set.tts.call(0, Step::fail(provider_down()));
    let reply = set.agent().await.converse(question()).await.unwrap();
    assert_eq!((set.stt.calls(), set.llm.calls(), set.tts.calls()), (2, 3, 3));
    assert!(reply.audio_error.is_none());
    assert_eq!(reply.audio.duration(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_repeating_cannot_mend_is_not_repeated() {
    let mut set = Set::new();
    set.llm = set.llm.every_call(Step::fail(Error::new(ErrorKind::RejectedByProvider, "400")));
    let error = set.agent().await.converse(question()).await.unwrap_err();
    assert_eq!((error.code(), error.stage()), (ErrorCode::InvalidRequest, Some(Stage::Llm)));
    assert_eq!(error.provider(), Some("scripted/llm"));
    assert_eq!((set.llm.calls(), set.sessions().await), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_next_provider_takes_over_and_a_resting_one_is_not_asked() {
    let set = Set::new();
    let bad = ScriptedLlm::saying("never").named("bad/llm").every_call(Step::fail(provider_down()));
    let agent = VoiceAgent::builder()
        .config(
            Config::from_json(r#"{"retry": {"attempts": 1}, "circuit_breaker": {"failures": 2, "rest_ms": 60000}}"#)
                .unwrap(),
        )
        .stt(set.stt.clone())
        .llm(voice_core::Providers::from(bad.clone()).then(set.llm.clone()))
        .tts(set.tts.clone())
        .store(set.store.clone())
        .build()
        .await
        .unwrap();
    for _ in 0..4 {
        assert_eq!(agent.turn("hello").await.unwrap().text, ANSWER);
    }
    assert_eq!(bad.calls(), 2, "after two failures it rests");
    tokio::time::advance(Duration::from_secs(61)).await;
    agent.turn("hello").await.unwrap();
    assert_eq!(bad.calls(), 3, "one probe after its rest");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_continued_without_repeating_anything() {
    let set = Set::new();
    let first = ScriptedLlm::saying(ANSWER).named("first/llm").every_call(Step::fail(provider_down()).after(5));
    // The second one repeats the last words before it goes on.
    let second = ScriptedLlm::saying("rain tomorrow in the north. Take a warm coat with you.").named("second/llm");
    let agent = VoiceAgent::builder()
        .stt(set.stt.clone())
        .llm(voice_core::Providers::from(first.clone()).then(second.clone()))
        .tts(set.tts.clone())
        .store(set.store.clone())
        .build()
        .await
        .unwrap();
    let reply = agent.converse(question()).await.unwrap();
    assert_eq!(reply.text, ANSWER);
    assert_eq!(set.tts.spoken(), ["It will rain tomorrow in the north.", "Take a warm coat with you."]);
    let shown = &second.requests()[0].messages;
    assert_eq!(&*shown[shown.len() - 2].content, "It will rain tomorrow in ");
    assert_eq!(shown[shown.len() - 2].role, Role::Assistant);
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_rest_breaks_off_too_is_continued_by_the_next() {
    let set = Set::new();
    let first = ScriptedLlm::saying(ANSWER).named("first/llm").every_call(Step::fail(provider_down()).after(5));
    let second = ScriptedLlm::saying("in the").named("second/llm").every_call(Step::fail(provider_down()).after(1));
    let third = ScriptedLlm::saying("the north. Take a warm coat with you.").named("third/llm");
    let agent = VoiceAgent::builder()
        .stt(set.stt.clone())
        .llm(voice_core::Providers::from(first).then(second.clone()).then(third))
        .tts(set.tts.clone())
        .store(set.store.clone())
        .build()
        .await
        .unwrap();
    assert_eq!(agent.converse(question()).await.unwrap().text, ANSWER);
    assert_eq!(second.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_spoken_while_the_rest_of_a_broken_answer_is_awaited() {
    let set = Set::new();
    let first = ScriptedLlm::saying(ANSWER).named("first/llm").every_call(Step::fail(provider_down()).after(7));
    let second = ScriptedLlm::saying("Take a warm coat with you.").named("second/llm").first_after(ms(5_000));
    let agent = VoiceAgent::builder()
        .stt(set.stt.clone())
        .llm(voice_core::Providers::from(first).then(second))
        .tts(set.tts.clone())
        .store(set.store.clone())
        .build()
        .await
        .unwrap();
    let reply = agent.converse(question()).await.unwrap();
    assert_eq!(reply.text, ANSWER);
    assert!(reply.timings.first_audio.unwrap() < ms(2_000), "{:?}", reply.timings);
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_breaks_off_hears_the_utterance_again() {
    let mut set = Set::new();
    set.stt = ScriptedStt::with(vec![Transcript::interim("will"), Transcript::last("will it rain")])
        .call(0, Step::fail(provider_down()).after(1))
        .call(1, Step::end().after(1));
    assert_eq!(set.agent().await.converse(question()).await.unwrap().transcript, "will it rain");
    assert_eq!(set.stt.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn speech_that_fails_leaves_the_text_and_says_why() {
    let mut set = Set::new();
    set.tts = set.tts.every_call(Step::fail(Error::new(ErrorKind::InvalidProviderKey, "bad key")));
    let reply = set.agent().await.converse(question()).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.audio.is_empty()), (ANSWER, true));
    let why = reply.audio_error.unwrap();
    assert_eq!((why.code(), why.stage()), (ErrorCode::InvalidProviderKey, Some(Stage::Tts)));
    assert_eq!(set.stored(reply.session_id).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sentence_that_breaks_off_is_not_spoken_twice() {
    let mut set = Set::new();
    set.tts = set.tts.call(0, Step::fail(provider_down()).after(2));
    let reply = set.agent().await.converse(question()).await.unwrap();
    assert_eq!(set.tts.spoken(), ["It will rain tomorrow in the north.", "Take a warm coat with you."]);
    assert_eq!(reply.audio.duration(), ms(200 + 500), "what was heard of the first, all of the second");
    assert_eq!(reply.audio_error.unwrap().kind(), ErrorKind::ProviderFailed);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_cut_off_and_tried_again() {
    let mut set = Set::new();
    set.llm = set.llm.call(0, Step::hang()).call(1, Step::hang().after(3));
    let agent = set.agent_with(r#"{"timeouts": {"first_byte_ms": 2000, "idle_ms": 1000}}"#).await;
    let start = Instant::now();
    let reply = agent.turn("hello").await.unwrap();
    assert!(reply.text.ends_with("with you."));
    assert!(start.elapsed() >= ms(3_000) && start.elapsed() <= ms(7_000), "{:?}", start.elapsed());
    assert_eq!(set.llm.dropped(), 2, "what was cut off was stopped");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_turn_and_keeps_nothing() {
    let mut set = Set::new();
    set.tts = set.tts.every_call(Step::hang().after(1));
    let start = Instant::now();
    let error = set.agent().await.converse(question()).deadline(ms(700)).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), (ErrorCode::Timeout, ErrorKind::DeadlineExceeded));
    assert_eq!(start.elapsed().as_millis(), 700);
    assert_eq!(set.sessions().await, 0);
}

#[tokio::test(start_paused = true)]
async fn cancelling_in_any_stage_stops_the_providers_keeps_nothing_and_frees_the_session() {
    for stage in [Stage::Stt, Stage::Llm, Stage::Tts] {
        let mut set = Set::new();
        match stage {
            Stage::Stt => set.stt = set.stt.call(1, Step::hang()),
            Stage::Llm => set.llm = set.llm.call(1, Step::hang().after(3)),
            _ => set.tts = set.tts.call(2, Step::hang().after(1)),
        }
        let agent = set.agent().await;
        let session = agent.converse(question()).await.unwrap().session_id;

        let token = tokio_util::sync::CancellationToken::new();
        let turn = agent.converse(question()).session(session).cancel_on(&token);
        let running = tokio::spawn(async move { turn.await });
        tokio::time::sleep(ms(5)).await;
        token.cancel();
        let error = running.await.unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled, "{stage}");
        assert_eq!(set.stored(session).await.len(), 2, "{stage}");
        let dropped = [set.stt.dropped(), set.llm.dropped(), set.tts.dropped()];
        assert!(dropped.iter().sum::<usize>() >= 1, "{stage}: {dropped:?}");
        assert_eq!(agent.turn("again").session(session).await.unwrap().session_id, session, "{stage}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_stream_cancels_its_turn() {
    let mut set = Set::new();
    set.tts = set.tts.first_after(Duration::from_secs(5));
    let agent = set.agent().await;
    let mut stream = agent.converse(question()).stream();
    while !matches!(stream.next().await, Some(Ok(TurnEvent::Text(_)))) {}
    drop(stream);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(set.sessions().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_provider_is_an_error_and_the_agent_lives_on() {
    let mut set = Set::new();
    set.llm = set.llm.call(0, Step::panic().after(2));
    let agent = set.agent().await;
    let error = agent.turn("hello").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InternalError);
    assert!(!error.to_string().contains("scripted panic"));
    assert_eq!(set.sessions().await, 0);
    agent.turn("hello").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_an_error() {
    let mut set = Set::new();
    set.llm = ScriptedLlm::saying("");
    let error = set.agent().await.turn("hello").await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::ProviderFailed, Some(Stage::Llm)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_still_hands_over_the_reply() {
    let set = Set::new();
    let agent = set.agent().await;
    set.store.close().await.unwrap();
    let error = agent.converse(question()).await.unwrap_err();
    assert_eq!((error.code(), error.stage()), (ErrorCode::StorageError, Some(Stage::Store)));
    let reply: &Reply = error.reply().expect("the reply was spoken already");
    assert_eq!((reply.text.as_str(), reply.audio.duration()), (ANSWER, Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn turns_of_one_session_run_one_after_the_other_and_others_side_by_side() {
    let mut set = Set::new();
    set.llm = set.llm.first_after(Duration::from_secs(1));
    let agent = set.agent().await;
    let session = agent.turn("first").await.unwrap().session_id;
    let start = Instant::now();
    let (a, b, c) = tokio::join!(agent.turn("a").session(session), agent.turn("b").session(session), agent.turn("c"));
    assert_eq!((a.unwrap().session_id, b.unwrap().session_id), (session, session));
    c.unwrap();
    assert!((ms(2_000)..ms(2_100)).contains(&start.elapsed()), "{:?}", start.elapsed());
    let words: Vec<_> = set.stored(session).await.into_iter().filter(|m| m.0 == Role::User).map(|m| m.1).collect();
    assert_eq!(words, ["first", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_never_exceeds_what_a_voice_accepts() {
    let mut set = Set::new();
    set.llm = ScriptedLlm::saying(&"endless ".repeat(300));
    let mut small = TtsCapabilities::default();
    small.max_characters = 50;
    set.tts = set.tts.capabilities(small);
    let reply = set.agent().await.turn("hello").await.unwrap();
    assert!(set.tts.spoken().iter().all(|text| text.chars().count() <= 50));
    assert_eq!(set.tts.spoken().join(" "), reply.text);
}

#[tokio::test(start_paused = true)]
async fn sound_of_another_rate_is_brought_to_the_rate_of_the_first_chunk() {
    let set = Set::new();
    let first = ScriptedTts::new().call(1, Step::fail(Error::new(ErrorKind::InvalidProviderKey, "revoked")));
    let second = ScriptedTts::new().sample_rate(16_000);
    let agent = VoiceAgent::builder()
        .llm(set.llm.clone())
        .stt(set.stt.clone())
        .tts(voice_core::Providers::from(first).then(second))
        .store(set.store.clone())
        .build()
        .await
        .unwrap();
    let audio = agent.turn("hello").await.unwrap().audio;
    assert_eq!(audio.sample_rate(), 24_000);
    let tone: Vec<i16> = (0..8_000).map(|n| if n / 50 % 2 == 0 { 4_000 } else { -4_000 }).collect();
    let whole = voice_core::Pcm::new(tone, 16_000).resampled(24_000).unwrap();
    assert_eq!(&audio.samples()[12_000..], whole.samples(), "as one sound, whatever its chunks");
}

#[tokio::test(start_paused = true)]
async fn a_closed_agent_refuses_and_closing_twice_is_fine() {
    let mut set = Set::new();
    set.llm = set.llm.every_call(Step::hang());
    let agent = set.agent().await;
    let turn = agent.turn("hello");
    let running = tokio::spawn(async move { turn.await });
    tokio::time::sleep(ms(5)).await;
    agent.close().await.unwrap();
    agent.close().await.unwrap();
    assert_eq!(running.await.unwrap().unwrap_err().code(), ErrorCode::Cancelled);
    assert_eq!(agent.turn("hello").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(agent.sessions().create().await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn sessions_are_created_listed_changed_ended_and_deleted_by_their_owner_only() {
    let set = Set::new();
    let agent = set.agent().await;
    let (alice, bob) = (agent.sessions().for_user("alice"), agent.sessions().for_user("bob"));
    let mut metadata = serde_json::Map::new();
    metadata.insert("topic".into(), "weather".into());
    let session = alice.create().metadata(metadata.clone()).await.unwrap();
    assert_eq!(alice.get(session.id).await.unwrap().metadata, metadata);
    agent.turn("hello").user("alice").session(session.id).await.unwrap();
    assert_eq!(alice.history(session.id, MessageQuery::latest(1)).await.unwrap().items[0].content, ANSWER);

    for foreign in [
        bob.get(session.id).await.map(drop),
        bob.history(session.id, MessageQuery::default()).await.map(drop),
        bob.set_metadata(session.id, metadata).await,
        bob.end(session.id).await,
        bob.delete(session.id).await,
    ] {
        assert_eq!(foreign.unwrap_err().code(), ErrorCode::SessionNotFound);
    }
    assert!(bob.list(SessionQuery::default()).await.unwrap().items.is_empty());
    assert_eq!(alice.list(SessionQuery::default()).await.unwrap().items.len(), 1);
    alice.delete(session.id).await.unwrap();
    assert_eq!(alice.get(session.id).await.unwrap_err().code(), ErrorCode::SessionNotFound);
    assert_eq!(set.sessions().await, 0);
}

#[tokio::test(start_paused = true)]
async fn idle_sessions_expire_and_old_ones_are_deleted() {
    let set = Set::new();
    let agent = set.agent().await;
    agent.turn("hello").await.unwrap();
    set.clock.advance(Duration::from_secs(31 * 60)).await;
    let fresh = agent.turn("hello").await.unwrap().session_id;
    assert_eq!(agent.sessions().expire_idle().await.unwrap(), 1);
    set.clock.advance(Duration::from_secs(3600)).await;
    assert_eq!(agent.sessions().delete_over(Duration::from_secs(60)).await.unwrap(), 1);
    assert_eq!(agent.sessions().list(SessionQuery::default()).await.unwrap().items[0].id, fresh);
}

#[tokio::test(start_paused = true)]
async fn a_stage_may_be_left_out() {
    let set = Set::new();
    let build = |stt: &'static str, tts: &'static str| {
        VoiceAgent::builder().stt(stt).llm(set.llm.clone()).tts(tts).storage("memory").build()
    };
    let typed_only = build("none", "none").await.unwrap();
    let reply = typed_only.turn("hello").await.unwrap();
    assert_eq!((reply.text.as_str(), reply.audio.is_empty(), reply.audio_error.is_none()), (ANSWER, true, true));
    let error = typed_only.converse(question()).await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::InvalidConfig, Some(Stage::Stt)));

    let nobody = VoiceAgent::builder().stt("none").llm("none").tts("none").storage("memory").build().await;
    assert_eq!(nobody.unwrap_err().kind(), ErrorKind::InvalidConfig);
}

/// Whatever happens, no log record, error or `Debug` output holds what was said.
#[tokio::test(start_paused = true)]
async fn what_was_said_is_in_no_log_error_or_debug_output() {
    use std::sync::Mutex;
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    // While there is only one dispatcher, `tracing` asks the thread that meets a log statement first whether anybody wants it,
    // and in the other tests' threads nobody does.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _installed = tracing::subscriber::set_default(subscriber);

    let mut set = Set::new();
    set.stt = ScriptedStt::hearing("planted question");
    set.llm = ScriptedLlm::saying("Planted answer.").call(1, Step::panic());
    set.tts = set.tts.call(1, Step::fail(provider_down()).after(1));
    let agent = set.agent().await;
    let mut seen = format!("{agent:?}");
    let mut stream = agent.converse(question()).stream();
    while let Some(event) = stream.next().await {
        seen += &format!("{event:?}");
    }
    seen += &format!("{:?}", agent.turn("planted text").await);
    seen += &format!("{:?}", agent.turn("planted text").await);
    let page = set.store.list_sessions(&SessionQuery::default()).await.unwrap();
    for session in page.items {
        seen += &format!("{:?}", set.store.messages(session.id, MessageQuery::default()).await);
    }
    seen += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(seen.contains("turn done"), "the log was watched");
    assert!(!seen.to_lowercase().contains("planted"), "{seen}");
}

/// Real time, real threads: many conversations at once stay whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_conversations_at_once_stay_apart() {
    let set = Set::new();
    let agent = set.agent().await;
    let started = Real::now();
    let turns = (0..100).map(|n| {
        let agent = agent.clone();
        tokio::spawn(async move {
            let session = agent.turn(format!("first {n}")).await.unwrap().session_id;
            agent.turn(format!("second {n}")).session(session).await.unwrap();
            let history = agent.sessions().history(session, MessageQuery::default()).await.unwrap().items;
            assert_eq!(history.len(), 4);
            assert_eq!(history[0].content, format!("first {n}"));
            assert_eq!(history[2].content, format!("second {n}"));
        })
    });
    for turn in turns.collect::<Vec<_>>() {
        turn.await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(20));
}

/// 40 tokens at 0.25 and 60 at 0.025, 7 at 2, a second at 0.006 a minute, 61 characters at 15.
#[tokio::test(start_paused = true)]
async fn a_turn_says_what_it_cost_to_the_last_digit() {
    let mut set = Set::new();
    set.llm = set.llm.using(100, 60, 7);
    let prices = r#"{"prices": {"models": {
        "scripted/llm": {"input_per_million": 0.25, "cached_input_per_million": 0.025, "output_per_million": 2},
        "scripted/*": {"heard_per_minute": 0.006, "spoken_per_million_characters": 15}
    }}}"#;
    let events = events(&set.agent_with(prices).await).await;
    let Some(TurnEvent::Done(reply)) = events.last() else { panic!("no reply") };
    assert_eq!(reply.cost.unwrap().to_string(), "0.0010405 USD");
    let costs = events.iter().filter_map(|e| if let TurnEvent::Metrics(m) = e { m.cost } else { None });
    assert_eq!(costs.reduce(|one, two| one.plus(two).unwrap()), reply.cost);
    assert_eq!((reply.usage.cached_tokens, reply.usage.stt_seconds), (60, 1.0));
    let free = self::events(&set.agent().await).await;
    let Some(TurnEvent::Done(reply)) = free.last() else { panic!("no reply") };
    assert_eq!(reply.cost, None, "nothing is known without prices");
}

#[test]
fn a_wrong_price_table_names_its_path() {
    let message =
        |prices: &str| Config::from_json(&format!(r#"{{"prices": {prices}}}"#)).unwrap_err().message().to_owned();
    assert_eq!(message(r#"{"currency": "euro"}"#), "prices.currency: expected three capital letters, for example USD");
    let wrong = message(r#"{"models": {"a/b": {"input_per_million": -1}}}"#);
    assert_eq!(
        wrong,
        "prices.models.a/b.input_per_million: expected a price: a number from 0 to 1,000,000,000 with at most 9 decimals"
    );
    assert!(
        message(r#"{"models": {"a/b": {"input": 1}}}"#).starts_with("prices.models.a/b.input: there is no such key")
    );
}
