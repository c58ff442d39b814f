//! Checks a model's arguments against the JSON schema of a tool.
//!
//! Understood are the parts of JSON Schema that models are told of in practice: `type`, `enum`, `const`, `properties`, `required`,
//! `additionalProperties`, `items`, `anyOf`, `oneOf`, `allOf`, references within the document, and the bounds of numbers, texts
//! and lists. Anything else (`pattern`, `format`, conditions) passes and is the tool's own to check.

use std::cell::Cell;

use serde_json::{Map, Value};

/// A schema that refers to itself without end is followed this far, and no check takes more steps than these.
const DEEPEST: usize = 64;
const MOST_STEPS: u32 = 100_000;
/// More faults than this help no model.
const MOST_FAULTS: usize = 8;

/// Why this cannot be the schema of a tool's arguments.
pub(super) fn refusal(schema: &Value) -> Option<&'static str> {
    let Some(fields) = schema.as_object() else { return Some("it is not a JSON object") };
    if fields.get("type").and_then(Value::as_str) != Some("object") {
        return Some("it does not say `\"type\": \"object\"`");
    }
    match fields.get("properties") {
        Some(properties) if !properties.is_object() => Some("its `properties` are not a JSON object"),
        _ => None,
    }
}

/// What is wrong with `arguments`, a sentence each; nothing when they are acceptable. Values are not repeated.
pub(crate) fn faults(schema: &Value, arguments: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Check { root: schema, steps: Cell::new(0) }.value(schema, arguments, "", DEEPEST, &mut found);
    found.truncate(MOST_FAULTS);
    found
}

struct Check<'a> {
    root: &'a Value,
    steps: Cell<u32>,
}

impl Check<'_> {
    fn value(&self, schema: &Value, value: &Value, at: &str, depth: usize, faults: &mut Vec<String>) {
        self.steps.set(self.steps.get() + 1);
        let Some(depth) = depth.checked_sub(1).filter(|_| self.steps.get() < MOST_STEPS) else { return };
        let Some(rules) = schema.as_object() else {
            if schema == &Value::Bool(false) {
                faults.push(format!("{} is not accepted", named(at)));
            }
            return;
        };
        if let Some(target) = rules.get("$ref").and_then(Value::as_str).and_then(|r| self.referred(r)) {
            self.value(target, value, at, depth, faults);
        }
        let before = faults.len();
        kind(rules, value, at, faults);
        self.choices(rules, value, at, depth, faults);
        if faults.len() > before {
            return;
        }
        match value {
            Value::Object(fields) => self.fields(rules, fields, at, depth, faults),
            Value::Array(items) => {
                bounds(rules, ["minItems", "maxItems"], items.len() as f64, "items", at, faults);
                if let Some(schema) = rules.get("items") {
                    for (n, item) in items.iter().enumerate() {
                        self.value(schema, item, &format!("{at}[{n}]"), depth, faults);
                    }
                }
            }
            Value::String(text) => {
                bounds(rules, ["minLength", "maxLength"], text.chars().count() as f64, "characters", at, faults);
            }
            Value::Number(number) => range(rules, number.as_f64().unwrap_or_default(), at, faults),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn fields(
        &self,
        rules: &Map<String, Value>,
        fields: &Map<String, Value>,
        at: &str,
        depth: usize,
        faults: &mut Vec<String>,
    ) {
        for name in rules.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                faults.push(format!("{} is missing", inside(at, name)));
            }
        }
        let known = rules.get("properties").and_then(Value::as_object);
        for (name, value) in fields {
            let at = inside(at, name);
            match (known.and_then(|known| known.get(name)), rules.get("additionalProperties")) {
                (Some(schema), _) => self.value(schema, value, &at, depth, faults),
                (None, Some(Value::Bool(false))) if rules.get("patternProperties").is_none() => {
                    faults.push(format!("{at} is not a parameter of this tool"));
                }
                (None, Some(schema)) => self.value(schema, value, &at, depth, faults),
                (None, None) => {}
            }
        }
    }

    fn choices(&self, rules: &Map<String, Value>, value: &Value, at: &str, depth: usize, faults: &mut Vec<String>) {
        let list = |name: &str| rules.get(name).and_then(Value::as_array);
        for part in list("allOf").into_iter().flatten() {
            self.value(part, value, at, depth, faults);
        }
        // A value that more than one of `oneOf` would take is ambiguous to a validator, never to a tool.
        for parts in [list("anyOf"), list("oneOf")].into_iter().flatten() {
            let mut nearest: Option<Vec<String>> = None;
            let taken = parts.iter().any(|part| {
                let mut found = Vec::new();
                self.value(part, value, at, depth, &mut found);
                let taken = found.is_empty();
                if nearest.as_ref().is_none_or(|n| found.len() < n.len()) {
                    nearest = Some(found);
                }
                taken
            });
            if !taken {
                faults.extend(nearest.unwrap_or_default());
            }
        }
    }

    fn referred(&self, reference: &str) -> Option<&Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }
}

