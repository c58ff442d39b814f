//! The config document's schema, as far as typed languages need it.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    /// A moment, as RFC 3339.
    Time,
    Whole,
    Number,
    Truth,
    /// An object with any keys.
    Map,
    /// An object with any keys and values of one type.
    MapOf(Box<Type>),
    List(Box<Type>),
    /// One of these words.
    Words(Vec<String>),
    /// A record or a choice, by its name.
    Named(String),
    OneOf(Vec<Type>),
}

/// A key of a record.
#[derive(Debug)]
pub struct Field {
    pub name: String,
    pub about: String,
    pub of: Type,
    /// Whether `null` may stand for "left out".
    pub nullable: bool,
    pub required: bool,
}

/// An object with known keys.
#[derive(Debug)]
pub struct Record {
    pub name: String,
    pub about: String,
    pub fields: Vec<Field>,
}

/// What a name stands for.
#[derive(Debug)]
pub enum Part {
    Record(Record),
    /// One of several types.
    Choice(String, Type),
}

/// The whole document: its own record, and the parts that it names.
#[derive(Debug)]
pub struct Schema {
    pub config: Record,
    pub parts: Vec<Part>,
}

impl Schema {
    pub fn read(schema: &Value) -> Result<Self> {
        let (words, parts) = parts(schema)?;
        let mut config = record("Config", schema)?;
        config.fields.iter_mut().for_each(|field| spell_out(field, &words));
        Ok(Self { config, parts })
    }

    /// The records, the document's own last.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        let parts = self.parts.iter().filter_map(|part| match part {
            Part::Record(record) => Some(record),
            Part::Choice(..) => None,
        });
        parts.chain(std::iter::once(&self.config))
    }
}

/// The words that parts of a schema are, by the names of the parts.
type Words<'a> = HashMap<&'a str, Vec<String>>;

/// The parts that a schema names, and the words that some of them are, which are said where they are used.
fn parts(schema: &Value) -> Result<(Words<'_>, Vec<Part>)> {
    let mut words = HashMap::new();
    let mut parts = Vec::new();
    for (name, part) in schema["$defs"].as_object().context("the schema names no parts")? {
        if let Some(known) = words_of(part) {
            words.insert(name.as_str(), known);
        } else if part.get("properties").is_some() {
            parts.push(Part::Record(record(name, part)?));
        } else {
            parts.push(Part::Choice(name.clone(), type_of(part)?.0));
        }
    }
    for part in &mut parts {
        if let Part::Record(record) = part {
            record.fields.iter_mut().for_each(|field| spell_out(field, &words));
        }
    }
    Ok((words, parts))
}

/// The records that a sink of metrics is told, and the times of a turn. What was used and what it costs has types of its own in every
/// language.
pub fn reports(schema: &Value) -> Result<Vec<Record>> {
    let records = parts(schema)?.1.into_iter().filter_map(|part| match part {
        Part::Record(record) if !["Cost", "Usage"].contains(&record.name.as_str()) => Some(record),
        _ => None,
    });
    Ok(records.collect())
}

/// The word by which JSON names a report, if it is one: `call` for `CallReport`.
pub fn report_word(record: &Record) -> Option<String> {
    record.name.strip_suffix("Report").map(str::to_lowercase)
}

/// The records of people, assistants, the audit log and webhooks, in the order of their names.
pub fn people(schema: &Value) -> Result<Vec<Record>> {
    let parts = schema["$defs"].as_object().context("the schema of people names no parts")?;
    let mut records: Vec<Record> = parts.iter().map(|(name, part)| record(name, part)).collect::<Result<_>>()?;
    // A stored assistant holds the document of one: in JSON its fields, in a typed language a part of its own.
    let document: Vec<String> = record("Assistant", &parts["Assistant"])?.fields.into_iter().map(|f| f.name).collect();
    let stored = records.iter_mut().find(|record| record.name == "StoredAssistant").context("no StoredAssistant")?;
    stored.fields.retain(|field| !document.contains(&field.name));
    stored.fields.push(Field {
        name: "assistant".into(),
        about: "Who it is and how it answers: every field.".into(),
        of: Type::Named("Assistant".into()),
        nullable: false,
        required: true,
    });
    for record in &mut records {
        record.name = shorter(&record.name).into();
        for field in &mut record.fields {
            if let Type::Named(name) = &mut field.of {
                *name = shorter(name).into();
            }
        }
    }
    records.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(records)
}

/// The name of a record where nothing else has one like it.
fn shorter(name: &str) -> &str {
    match name {
        "CredentialInfo" => "Credential",
        "KeyRateLimit" => "KeyLimit",
        "WebhookInfo" => "Webhook",
        other => other,
    }
}

/// The words of a part that is one of some.
fn words_of(part: &Value) -> Option<Vec<String>> {
    let choices = part["oneOf"].as_array()?;
    choices.iter().map(|choice| choice["const"].as_str().map(str::to_owned)).collect()
}

fn spell_out(field: &mut Field, words: &Words<'_>) {
    if let Type::Named(name) = &field.of
        && let Some(known) = words.get(name.as_str())
    {
        let quoted: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
        field.about = format!("{} One of {}.", field.about, quoted.join(", "));
        field.of = Type::Words(known.clone());
    }
}

