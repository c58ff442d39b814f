//! A live session that interprets between two languages.

use std::sync::{Arc, Mutex};

use serde_json::json;
use voice_core::{
    Config, Error, ErrorKind, LanguageModel, Message, Pcm, Role, SpeechToText, TextToSpeech, Transcript, VoiceAgent,
    agent::Live,
    live::LiveEvent,
    provider::{CallContext, GenerateRequest, LlmEvent, ResultStream, SynthesisRequest, TranscribeRequest},
    store::{MemoryStore, Storage},
};
use voice_testkit::{ScriptedLlm, Step, VirtualClock, Voice};

use super::{call::Call, is_interrupted};

const WHERE: &str = "Where does it hurt?";
const DONDE: &str = "¿Dónde le duele?";
const AQUI: &str = "Me duele aquí, debajo de las costillas.";
const HERE: &str = "It hurts here, below the ribs.";
const AGAIN: &str = "Repeat that, please.";
const REPITA: &str = "¿Puede repetir?";
const FRENCH: &str = "Bonjour à tous.";

/// What is said, the language that it is taken for, and what the model writes about it.
type Words = &'static [(&'static str, &'static str, &'static str)];

const WORDS: Words = &[
    (WHERE, "en", "[es] ¿Dónde le duele?"),
    (AQUI, "es-MX", "[en] It hurts here, below the ribs."),
    (AGAIN, "en", "[es] Repita, por favor."),
    (REPITA, "es", "[en] Can you repeat that?"),
    (FRENCH, "fr", "[other]"),
    ("Since yesterday.", "en", "[es] Desde ayer."),
];

/// Recognises the voice, and takes words for a language unless it is told which it is.
struct Ear(Voice, Words);

#[async_trait::async_trait]
impl SpeechToText for Ear {
    fn name(&self) -> &str {
        "scripted/ear"
    }

    async fn transcribe(
        &self,
        request: TranscribeRequest,
        _: &CallContext,
    ) -> voice_core::Result<ResultStream<Transcript>> {
        let text = self.0.understood(&request.audio.samples);
        let detected = self.1.iter().find(|(words, ..)| *words == text).map(|(_, tag, _)| (*tag).to_owned());
        let mut transcript = Transcript::last(text);
        transcript.language = request.language.or(detected.filter(|tag| !tag.is_empty()));
        Ok(Box::pin(futures_util::stream::once(async { Ok(transcript) })))
    }
}

/// Writes what stands in the table about the words, whatever tag is before them.
struct Interpreter(ScriptedLlm, Words);

#[async_trait::async_trait]
impl LanguageModel for Interpreter {
    fn name(&self) -> &str {
        "scripted/interpreter"
    }

    async fn generate(
        &self,
        request: GenerateRequest,
        ctx: &CallContext,
    ) -> voice_core::Result<ResultStream<LlmEvent>> {
        let said = request.messages.last().unwrap().content.split_once("] ").unwrap().1.to_owned();
        let written = self.1.iter().find(|(words, ..)| *words == said).map_or("[other]", |(.., written)| written);
        // It is asked only to be remembered.
        drop(self.0.generate(request, ctx).await?);
        ScriptedLlm::saying(written).generate(GenerateRequest::new([]), ctx).await
    }
}

/// Who spoke what, and in which language as they were told.
type Spoken = Arc<Mutex<Vec<String>>>;

