//! What a model wrote, read with patience: behind an introduction, in a code fence, as a bare list.

use serde_json::{Map, Value};

use super::{Catalogue, is_said, lines};
use crate::{
    id::{MessageId, TurnId},
    message::{Message, Role},
    tool,
};

/// More actions than this in one answer are not believed.
const MOST: usize = 20;
/// The most bytes of the details of one action, as JSON.
const LARGEST_DETAILS: usize = 16 * 1024;
/// The longest summary and the longest point of one, in characters, and the most points.
const LONGEST_SUMMARY: usize = 10_000;
const LONGEST_POINT: usize = 1_000;
const MOST_POINTS: usize = 20;

/// An action that was found, before it is one of its session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) kind: String,
    pub(crate) details: Map<String, Value>,
    pub(crate) confidence: f64,
    pub(crate) message: MessageId,
}

/// What an answer comes to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) actions: Vec<Finding>,
    /// How many were no actions: of no known type, not sure enough, with details that are not right.
    pub(crate) left_out: usize,
    /// The answer was no JSON of the form that was asked for.
    pub(crate) is_malformed: bool,
}

pub(super) fn found(catalogue: &Catalogue, answer: &str, said: &[Message], turn: TurnId) -> Found {
    let malformed = Found { is_malformed: true, ..Found::default() };
    let Some(value) = json_in(answer) else { return malformed };
    let items = match value {
        Value::Array(items) => items,
        Value::Object(mut fields) => match fields.remove("actions") {
            Some(Value::Array(items)) => items,
            Some(Value::Null) => Vec::new(),
            Some(Value::Object(one)) => vec![Value::Object(one)],
            // One action instead of a list of one.
            None if fields.contains_key("type") => vec![Value::Object(fields)],
            _ => return malformed,
        },
        _ => return malformed,
    };
    let mut found = Found::default();
    for item in items {
        match finding(catalogue, item, said, turn).filter(|_| found.actions.len() < MOST) {
            Some(action) => found.actions.push(action),
            None => found.left_out += 1,
        }
    }
    found
}

fn finding(catalogue: &Catalogue, item: Value, said: &[Message], turn: TurnId) -> Option<Finding> {
    let Value::Object(mut fields) = item else { return None };
    let name = fields.get("type")?.as_str()?.trim().to_lowercase().replace([' ', '-'], "_");
    let kind = catalogue.kinds.iter().find(|kind| kind.name == name)?;
    let confidence = confidence(fields.get("confidence")?)?;
    if confidence < catalogue.confidence {
        return None;
    }
    let details = match fields.remove("details") {
        Some(Value::Object(details)) => details.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        None | Some(Value::Null) => Map::new(),
        Some(_) => return None,
    };
    let value = Value::Object(details);
    let is_right = tool::faults(&kind.details, &value).is_empty() && value.to_string().len() <= LARGEST_DETAILS;
    let Value::Object(details) = value else { return None };
    let line = fields.get("line").and_then(number).map(|number| number as usize);
    let named = line.and_then(|line| lines(said).find(|(at, message)| *at == line && message.turn_id == turn));
    let first =
        || said.iter().find(|message| message.turn_id == turn && is_said(message) && message.role == Role::User);
    let any = || said.iter().find(|message| message.turn_id == turn && is_said(message));
    let message = named.map(|(_, message)| message).or_else(first).or_else(any)?.id;
    is_right.then(|| Finding { kind: kind.name.clone(), details, confidence, message })
}

/// How sure, 0–1: a number, also as text, also in percent.
fn confidence(value: &Value) -> Option<f64> {
    let (said, percent) = match value {
        Value::String(text) => {
            let text = text.trim();
            (text.trim_end_matches('%').trim().parse().ok()?, text.ends_with('%'))
        }
        other => (other.as_f64()?, false),
    };
    let sure = if percent || (said > 1.0 && said <= 100.0) { said / 100.0 } else { said };
    (0.0..=1.0).contains(&sure).then_some(sure)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| *number >= 0.0)
}

/// A summary, before it is one of its session.
#[derive(Debug, PartialEq)]
pub(crate) struct SummaryWords {
    pub(crate) text: String,
    pub(crate) points: Vec<String>,
}

/// The summary that a model wrote; `None`: it wrote nothing. What is no JSON is a summary without points.
pub(crate) fn summary_of(answer: &str) -> Option<SummaryWords> {
    let cut = |text: &str, most: usize| text.trim().chars().take(most).collect::<String>();
    let fields = match json_in(answer) {
        Some(Value::Object(fields)) => Some(fields),
        _ => None,
    };
    let said = fields.as_ref().and_then(|fields| fields.get("summary")?.as_str());
    let text = cut(said.unwrap_or(if fields.is_some() { "" } else { answer }), LONGEST_SUMMARY);
    let points = fields.as_ref().and_then(|fields| fields.get("points")?.as_array());
    let points = points.into_iter().flatten().filter_map(Value::as_str).map(|point| cut(point, LONGEST_POINT));
    let points = points.filter(|point| !point.is_empty()).take(MOST_POINTS).collect();
    (!text.is_empty()).then_some(SummaryWords { text, points })
}

