//! The local language model and voice, from the directory that `VOICE_CORE_MODELS` names (`cargo xtask test` fetches the
//! files first).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{path::PathBuf, time::Duration};

use futures_util::StreamExt;
use voice_core::{
    Config, ErrorKind, LiveEvent, Role, Utterance, VoiceAgent,
    agent::{PreviewOptions, VoiceQuery},
    audio::{Pcm, SPEECH_RATE},
    provider::{
        CallContext, GenerateRequest, LanguageModel, LlmEvent, PromptMessage, SpeechToText, SynthesisRequest,
        TextToSpeech, TranscribeRequest, VoiceGender,
    },
    providers::local::{KokoroOptions, KokoroTts, LocalLlm, LocalLlmOptions, ModelDir, MoonshineStt},
};
use voice_testkit::{ScriptedLlm, ScriptedTts, words::word_errors};

const SYSTEM: &str = "You are a helpful voice assistant. Answer in one or two short sentences.";

fn models() -> ModelDir {
    ModelDir::locate().unwrap()
}

/// The model of the default set, whichever quantisation is there.
fn gguf() -> PathBuf {
    let folder = models().path().join("smollm2-135m-instruct");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "gguf"));
    files.sort();
    files.pop().expect("a GGUF file in smollm2-135m-instruct; run `voice-core models fetch`")
}

fn llm() -> LocalLlm {
    LocalLlm::open(gguf(), LocalLlmOptions::default()).unwrap()
}

fn kokoro() -> KokoroTts {
    KokoroTts::open(models().path().join("kokoro-82m"), KokoroOptions::default()).unwrap()
}

fn request(question: &str, max_tokens: u32) -> GenerateRequest {
    let messages = vec![PromptMessage::new(Role::System, SYSTEM), PromptMessage::new(Role::User, question)];
    let mut request = GenerateRequest::new(messages);
    request.max_tokens = max_tokens;
    request.temperature = 0.0;
    request
}

#[tokio::test]
async fn the_same_system_prompt_is_read_once() {
    let llm = llm();
    llm.warm_up(SYSTEM).await.unwrap();
    let mut usages = Vec::new();
    for question in ["What is the capital of France?", "How many days has a week?"] {
        let mut events = llm.generate(request(question, 4), &CallContext::new()).await.unwrap();
        while let Some(event) = events.next().await {
            if let LlmEvent::Usage(usage) = event.unwrap() {
                usages.push(usage);
            }
        }
    }
    for usage in usages {
        let read = usage.input_tokens - usage.cached_tokens;
        assert!(usage.cached_tokens >= 15, "only {} tokens were known", usage.cached_tokens);
        assert!(read <= 20, "{read} of {} tokens were read again", usage.input_tokens);
    }
}

#[tokio::test]
async fn a_dropped_generation_stops() {
    let llm = llm();
    let mut events = llm.generate(request("Tell me a very long story.", 2000), &CallContext::new()).await.unwrap();
    events.next().await.unwrap().unwrap();
    drop(events);
    let other = tokio::time::timeout(Duration::from_secs(60), async {
        let events = llm.generate(request("Say yes.", 2), &CallContext::new()).await.unwrap();
        events.count().await
    });
    assert!(other.await.is_ok(), "another call waits for a dropped one");
    assert!(llm.work().written_tokens < 1000, "{:?}", llm.work());
}