struct Speaker(&'static str, Voice, Spoken);

#[async_trait::async_trait]
impl TextToSpeech for Speaker {
    fn name(&self) -> &str {
        self.0
    }

    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> voice_core::Result<ResultStream<Pcm>> {
        let language = request.language.as_deref().unwrap_or("-");
        self.2.lock().unwrap().push(format!("{} ({language}): {}", self.0, request.text));
        self.1.tts().synthesize(request, ctx).await
    }
}

struct Set {
    call: Call,
    llm: ScriptedLlm,
    spoken: Spoken,
}

async fn set(words: Words) -> Set {
    on(words, Arc::new(MemoryStore::new()), |live| live).await
}

async fn on(words: Words, store: Arc<MemoryStore>, with: impl FnOnce(Live) -> Live) -> Set {
    let (voice, spoken, llm) = (Voice::new(), Spoken::default(), ScriptedLlm::saying("x"));
    let speaker = |name| Speaker(name, voice.clone(), Arc::clone(&spoken));
    let voices = json!({"en": {"provider": "ada"}, "es": {"provider": "ana"}});
    let config = json!({"assistant": {"interpreter": {"languages": ["en", "es"], "voices": voices}}}).to_string();
    let agent = VoiceAgent::builder()
        .config(Config::from_json(&config).unwrap())
        .stt(Ear(voice.clone(), words))
        .llm(Interpreter(llm.clone(), words))
        .tts(speaker("base"))
        .named_tts("ada", Arc::new(speaker("ada")))
        .named_tts("ana", Arc::new(speaker("ana")))
        .stores(Storage::of(Arc::clone(&store)))
        .clock(Arc::new(VirtualClock::new()))
        .build()
        .await
        .unwrap();
    let call = Call::on(agent, &voice, store, with).await;
    Set { call, llm, spoken }
}

impl Set {
    /// Somebody speaks, and hears or is heard to the end.
    async fn say(&self, words: &str) {
        let before = self.call.turns().len();
        self.call.speak(words).await;
        self.call.until_turns(before + 1).await;
    }

    fn spoken(&self) -> Vec<String> {
        self.spoken.lock().unwrap().clone()
    }

    /// The languages of the exchanges: of who spoke, and of what was said.
    fn languages(&self) -> Vec<(Option<String>, Option<String>)> {
        self.call.turns().into_iter().map(|turn| (turn.language, turn.text_language)).collect()
    }

    /// What is stored, as `role (language): words`.
    async fn kept(&self) -> Vec<String> {
        let line = |m: &Message| {
            let role = if m.role == Role::User { "user" } else { "agent" };
            format!("{role} ({}): {}", m.language.as_deref().unwrap_or("-"), m.content)
        };
        self.call.stored().await.iter().map(line).collect()
    }

    /// What the model was shown, but for its instructions, when it was last asked.
    fn shown(&self) -> Vec<String> {
        let request = self.llm.requests().into_iter().next_back().unwrap();
        assert!(request.temperature == 0.0 && request.tools.is_empty());
        assert!(request.messages[0].content.starts_with("You are the interpreter in a conversation between"));
        request.messages[1..].iter().map(|m| m.content.to_string()).collect()
    }
}

fn pair(from: &str, to: &str) -> (Option<String>, Option<String>) {
    let tag = |tag: &str| Some(tag.to_owned()).filter(|tag| !tag.is_empty());
    (tag(from), tag(to))
}

#[tokio::test(start_paused = true)]
async fn each_side_hears_the_other_in_its_own_language_and_voice() {
    let set = set(WORDS).await;
    for words in [WHERE, AQUI, "Since yesterday."] {
        set.say(words).await;
    }
    assert_eq!(
        set.spoken(),
        [format!("ana (es): {DONDE}"), format!("ada (en): {HERE}"), "ana (es): Desde ayer.".to_owned()]
    );
    assert_eq!(set.call.played(), format!("{DONDE} {HERE} Desde ayer."), "no tag is heard");
    assert_eq!(set.languages(), [pair("en", "es"), pair("es", "en"), pair("en", "es")]);
    assert_eq!(
        set.kept().await[..4],
        [
            format!("user (en): {WHERE}"),
            format!("agent (es): {DONDE}"),
            format!("user (es): {AQUI}"),
            format!("agent (en): {HERE}")
        ]
    );
    let shown = [WHERE, DONDE, AQUI, HERE].iter().zip(["en", "es", "es", "en"]);
    let mut shown: Vec<String> = shown.map(|(words, tag)| format!("[{tag}] {words}")).collect();
    shown.push("[en] Since yesterday.".into());
    assert_eq!(set.shown(), shown);
    let written: String = set
        .call
        .events()
        .into_iter()
        .filter_map(|(_, e)| if let LiveEvent::Text(t) = e { Some(t.0) } else { None })
        .collect();
    assert!(!written.contains('['), "{written}");
}

#[tokio::test(start_paused = true)]
async fn a_language_that_was_heard_wrongly_is_corrected_by_the_words() {
    // The recogniser takes the answer for English, then for Portuguese, and then knows nothing.
    for taken_for in ["en", "pt", ""] {
        let words: Words = Box::leak(Box::new([
            (WHERE, "en", "[es] ¿Dónde le duele?"),
            (AQUI, taken_for, "[en] It hurts here, below the ribs."),
        ]));
        let set = set(words).await;
        set.say(WHERE).await;
        set.say(AQUI).await;
        assert_eq!(set.spoken()[1], format!("ada (en): {HERE}"), "{taken_for}");
        assert_eq!(set.languages()[1], pair("es", "en"));
        let tag = if taken_for.is_empty() { "?" } else { taken_for };
        assert_eq!(set.shown().pop().unwrap(), format!("[{tag}] {AQUI}"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_host_says_who_speaks_until_it_lets_go() {
    // A model that believes the wrong tag, as it would be without the host's word.
    const WRONG: Words = &[(AQUI, "en", "[es] It hurts here, below the ribs."), (WHERE, "en", "[es] ¿Dónde le duele?")];
    let set = set(WRONG).await;
    set.call.live.set_language(Some("es".into())).unwrap();
    set.say(AQUI).await;
    set.call.live.set_language(None).unwrap();
    set.say(WHERE).await;
    assert_eq!(set.spoken(), [format!("ada (en): {HERE}"), format!("ana (es): {DONDE}")]);
    assert_eq!(set.languages(), [pair("es", "en"), pair("en", "es")]);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_hears_the_last_interpretation_into_their_language_again() {
    let set = set(WORDS).await;
    for words in [WHERE, AQUI, REPITA, AGAIN] {
        set.say(words).await;
    }
    assert_eq!(set.spoken()[2..], [format!("ana (es): {DONDE}"), format!("ada (en): {HERE}")]);
    assert_eq!(set.languages()[2..], [pair("es", "es"), pair("en", "en")]);
    assert_eq!(set.llm.calls(), 2, "nothing is translated anew");
    let turns = set.call.turns();
    assert_eq!((turns[2].transcript.as_str(), turns[2].text.as_str()), (REPITA, DONDE));
    // Repetitions do not come between an utterance and what refers to it.
    set.say("Since yesterday.").await;
    assert_eq!(set.shown().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_goes_on_knows_what_was_said_last() {
    let store = Arc::new(MemoryStore::new());
    let first = on(WORDS, Arc::clone(&store), |live| live).await;
    first.say(WHERE).await;
    let session = first.call.live.session_id();
    first.call.live.end().await.unwrap();
    let second = on(WORDS, store, |live| live.session(session)).await;
    second.say(REPITA).await;
    assert_eq!(second.spoken(), [format!("ana (es): {DONDE}")]);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_was_said_yet_the_other_side_is_asked_to_repeat() {
    let set = set(WORDS).await;
    set.say(REPITA).await;
    assert_eq!(set.spoken(), ["ada (en): Can you repeat that?"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_in_a_third_language_is_kept_and_not_spoken() {
    let set = set(WORDS).await;
    set.say(WHERE).await;
    set.say(FRENCH).await;
    set.say(AQUI).await;
    assert_eq!(set.spoken(), [format!("ana (es): {DONDE}"), format!("ada (en): {HERE}")]);
    assert_eq!(set.languages()[1], pair("fr", ""));
    let turn = &set.call.turns()[1];
    assert_eq!((turn.transcript.as_str(), turn.text.as_str(), turn.assistant_message_id), (FRENCH, "", None));
    assert_eq!(set.kept().await[2], format!("user (fr): {FRENCH}"));
    assert_eq!(set.shown().len(), 3, "the model is not shown what was not interpreted");
    assert_eq!(set.call.count(|e| matches!(e, LiveEvent::Error(_))), 0);
}

#[tokio::test(start_paused = true)]
async fn an_interpretation_is_interrupted_as_any_answer_and_said_again_as_a_whole() {
    let set = set(WORDS).await;
    set.call.speak(AQUI).await;
    set.call.until_played(2).await;
    set.call.speak(AGAIN).await;
    set.call.until("the interruption", is_interrupted).await;
    set.call.until_turns(2).await;
    let turns = set.call.turns();
    assert!(turns[0].interrupted && turns[0].text.len() < HERE.len() && HERE.starts_with(&turns[0].text));
    assert_eq!((turns[1].transcript.as_str(), turns[1].text.as_str()), (AGAIN, HERE));
    assert_eq!(turns[1].text_language.as_deref(), Some("en"));
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_is_interpreted_too_and_the_hosts_own_words_are_in_the_first_language() {
    let set = set(WORDS).await;
    set.say(WHERE).await;
    set.call.live.push_text(AQUI).unwrap();
    set.call.until_turns(2).await;
    assert_eq!(set.shown().pop().unwrap(), format!("[?] {AQUI}"), "who types was not heard");
    assert_eq!(set.spoken()[1], format!("ada (en): {HERE}"));
    set.call.live.say("One moment.").unwrap();
    set.call.until_turns(3).await;
    assert_eq!(set.spoken()[2], "ada (en): One moment.");
}

#[tokio::test(start_paused = true)]
async fn an_interpretation_that_breaks_off_goes_on_without_the_tag() {
    let down = || Step::fail(Error::new(ErrorKind::ProviderFailed, "down"));
    let tokens = ["[", "es", "] ", "¿Dónde ", "le ", "duele?"];
    for rest in ["[es] ¿Dónde le duele?", "[es] le duele?", "¿Dónde le duele?", "[Spanish] duele?"] {
        for after in [1, 3, 5] {
            if after < 4 && !rest.contains(DONDE) {
                continue;
            }
            let first = ScriptedLlm::tokens(tokens).named("a/first").every_call(down().after(after));
            let second = ScriptedLlm::tokens(rest.split_inclusive(' ')).named("b/second");
            let agent = VoiceAgent::builder()
                .config(Config::from_json(r#"{"assistant": {"interpreter": {"languages": ["en", "es"]}}}"#).unwrap())
                .llm(voice_core::Providers::from(first).then(second))
                .storage("memory")
                .build()
                .await
                .unwrap();
            let reply = agent.turn(WHERE).language("en").await.unwrap();
            assert_eq!((reply.text.as_str(), reply.text_language.as_deref()), (DONDE, Some("es")), "{after} {rest}");
        }
    }
}
