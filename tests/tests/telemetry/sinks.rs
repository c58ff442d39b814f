//! What a sink is told, and what one that fails does to the rest: nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use voice_core::{Error, ErrorCode, ErrorKind, MetricsSink, Stage, VoiceAgent, store::Storage, telemetry::Report};
use voice_testkit::{ScriptedLlm, ScriptedStt, ScriptedTts, Step, VirtualClock};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_turn_is_reported_with_each_of_its_calls() {
    let kept = Kept::default();
    let agent = one_shot(PRICES).metrics_sink(Arc::new(kept.clone())).build().await.unwrap();
    let reply = agent.converse(question()).user("u").await.unwrap();
    agent.close().await.unwrap();

    let calls = kept.calls();
    let stages: Vec<Stage> = calls.iter().map(|call| call.stage).collect();
    assert_eq!(stages, [Stage::Stt, Stage::Llm, Stage::Tts, Stage::Tts]);
    for call in &calls {
        assert_eq!((call.session_id, call.turn_id), (reply.session_id, Some(reply.turn_id)));
        assert_eq!((call.error, call.attempts), (None, 1));
    }
    assert_eq!((calls[0].first_result, calls[0].usage.stt_seconds), (Some(ms(300)), 1.0));
    assert_eq!((calls[1].first_result, calls[1].duration), (Some(ms(200)), ms(200)));
    assert_eq!((calls[1].usage.input_tokens, calls[1].usage.output_tokens), (100, 10));
    assert_eq!(calls[1].cost.unwrap().amount(), "0.00012");
    assert_eq!(calls[2].first_result, Some(ms(100)));
    assert!(calls[2].usage.tts_characters > 0 && calls[2].cost.is_some());

    let [turn] = &kept.turns()[..] else { panic!("not one turn") };
    assert_eq!((turn.session_id, turn.turn_id, turn.error), (Some(reply.session_id), reply.turn_id, None));
    assert_eq!((turn.kind, turn.live, turn.user.as_deref()), ("answer", false, Some("u")));
    assert_eq!((turn.first_audio, turn.duration), (reply.timings.first_audio, reply.timings.total));
    assert_eq!((turn.usage, turn.cost), (reply.usage, reply.cost));
    assert_eq!(turn.started_at + turn.duration, calls[3].started_at + calls[3].duration);
    assert_eq!(turn.trace.parent_span_id, None);
    for call in &calls {
        assert_eq!((call.trace.trace_id, call.trace.parent_span_id), (turn.trace.trace_id, Some(turn.trace.span_id)));
    }
    assert_eq!(agent.dropped_reports(), 0);
    assert_nothing_said(&format!("{:?} {}", kept.all(), serde_json::to_string(&kept.all()).unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_live_session_is_a_tree_of_turns_and_their_calls() {
    let kept = Kept::default();
    live_session(|agent| agent.metrics_sink(Arc::new(kept.clone())), "{}", VirtualClock::new()).await;

    let all = kept.all();
    let Some(Report::Session(session)) = all.last() else { panic!("the session is told last") };
    assert_eq!((session.turns, session.interruptions, session.reason), (2, 1, "host"));
    assert_eq!(session.user.as_deref(), Some("planted-user"));
    let turns = kept.turns();
    assert_eq!(turns.iter().map(|t| (t.live, t.interrupted)).collect::<Vec<_>>(), [(true, true), (true, false)]);
    for turn in &turns {
        assert_eq!(
            (turn.session_id, turn.trace.parent_span_id),
            (Some(session.session_id), Some(session.trace.span_id))
        );
        assert!(turn.end_of_utterance_delay.is_some() && turn.first_audio >= turn.end_of_utterance_delay);
        assert!(turn.started_at >= session.started_at);
        // The times of its stages end with the storing, also of one that was cut off.
        assert!(
            turn.timings.stored == Some(turn.timings.total)
                && turn.timings.total > turn.timings.first_audio.unwrap_or_default()
        );
        // Each has what was heard of it, what was written, and what was spoken.
        for stage in [Stage::Stt, Stage::Llm, Stage::Tts] {
            let is_its_own = |call: &&CallReport| call.turn_id == Some(turn.turn_id) && call.stage == stage;
            let calls = kept.calls();
            let own: Vec<_> = calls.iter().filter(is_its_own).collect();
            assert!(!own.is_empty(), "{stage:?}");
            assert!(own.iter().all(|call| call.trace.parent_span_id == Some(turn.trace.span_id)));
        }
    }
    assert!(all.iter().all(|report| trace(report).trace_id == session.trace.trace_id));
    let ids: std::collections::HashSet<_> = all.iter().map(|report| trace(report).span_id).collect();
    assert_eq!(ids.len(), all.len(), "no id is given twice");

    let tools = kept.tools();
    assert_eq!((tools[0].name.as_deref(), tools[0].turn_id), (Some("weather"), Some(turns[0].turn_id)));
    assert_eq!((tools[0].duration, tools[0].error), (ms(400), None));
    assert_eq!(turns[0].tool_calls, 1);
    // What was stopped in the middle of a sentence was not wanted any more; that is told as such, and as nothing else.
    let failed: Vec<ErrorCode> = kept.calls().iter().filter_map(|call| call.error).collect();
    assert!(failed.iter().all(|code| *code == ErrorCode::Cancelled), "{failed:?}");
    assert_nothing_said(&serde_json::to_string(&all).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_and_the_one_in_its_place_are_told_apart() {
    let kept = Kept::default();
    let down = || Step::fail(Error::new(ErrorKind::ProviderFailed, "planted-answer of a server"));
    let first = ScriptedLlm::saying("").named("first/model").every_call(down());
    let second = ScriptedLlm::saying(ANSWER).named("second/model");
    let agent = VoiceAgent::builder()
        .config(Config::from_json(r#"{"retry": {"attempts": 2, "first_delay_ms": 10}, "storage": "memory"}"#).unwrap())
        .stt("none")
        .llm(voice_core::Providers::from(Arc::new(first) as Arc<dyn voice_core::LanguageModel>).then(second))
        .tts("none")
        .metrics_sink(Arc::new(kept.clone()))
        .build()
        .await
        .unwrap();
    agent.turn("hello").await.unwrap();
    agent.close().await.unwrap();
    let told: Vec<_> = kept.calls().into_iter().map(|call| (call.provider, call.attempts, call.error)).collect();
    let failed = ("first/model".to_owned(), 2, Some(ErrorCode::ProviderError));
    assert_eq!(told, [failed, ("second/model".to_owned(), 1, None)]);
    assert_eq!(kept.turns()[0].error, None);
}

#[tokio::test(start_paused = true)]
async fn turns_that_fail_or_are_given_up_are_told_with_their_code() {
    let kept = Kept::default();
    let agent = one_shot("{}").metrics_sink(Arc::new(kept.clone())).build().await.unwrap();
    let late = agent.converse(question()).deadline(ms(400)).await.unwrap_err();
    tokio::time::timeout(ms(350), agent.converse(question()).into_future()).await.unwrap_err();
    agent.turn("").await.unwrap_err();
    agent.close().await.unwrap();
    let told: Vec<_> = kept.turns().iter().map(|turn| turn.error).collect();
    assert_eq!(told, [Some(late.code()), Some(ErrorCode::Cancelled), Some(ErrorCode::ValidationError)]);
    assert_eq!(late.code(), ErrorCode::Timeout);
    // The model was at work when both were given up.
    let models: Vec<_> = kept.calls().into_iter().filter(|call| call.stage == Stage::Llm).collect();
    assert_eq!(models.iter().map(|call| call.error).collect::<Vec<_>>(), [Some(ErrorCode::Cancelled); 2]);
    assert_eq!(models[0].duration, ms(100));
}

#[tokio::test(start_paused = true)]
async fn a_greeting_is_a_turn_with_its_speech() {
    let kept = Kept::default();
    let config = r#"{"assistant": {"first_message": "Planted answer: welcome."}}"#;
    let agent = one_shot(config).metrics_sink(Arc::new(kept.clone())).build().await.unwrap();
    let session = agent.sessions().create().await.unwrap();
    agent.sessions().greet(session.id).await.unwrap().unwrap();
    agent.close().await.unwrap();
    let (calls, turns) = (kept.calls(), kept.turns());
    assert_eq!((turns[0].kind, turns[0].first_audio), ("greeting", Some(ms(100))));
    assert_eq!((calls[0].stage, calls[0].turn_id), (Stage::Tts, Some(turns[0].turn_id)));
}

#[tokio::test(start_paused = true)]
async fn looking_for_actions_and_summing_up_are_reported_with_their_costs() {
    for waits in [false, true] {
        let kept = Kept::default();
        let config = PRICES.replacen('{', &format!(r#"{{"actions": {{"on_replies": {waits}}}, "#), 1);
        let stores = Storage::of(Arc::new(MemoryStore::new()));
        let agent = one_shot(&config).stores(stores).metrics_sink(Arc::new(kept.clone())).build().await.unwrap();
        let reply = agent.turn("hello").user("u").await.unwrap();
        agent.sessions().summary(reply.session_id).await.unwrap().unwrap();
        agent.close().await.unwrap();

        let (calls, turns) = (kept.calls(), kept.turns());
        let [answer, summary] = &turns[..] else { panic!("not a turn and a summary: {turns:?}") };
        assert_eq!((answer.kind, summary.kind), ("answer", "summary"));
        let models: Vec<_> = calls.iter().filter(|call| call.stage == Stage::Llm).collect();
        let (of_turn, of_summary) = (Some(reply.turn_id), Some(summary.turn_id));
        assert_eq!(models.iter().map(|call| call.turn_id).collect::<Vec<_>>(), [of_turn, of_turn, of_summary]);
        assert!(models.iter().all(|call| call.cost.unwrap().amount() == "0.00012"), "{models:?}");
        assert_eq!(models[1].trace.parent_span_id, Some(answer.trace.span_id));
        assert_eq!(models[2].trace.parent_span_id, Some(summary.trace.span_id));
        assert_eq!((summary.session_id, summary.user.as_deref()), (Some(reply.session_id), Some("u")));
        assert_eq!((summary.usage.input_tokens, summary.cost, summary.error), (100, models[2].cost, None));

        // A reply that waits for what is found has what that cost; one that does not is there before it.
        assert_eq!((answer.usage, answer.cost), (reply.usage, reply.cost));
        assert_eq!(reply.usage.input_tokens, if waits { 200 } else { 100 });
        if waits {
            let costs = calls.iter().filter(|call| call.turn_id == of_turn).map(|call| call.cost.unwrap());
            assert_eq!(reply.cost, costs.reduce(|one, two| one.plus(two).unwrap()));
        }
    }
}

/// Hangs in its first call, for ever.
#[derive(Default)]
struct Hanging(AtomicUsize);

#[async_trait]
impl MetricsSink for Hanging {
    async fn record(&self, _: &[Report]) -> Result<(), Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    async fn flush(&self) -> Result<(), Error> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_never_comes_back_costs_its_own_reports_and_nothing_else() {
    let (kept, hanging) = (Kept::default(), Arc::new(Hanging::default()));
    let agent = VoiceAgent::builder()
        .stt("none")
        .llm(ScriptedLlm::saying("Yes."))
        .tts("none")
        .storage("memory")
        .metrics_sink(Arc::clone(&hanging) as _)
        .metrics_sink(Arc::new(kept.clone()))
        .build()
        .await
        .unwrap();
    let began = tokio::time::Instant::now();
    // Two reports a turn: more than its queue holds, and what it holds in its hand.
    for _ in 0..1_300 {
        agent.turn("hello").await.unwrap();
    }
    assert_eq!(began.elapsed(), ms(0), "no turn waited");
    let dropped = agent.dropped_reports();
    assert!((2_600 - 2_048 - 256..=2_600 - 2_048).contains(&dropped), "{dropped}");
    agent.close().await.unwrap();
    assert!(began.elapsed() <= ms(5_101), "closing waited for {:?}", began.elapsed());
    assert_eq!(kept.all().len(), 2_600, "another sink has everything");
    assert_eq!((agent.dropped_reports(), hanging.0.load(Ordering::SeqCst)), (2_600, 1));
}

/// Fails in its first call, by a panic or by an error.
#[derive(Default)]
struct Failing {
    calls: AtomicUsize,
    panics: bool,
    kept: Kept,
}

#[async_trait]
impl MetricsSink for Failing {
    async fn record(&self, reports: &[Report]) -> Result<(), Error> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 {
            assert!(!self.panics, "as it was planned");
            return Err(Error::new(ErrorKind::ProviderFailed, "as it was planned"));
        }
        self.kept.record(reports).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_fails_or_panics_is_told_what_comes_after() {
    for panics in [false, true] {
        let sink = Arc::new(Failing { panics, ..Failing::default() });
        let agent = one_shot("{}").metrics_sink(Arc::clone(&sink) as _).build().await.unwrap();
        agent.turn("hello").await.unwrap();
        let lost = agent.dropped_reports();
        assert!(lost > 0);
        agent.turn("hello").await.unwrap();
        agent.close().await.unwrap();
        assert_eq!((agent.dropped_reports(), sink.kept.turns().is_empty()), (lost, false));
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_delivered_when_an_agent_is_let_go_of_without_being_closed() {
    let kept = Kept::default();
    let agent = one_shot("{}").metrics_sink(Arc::new(kept.clone())).build().await.unwrap();
    agent.turn("hello").await.unwrap();
    drop(agent);
    sleep(ms(1)).await;
    assert_eq!(kept.turns().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn recognition_while_the_user_speaks_counts_from_the_end_of_the_sound() {
    let (kept, voice, store) = (Kept::default(), Voice::new().streaming(ms(80)), Arc::new(MemoryStore::new()));
    let agent = VoiceAgent::builder()
        .stt(voice.stt())
        .llm(ScriptedLlm::saying("Yes."))
        .tts(voice.tts())
        .store(Arc::clone(&store) as _)
        .clock(Arc::new(VirtualClock::new()))
        .metrics_sink(Arc::new(kept.clone()))
        .build()
        .await
        .unwrap();
    let call = Call::on(agent, &voice, store, |live| live).await;
    call.speak("will it rain tomorrow?").await;
    call.until_turns(1).await;
    call.live.end().await.unwrap();
    call.agent.close().await.unwrap();
    let heard = kept.calls().into_iter().find(|call| call.stage == Stage::Stt).unwrap();
    let told = call.events().into_iter().find_map(|(_, event)| match event {
        LiveEvent::Metrics(metrics) if metrics.stage == Stage::Stt => Some(metrics),
        _ => None,
    });
    let told = told.unwrap();
    assert_eq!((heard.first_result, heard.duration, heard.error), (told.first_result, told.total, None));
    assert!(heard.duration < ms(500), "{:?}", heard.duration);
    assert!(heard.usage.stt_seconds > 0.5, "{}", heard.usage.stt_seconds);
    assert_eq!(heard.turn_id, Some(kept.turns()[0].turn_id));
}

#[tokio::test(start_paused = true)]
async fn without_a_sink_nothing_is_measured() {
    let agent = VoiceAgent::builder()
        .stt(ScriptedStt::hearing(QUESTION))
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(ScriptedTts::new())
        .storage("memory")
        .build()
        .await
        .unwrap();
    agent.converse(question()).await.unwrap();
    assert_eq!(agent.dropped_reports(), 0);
    agent.close().await.unwrap();
}
