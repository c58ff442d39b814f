//! Words that are recognised while they are spoken: what is shown, what is begun early, and what any failure of it costs.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use voice_core::{
    Config, ConversationStore, Error, ErrorKind, Providers, Result, SpeechToText, Stage, Transcript, VoiceAgent,
    live::LiveEvent,
    provider::{CallContext, ListenRequest, ResultStream, SpokenSound, SttCapabilities, TranscribeRequest},
    store::MemoryStore,
};
use voice_testkit::{ScriptedLlm, Step, VirtualClock, Voice};

use crate::{
    ANSWER,
    call::{Call, ms},
    is_interrupted, llm,
};

const QUESTION: &str = "will it rain tomorrow?";
/// A recogniser that is silent for a second has failed.
const IMPATIENT: &str = r#"{"timeouts": {"idle_ms": 1000}}"#;

fn lost() -> Error {
    Error::new(ErrorKind::ConnectionLost, "reset")
}

/// The transcripts that were shown: when, what, and whether they were final.
fn shown(call: &Call) -> Vec<(u64, String, bool)> {
    let shown = |(at, event): (std::time::Duration, LiveEvent)| match event {
        LiveEvent::Transcript(words) => Some((at.as_millis() as u64, words.text, words.is_final)),
        _ => None,
    };
    call.events().into_iter().filter_map(shown).collect()
}

/// A call with a recogniser of the test's own.
async fn call_with(stt: impl SpeechToText + 'static, voice: &Voice, llm: ScriptedLlm, config: &str) -> Call {
    let store = Arc::new(MemoryStore::new());
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(stt)
        .llm(llm)
        .tts(voice.tts())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .clock(Arc::new(VirtualClock::new()))
        .build()
        .await
        .unwrap();
    Call::on(agent, voice, store, |live| live).await
}

#[tokio::test(start_paused = true)]
async fn words_are_shown_while_they_are_spoken_and_then_once_for_all() {
    let voice = Voice::new().streaming(ms(50)).recognised_after(ms(100));
    let call = Call::new(&voice, llm(), "{}").await;
    call.silence(300).await;
    call.speak(QUESTION).await;
    let spoken = call.now().as_millis() as u64;
    call.until_turns(1).await;

    let shown = shown(&call);
    let texts: Vec<&str> = shown.iter().map(|(_, text, _)| text.as_str()).collect();
    assert_eq!(texts[..4], ["will", "will it", "will it rain", "will it rain tomorrow?"]);
    assert!(shown[2].0 < spoken, "three words are shown before the fourth is over: {shown:?}");
    let finals: Vec<bool> = shown.iter().map(|(_, _, is_final)| *is_final).collect();
    assert!(finals[..finals.len() - 1].iter().all(|f| !f) && finals[finals.len() - 1], "{shown:?}");
    assert_eq!(call.history().await, [format!("user: {QUESTION}"), format!("agent: {ANSWER}")]);
    assert_eq!((voice.heard(), voice.listened()), (vec![], vec![QUESTION.to_owned()]));
    // Listening is a call like any other, and what it took counts from the end of the sound.
    let metrics = call.events().into_iter().find_map(|(_, e)| match e {
        LiveEvent::Metrics(m) if m.stage == Stage::Stt => Some(m),
        _ => None,
    });
    assert!((ms(100)..ms(110)).contains(&metrics.unwrap().total));
    assert!(call.turns()[0].usage.stt_seconds > 1.0);
}

