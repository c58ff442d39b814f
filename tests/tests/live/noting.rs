//! What has to be acted on, in live sessions: told some time after it was said, and never waited for.

use std::sync::Arc;

use serde_json::json;
use voice_core::{
    Config, Error, ErrorKind, LanguageModel, VoiceAgent,
    live::LiveEvent,
    provider::{CallContext, GenerateRequest, LlmEvent, ResultStream},
    store::{ActionQuery, MemoryStore, Storage},
};
use voice_testkit::{ScriptedLlm, Step, VirtualClock, Voice};

use super::call::{Call, ms};

/// Answers with the one, and looks for actions with the other.
struct Model(ScriptedLlm, ScriptedLlm);

#[async_trait::async_trait]
impl LanguageModel for Model {
    fn name(&self) -> &str {
        "scripted/model"
    }

    async fn generate(
        &self,
        request: GenerateRequest,
        ctx: &CallContext,
    ) -> voice_core::Result<ResultStream<LlmEvent>> {
        let is_note = request.messages[0].content.starts_with("You read a conversation");
        if is_note { self.1.generate(request, ctx).await } else { self.0.generate(request, ctx).await }
    }
}

fn notes() -> ScriptedLlm {
    let action = json!({"type": "refill", "line": 1, "details": {"medication": "metformin"}, "confidence": 0.9});
    ScriptedLlm::tokens([json!({"actions": [action]}).to_string()]).using(100, 0, 10)
}

async fn call(notes: ScriptedLlm) -> Call {
    let (voice, store) = (Voice::new(), Arc::new(MemoryStore::new()));
    let agent = VoiceAgent::builder()
        .config(Config::from_json(r#"{"actions": {}}"#).unwrap())
        .stt(voice.stt())
        .llm(Model(ScriptedLlm::saying("It is noted."), notes))
        .tts(voice.tts())
        .stores(Storage::of(Arc::clone(&store)))
        .clock(Arc::new(VirtualClock::new()))
        .build()
        .await
        .unwrap();
    Call::on(agent, &voice, store, |live| live).await
}

fn is_found(event: &LiveEvent) -> bool {
    matches!(event, LiveEvent::ActionDetected(_))
}

#[tokio::test(start_paused = true)]
async fn what_was_found_is_told_after_its_exchange_and_delays_no_other() {
    let call = call(notes().first_after(ms(5_000))).await;
    for turns in 1..=2 {
        call.speak("I need more metformin.").await;
        call.until_turns(turns).await;
    }
    assert!(call.turns().iter().all(|turn| turn.response_delay.unwrap() < ms(700)), "no answer waits");
    assert_eq!(call.count(is_found), 0);
    call.until("the action", is_found).await;
    call.silence(20_000).await;
    let found: Vec<_> = call.events().into_iter().filter(|(_, event)| is_found(event)).collect();
    let [(_, LiveEvent::ActionDetected(action))] = &found[..] else { unreachable!("{:#?}", call.names()) };
    let first = &call.turns()[0];
    assert_eq!((action.turn_id, Some(action.message_id)), (first.turn_id, first.user_message_id));
    assert_eq!((action.kind.as_str(), action.session_id), ("refill", call.live.session_id()));
    // The host reads what it was told from the store as well.
    let kept = call.agent.sessions().actions(call.live.session_id(), ActionQuery::default()).await.unwrap();
    assert_eq!(kept.items, [(**action).clone()]);
    // What looking for it used is part of what the session used.
    assert_eq!(call.live.end().await.unwrap().usage.input_tokens, 200);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_it_is_waited_for_a_little_and_kept_in_any_case() {
    for (takes, told) in [(2_000, 1), (20_000, 0)] {
        let call = call(notes().first_after(ms(takes))).await;
        call.speak("I need more metformin.").await;
        call.until_turns(1).await;
        call.live.end().await.unwrap();
        tokio::time::sleep(ms(100)).await;
        assert_eq!(call.count(is_found), told);
        assert!(matches!(call.events().last(), Some((_, LiveEvent::Ended(_)))));
        tokio::time::sleep(ms(30_000)).await;
        let kept = call.agent.sessions().actions(call.live.session_id(), ActionQuery::default()).await.unwrap();
        assert_eq!(kept.items.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_or_hangs_is_not_noticed_in_the_conversation() {
    for step in [Step::fail(Error::new(ErrorKind::ProviderFailed, "down")), Step::hang(), Step::panic()] {
        let call = call(notes().every_call(step)).await;
        for turns in 1..=2 {
            call.speak("I need more metformin.").await;
            call.until_turns(turns).await;
        }
        call.silence(1_000).await;
        assert_eq!(call.count(|e| matches!(e, LiveEvent::Error(_)) || is_found(e)), 0);
        assert_eq!(call.live.end().await.unwrap().turns, 2);
    }
}
