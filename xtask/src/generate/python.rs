//! The config document as Python's typed dictionaries.

use super::{
    schema::{Field, Part, Record, Schema, Type, report_word},
    text::folded,
};

const HEAD: &str = r#""""The config document as types. Written by `cargo xtask gen` from the library's own schema: do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union
"#;

pub fn print(schema: &Schema) -> String {
    let mut lines: Vec<String> = Vec::new();
    for record in schema.records().filter(|record| record.name != schema.config.name) {
        dictionary(record, &mut lines);
    }
    for part in &schema.parts {
        if let Part::Choice(name, of) = part {
            lines.extend([String::new(), String::new(), format!("{name} = {}", type_of(of))]);
            lines.push(r#""""One provider, or several in the order in which they are tried.""""#.into());
        }
    }
    dictionary(&schema.config, &mut lines);
    format!("{HEAD}{}\n", lines.join("\n"))
}

const PEOPLE_HEAD: &str = r#""""The records of people, assistants, the audit log and webhooks. Written by `cargo xtask gen` from the library's own: do not edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Optional, TypedDict
"#;

/// The records of people: what is given as data classes, an assistant's document as a dictionary.
pub fn people(records: &[Record]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for record in records {
        if record.name == "Assistant" { dictionary(record, &mut lines) } else { data_class(record, &mut lines) }
    }
    format!("{PEOPLE_HEAD}{}\n", lines.join("\n")).replace("``None``", "None")
}

const REPORTS_HEAD: &str = r#""""What a sink of metrics is told. Written by `cargo xtask gen` from the library's own: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Mapping, Optional

from ._types import Cost
"#;

/// What a sink of metrics is told: amounts and times as a reply has them.
pub fn reports(records: &[Record]) -> String {
    let mut lines: Vec<String> = Vec::new();
    records.iter().filter(|record| report_word(record).is_some()).for_each(|record| data_class(record, &mut lines));
    let text = format!("{REPORTS_HEAD}{}\n", lines.join("\n")).replace("``None``", "None");
    text.replace(": Usage", ": Mapping[str, float]").replace(": Timings", ": Mapping[str, Optional[float]]")
}

/// Fields that are not shown when a record is printed: secrets, addresses, people's words.
const UNSEEN: &[&str] = &[
    "assistant",
    "body",
    "details",
    "email",
    "from_number",
    "parameters",
    "points",
    "secret",
    "text",
    "to_number",
    "url",
    "value",
];

fn data_class(record: &Record, lines: &mut Vec<String>) {
    lines.extend([String::new(), String::new(), "@dataclass(frozen=True)".into(), format!("class {}:", record.name)]);
    lines.extend(docstring(&record.about));
    lines.push(String::new());
    for field in &record.fields {
        let default = match (UNSEEN.contains(&field.name.as_str()), field.required) {
            (true, _) => " = field(repr=False)",
            (false, true) => "",
            (false, false) => " = None",
        };
        key(field, default, lines);
    }
}

/// The lines of one dictionary; one whose keys are partly required needs two.
fn dictionary(record: &Record, lines: &mut Vec<String>) {
    let name = name_of(&record.name);
    let (required, optional): (Vec<&Field>, Vec<&Field>) = record.fields.iter().partition(|field| field.required);
    let mut base = "TypedDict".to_owned();
    if !required.is_empty() {
        base = format!("_{name}Required");
        lines.extend([String::new(), String::new(), format!("class {base}(TypedDict):")]);
        required.iter().for_each(|field| key(field, "", lines));
    }
    lines.extend([String::new(), String::new(), format!("class {name}({base}, total=False):")]);
    lines.extend(docstring(&record.about));
    lines.push(String::new());
    optional.iter().for_each(|field| key(field, "", lines));
}

fn key(field: &Field, default: &str, lines: &mut Vec<String>) {
    let of = type_of(&field.of);
    let of = if field.nullable { format!("Optional[{of}]") } else { of };
    lines.push(format!("    {}: {of}{default}", field.name));
    if !field.about.is_empty() {
        lines.extend(docstring(&field.about));
    }
}

fn docstring(text: &str) -> Vec<String> {
    let text = text.replace('\\', "\\\\").replace('`', "``");
    // A quotation mark at the end would be one of those that end the docstring.
    let text = text.strip_suffix('"').map_or_else(|| text.clone(), |before| format!("{before}\\\""));
    folded(&format!(r#""""{text}""""#), "    ", 0)
}

/// `RetryOptions` is `Retry`.
fn name_of(name: &str) -> &str {
    ["Config", "Options"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .filter(|short| !short.is_empty())
        .unwrap_or(name)
}

fn type_of(of: &Type) -> String {
    match of {
        Type::Text => "str".into(),
        Type::Time => "datetime".into(),
        Type::Words(words) => format!("Literal[\"{}\"]", words.join("\", \"")),
        Type::Whole => "int".into(),
        Type::Number => "float".into(),
        Type::Truth => "bool".into(),
        Type::Map => "Dict[str, Any]".into(),
        Type::MapOf(value) => format!("Dict[str, {}]", type_of(value)),
        Type::List(item) => format!("List[{}]", type_of(item)),
        Type::Named(name) => name_of(name).into(),
        Type::OneOf(types) => format!("Union[{}]", types.iter().map(type_of).collect::<Vec<_>>().join(", ")),
    }
}
