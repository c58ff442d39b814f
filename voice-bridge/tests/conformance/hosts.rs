//! Providers, stores, tools and sinks of metrics that do what a script says.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use voice_bridge::{
    Outcome, ToolCall, Usage, from_host,
    host::{
        FinishReason, HostLlm, HostMetrics, HostStore, HostStt, HostTool, HostTts, HostTurnDetector, LlmEvent, Pcm,
        Piece, Responder, Sound, SpokenWord, ToolAdaptor, Transcript,
    },
};

/// The name of a role: `stt`, `llm`, `tts`, `turn_detector`, `store`, `metrics`, `tool:NAME`.
pub(crate) type Role = String;

/// A host's script, and what it was asked.
#[derive(Default)]
pub(crate) struct Asked {
    script: Value,
    calls: AtomicUsize,
    listens: AtomicUsize,
    warm_ups: AtomicUsize,
    cancelled: AtomicUsize,
    flushes: AtomicUsize,
    told: Mutex<Vec<Value>>,
}

impl Asked {
    pub(crate) fn new(script: Value) -> Self {
        Self { script, ..Self::default() }
    }

    /// Whether it recognises speech while it is spoken.
    pub(crate) fn can_listen(&self) -> bool {
        !self.script["listens"].is_null()
    }

    /// Whether it has several voices.
    pub(crate) fn has_voices(&self) -> bool {
        !self.script["voices"].is_null()
    }

    /// How often it listened.
    pub(crate) fn listens(&self) -> usize {
        self.listens.load(Ordering::SeqCst)
    }

    /// How often it got ready.
    pub(crate) fn warm_ups(&self) -> usize {
        self.warm_ups.load(Ordering::SeqCst)
    }

    /// How often it was asked.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many calls were told that nobody wants their answer.
    pub(crate) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// What a sink was told, and how often it was to let go of it.
    pub(crate) fn reports(&self) -> (Vec<Value>, usize) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (told, self.flushes.load(Ordering::SeqCst))
    }

    /// The script of the call that begins now.
    fn next(&self) -> Vec<Value> {
        self.script_of("calls", &self.calls)
    }

    fn script_of(&self, scripts: &str, count: &AtomicUsize) -> Vec<Value> {
        let call = count.fetch_add(1, Ordering::SeqCst);
        let scripts = self.script[scripts].as_array();
        let script = scripts.and_then(|all| all.get(call).or(all.last()));
        script.and_then(Value::as_array).cloned().unwrap_or_default()
    }

    fn method(&self, name: &str) -> Vec<Value> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.script["methods"][name].as_array().cloned().unwrap_or_default()
    }
}

/// A host in any role.
pub(crate) struct Host(pub(crate) Arc<Asked>);

impl Host {
    /// Plays a script on a task of its own; `item` makes an item of an action that is none of those that all roles share.
    fn play<T: Send + 'static>(
        &self,
        script: Vec<Value>,
        answer: Responder<T>,
        item: impl Fn(&Value) -> T + Send + 'static,
    ) {
        self.listen_and_play(script, answer, None, item);
    }

    /// Gets ready as the script says, if it says something.
    fn get_ready(&self, system_prompt: &str, answer: Responder<()>) {
        if self.0.script["warm_up"].is_null() {
            return answer.finish();
        }
        let script = self.0.script_of("warm_up", &self.0.warm_ups);
        let told = |action: &Value| action["told"].as_str().is_none_or(|text| text == system_prompt);
        if !script.iter().all(told) {
            return answer.fail(from_host(None, "told another system prompt", None, None));
        }
        self.play(script, answer, |_| ());
    }

    /// The same with sound that the script says when to take.
    fn listen_and_play<T: Send + 'static>(
        &self,
        script: Vec<Value>,
        answer: Responder<T>,
        mut heard: Option<Heard>,
        item: impl Fn(&Value) -> T + Send + 'static,
    ) {
        #[allow(clippy::panic, reason = "the scenario asks for it")]
        if script.first().is_some_and(|action| action["panic"] == true) {
            panic!("on purpose");
        }
        let asked = Arc::clone(&self.0);
        tokio::spawn(async move {
            let gone = answer.cancellation();
            let mut told = false;
            for action in &script {
                if let Some(ms) = action["wait_ms"].as_u64() {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                } else if let (Some(heard), hear @ (Value::Number(_) | Value::String(_))) =
                    (&mut heard, &action["hear"])
                {
                    heard.until(hear.as_f64().unwrap_or(f64::INFINITY)).await;
                    if gone.is_cancelled() {
                        told = true;
                        break;
                    }
                } else if let Some(failure) = action["fail"].as_object() {
                    let text = |name: &str| failure.get(name).and_then(Value::as_str);
                    let retryable = failure.get("retryable").and_then(Value::as_bool);
                    let after = failure.get("retry_after_ms").and_then(Value::as_u64);
                    return answer.fail(from_host(text("code"), text("message").unwrap_or_default(), retryable, after));
                } else if let Some(message) = action["throw"].as_str() {
                    return answer.fail(from_host(None, message, None, None));
                } else if action["no_answer"] == true {
                    return drop(answer);
                } else if action["hang"] == true {
                    gone.cancelled().await;
                    told = true;
                    break;
                } else if !answer.send(item(action)) {
                    told = true;
                    break;
                }
            }
            if told {
                asked.cancelled.fetch_add(1, Ordering::SeqCst);
            }
            answer.finish();
        });
    }
}