#[tokio::test(start_paused = true)]
async fn silence_is_not_sent() {
    let voice = Voice::new().streaming(ms(10));
    let call = Call::new(&voice, llm(), "{}").await;
    call.silence(5_000).await;
    call.speak(QUESTION).await;
    call.until_turns(1).await;
    call.silence(5_000).await;
    let (open, sound) = voice.listening();
    // The words, what was just before them, and the silence in which their end was noticed.
    let spoken = voice.say(QUESTION).len() as u64 / 16;
    assert_eq!(open, 0);
    assert!((ms(spoken + 450)..=ms(spoken + 550)).contains(&sound), "{sound:?} of {spoken} ms");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_begun_from_words_that_are_not_final_yet() {
    let voice = Voice::new().streaming(ms(20)).recognised_after(ms(290));
    let llm = ScriptedLlm::saying(ANSWER).first_after(ms(300));
    let call = Call::new(&voice, llm.clone(), "{}").await;
    call.speak(QUESTION).await;
    call.silence(240).await;
    assert_eq!(llm.calls(), 1, "the voice is silent for long enough, the words stand");
    assert!(voice.listened().len() == 1 && call.turns().is_empty());
    call.until_turns(1).await;
    assert_eq!(llm.calls(), 1, "the final words are the same");
    // Silence of 500 ms ends the turn; the answer, begun at 200, is there at that time.
    let delay = call.turns()[0].response_delay.unwrap();
    assert!((ms(490)..ms(560)).contains(&delay), "{delay:?}");

    // Without it, everything begins with the final words.
    let config = r#"{"live": {"endpointing": {"preemptive_generation": false}}}"#;
    let call = Call::new(&voice, llm, config).await;
    call.speak(QUESTION).await;
    call.until_turns(1).await;
    assert!(call.turns()[0].response_delay.unwrap() > ms(790));
}

/// Hears something else in the end than it seemed at first.
struct Fickle {
    seemed: &'static str,
    was: &'static str,
    completeness: Option<f32>,
}

#[async_trait]
impl SpeechToText for Fickle {
    fn name(&self) -> &str {
        "test/fickle"
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities::default().with_streaming(true)
    }

    async fn transcribe(&self, _: TranscribeRequest, _: &CallContext) -> Result<ResultStream<Transcript>> {
        Err(Error::new(ErrorKind::ProviderFailed, "nobody should ask"))
    }

    async fn listen(&self, _: ListenRequest, sound: SpokenSound, _: &CallContext) -> Result<ResultStream<Transcript>> {
        let mut last = Transcript::last(self.was);
        if let Some(completeness) = self.completeness {
            last = last.with_completeness(completeness);
        }
        let last = async move {
            sound.for_each(async |_| {}).await;
            tokio::time::sleep(ms(200)).await;
            Ok(last)
        };
        let first = Transcript::interim(self.seemed);
        Ok(stream::once(async { Ok(first) }).chain(stream::once(last)).boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_words_that_change_in_the_end_leaves_no_trace() {
    let (voice, llm) = (Voice::new(), llm());
    let fickle = Fickle { seemed: "will it drain?", was: "will it rain?", completeness: None };
    let call = call_with(fickle, &voice, llm.clone(), "{}").await;
    call.speak(QUESTION).await;
    call.until_turns(1).await;
    assert_eq!(llm.calls(), 2);
    assert_eq!(call.history().await, ["user: will it rain?".to_owned(), format!("agent: {ANSWER}")]);
    assert_eq!(call.count(|e| matches!(e, LiveEvent::TurnStarted { .. })), 1);

    // Words that come to nothing are no turn.
    let llm = ScriptedLlm::saying(ANSWER);
    let nothing = Fickle { seemed: "will it drain?", was: "", completeness: None };
    let call = call_with(nothing, &voice, llm.clone(), "{}").await;
    call.cough(400).await;
    call.silence(5_000).await;
    assert_eq!((llm.calls(), call.turns().len()), (1, 0));
    assert_eq!(call.count(|e| matches!(e, LiveEvent::TurnStarted { .. })), 0);

    // Other signs around the same words change nothing, but for what is kept.
    let llm = ScriptedLlm::saying(ANSWER);
    let same = Fickle { seemed: "will it rain", was: "Will it rain?", completeness: None };
    let call = call_with(same, &voice, llm.clone(), "{}").await;
    call.speak(QUESTION).await;
    call.until_turns(1).await;
    assert_eq!((llm.calls(), call.turns()[0].transcript.as_str()), (1, "Will it rain?"));
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_knows_whether_the_user_was_done_is_believed() {
    let mut delays = Vec::new();
    for completeness in [0.1, 0.95] {
        let sure = Fickle { seemed: "it will rain", was: "it will rain", completeness: Some(completeness) };
        let call = call_with(sure, &Voice::new(), llm(), "{}").await;
        call.speak("it will rain").await;
        call.until_turns(1).await;
        delays.push(call.turns()[0].end_of_utterance_delay.unwrap());
    }
    assert!(delays[0] > ms(2_000) && delays[1] < ms(600), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn an_utterance_whose_stream_fails_is_recognised_as_a_whole_once() {
    for (what, step) in [
        ("it does not open", Step::fail(lost())),
        ("it is reset in the middle", Step::fail(lost()).after(2)),
        ("it fails after the last word", Step::fail(lost()).after(4)),
        ("it ends in the middle", Step::end().after(2)),
        ("it panics", Step::panic().after(1)),
        ("it never answers", Step::hang()),
        ("it falls silent in the middle", Step::hang().after(2)),
        ("it never comes to an end", Step::hang().after(4)),
    ] {
        let voice = Voice::new().streaming(ms(20)).recognised_after(ms(50)).stream(0, step);
        let call = Call::new(&voice, llm(), IMPATIENT).await;
        call.silence(200).await;
        call.speak(QUESTION).await;
        call.until_turns(1).await;
        assert_eq!(call.history().await, [format!("user: {QUESTION}"), format!("agent: {ANSWER}")], "{what}");
        assert_eq!((voice.heard(), voice.listened()), (vec![QUESTION.to_owned()], vec![]), "{what}");
        assert_eq!(call.count(|e| matches!(e, LiveEvent::Error(_))), 0, "{what}");
        assert_eq!(voice.listening().0, 0, "{what}: the stream is closed");

        // The next utterance is listened to again.
        call.speak("and then?").await;
        call.until_turns(2).await;
        assert_eq!(voice.listened(), ["and then?"], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_stream_goes_to_the_next_provider_and_a_failing_one_is_left_alone() {
    let config = r#"{"circuit_breaker": {"failures": 2, "rest_ms": 60000}}"#;
    let mut first = Voice::new().streaming(ms(20));
    for n in 0..9 {
        first = first.stream(n, Step::fail(lost()).after(1));
    }
    let second = Voice::new();
    // Both know the words.
    let _sound = second.say(QUESTION);
    let store = Arc::new(MemoryStore::new());
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt(Providers::<dyn SpeechToText>::from(first.stt()).then(second.stt()))
        .llm(llm())
        .tts(first.tts())
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .build()
        .await
        .unwrap();
    let call = Call::on(agent, &first, store, |live| live).await;
    for turn in 1..=4 {
        call.speak(QUESTION).await;
        call.until_turns(turn).await;
    }
    assert_eq!(second.heard(), [QUESTION; 4], "the one that did not fail is asked");
    let (_, sound) = first.listening();
    assert!(sound < ms(1_500), "after two failures nothing more is sent to the first: {sound:?}");
}

#[tokio::test(start_paused = true)]
async fn late_final_words_are_merged_with_what_came_meanwhile() {
    let voice = Voice::new().streaming(ms(20)).late(0, ms(4_000));
    let call = Call::new(&voice, llm(), "{}").await;
    call.speak("will it rain?").await;
    call.silence(700).await;
    call.speak("tomorrow, I mean.").await;
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, "will it rain? tomorrow, I mean.");
    assert_eq!(call.turns().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn enough_words_over_the_answer_stop_it_while_they_are_spoken() {
    let config = r#"{"live": {"interruption": {"min_words": 3}}}"#;
    let voice = Voice::new().streaming(ms(20));
    let call = Call::new(&voice, ScriptedLlm::saying(ANSWER), config).await;
    call.speak(QUESTION).await;
    call.until_played(2).await;
    let begun = call.now();
    let words = "wait a moment please I would like to say something else";
    call.speak(words).await;
    let (stopped, _) = call.events().into_iter().find(|(_, e)| is_interrupted(e)).expect("it is stopped by now");
    // The third word is over after 520 ms, the voice counts from 550 on.
    assert!((ms(520)..ms(700)).contains(&(stopped - begun)), "{:?}", stopped - begun);
    call.until_turns(2).await;
    assert_eq!(call.turns()[1].transcript, words);
    assert!(voice.heard().is_empty(), "nothing is recognised twice");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_broke_is_no_reason_not_to_be_interrupted() {
    let voice = Voice::new().streaming(ms(20)).stream(1, Step::fail(lost()));
    let call = Call::new(&voice, ScriptedLlm::saying(ANSWER), "{}").await;
    call.speak(QUESTION).await;
    call.until_played(2).await;
    call.speak("wait a moment please I would like to say something else").await;
    assert_eq!(call.count(is_interrupted), 1, "before the user has stopped speaking");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_closes_the_stream_and_keeps_what_was_said() {
    let voice = Voice::new().streaming(ms(20)).recognised_after(ms(300));
    let call = Call::new(&voice, llm(), "{}").await;
    call.speak("will it rain").await;
    assert_eq!(voice.listening().0, 1);
    call.live.end().await.unwrap();
    assert_eq!((voice.listening().0, call.history().await), (0, vec!["user: will it rain".to_owned()]));

    // One that never answers is not waited for for ever.
    let voice = Voice::new().streaming(ms(20)).stream(0, Step::hang().after(2));
    let call = Call::new(&voice, llm(), "{}").await;
    call.speak("will it rain").await;
    call.live.end().await.unwrap();
    tokio::time::sleep(ms(10)).await;
    assert_eq!(voice.listening().0, 0);
    assert_eq!(call.history().await, ["user: will it"], "what it told until then is kept");
}

/// Recognises slowly, and stops when it is told to.
struct Obedient(Voice);

#[async_trait]
impl SpeechToText for Obedient {
    fn name(&self) -> &str {
        "test/obedient"
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        let text = self.0.understood(&request.audio.samples);
        tokio::time::sleep(ms(1_500)).await;
        ctx.check()?;
        Ok(stream::once(async { Ok(Transcript::last(text)) }).boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_last_is_recognised_though_the_agent_is_closed() {
    let voice = Voice::new();
    let call = call_with(Obedient(voice.clone()), &voice, llm(), "{}").await;
    call.speak("one last thing.").await;
    call.agent.close().await.unwrap();
    while call.count(|e| matches!(e, LiveEvent::Ended(_))) == 0 {
        tokio::time::sleep(ms(1)).await;
    }
    let kept: Vec<String> = call.turns().into_iter().map(|turn| turn.transcript).collect();
    assert_eq!(kept, ["one last thing."]);
}

/// Takes no sound and says nothing.
struct Deaf(Voice);

#[async_trait]
impl SpeechToText for Deaf {
    fn name(&self) -> &str {
        "test/deaf"
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities::default().with_streaming(true)
    }

    async fn transcribe(&self, request: TranscribeRequest, _: &CallContext) -> Result<ResultStream<Transcript>> {
        let text = self.0.understood(&request.audio.samples);
        Ok(stream::once(async { Ok(Transcript::last(text)) }).boxed())
    }

    async fn listen(&self, _: ListenRequest, sound: SpokenSound, _: &CallContext) -> Result<ResultStream<Transcript>> {
        Ok(stream::once(async move {
            let _kept = sound;
            pending().await
        })
        .boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_takes_no_sound_holds_nothing_up() {
    let voice = Voice::new();
    let call = call_with(Deaf(voice.clone()), &voice, llm(), IMPATIENT).await;
    let long = vec!["on"; 100].join(" ") + " and tomorrow.";
    call.speak(&long).await;
    let spoken = call.now();
    call.until_turns(1).await;
    assert_eq!(call.turns()[0].transcript, long);
    let began = call.events().into_iter().find(|(_, e)| matches!(e, LiveEvent::TurnStarted { .. })).unwrap().0;
    assert!(began - spoken < ms(600), "it was given up while the user spoke: {:?}", began - spoken);
}

#[tokio::test(start_paused = true)]
async fn whole_utterances_are_recognised_where_that_is_wanted_or_all_there_is() {
    let voice = Voice::new().streaming(ms(20));
    let call = Call::new(&voice, llm(), r#"{"live": {"recognition": "utterances"}}"#).await;
    call.speak(QUESTION).await;
    call.until_turns(1).await;
    assert_eq!((voice.heard(), voice.listened()), (vec![QUESTION.to_owned()], vec![]));

    // One-shot turns hear whole recordings.
    let question = voice_core::Audio::from_pcm(voice.say(QUESTION), 16_000, 1);
    call.agent.converse(question).await.unwrap();
    assert_eq!((voice.heard().len(), voice.listened().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn push_to_talk_is_listened_to_as_well() {
    let voice = Voice::new().streaming(ms(20));
    let call = Call::new(&voice, llm(), r#"{"live": {"turn_detection": "manual"}}"#).await;
    call.speak("will it").await;
    call.silence(2_000).await;
    call.speak("rain tomorrow").await;
    assert_eq!(shown(&call).last().unwrap().1, "will it rain tomorrow");
    call.live.commit().unwrap();
    call.until_turns(1).await;
    assert_eq!((call.turns()[0].transcript.as_str(), voice.heard().len()), ("will it rain tomorrow", 0));
}

/// Counts the sessions that it was to get ready for.
struct Ready(Arc<AtomicUsize>);

#[async_trait]
impl SpeechToText for Ready {
    fn name(&self) -> &str {
        "test/ready"
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities::default().with_streaming(true)
    }

    async fn transcribe(&self, _: TranscribeRequest, _: &CallContext) -> Result<ResultStream<Transcript>> {
        Err(Error::new(ErrorKind::ProviderFailed, "nobody should ask"))
    }

    fn prepare_to_listen(&self, request: &ListenRequest) {
        assert_eq!(request.language.as_deref(), Some("en"));
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn who_listens_gets_ready_when_a_session_begins_and_nobody_has_spoken_yet() {
    for (config, sessions) in [
        (r#"{"assistant": {"language": "en"}}"#, 1),
        (r#"{"assistant": {"language": "en"}, "live": {"recognition": "utterances"}}"#, 0),
    ] {
        let (voice, prepared) = (Voice::new(), Arc::default());
        let call = call_with(Ready(Arc::clone(&prepared)), &voice, llm(), config).await;
        call.silence(500).await;
        assert_eq!(prepared.load(Ordering::Relaxed), sessions, "{config}");
    }
}
