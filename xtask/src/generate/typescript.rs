//! The config document as TypeScript's interfaces.

use super::{
    schema::{Part, Record, Schema, Type, report_word},
    text::{block_comment, camel},
};

const HEAD: &str = "// Written by `cargo xtask gen` from the library's own schema. Do not edit.\n\n";

pub fn print(schema: &Schema) -> String {
    let mut parts = vec![record(&schema.config, str::to_owned)];
    parts.extend(schema.parts.iter().map(|part| match part {
        Part::Record(one) => record(one, str::to_owned),
        Part::Choice(name, of) => format!("export type {name} = {}\n", type_of(of)),
    }));
    format!("{HEAD}{}", parts.join("\n"))
}

/// The records of people, their keys as JavaScript writes them; those of a document are its own.
pub fn people(records: &[Record]) -> String {
    let key = |one: &Record| if one.name == "Assistant" { str::to_owned } else { camel };
    let parts: Vec<String> = records.iter().map(|one| record(one, key(one)).replace("`None`", "null")).collect();
    format!("{HEAD}{}", parts.join("\n"))
}

/// What a sink of metrics is told; each report says what it is one of.
pub fn reports(records: &[Record]) -> String {
    const TYPES: &str =
        "import type { ErrorCode } from './error.js'\nimport type { Cost, Timings, Usage } from './reply.js'\n\n";
    let parts = records.iter().filter_map(|one| {
        let word = report_word(one)?;
        let text = record(one, camel).replacen(" {\n", &format!(" {{\n  type: '{word}'\n"), 1);
        Some(text.replace("  error: string | null", "  error: ErrorCode | null").replace("`None`", "null"))
    });
    format!("{HEAD}{TYPES}{}", parts.collect::<Vec<_>>().join("\n"))
}

fn record(record: &Record, key: fn(&str) -> String) -> String {
    let mut text = format!("{}export interface {} {{\n", block_comment(&record.about, ""), record.name);
    for field in &record.fields {
        let optional = if field.required { "" } else { "?" };
        let null = if field.nullable { " | null" } else { "" };
        text.push_str(&block_comment(&field.about, "  "));
        text.push_str(&format!("  {}{optional}: {}{null}\n", key(&field.name), type_of(&field.of)));
    }
    text + "}\n"
}

fn type_of(of: &Type) -> String {
    match of {
        Type::Text => "string".into(),
        // As the library writes it: RFC 3339, in UTC.
        Type::Time => "string".into(),
        Type::Words(words) => words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" | "),
        Type::Whole | Type::Number => "number".into(),
        Type::Truth => "boolean".into(),
        Type::Map => "Record<string, unknown>".into(),
        Type::MapOf(value) => format!("Record<string, {}>", type_of(value)),
        Type::List(item) => match type_of(item) {
            item if item.contains(' ') => format!("Array<{item}>"),
            item => format!("{item}[]"),
        },
        Type::Named(name) => name.clone(),
        Type::OneOf(types) => types.iter().map(type_of).collect::<Vec<_>>().join(" | "),
    }
}
