//! Providers, stores and tools that do what a script says.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use voice_bridge::{
    Outcome, ToolCall, from_host,
    host::{HostLlm, HostStore, HostStt, HostTool, HostTts, LlmEvent, Pcm, Responder, ToolAdaptor, Transcript},
};

/// The name of a role: `stt`, `llm`, `tts`, `store`, `tool:NAME`.
pub(crate) type Role = String;

/// A host's script, and what it was asked.
pub(crate) struct Asked {
    script: Value,
    calls: AtomicUsize,
    cancelled: AtomicUsize,
}

impl Asked {
    pub(crate) fn new(script: Value) -> Self {
        Self { script, calls: AtomicUsize::new(0), cancelled: AtomicUsize::new(0) }
    }

    /// How often it was asked.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many calls were told that nobody wants their answer.
    pub(crate) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// The script of the call that begins now.
    fn next(&self) -> Vec<Value> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let scripts = self.script["calls"].as_array();
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

impl HostStt for Host {
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>) {
        let language = language.unwrap_or_else(|| "none".into());
        self.play(self.0.next(), answer, move |action| {
            let heard = text(action, "transcript");
            let heard = heard.replace("{samples}", &samples.len().to_string()).replace("{language}", &language);
            let transcript = if action["final"] == true { Transcript::last(heard) } else { Transcript::interim(heard) };
            match action["language"].as_str() {
                Some(language) => transcript.with_language(language),
                None => transcript,
            }
        });
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
            let said = text(action, "text").replace("{count}", &count).replace("{tools}", &tools);
            LlmEvent::Text(said.replace("{system}", &first).replace("{last}", &last))
        });
    }
}

impl HostTts for Host {
    fn synthesize(&self, _: String, _: Option<String>, answer: Responder<Pcm>) {
        self.play(self.0.next(), answer, |action| {
            let number = |name: &str| u32::try_from(action[name].as_u64().unwrap_or(0)).unwrap_or(0);
            let rate = number("sample_rate");
            Pcm::new(vec![1_000; (number("audio_ms") * rate / 1_000) as usize], rate)
        });
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

/// A tool by its name, as its script says it is.
pub(crate) fn tool(name: &str, asked: &Arc<Asked>) -> Outcome<ToolAdaptor<Host>> {
    let mut definition = asked.script.clone();
    definition["name"] = name.into();
    if let Some(definition) = definition.as_object_mut() {
        definition.remove("calls");
    }
    ToolAdaptor::new(&definition.to_string(), Host(Arc::clone(asked)))
}
