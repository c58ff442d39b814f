//! Tools as Gemini's function declarations: JSON Schema in the subset that Gemini's `Schema` can say.

use serde_json::{Map, Value, json};

use crate::provider::ToolSpec;

/// How deep a schema goes; what refers to itself ends there.
const MOST_DEPTH: usize = 12;

/// Fields that mean the same in both.
const ALIKE: &[&str] = &[
    "title",
    "description",
    "default",
    "nullable",
    "pattern",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
];

/// The formats that Gemini knows, by type.
const FORMATS: &[(&str, &[&str])] =
    &[("STRING", &["date-time", "enum"]), ("INTEGER", &["int32", "int64"]), ("NUMBER", &["float", "double"])];

/// The `functionDeclarations` of a request.
pub(super) fn declarations(tools: &[ToolSpec]) -> Value {
    let declaration = |tool: &ToolSpec| {
        let mut declaration = json!({"name": tool.name, "description": tool.description});
        let parameters = Schemas { root: &tool.parameters }.convert(&tool.parameters, 0);
        // An object without properties is refused; a function that takes nothing has no parameters.
        if parameters.get("properties").and_then(Value::as_object).is_some_and(|properties| !properties.is_empty()) {
            declaration["parameters"] = Value::Object(parameters);
        }
        declaration
    };
    tools.iter().map(declaration).collect()
}

struct Schemas<'a> {
    root: &'a Value,
}

impl<'a> Schemas<'a> {
    /// The schema that a `$ref` leads to, within the document.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..MOST_DEPTH {
            let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) else {
                break;
            };
            let Some(target) = self.root.pointer(pointer) else { break };
            schema = target;
        }
        schema
    }

    fn convert(&self, schema: &'a Value, depth: usize) -> Map<String, Value> {
        let mut out = Map::new();
        if depth > MOST_DEPTH {
            out.insert("type".into(), "OBJECT".into());
            return out;
        }
        let description = schema.get("description");
        let schema = self.resolve(schema);
        for field in ALIKE {
            if let Some(value) = schema.get(*field) {
                out.insert((*field).into(), value.clone());
            }
        }
        // What stands beside a reference describes this use of it.
        out.extend(description.map(|text| ("description".to_owned(), text.clone())));
        self.types(schema, depth, &mut out);
        self.values(schema, &mut out);
        let inner = |schemas: &'a Value| -> Vec<Value> {
            schemas.as_array().into_iter().flatten().map(|s| Value::Object(self.convert(s, depth + 1))).collect()
        };
        for all in inner(&schema["allOf"]) {
            merge(&mut out, all);
        }
        for choice in ["anyOf", "oneOf"] {
            let (none, mut some): (Vec<_>, Vec<_>) =
                inner(&schema[choice]).into_iter().partition(|s| s["type"] == "NULL");
            if !none.is_empty() {
                out.insert("nullable".into(), true.into());
            }
            if some.len() == 1 {
                merge(&mut out, some.remove(0));
            } else if !some.is_empty() {
                out.insert("anyOf".into(), some.into());
            }
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|p| !p.is_empty()) {
            let converted = properties.iter().map(|(name, s)| (name.clone(), self.convert(s, depth + 1).into()));
            let converted: Map<String, Value> = converted.collect();
            merge(&mut out, json!({ "properties": converted }));
            out.entry("type").or_insert("OBJECT".into());
        }
        let required: Vec<&Value> = schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
        if !required.is_empty() {
            merge(&mut out, json!({ "required": required }));
        }
        // A name that no property has is refused.
        let known = out.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(required) = out.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| name.as_str().is_some_and(|name| known.contains_key(name)));
        }
        if out.get("type").is_some_and(|t| t == "ARRAY") && !out.contains_key("items") {
            let items = match schema.get("items") {
                Some(items @ Value::Object(_)) => self.convert(items, depth + 1),
                // Items of any kind cannot be said, and none at all are refused.
                _ => Map::from_iter([("type".to_owned(), "STRING".into())]),
            };
            out.insert("items".into(), items.into());
        }
        if !out.contains_key("type") && !out.contains_key("anyOf") {
            out.insert("type".into(), "STRING".into());
        }
        out
    }

    fn types(&self, schema: &Value, depth: usize, out: &mut Map<String, Value>) {
        let named: Vec<String> = match &schema["type"] {
            Value::String(one) => vec![one.to_uppercase()],
            Value::Array(many) => many.iter().filter_map(Value::as_str).map(str::to_uppercase).collect(),
            _ => Vec::new(),
        };
        if named.len() > 1 && named.iter().any(|t| t == "NULL") {
            out.insert("nullable".into(), true.into());
        }
        let mut types: Vec<String> = named.iter().filter(|t| named.len() == 1 || *t != "NULL").cloned().collect();
        if types.len() > 1 && depth > 0 {
            let plain = |name: String| match name.as_str() {
                "ARRAY" => json!({"type": name, "items": {"type": "STRING"}}),
                _ => json!({ "type": name }),
            };
            out.insert("anyOf".into(), types.into_iter().map(plain).collect());
        } else if !types.is_empty() {
            let name = types.swap_remove(0);
            let format = schema.get("format").and_then(Value::as_str);
            let known = FORMATS.iter().find(|(t, _)| *t == name).map_or(&[][..], |(_, formats)| formats);
            if let Some(format) = format.filter(|format| known.contains(format)) {
                out.insert("format".into(), format.into());
            }
            out.insert("type".into(), name.into());
        }
    }

    /// `enum` and `const`: Gemini lists strings only, so other values are told in words.
    fn values(&self, schema: &Value, out: &mut Map<String, Value>) {
        let listed = schema.get("enum").and_then(Value::as_array).cloned();
        let Some(values) = listed.or_else(|| schema.get("const").map(|value| vec![value.clone()])) else { return };
        let (none, some): (Vec<_>, Vec<_>) = values.into_iter().partition(Value::is_null);
        if !none.is_empty() {
            out.insert("nullable".into(), true.into());
        }
        if some.iter().all(Value::is_string) {
            if !some.is_empty() {
                out.insert("enum".into(), some.into());
                out.insert("type".into(), "STRING".into());
            }
            return;
        }
        let said = some.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        let description = out.get("description").and_then(Value::as_str).map(|d| format!("{d} ")).unwrap_or_default();
        out.insert("description".into(), format!("{description}One of: {said}.").into());
        if !out.contains_key("type") && some.iter().all(Value::is_number) {
            out.insert("type".into(), "NUMBER".into());
        }
    }
}