/// `type`, `enum` and `const`.
fn kind(rules: &Map<String, Value>, value: &Value, at: &str, faults: &mut Vec<String>) {
    let names: Vec<&str> = match rules.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let nullable = value.is_null() && rules.get("nullable") == Some(&Value::Bool(true));
    if !names.is_empty() && !nullable && !names.iter().any(|name| is(value, name)) {
        faults.push(format!("{} must be of type {}, not {}", named(at), names.join(" or "), name_of(value)));
    }
    if let Some(accepted) = rules.get("enum").and_then(Value::as_array)
        && !accepted.contains(value)
    {
        faults.push(format!("{} must be one of {}", named(at), Value::from(accepted.clone())));
    }
    if let Some(constant) = rules.get("const").filter(|constant| *constant != value) {
        faults.push(format!("{} must be {constant}", named(at)));
    }
}

fn range(rules: &Map<String, Value>, n: f64, at: &str, faults: &mut Vec<String>) {
    let mut check = |rule: &str, words: &str, holds: fn(&f64, &f64) -> bool| {
        if let Some(limit) = rules.get(rule).and_then(Value::as_f64)
            && !holds(&n, &limit)
        {
            faults.push(format!("{} must be {words} {limit}", named(at)));
        }
    };
    check("minimum", "at least", f64::ge);
    check("maximum", "at most", f64::le);
    check("exclusiveMinimum", "more than", f64::gt);
    check("exclusiveMaximum", "less than", f64::lt);
}

fn bounds(rules: &Map<String, Value>, names: [&str; 2], n: f64, unit: &str, at: &str, faults: &mut Vec<String>) {
    let limit = |name: &str| rules.get(name).and_then(Value::as_f64);
    if let Some(least) = limit(names[0]).filter(|least| n < *least) {
        faults.push(format!("{} must have at least {least} {unit}", named(at)));
    }
    if let Some(most) = limit(names[1]).filter(|most| n > *most) {
        faults.push(format!("{} must have at most {most} {unit}", named(at)));
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "number" => value.is_number(),
        _ => name_of(value) == name,
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn named(at: &str) -> &str {
    if at.is_empty() { "the arguments" } else { at }
}

fn inside(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order() -> Value {
        json!({
            "type": "object",
            "properties": {
                "id": {"type": "integer", "minimum": 1},
                "size": {"enum": ["small", "large"]},
                "notes": {"type": "array", "maxItems": 2, "items": {"type": "string", "minLength": 1}},
                "gift": {"anyOf": [{"$ref": "#/$defs/gift"}, {"type": "null"}]},
            },
            "required": ["id"],
            "additionalProperties": false,
            "$defs": {"gift": {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}},
        })
    }

    #[test]
    fn what_fits_has_no_faults() {
        for fits in [
            json!({"id": 1}),
            json!({"id": 2.0, "size": "small", "notes": ["a", "b"], "gift": null}),
            json!({"id": 3, "gift": {"to": "Ada"}}),
        ] {
            assert_eq!(faults(&order(), &fits), Vec::<String>::new(), "{fits}");
        }
    }

    #[test]
    fn each_fault_names_its_place_and_what_is_accepted() {
        for (wrong, fault) in [
            (json!("id 7"), "the arguments must be of type object, not string"),
            (json!({}), "id is missing"),
            (json!({"id": "7"}), "id must be of type integer, not string"),
            (json!({"id": 1.5}), "id must be of type integer, not number"),
            (json!({"id": 0}), "id must be at least 1"),
            (json!({"id": 1, "size": "huge"}), r#"size must be one of ["small","large"]"#),
            (json!({"id": 1, "notes": ["a", ""]}), "notes[1] must have at least 1 characters"),
            (json!({"id": 1, "notes": ["a", "b", "c"]}), "notes must have at most 2 items"),
            (json!({"id": 1, "gift": {}}), "gift.to is missing"),
            (json!({"id": 1, "colour": "red"}), "colour is not a parameter of this tool"),
        ] {
            assert_eq!(faults(&order(), &wrong), [fault], "{wrong}");
        }
    }

    #[test]
    fn only_the_schema_of_an_object_describes_arguments() {
        assert_eq!(refusal(&order()), None);
        for schema in [json!(true), json!({"type": "string"}), json!({"type": "object", "properties": []})] {
            assert!(refusal(&schema).is_some(), "{schema}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let endless = json!({"type": "object", "allOf": [{"$ref": "#"}, {"$ref": "#"}]});
        assert!(faults(&endless, &json!({})).is_empty());
    }
}
