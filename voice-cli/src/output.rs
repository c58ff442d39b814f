//! What is shown, and where: answers on standard output, everything else on standard error.

use std::{
    cell::RefCell,
    io::{IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use voice_core::{Error, Reply};

pub(crate) struct Output {
    json: bool,
    /// What the command found, until it ends: one document tells it and how the command ended.
    result: RefCell<Option<Value>>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, result: RefCell::default() }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line for people; nothing when JSON was asked for.
    pub(crate) fn line(&self, text: &str) {
        if !self.json {
            write_line(&mut std::io::stdout(), text);
        }
    }

    /// A piece of a line for people, shown at once.
    pub(crate) fn piece(&self, text: &str) {
        if !self.json {
            let mut out = std::io::stdout();
            // A closed standard output is the reader's choice.
            let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }

    /// The result as JSON, shown when the command ends; nothing unless it was asked for.
    pub(crate) fn json(&self, value: Value) {
        self.result.replace(Some(value));
    }

    /// One of several results as JSON, on a line of its own at once; nothing unless it was asked for.
    pub(crate) fn json_line(&self, value: &Value) {
        if self.json {
            write_line(&mut std::io::stdout(), &value.to_string());
        }
    }

    /// Shows how the command ended: its result, or its error, with what was found before it as `result`.
    pub(crate) fn end(&self, outcome: Result<(), &Error>) {
        let found = self.result.take();
        match outcome {
            Ok(()) => found.iter().for_each(|found| self.json_line(found)),
            Err(error) if self.json => {
                let mut told = error_json(error);
                if let Some(found) = found {
                    told["result"] = found;
                }
                self.json_line(&told);
            }
            Err(error) => self.error(error),
        }
    }

    /// An error that does not end the command: on standard error for people, on a line of its own as JSON.
    pub(crate) fn error(&self, error: &Error) {
        if self.json {
            self.json_line(&error_json(error));
        } else {
            self.warn(error);
        }
    }

    /// An error on standard error, also when JSON was asked for.
    pub(crate) fn warn(&self, error: &Error) {
        let place: Vec<&str> = [error.stage().map(|s| s.as_str()), error.provider()].into_iter().flatten().collect();
        let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
        self.plain_error(&format!("{}{place}: {}", error.code(), error.message()));
    }

    pub(crate) fn plain_error(&self, text: &str) {
        write_line(&mut std::io::stderr(), text);
    }

    /// A spinner on standard error while something takes time; invisible where nobody looks.
    pub(crate) fn spinner(&self, text: &'static str) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner().with_message(text);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}

fn error_json(error: &Error) -> Value {
    json!({
        "error": error.code().as_str(),
        "kind": error.kind(),
        "message": error.message(),
        "stage": error.stage(),
        "provider": error.provider(),
        "retryable": error.retryable(),
        "retry_after_ms": error.retry_after().map(|d| d.as_millis() as u64),
    })
}

pub(crate) fn write_line(out: &mut impl Write, text: &str) {
    // A closed pipe (`| head`) is the reader's choice, not an error.
    let _closed = writeln!(out, "{text}");
}

/// A reply as JSON, its sound described rather than contained.
pub(crate) fn reply_json(reply: &Reply, audio_file: Option<&str>) -> Value {
    json!({
        "transcript": reply.transcript,
        "text": reply.text,
        "language": reply.language,
        "session_id": reply.session_id,
        "turn_id": reply.turn_id,
        "user_message_id": reply.user_message_id,
        "assistant_message_id": reply.assistant_message_id,
        "audio": {
            "file": audio_file,
            "seconds": reply.audio.duration().as_secs_f64(),
            "sample_rate": reply.audio.sample_rate(),
            "error": reply.audio_error.as_ref().map(Error::message),
        },
        "timings_ms": reply.timings,
        "usage": reply.usage,
        "cost": reply.cost,
    })
}

/// One line about how long each stage took.
pub(crate) fn timings(reply: &Reply) -> String {
    let t = &reply.timings;
    let stages = [
        ("audio ready", t.audio_ready),
        ("transcript", t.transcript),
        ("first token", t.first_token),
        ("first sentence", t.first_sentence),
        ("first audio", t.first_audio),
        ("text done", t.text_done),
        ("audio done", t.audio_done),
        ("stored", t.stored),
    ];
    let stages: Vec<String> =
        stages.into_iter().filter_map(|(name, at)| at.map(|at| format!("{name} {} ms", at.as_millis()))).collect();
    stages.join(" · ")
}