fn text(action: &Value, name: &str) -> String {
    action[name].as_str().unwrap_or_default().to_owned()
}

/// The sound that a host listens to, and how many samples of it were taken.
struct Heard {
    sound: Sound,
    samples: Arc<AtomicUsize>,
}

impl Heard {
    /// Takes sound until so much of it has come, or it is over.
    async fn until(&mut self, seconds: f64) {
        while (self.samples.load(Ordering::SeqCst) as f64) < seconds * 16_000.0 {
            let Ok(Some(piece)) = self.sound.next().await.map(Piece::into_samples) else { return };
            self.samples.fetch_add(piece.len(), Ordering::SeqCst);
        }
    }
}

/// What an action says was recognised in so many samples.
fn transcript(action: &Value, samples: usize, language: &str) -> Transcript {
    let text = text(action, "transcript");
    let text = text.replace("{samples}", &samples.to_string()).replace("{language}", language);
    let transcript = if action["final"] == true { Transcript::last(text) } else { Transcript::interim(text) };
    match action["language"].as_str() {
        Some(language) => transcript.with_language(language),
        None => transcript,
    }
}

impl HostStt for Host {
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>) {
        let language = language.unwrap_or_else(|| "none".into());
        self.play(self.0.next(), answer, move |action| transcript(action, samples.len(), &language));
    }

    fn listen(&self, sound: Sound, language: Option<String>, answer: Responder<Transcript>) {
        let language = language.unwrap_or_else(|| "none".into());
        let (script, samples) = (self.0.script_of("listens", &self.0.listens), Arc::new(AtomicUsize::new(0)));
        let heard = Heard { sound, samples: Arc::clone(&samples) };
        self.listen_and_play(script, answer, Some(heard), move |action| {
            transcript(action, samples.load(Ordering::SeqCst), &language)
        });
    }

    fn warm_up(&self, answer: Responder<()>) {
        self.get_ready("", answer);
    }
}

impl HostTurnDetector for Host {
    fn completeness(&self, _: Arc<[i16]>, answer: Responder<f32>) {
        self.play(self.0.next(), answer, |action| action["completeness"].as_f64().unwrap_or_default() as f32);
    }

    fn warm_up(&self, answer: Responder<()>) {
        self.get_ready("", answer);
    }
}

impl HostLlm for Host {
    fn generate(&self, request_json: String, answer: Responder<LlmEvent>) {
        let request: Value = serde_json::from_str(&request_json).unwrap_or_default();
        let messages = request["messages"].as_array().cloned().unwrap_or_default();
        let tools: Vec<_> = request["tools"].as_array().into_iter().flatten().map(|tool| text(tool, "name")).collect();
        let tools = tools.join(",");
        let content = |message: Option<&Value>| message.map(|m| text(m, "content")).unwrap_or_default();
        let (first, last, count) = (content(messages.first()), content(messages.last()), messages.len().to_string());
        self.play(self.0.next(), answer, move |action| {
            let call = &action["tool_call"];
            if !call.is_null() {
                let call = ToolCall::new(text(call, "id"), text(call, "name"), call["arguments"].clone());
                return LlmEvent::ToolCall(call);
            }
            if let Some(reason) = finish_reason(action) {
                return LlmEvent::Finished(reason);
            }
            if let Ok(usage) = serde_json::from_value::<Used>(action["usage"].clone()) {
                return LlmEvent::Usage(usage.into());
            }
            let said = text(action, "text").replace("{count}", &count).replace("{tools}", &tools);
            LlmEvent::Text(said.replace("{system}", &first).replace("{last}", &last))
        });
    }

