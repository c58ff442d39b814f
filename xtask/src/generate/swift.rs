//! The config document as Swift's structures.

use super::{
    schema::{Record, Schema, Type},
    text::{camel, folded},
};

pub fn print(schema: &Schema) -> String {
    let records: Vec<String> = schema.records().map(record).collect();
    format!("// Written by `cargo xtask gen` from the library's own schema. Do not edit.\n\n{}", records.join("\n"))
}

fn record(record: &Record) -> String {
    let name = if record.name == "Config" { "AgentConfig" } else { &record.name };
    let mut text = format!("{}public struct {name}: Encodable, Sendable {{\n", comment(&record.about, ""));
    for field in &record.fields {
        let optional = if field.required { "" } else { "?" };
        text.push_str(&comment(&field.about, "    "));
        text.push_str(&format!("    public var {}: {}{optional}\n", camel(&field.name), type_of(&field.of)));
    }
    text.push_str("\n    public init(\n");
    let last = record.fields.len().saturating_sub(1);
    for (at, field) in record.fields.iter().enumerate() {
        let default = if field.required { "" } else { "? = nil" };
        let comma = if at == last { "" } else { "," };
        text.push_str(&format!("        {}: {}{default}{comma}\n", camel(&field.name), type_of(&field.of)));
    }
    text.push_str("    ) {\n");
    for field in &record.fields {
        text.push_str(&format!("        self.{0} = {0}\n", camel(&field.name)));
    }
    text.push_str("    }\n\n    enum CodingKeys: String, CodingKey {\n");
    for field in &record.fields {
        let name = camel(&field.name);
        let written = if name == field.name { String::new() } else { format!(" = \"{}\"", field.name) };
        text.push_str(&format!("        case {name}{written}\n"));
    }
    text + "    }\n}\n"
}

fn comment(text: &str, indent: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    folded(text, &format!("{indent}/// "), 0).join("\n") + "\n"
}

fn type_of(of: &Type) -> String {
    match of {
        Type::Text | Type::Time | Type::Words(_) => "String".into(),
        Type::Whole => "Int".into(),
        Type::Number => "Double".into(),
        Type::Truth => "Bool".into(),
        Type::Map => "[String: JSONValue]".into(),
        Type::MapOf(value) => format!("[String: {}]", type_of(value)),
        Type::List(item) => format!("[{}]", type_of(item)),
        // One provider is a list of one.
        Type::Named(name) if name == "ProviderList" => "[ProviderConfig]".into(),
        Type::Named(name) => name.clone(),
        Type::OneOf(_) => "JSONValue".into(),
    }
}