/// Asks over and over before the answer is over, as people do, and hears all of the last one.
#[tokio::test]
async fn twenty_answers_after_interruptions_do_not_repeat_the_note_of_them() {
    const ABOUT: [&str; 5] = ["rivers", "Paris", "bread", "coffee", "the moon"];
    const ASKED: [&str; 4] = [
        "Tell me about {}.",
        "Is there anything else about {}?",
        "How old is that?",
        "Thank you. What is it good for?",
    ];
    let config = r#"{"assistant": {"max_tokens": 40, "temperature": 0}, "live": {"output": {"pacing": "immediate"}}}"#;
    let agent = VoiceAgent::builder()
        .config(Config::from_json(config).unwrap())
        .stt("none")
        .llm(llm())
        .tts(ScriptedTts::new().chunks(10, Duration::from_millis(200)))
        .storage("memory")
        .build()
        .await
        .unwrap();
    for about in ABOUT {
        let live = agent.live().start().await.unwrap();
        for (n, question) in ASKED.into_iter().enumerate() {
            live.push_text(question.replace("{}", about)).unwrap();
            let (mut written, mut until, mut begun) = (String::new(), Duration::ZERO, None);
            while let Some(event) = live.next().await {
                match event {
                    LiveEvent::TurnStarted { .. } => (written, begun) = (String::new(), Some(until)),
                    LiveEvent::Text(delta) => written.push_str(&delta),
                    LiveEvent::Clear { position } => until = position,
                    LiveEvent::Audio(pcm) => {
                        until += pcm.duration();
                        // What still comes of the answer before is not played.
                        let Some(begun) = begun else { continue };
                        live.set_playback_position(until).unwrap();
                        if n < 3 && until - begun >= Duration::from_secs(1) {
                            break;
                        }
                    }
                    LiveEvent::TurnDone(turn) if begun.is_some() && !turn.interrupted => break,
                    _ => {}
                }
            }
            assert!(!written.trim().is_empty() && !written.to_lowercase().contains("interrupting"), "{written}");
        }
        let summary = live.end().await.unwrap();
        assert_eq!(summary.interruptions, 3, "the note was never there");
    }
}

#[tokio::test]
async fn two_sessions_share_one_model() {
    let (a, b) = (llm(), llm());
    assert!(a.shares_model_with(&b));
    assert!(kokoro().shares_model_with(&kokoro()));
    let say = |llm: LocalLlm| async move {
        let events = llm.generate(request("What is the capital of France?", 12), &CallContext::new()).await.unwrap();
        let texts =
            events.filter_map(|e| async move { if let LlmEvent::Text(t) = e.unwrap() { Some(t) } else { None } });
        texts.collect::<String>().await
    };
    let (one, two) = tokio::join!(say(a), say(b));
    assert_eq!(one, two, "the same prompt without dice gives the same answer, whoever else talks");
    assert!(!one.is_empty());
}

#[tokio::test]
async fn speech_transcribed_back_has_at_most_ten_percent_word_errors() {
    let stt = MoonshineStt::tiny_en(&models()).unwrap();
    let texts = [
        "The capital of France is Paris. It has about two million people, and many of them live near the river.",
        "Sure, I can help with that! Please call me tomorrow morning, because I would like to talk about the weather.",
        "Your table is booked for seven thirty in the evening, on the fourth of June. It costs twenty five dollars.",
    ];
    let (mut said, mut heard) = (String::new(), String::new());
    for text in texts {
        let chunks = kokoro().synthesize(SynthesisRequest::new(text), &CallContext::new()).await.unwrap();
        let chunks: Vec<Pcm> = chunks.map(Result::unwrap).collect().await;
        assert!(chunks.len() >= 2, "a chunk for each sentence");
        let sound = Pcm::concat(&chunks).unwrap().unwrap().resampled(SPEECH_RATE).unwrap();
        let request = TranscribeRequest::new(Utterance::from_samples(sound.samples()));
        let transcripts = stt.transcribe(request, &CallContext::new()).await.unwrap();
        let transcripts: Vec<_> = transcripts.map(Result::unwrap).collect().await;
        println!("said  {text}\nheard {}", transcripts.last().unwrap().text);
        said += text;
        said.push(' ');
        heard += &transcripts.last().unwrap().text;
        heard.push(' ');
    }
    let errors = word_errors(&said, &heard);
    assert!(errors <= 0.10, "{:.1} % word errors in: {heard}", errors * 100.0);
}