fn record(name: &str, schema: &Value) -> Result<Record> {
    let required = |key: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == key));
    let mut fields = Vec::new();
    for (key, field) in schema["properties"].as_object().context("a record has no keys")? {
        let (of, nullable) = type_of(field).with_context(|| format!("{name}.{key}"))?;
        fields.push(Field { name: key.clone(), about: about(field), of, nullable, required: required(key) });
    }
    Ok(Record { name: name.to_owned(), about: about(schema), fields })
}

/// The description on one line, without what says something in Rust only: links of its documentation, and what `Debug` prints.
fn about(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        match link.split_once("](").and_then(|(label, after)| Some((label, after.split_once(')')?.1))) {
            Some((label, after)) => {
                plain.push_str(label);
                rest = after;
            }
            None => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain.push_str(rest);
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentences = line.split_inclusive(". ").filter(|sentence| !sentence.starts_with("`Debug`"));
    sentences.collect::<String>().trim_end().to_owned()
}

/// A type, and whether it may be null.
fn type_of(schema: &Value) -> Result<(Type, bool)> {
    if let Some(path) = schema["$ref"].as_str() {
        return Ok((Type::Named(path.rsplit('/').next().unwrap_or_default().to_owned()), false));
    }
    if let Some(several) = schema["anyOf"].as_array() {
        let is_null = |one: &&Value| one["type"] == "null";
        let types: Vec<Type> =
            several.iter().filter(|one| !is_null(one)).map(|one| Ok(type_of(one)?.0)).collect::<Result<_>>()?;
        let nullable = several.iter().any(|one| is_null(&one));
        let of = if let [one] = &types[..] { one.clone() } else { Type::OneOf(types) };
        return Ok((of, nullable));
    }
    let (kind, nullable) = match &schema["type"] {
        Value::Array(kinds) => (kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str), true),
        kind => (kind.as_str(), false),
    };
    let of = match kind {
        Some("string") if schema["format"] == "date-time" => Type::Time,
        Some("string") => Type::Text,
        Some("integer") => Type::Whole,
        Some("number") => Type::Number,
        Some("boolean") => Type::Truth,
        Some("object") if schema["additionalProperties"].is_object() => {
            Type::MapOf(Box::new(type_of(&schema["additionalProperties"])?.0))
        }
        Some("object") => Type::Map,
        Some("array") => Type::List(Box::new(type_of(&schema["items"])?.0)),
        _ => bail!("a type that the generators do not know: {schema}"),
    };
    Ok((of, nullable))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stored_assistant_holds_the_document_of_one() {
        let time = json!({ "type": "string", "format": "date-time" });
        let records = people(&json!({ "$defs": {
            "Assistant": { "properties": { "name": { "type": "string" } }, "required": ["name"] },
            "StoredAssistant": { "properties": { "id": { "type": "string" }, "name": { "type": "string" } }, "required": ["id"] },
            "CredentialInfo": { "properties": { "updated_at": time }, "required": [] },
        } }))
        .unwrap();
        let [assistant, credential, stored] = &records[..] else { unreachable!() };
        assert_eq!((assistant.name.as_str(), credential.name.as_str()), ("Assistant", "Credential"));
        assert_eq!(credential.fields[0].of, Type::Time);
        let fields: Vec<_> = stored.fields.iter().map(|field| (field.name.as_str(), field.of.clone())).collect();
        assert_eq!(fields, [("id", Type::Text), ("assistant", Type::Named("Assistant".into()))]);
    }

    #[test]
    fn reports_are_read_without_what_has_a_type_already() {
        let records = reports(&json!({ "$defs": {
            "CallReport": { "properties": { "reason": { "$ref": "#/$defs/Reason", "description": "Why." } } },
            "Reason": { "oneOf": [{ "const": "host" }, { "const": "goodbye" }] },
            "Timings": { "properties": { "total": { "type": "number" } } },
            "Usage": { "properties": { "input_tokens": { "type": "integer" } } },
        } }))
        .unwrap();
        let [call, timings] = &records[..] else { unreachable!() };
        assert_eq!((report_word(call).as_deref(), report_word(timings)), (Some("call"), None));
        assert_eq!(call.fields[0].about, "Why. One of `host`, `goodbye`.");
    }

    #[test]
    fn a_record_is_read_with_its_choices_and_what_may_be_null() {
        let schema = Schema::read(&json!({
            "description": "All. See the [module](self). `Debug` leaves it out.", "required": ["who"],
            "properties": {
                "who": { "anyOf": [{ "$ref": "#/$defs/Who" }, { "type": "null" }], "description": "By\nwhom." },
                "count": { "type": ["integer", "null"] },
                "pace": { "$ref": "#/$defs/Pace", "description": "How fast." },
            },
            "$defs": { "Pace": { "oneOf": [{ "const": "slow" }, { "const": "fast" }] }, "Who": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] } },
        }))
        .unwrap();
        let [who, count, pace] = &schema.config.fields[..] else { unreachable!() };
        assert_eq!((&who.of, who.nullable, who.required), (&Type::Named("Who".into()), true, true));
        assert_eq!((who.about.as_str(), schema.config.about.as_str()), ("By whom.", "All. See the module."));
        assert_eq!((&count.of, count.nullable, count.required), (&Type::Whole, true, false));
        assert_eq!(pace.of, Type::Words(vec!["slow".into(), "fast".into()]));
        assert_eq!(pace.about, "How fast. One of `slow`, `fast`.");
        let Part::Choice(name, Type::OneOf(types)) = &schema.parts[0] else { unreachable!() };
        assert_eq!((name.as_str(), &types[1]), ("Who", &Type::List(Box::new(Type::Text))));
    }
}