    fn warm_up(&self, system_prompt: String, answer: Responder<()>) {
        self.get_ready(&system_prompt, answer);
    }
}

/// What a model used, as a script says it.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Used {
    input_tokens: u64,
    cached_tokens: u64,
    output_tokens: u64,
}

impl From<Used> for Usage {
    fn from(used: Used) -> Self {
        let mut usage = Self::default();
        (usage.input_tokens, usage.cached_tokens, usage.output_tokens) =
            (used.input_tokens, used.cached_tokens, used.output_tokens);
        usage
    }
}

fn finish_reason(action: &Value) -> Option<FinishReason> {
    Some(match action["finish_reason"].as_str()? {
        "stop" => FinishReason::Stop,
        "tool_calls" => FinishReason::ToolCalls,
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    })
}

impl Host {
    /// Speaks as a voice, or as its own.
    fn speak_as(&self, voice: Value, answer: Responder<Pcm>) {
        let mut script = self.0.next();
        if script.iter().any(|action| action.get("speaks_as").is_some_and(|wanted| *wanted != voice)) {
            return answer.fail(from_host(None, "asked for another voice", None, None));
        }
        script.retain(|action| action.get("speaks_as").is_none());
        self.play(script, answer, |action| {
            let number = |name: &str| u32::try_from(action[name].as_u64().unwrap_or(0)).unwrap_or(0);
            let rate = number("sample_rate");
            let seconds = |value: &Value| Duration::from_secs_f64(value.as_f64().unwrap_or_default());
            let words = action["words"].as_array().into_iter().flatten();
            let words =
                words.map(|word| SpokenWord::new(word[0].as_str().unwrap_or(""), seconds(&word[1]), seconds(&word[2])));
            Pcm::new(vec![1_000; (number("audio_ms") * rate / 1_000) as usize], rate).with_words(words.collect())
        });
    }
}

impl HostTts for Host {
    fn synthesize(&self, _: String, _: Option<String>, answer: Responder<Pcm>) {
        self.speak_as(Value::Null, answer);
    }

    fn synthesize_as(&self, _: String, _: Option<String>, voice_json: String, answer: Responder<Pcm>) {
        self.speak_as(serde_json::from_str(&voice_json).unwrap_or_default(), answer);
    }

    fn voices(&self, _: Option<String>, answer: Responder<String>) {
        let Some(script) = self.0.script["voices"].as_array() else { return answer.finish() };
        self.play(script.clone(), answer, |action| action["json"].to_string());
    }

    fn warm_up(&self, answer: Responder<()>) {
        self.get_ready("", answer);
    }
}

impl HostStore for Host {
    fn call(&self, method: &'static str, _: String, answer: Responder<String>) {
        self.play(self.0.method(method), answer, |action| action["json"].to_string());
    }
}

impl HostTool for Host {
    fn call(&self, arguments_json: String, context_json: String, answer: Responder<String>) {
        let parsed = |json: &str| serde_json::from_str::<Value>(json).unwrap_or_default();
        let (arguments, context) = (parsed(&arguments_json), parsed(&context_json));
        self.play(self.0.next(), answer, move |action| {
            let Some(result) = action["result"].as_str() else { return action["json"].to_string() };
            let mut result = result.replace("{user}", context["user"].as_str().unwrap_or("none"));
            for (name, value) in arguments.as_object().into_iter().flatten() {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                result = result.replace(&format!("{{{name}}}"), &value);
            }
            result
        });
    }
}

impl HostMetrics for Host {
    fn record(&self, reports_json: String, answer: Responder<String>) {
        let reports: Vec<Value> = serde_json::from_str(&reports_json).unwrap_or_default();
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).extend(reports);
        self.play(self.0.next(), answer, |_| String::new());
    }

    fn flush(&self, answer: Responder<String>) {
        self.0.flushes.fetch_add(1, Ordering::SeqCst);
        answer.finish();
    }
}

/// A tool by its name, as its script says it is.
pub(crate) fn tool(name: &str, asked: &Arc<Asked>) -> Outcome<ToolAdaptor<Host>> {
    let mut definition = asked.script.clone();
    definition["name"] = name.into();
    if let Some(definition) = definition.as_object_mut() {
        definition.remove("calls");
    }
    ToolAdaptor::new(&definition.to_string(), Host(Arc::clone(asked)))
}
