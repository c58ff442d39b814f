//! Log records for the host's own logger.

use std::{
    fmt::Write,
    sync::{Arc, RwLock},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};
use voice_core::Config;

use crate::{ErrorRecord, Outcome};

/// Takes log records: `(level, target, message, fields_json)`. Called on any thread; must not call back into the library.
pub type Sink = Arc<dyn Fn(&'static str, &str, &str, &str) + Send + Sync>;

static SINK: RwLock<Option<(Level, Sink)>> = RwLock::new(None);

/// The level that a config document names, or the environment where it names none; `None` also for a document that no agent takes.
#[must_use]
pub fn configured(config_json: &str) -> Option<String> {
    Config::from_json(config_json).ok()?.log_level.map(|level| level.to_lowercase())
}

/// Sends records of `level` (`error`, `warn`, `info`, `debug`, `trace`) and above to `sink`, in place of an earlier one; `off`: none.
/// Records hold ids, stages, codes and times; never what was said, and never a secret.
///
/// # Errors
/// `VALIDATION_ERROR` for another level; `INTERNAL_ERROR` when the process has another subscriber of `tracing` already.
pub fn set_sink(level: &str, sink: Sink) -> Outcome<()> {
    if level.eq_ignore_ascii_case("off") {
        clear_sink();
        return Ok(());
    }
    let level = level
        .parse::<Level>()
        .map_err(|_| ErrorRecord::invalid("level: expected error, warn, info, debug, trace or off"))?;
    static INSTALLED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let installed =
        *INSTALLED.get_or_init(|| tracing::subscriber::set_global_default(Registry::default().with(ToSink)).is_ok());
    if !installed {
        return Err(ErrorRecord::internal("this process has another subscriber of `tracing`; its records go there"));
    }
    if let Ok(mut slot) = SINK.write() {
        *slot = Some((level, sink));
    }
    tracing::callsite::rebuild_interest_cache();
    Ok(())
}

/// Stops sending records.
pub fn clear_sink() {
    if let Ok(mut slot) = SINK.write() {
        *slot = None;
    }
}

struct ToSink;

/// Fields as a JSON object, the message apart.
#[derive(Clone, Default)]
struct Fields {
    message: String,
    values: serde_json::Map<String, serde_json::Value>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _infallible = write!(self.message, "{value:?}");
        } else {
            self.values.insert(field.name().to_owned(), format!("{value:?}").into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.values.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.values.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.values.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.values.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.values.insert(field.name().to_owned(), value.into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ToSink {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("voice_")
            && SINK.read().is_ok_and(|slot| slot.as_ref().is_some_and(|(level, _)| metadata.level() <= level))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some((_, sink)) = SINK.read().ok().and_then(|slot| slot.clone()) else { return };
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.values.extend(of_span.values.clone());
            }
        }
        event.record(&mut fields);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let values = serde_json::Value::Object(fields.values).to_string();
        sink(level, event.metadata().target(), &fields.message, &values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_document_is_told_if_an_agent_takes_it() {
        assert_eq!(configured(r#"{"log_level": "Off"}"#).as_deref(), Some("off"));
        assert_eq!(configured(r#"{"log_level": "loud"}"#), None);
    }
}
