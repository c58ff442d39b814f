//! The config document as Swift's structures.

use super::{
    schema::{Field, Record, Schema, Type},
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

/// What a sink of metrics is told, made from JSON.
pub fn reports(records: &[Record]) -> String {
    let parts: Vec<String> = records.iter().map(report).collect();
    let head = "// Written by `cargo xtask gen` from the library's own. Do not edit.\n";
    format!("{head}\n{}", parts.join("\n")).replace("`None`", "`nil`")
}

fn report(record: &Record) -> String {
    let mut text = format!("{}public struct {}: Decodable, Sendable {{\n", comment(&record.about, ""), record.name);
    for field in &record.fields {
        let null = if field.nullable { "?" } else { "" };
        text.push_str(&comment(&field.about, "    "));
        text.push_str(&format!("    public let {}: {}{null}\n", told(field), told_type(field)));
    }
    text.push_str("\n    public init(from decoder: any Decoder) throws {\n");
    text.push_str("        let keys = try decoder.container(keyedBy: CodingKeys.self)\n");
    for field in &record.fields {
        let (name, of) = (told(field), type_of(&field.of));
        let if_present = if field.nullable { "IfPresent" } else { "" };
        let value = format!("try keys.decode{if_present}({of}.self, forKey: .{name})");
        let value = match told_type(field).as_str() {
            "Duration" if field.nullable => format!("{value}.map {{ Duration.milliseconds($0) }}"),
            "Duration" => format!(".milliseconds({value})"),
            "VoiceError.Code" => format!("{value}.map {{ VoiceError.Code(rawValue: $0) ?? .internal }}"),
            _ => value,
        };
        text.push_str(&format!("        {name} = {value}\n"));
    }
    text.push_str("    }\n\n    enum CodingKeys: String, CodingKey {\n");
    for field in &record.fields {
        let name = told(field);
        let written = if name == field.name { String::new() } else { format!(" = \"{}\"", field.name) };
        text.push_str(&format!("        case {name}{written}\n"));
    }
    text + "    }\n}\n"
}

/// A field's name without its unit, for every number in a report is one of milliseconds, and a `Duration` in Swift; ids as Swift writes
/// them.
fn told(field: &Field) -> String {
    let name = camel(field.name.strip_suffix("_ms").unwrap_or(&field.name));
    name.strip_suffix("Id").map_or_else(|| name.clone(), |of| format!("{of}ID"))
}

fn told_type(field: &Field) -> String {
    match &field.of {
        Type::Number => "Duration".into(),
        Type::Text if field.name == "error" => "VoiceError.Code".into(),
        of => type_of(of),
    }
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