/// Adds what `more` says to `out`: properties and required names join, of the rest the first word counts.
fn merge(out: &mut Map<String, Value>, more: Value) {
    let Value::Object(more) = more else { return };
    for (field, value) in more {
        match (out.get_mut(&field), value) {
            (Some(Value::Object(old)), Value::Object(new)) if field == "properties" => old.extend(new),
            (Some(Value::Array(old)), Value::Array(new)) if field == "required" => {
                let new: Vec<Value> = new.into_iter().filter(|name| !old.contains(name)).collect();
                old.extend(new);
            }
            (Some(_), _) => {}
            (None, value) => {
                out.insert(field, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(schema: Value) -> Value {
        Schemas { root: &schema }.convert(&schema, 0).into()
    }

    /// The conversion of a property's schema.
    fn property(schema: Value) -> Value {
        converted(json!({"type": "object", "properties": {"x": schema}}))["properties"]["x"].clone()
    }

    #[test]
    fn what_gemini_cannot_say_is_said_otherwise_or_left_out() {
        let cases = [
            (json!({"type": "string", "format": "date-time"}), json!({"type": "STRING", "format": "date-time"})),
            (json!({"type": "string", "format": "email"}), json!({"type": "STRING"})),
            (json!({"type": ["string", "null"]}), json!({"type": "STRING", "nullable": true})),
            (json!({"type": ["string", "integer"]}), json!({"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]})),
            (
                json!({"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "d"}),
                json!({"type": "INTEGER", "nullable": true, "description": "d"}),
            ),
            (
                json!({"oneOf": [{"type": "integer"}, {"type": "boolean"}]}),
                json!({"anyOf": [{"type": "INTEGER"}, {"type": "BOOLEAN"}]}),
            ),
            (json!({"enum": ["a", "b", null]}), json!({"type": "STRING", "enum": ["a", "b"], "nullable": true})),
            (json!({"const": "a"}), json!({"type": "STRING", "enum": ["a"]})),
            (
                json!({"type": "integer", "enum": [1, 2], "description": "How many."}),
                json!({"type": "INTEGER", "description": "How many. One of: 1, 2."}),
            ),
            (json!({"type": "array"}), json!({"type": "ARRAY", "items": {"type": "STRING"}})),
            (
                json!({"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 1, "uniqueItems": true}),
                json!({"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": 1}),
            ),
            (
                json!({"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]},
                                 {"properties": {"b": {"type": "string"}}, "required": ["b", "gone"]}]}),
                json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}}, "required": ["a", "b"]}),
            ),
            (json!({}), json!({"type": "STRING"})),
            (json!(true), json!({"type": "STRING"})),
        ];
        for (schema, expected) in cases {
            assert_eq!(property(schema.clone()), expected, "{schema}");
        }
    }

    #[test]
    fn references_are_followed_and_endless_ones_end() {
        let schema = json!({
            "type": "object",
            "properties": {"at": {"$ref": "#/$defs/place", "description": "Where."}, "lost": {"$ref": "#/nowhere"}},
            "$defs": {"place": {"type": "object", "description": "A place.", "properties": {"in": {"$ref": "#/$defs/place"}}}},
        });
        let at = converted(schema)["properties"]["at"].clone();
        assert_eq!((&at["type"], &at["description"]), (&json!("OBJECT"), &json!("Where.")));
        assert_eq!(at["properties"]["in"]["description"], "A place.");
        let circle = json!({"$defs": {"a": {"$ref": "#/$defs/a"}}, "properties": {"x": {"$ref": "#/$defs/a"}}});
        assert_eq!(converted(circle)["properties"]["x"], json!({"type": "STRING"}));
    }

    #[test]
    fn a_function_that_takes_nothing_has_no_parameters() {
        let tools =
            [ToolSpec::new("f", "Does.", json!({"type": "object", "properties": {}, "additionalProperties": false}))];
        assert_eq!(declarations(&tools), json!([{"name": "f", "description": "Does."}]));
    }
}