/// A clause of an answer's beginning, which a warm voice says in two chunks, and one of its middle, which it says in one.
#[tokio::test]
async fn an_answer_begins_with_part_of_its_first_clause_and_loses_no_word_of_it() {
    const CLAUSE: &str = "The people who live near the river bring bread on Sundays,";
    let (voice, stt) = (kokoro(), MoonshineStt::tiny_en(&models()).unwrap());
    voice.warm_up().await.unwrap();
    for (previous, chunks) in [(None, 2), (Some("It is well known."), 1)] {
        let mut request = SynthesisRequest::new(CLAUSE);
        request.previous_text = previous.map(Into::into);
        let said = voice.synthesize(request, &CallContext::new()).await.unwrap();
        let said: Vec<Pcm> = said.map(Result::unwrap).collect().await;
        assert_eq!(said.len(), chunks);
        let sound = Pcm::concat(&said).unwrap().unwrap().resampled(SPEECH_RATE).unwrap();
        let request = TranscribeRequest::new(Utterance::from_samples(sound.samples()));
        let heard = stt.transcribe(request, &CallContext::new()).await.unwrap();
        let heard: Vec<_> = heard.map(Result::unwrap).collect().await;
        let heard = &heard.last().unwrap().text;
        assert!(word_errors(CLAUSE, heard) <= 0.10, "{heard}");
    }
}

#[tokio::test]
async fn kokoros_voices_are_listed_and_each_sounds_its_own() {
    let config = format!(r#"{{"local": {{"models": {:?}}}, "storage": "memory"}}"#, models().path());
    let agent = VoiceAgent::builder().config(Config::from_json(&config).unwrap()).stt("none");
    let agent = agent.llm(ScriptedLlm::saying("Hi.")).tts("local").build().await.unwrap();
    let voices = agent.voices().list(VoiceQuery::default()).await.unwrap().items;
    let heart = voices.iter().find(|voice| voice.id == "af_heart").unwrap();
    assert_eq!((heart.name.as_str(), heart.gender), ("Heart", Some(VoiceGender::Female)));
    assert_eq!(heart.languages, ["en-US"]);
    let british = agent.voices().list(VoiceQuery::in_language("en-GB")).await.unwrap().items;
    assert!(!british.is_empty() && british.iter().all(|voice| voice.id.starts_with('b')), "{british:?}");
    let folder = models().path().join("kokoro-82m/voices");
    assert_eq!(voices.len(), std::fs::read_dir(folder).unwrap().count());

    let said = async |options: PreviewOptions| agent.voices().preview(options).await.unwrap().audio;
    let (heart, usual) = (said(PreviewOptions::of("af_heart")).await, said(PreviewOptions::default()).await);
    // It begins in one chunk or in two, by how quick the machine is.
    let apart = heart.duration().abs_diff(usual.duration());
    assert!(apart < Duration::from_millis(100), "it is the voice that Kokoro speaks with by itself; {apart:?} apart");
    let other = said(PreviewOptions::of(&british[0].id)).await;
    assert!(other.samples() != heart.samples() && other.duration() > Duration::from_secs(1));
    let slow = said(PreviewOptions::of("af_heart").setting("speed", 0.5)).await;
    assert!(slow.duration() > heart.duration().mul_f64(1.5), "{:?} and {:?}", slow.duration(), heart.duration());

    for (voice, kind) in [
        ("nobody", ErrorKind::ModelMissing),
        ("/etc/hostname", ErrorKind::InvalidField),
        ("../voices/af_heart", ErrorKind::InvalidField),
        (".hidden", ErrorKind::InvalidField),
    ] {
        let error = agent.voices().preview(PreviewOptions::of(voice)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{voice}: {error}");
    }
    let error = agent.voices().list(VoiceQuery::of("local//etc/hostname")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidField, "{error}");
}