/// The first JSON object or list in a text.
fn json_in(text: &str) -> Option<Value> {
    let beginnings = text.char_indices().filter(|(_, c)| matches!(c, '{' | '['));
    // A model that writes more brackets than this before its JSON writes none.
    beginnings.take(8).find_map(|(at, _)| serde_json::Deserializer::from_str(&text[at..]).into_iter().next()?.ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{actions::tests::turn, config::ActionsConfig, id::SessionId};

    /// Type, details, confidence, and which message says it.
    type Read = (String, Value, f64, usize);

    fn read(answer: &str) -> (Vec<Read>, usize, bool) {
        let session = SessionId::new();
        let said = [turn(session, "Hello.", "Hello!"), turn(session, "More metformin.", "I have noted it.")].concat();
        let config = json!({
            "types": ["refill", "call_back"],
            "definitions": {"call_back": {"description": "Call."}},
            "confidence": 0.6,
        });
        let config: ActionsConfig = serde_json::from_value(config).unwrap();
        let Found { actions, left_out, is_malformed } = Catalogue::new(&config).found(answer, &said, said[2].turn_id);
        let place = |id| said.iter().position(|message| message.id == id).unwrap();
        let shown = |f: Finding| (f.kind, Value::Object(f.details), f.confidence, place(f.message));
        (actions.into_iter().map(shown).collect(), left_out, is_malformed)
    }

    fn refill(at: usize) -> Read {
        ("refill".into(), json!({"medication": "metformin"}), 0.9, at)
    }

    #[test]
    fn an_answer_is_read_however_it_is_wrapped() {
        let item =
            r#"{"type": "refill", "line": 3, "details": {"medication": "metformin", "dose": null}, "confidence": 0.9}"#;
        for answer in [
            format!(r#"{{"actions": [{item}]}}"#),
            format!("Here is what I found [in the lines]:\n```json\n{{\"actions\": [{item}]}}\n```\nAnything else?"),
            format!("[{item}]"),
            item.to_owned(),
            item.replace("0.9", "\"90%\"").replace("\"refill\"", "\"Refill\"").replace("3,", "\"3\","),
        ] {
            assert_eq!(read(&answer), (vec![refill(2)], 0, false), "{answer}");
        }
        assert_eq!(read(&item.replace("\"line\": 3", "\"line\": 4")).0[0].3, 3);
        for line in ["1", "9", "-1", "null", "\"x\""] {
            assert_eq!(read(&item.replace("3,", &format!("{line},"))).0, [refill(2)], "a line that is not new: {line}");
        }
    }

    #[test]
    fn what_is_not_sure_not_known_or_not_right_is_left_out() {
        for item in [
            json!({"type": "refill", "details": {"medication": "x"}, "confidence": 0.59}),
            json!({"type": "refill", "details": {"medication": "x"}}),
            json!({"type": "refill", "details": {"medication": "x"}, "confidence": "very"}),
            json!({"type": "refill", "details": {"medication": "x"}, "confidence": 900}),
            json!({"type": "refill", "details": {}, "confidence": 1}),
            json!({"type": "refill", "details": {"medication": 3}, "confidence": 1}),
            json!({"type": "refill", "details": "metformin", "confidence": 1}),
            json!({"type": "dance", "confidence": 1}),
            json!({"confidence": 1}),
            json!("refill"),
        ] {
            let answer = json!({"actions": [item]}).to_string();
            assert_eq!(read(&answer), (Vec::new(), 1, false), "{answer}");
        }
        let any = json!({"actions": [{"type": "call_back", "details": {"who": ["a"]}, "confidence": 1}]}).to_string();
        assert_eq!(read(&any).0, [("call_back".into(), json!({"who": ["a"]}), 1.0, 2)]);
    }

    #[test]
    fn what_is_no_json_is_told_from_nothing() {
        for answer in ["", "Nothing.", "{\"actions\": [", "{\"actions\": 3}", "{\"answer\": []}", "3", "[[[[[[[[[[[["] {
            assert_eq!(read(answer), (Vec::new(), 0, true), "{answer}");
        }
        for answer in ["{\"actions\": []}", "[]", "{\"actions\": null}"] {
            assert_eq!(read(answer), (Vec::new(), 0, false), "{answer}");
        }
    }

    #[test]
    fn a_summary_is_read_with_its_points_or_as_the_words_that_it_is() {
        let words = |text: &str, points: &[&str]| {
            Some(SummaryWords { text: text.into(), points: points.iter().map(|p| (*p).to_owned()).collect() })
        };
        let answer = "```\n{\"summary\": \" A refill. \", \"points\": [\"Metformin\", \" \", 3]}\n```";
        assert_eq!(summary_of(answer), words("A refill.", &["Metformin"]));
        assert_eq!(summary_of("It was about a refill."), words("It was about a refill.", &[]));
        assert_eq!((summary_of(" "), summary_of("{}"), summary_of("{\"summary\": 3}")), (None, None, None));
    }
}
