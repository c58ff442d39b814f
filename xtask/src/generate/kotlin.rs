//! The config document as Kotlin's data classes.

use super::{
    schema::{Field, Record, Schema, Type, report_word},
    text::{block_comment, camel},
};

const HEAD: &str = "\
// Written by `cargo xtask gen` from the library's own schema. Do not edit.

package voicecore

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
";

pub fn print(schema: &Schema) -> String {
    let records: Vec<String> = schema.records().map(record).collect();
    format!("{HEAD}\n{}", records.join("\n"))
}

fn record(record: &Record) -> String {
    let name = if record.name == "Config" { "AgentConfig" } else { &record.name };
    let mut text = format!("{}public data class {name}(\n", block_comment(&record.about, ""));
    for field in &record.fields {
        text.push_str(&block_comment(&field.about, "    "));
        let default = if field.required { "" } else { "? = null" };
        text.push_str(&format!("    public val {}: {}{default},\n", camel(&field.name), type_of(&field.of)));
    }
    text.push_str(
        ") {\n    internal fun json(): JsonObject {\n        val keys = mutableMapOf<String, JsonElement>()\n",
    );
    for field in &record.fields {
        let (key, value) = (&field.name, camel(&field.name));
        text.push_str(&if field.required {
            format!("        keys[\"{key}\"] = {}\n", json(&field.of, &value))
        } else {
            format!("        {value}?.let {{ keys[\"{key}\"] = {} }}\n", json(&field.of, "it"))
        });
    }
    text.push_str("        return JsonObject(keys)\n    }\n");
    // What is printed never holds a key, nor an address with a password in it.
    if record.fields.iter().any(|field| SECRET.contains(&field.name.as_str())) {
        let open = record.fields.iter().filter(|field| !SECRET.contains(&field.name.as_str()));
        let shown: Vec<String> =
            open.map(|field| camel(&field.name)).map(|field| format!("{field}=${field}")).collect();
        text.push_str(&format!("\n    override fun toString(): String = \"{name}({})\"\n", shown.join(", ")));
    }
    if name == "ProviderConfig" {
        text.push_str("\n    public companion object\n");
    }
    text + "}\n"
}

const REPORTS_HEAD: &str = "\
// Written by `cargo xtask gen` from the library's own. Do not edit.

package voicecore

import kotlin.time.Duration
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
";

/// What a sink of metrics is told, made from JSON.
pub fn reports(records: &[Record]) -> String {
    let parts: Vec<String> = records.iter().map(report).collect();
    format!("{REPORTS_HEAD}\n{}", parts.join("\n")).replace("`None`", "`null`")
}

fn report(record: &Record) -> String {
    let mut text = format!("{}public data class {}(\n", block_comment(&record.about, ""), record.name);
    for field in &record.fields {
        text.push_str(&block_comment(&field.about, "    "));
        let of = if field.of == Type::Number { "Duration".into() } else { type_of(&field.of) };
        let null = if field.nullable { "?" } else { "" };
        text.push_str(&format!("    public val {}: {of}{null},\n", lasting(field)));
    }
    let also = if report_word(record).is_some() { " : Report" } else { "" };
    text.push_str(&format!("){also} {{\n    internal constructor(json: JsonObject) : this(\n"));
    for field in &record.fields {
        text.push_str(&format!("        {},\n", from_json(field)));
    }
    text + "    )\n}\n"
}

/// A field's name without its unit: every number in a report is one of milliseconds, and a `Duration` in Kotlin.
fn lasting(field: &Field) -> String {
    camel(field.name.strip_suffix("_ms").unwrap_or(&field.name))
}

fn from_json(field: &Field) -> String {
    let key = &field.name;
    match (&field.of, field.nullable) {
        (Type::Whole, _) => format!("json.whole(\"{key}\")"),
        (Type::Truth, _) => format!("json.truth(\"{key}\")"),
        (Type::Number, true) => format!("json.lasting(\"{key}\")"),
        (Type::Number, false) => format!("json.lasting(\"{key}\") ?: Duration.ZERO"),
        (Type::Named(name), true) => format!("(json[\"{key}\"] as? JsonObject)?.let(::{name})"),
        (Type::Named(name), false) => format!("{name}(json.getValue(\"{key}\").jsonObject)"),
        (_, true) => format!("json.text(\"{key}\")"),
        (_, false) => format!("json.text(\"{key}\").orEmpty()"),
    }
}

/// Fields that may hold what nobody else should know.
const SECRET: &[&str] = &["api_key", "credentials_key", "headers", "storage"];

fn type_of(of: &Type) -> String {
    match of {
        Type::Text | Type::Time | Type::Words(_) => "String".into(),
        Type::Whole => "Long".into(),
        Type::Number => "Double".into(),
        Type::Truth => "Boolean".into(),
        Type::Map => "JsonObject".into(),
        Type::MapOf(value) => format!("Map<String, {}>", type_of(value)),
        Type::List(item) => format!("List<{}>", type_of(item)),
        // One provider is a list of one.
        Type::Named(name) if name == "ProviderList" => "List<ProviderConfig>".into(),
        Type::Named(name) => name.clone(),
        Type::OneOf(_) => "JsonElement".into(),
    }
}

fn json(of: &Type, value: &str) -> String {
    match of {
        Type::Map | Type::OneOf(_) => value.into(),
        Type::MapOf(one) => format!("JsonObject({value}.mapValues {{ (_, one) -> {} }})", json(one, "one")),
        Type::List(item) => format!("JsonArray({value}.map {{ one -> {} }})", json(item, "one")),
        Type::Named(name) if name == "ProviderList" => format!("JsonArray({value}.map {{ one -> one.json() }})"),
        Type::Named(_) => format!("{value}.json()"),
        Type::Text | Type::Time | Type::Words(_) | Type::Whole | Type::Number | Type::Truth => {
            format!("JsonPrimitive({value})")
        }
    }
}
