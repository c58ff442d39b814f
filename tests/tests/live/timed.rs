//! Voices that tell when each of their words is heard.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use voice_core::{
    ConversationStore, Pcm, Result, SpokenWord, TextToSpeech, VoiceAgent,
    provider::{CallContext, ResultStream, SynthesisRequest},
    store::MemoryStore,
};
use voice_testkit::{ScriptedLlm, VirtualClock, Voice};

use super::{
    assert_heard,
    call::{Call, ms},
    is_interrupted,
};

/// What is said, with a long pause where nobody would look for one.
const ANSWER: &str = "Well, that is a question which nobody has asked before";

/// A voice that pauses for two seconds after its first word, and tells when it says the others.
struct Hesitant {
    voice: Voice,
    asked: Arc<Mutex<Vec<bool>>>,
}

#[async_trait]
impl TextToSpeech for Hesitant {
    fn name(&self) -> &str {
        "scripted/hesitant"
    }

    async fn synthesize(&self, request: SynthesisRequest, _: &CallContext) -> Result<ResultStream<Pcm>> {
        self.asked.lock().unwrap().push(request.word_times);
        let (mut at, mut chunks) = (ms(0), Vec::new());
        for (n, word) in request.text.split_whitespace().enumerate() {
            let mut sound = self.voice.say(word);
            let spoken = SpokenWord::new(word, at, at + ms(sound.len() as u64 / 16));
            sound.resize(sound.len() + if n == 0 { 32_000 } else { 0 }, 0);
            at += ms(sound.len() as u64 / 16);
            // At another rate than the session's: times are times all the same.
            let sound: Vec<i16> = sound.into_iter().flat_map(|sample| [sample, sample]).collect();
            chunks.push(Ok(Pcm::new(sound, 32_000).with_words(if request.word_times { vec![spoken] } else { vec![] })));
        }
        Ok(stream::iter(chunks).boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn of_an_interrupted_answer_the_words_are_kept_that_the_voice_says_were_heard() {
    let (voice, store, asked) = (Voice::new(), Arc::new(MemoryStore::new()), Arc::<Mutex<Vec<bool>>>::default());
    let agent = VoiceAgent::builder()
        .stt(voice.stt())
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(Hesitant { voice: voice.clone(), asked: Arc::clone(&asked) })
        .store(Arc::clone(&store) as Arc<dyn ConversationStore>)
        .clock(Arc::new(VirtualClock::new()))
        .build()
        .await
        .unwrap();
    let call = Call::on(agent.clone(), &voice, store, |live| live).await;
    call.speak("what is there to say?").await;
    call.until_sound_of(ms(2_600)).await;
    call.speak("please stop talking now.").await;
    call.until("the interruption", is_interrupted).await;
    call.until_turns(1).await;
    let turn = &call.turns()[0];
    // In proportion to the sound, more than half of the answer would have been heard.
    let played = call.heard_sound();
    let said: Vec<&str> = ANSWER.split(' ').collect();
    let (mut at, mut whole) = (ms(2_000), 0);
    for word in &said {
        at += ms(voice.say(word).len() as u64 / 16);
        whole += usize::from(at <= played);
    }
    assert!(turn.interrupted && whole > 2, "{played:?}");
    assert_heard(&turn.text, &said[..whole].join(" "));

    // Nobody asks where nothing can be interrupted.
    asked.lock().unwrap().clear();
    agent.turn("what else?").await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [false]);
}
