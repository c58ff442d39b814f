//! Checks recorded requests against OpenAI's own API description, when a copy of it is at hand.

use std::{
    collections::BTreeSet,
    env, fmt, fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{Recorded, RecordedBody, Route};

/// The file, below the folder that holds copies of vendors' descriptions.
const FILE: &str = "shared/specs/openapi/openai.openapi.trimmed.json";

/// The environment variable that names the file, when it is elsewhere.
const VARIABLE: &str = "VOICE_CORE_OPENAI_SPEC";

/// What a check found. Printed, it says so clearly.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpecCheck {
    /// The request is as described.
    Conforms,
    /// What is wrong with the request, a line each.
    Violations(Vec<String>),
    /// There was nothing to check against.
    NotChecked(String),
}

impl fmt::Display for SpecCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conforms => f.write_str("conforms to the official description"),
            Self::Violations(lines) => write!(f, "violates the official description: {}", lines.join("; ")),
            Self::NotChecked(why) => write!(f, "not checked: {why}"),
        }
    }
}

/// OpenAI's API description (OpenAPI 3).
#[derive(Debug)]
pub struct OpenAiSpec {
    document: Option<Value>,
}

impl OpenAiSpec {
    /// Looks for the description: where `VOICE_CORE_OPENAI_SPEC` says, else in `shared/specs` beside this workspace or
    /// beside any folder above it. When there is none, every check says so.
    #[must_use]
    pub fn find() -> Self {
        let near = || Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|a| a.join(FILE)).find(|p| p.is_file());
        let path = env::var_os(VARIABLE).map(PathBuf::from).or_else(near);
        let document = path.and_then(|p| fs::read(p).ok()).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { document }
    }

    /// Whether a description was found.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.document.is_some()
    }

    /// Checks one request: its path, its body, and that every field is one that the description names.
    #[must_use]
    pub fn check(&self, request: &Recorded) -> SpecCheck {
        let Some(document) = &self.document else { return SpecCheck::NotChecked("spec not found".into()) };
        let checker = Checker { document };
        let mut faults = Vec::new();
        match (&request.body, request.route) {
            (RecordedBody::Frames(frames), _) => {
                for frame in frames {
                    checker.event(frame, &mut faults);
                }
            }
            (_, Route::Unknown) => faults.push(format!("{} {} is not described", request.method, request.path)),
            (body, _) => checker.request(request, body, &mut faults),
        }
        if faults.is_empty() { SpecCheck::Conforms } else { SpecCheck::Violations(faults) }
    }
}

struct Checker<'a> {
    document: &'a Value,
}

impl<'a> Checker<'a> {
    fn request(&self, request: &Recorded, body: &RecordedBody, faults: &mut Vec<String>) {
        let path = request.path.split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/v1").unwrap_or(path);
        let operation = &self.document["paths"][path][request.method.to_lowercase()];
        if operation.is_null() {
            faults.push(format!("{} {path} is not described", request.method));
            return;
        }
        let content = &operation["requestBody"]["content"];
        let (media_type, value) = match body {
            RecordedBody::Empty if content.is_null() => return,
            RecordedBody::Json(value) => ("application/json", value.clone()),
            RecordedBody::Multipart(parts) => {
                let schema = self.resolve(&content["multipart/form-data"]["schema"]);
                let mut fields = Map::new();
                for part in parts {
                    let text = String::from_utf8_lossy(&part.bytes).into_owned();
                    match part.name.strip_suffix("[]") {
                        Some(list) => {
                            let list = fields.entry(list).or_insert_with(|| Value::Array(Vec::new()));
                            list.as_array_mut().into_iter().for_each(|l| l.push(text.clone().into()));
                        }
                        None if part.file_name.is_some() => {
                            fields.insert(part.name.clone(), "bytes".into());
                        }
                        None => {
                            fields.insert(part.name.clone(), self.typed(&schema["properties"][&part.name], text));
                        }
                    }
                }
                ("multipart/form-data", Value::Object(fields))
            }
            _ => {
                faults.push("the body is neither JSON nor a form".into());
                return;
            }
        };
        let schema = &content[media_type]["schema"];
        if schema.is_null() {
            faults.push(format!("{path} takes no {media_type}"));
            return;
        }
        self.value(schema, &value, path, faults);
        self.unknown_fields(schema, &value, path, faults);
    }

    /// A Realtime event against the description of its type.
    fn event(&self, event: &Value, faults: &mut Vec<String>) {
        let name = event["type"].as_str().unwrap_or_default();
        let kinds = self.document["components"]["schemas"]["RealtimeClientEvent"]["anyOf"].as_array();
        let schema = kinds.into_iter().flatten().find(|s| {
            let kind = &self.resolve(s)["properties"]["type"];
            kind["const"] == name || kind["enum"].as_array().is_some_and(|e| e.iter().any(|v| v == name))
        });
        match schema {
            Some(schema) => {
                self.value(schema, event, name, faults);
                self.unknown_fields(schema, event, name, faults);
                for part in ["session", "response"] {
                    let (inner, value) = (&self.resolve(schema)["properties"][part], &event[part]);
                    if !inner.is_null() && value.is_object() {
                        self.unknown_fields(inner, value, &format!("{name}.{part}"), faults);
                    }
                }
            }
            None => faults.push(format!("no client event is called \"{name}\"")),
        }
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        while let Some(pointer) = schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
            match self.document.pointer(pointer) {
                Some(target) => schema = target,
                None => return &Value::Null,
            }
        }
        schema
    }

    /// A form's text as the type that its field has.
    fn typed(&self, schema: &'a Value, text: String) -> Value {
        let as_json = serde_json::from_str::<Value>(&text).ok().filter(|v| v.is_boolean() || v.is_number());
        match as_json {
            Some(value) if !schema.is_null() && self.faults_of(schema, &value).is_empty() => value,
            _ => text.into(),
        }
    }

    fn faults_of(&self, schema: &'a Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.value(schema, value, "", &mut faults);
        faults
    }

    /// Collects how `value` breaks `schema`. `oneOf` is read as `anyOf`: the description itself has branches that overlap.
    fn value(&self, schema: &'a Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = self.resolve(schema);
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.value(part, value, at, faults);
        }
        for choice in ["anyOf", "oneOf"] {
            if let Some(branches) = schema[choice].as_array() {
                let attempts: Vec<_> = branches.iter().map(|b| self.faults_of(b, value)).collect();
                if attempts.iter().all(|a| !a.is_empty()) {
                    let nearest = attempts.into_iter().min_by_key(Vec::len).unwrap_or_default();
                    faults.push(format!("{at} fits no form of it (nearest:{})", nearest.join(", ")));
                }
            }
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|t| is_of_type(value, t)) {
            faults.push(format!("{at} must be {}", types.join(" or ")));
            return;
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            faults.push(format!("{at} must be one of {}", Value::from(allowed.clone())));
        }
        if schema.get("const").is_some_and(|c| c != value) {
            faults.push(format!("{at} must be {}", schema["const"]));
        }
        match value {
            Value::Number(n) => {
                let n = n.as_f64().unwrap_or_default();
                if schema["minimum"].as_f64().is_some_and(|m| n < m)
                    || schema["maximum"].as_f64().is_some_and(|m| n > m)
                {
                    faults.push(format!("{at} is out of range"));
                }
            }
            Value::String(s) => length(schema, "Length", s.chars().count(), at, faults),
            Value::Array(items) => {
                length(schema, "Items", items.len(), at, faults);
                if !schema["items"].is_null() {
                    for (i, item) in items.iter().enumerate() {
                        self.value(&schema["items"], item, &format!("{at}[{i}]"), faults);
                    }
                }
            }
            Value::Object(fields) => {
                for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if !fields.contains_key(name) {
                        faults.push(format!("{at}.{name} is missing"));
                    }
                }
                for (name, field) in fields {
                    match schema["properties"].get(name) {
                        Some(inner) => self.value(inner, field, &format!("{at}.{name}"), faults),
                        None if schema["additionalProperties"] == false => {
                            faults.push(format!("{at}.{name} is unknown"))
                        }
                        None => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// The description leaves most objects open; a field that it does not name is a slip of ours all the same.
    fn unknown_fields(&self, schema: &'a Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let mut known = BTreeSet::new();
        self.names(schema, &mut known);
        let fields = value.as_object().into_iter().flatten().map(|(name, _)| name);
        let unknown =
            fields.filter(|name| !known.contains(name.as_str())).map(|name| format!("{at}.{name} is unknown"));
        for fault in unknown {
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
    }

    fn names(&self, schema: &'a Value, known: &mut BTreeSet<&'a str>) {
        let schema = self.resolve(schema);
        known.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()));
        for choice in ["allOf", "anyOf", "oneOf"] {
            for part in schema[choice].as_array().into_iter().flatten() {
                self.names(part, known);
            }
        }
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "null" => value.is_null(),
        _ => true,
    }
}

fn length(schema: &Value, what: &str, n: usize, at: &str, faults: &mut Vec<String>) {
    let bound = |which: &str| schema[format!("{which}{what}")].as_u64().and_then(|b| usize::try_from(b).ok());
    if bound("min").is_some_and(|m| n < m) || bound("max").is_some_and(|m| n > m) {
        faults.push(format!("{at} has a length of {n}, which is out of range"));
    }
}
