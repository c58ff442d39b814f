//! Checks recorded requests against vendors' own API descriptions, when copies of them are at hand.

use std::{
    collections::BTreeSet,
    env, fmt, fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{Recorded, RecordedBody, yaml};

/// The folder that holds copies of vendors' descriptions.
const FOLDER: &str = "shared/specs";

/// OpenAI's file in it.
const FILE: &str = "openapi/openai.openapi.trimmed.json";

/// The environment variable that names OpenAI's file, when it is elsewhere.
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

/// OpenAI's API description.
pub type OpenAiSpec = Spec;

/// A vendor's API description: OpenAPI 3, or AsyncAPI 2 or 3 for WebSockets.
#[derive(Debug)]
pub struct Spec {
    document: Option<Value>,
}

impl Spec {
    /// Looks for OpenAI's description: where `VOICE_CORE_OPENAI_SPEC` says, else in `shared/specs` beside this workspace or
    /// beside any folder above it. When there is none, every check says so.
    #[must_use]
    pub fn find() -> Self {
        env::var_os(VARIABLE).map_or_else(|| Self::named(FILE), |path| Self::read(Some(path.into())))
    }

    /// Looks for another description, JSON or YAML: `file`, such as `openapi/deepgram.openapi.trimmed.yml`, in `shared/specs` beside
    /// this workspace or beside any folder above it.
    #[must_use]
    pub fn named(file: &str) -> Self {
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        Self::read(above.map(|a| a.join(FOLDER).join(file)).find(|p| p.is_file()))
    }

    fn read(path: Option<PathBuf>) -> Self {
        let text = path.and_then(|p| fs::read_to_string(p).ok());
        Self { document: text.and_then(|text| serde_json::from_str(&text).ok().or_else(|| yaml::parse(&text))) }
    }

    /// What was found.
    #[must_use]
    pub fn document(&self) -> Option<&Value> {
        self.document.as_ref()
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
        match &request.body {
            RecordedBody::Frames(frames) if document.get("channels").is_some() => {
                checker.socket(request, frames, &mut faults);
            }
            RecordedBody::Frames(frames) => {
                for frame in frames {
                    checker.event(frame, &mut faults);
                }
            }
            body => checker.request(request, body, &mut faults),
        }
        if faults.is_empty() { SpecCheck::Conforms } else { SpecCheck::Violations(faults) }
    }

    /// Checks what a double told as the server of a Realtime session.
    #[must_use]
    pub fn check_told(&self, events: &[Value]) -> SpecCheck {
        let Some(document) = &self.document else { return SpecCheck::NotChecked("spec not found".into()) };
        let mut faults = Vec::new();
        for event in events {
            Checker { document }.event_of("RealtimeServerEvent", event, &mut faults);
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
        let plain = path.strip_prefix("/v1").unwrap_or(path);
        let Some(operation) = [path, plain].iter().find_map(|path| self.operation(&request.method, path)) else {
            faults.push(format!("{} {path} is not described", request.method));
            return;
        };
        self.query(request, operation, faults);
        let content = &operation["requestBody"]["content"];
        let (media_type, value) = match body {
            RecordedBody::Empty if content.is_null() => return,
            // Sound has no form that a description could hold it against.
            RecordedBody::Bytes(_) if request.header("content-type").is_some_and(|t| t.starts_with("audio/")) => return,
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
                        None if self.is_list(&schema["properties"][&part.name]) => {
                            let list = fields.entry(part.name.clone()).or_insert_with(|| Value::Array(Vec::new()));
                            list.as_array_mut().into_iter().for_each(|l| l.push(text.clone().into()));
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

    /// What is described for a method and a path, in which `{…}` stands for any one segment.
    fn operation(&self, method: &str, path: &str) -> Option<&'a Value> {
        let fits = |pattern: &str| {
            let alike = |(p, s): (&str, &str)| p == s || (p.starts_with('{') && !s.is_empty());
            pattern.split('/').count() == path.split('/').count() && pattern.split('/').zip(path.split('/')).all(alike)
        };
        let paths = self.document["paths"].as_object()?;
        let found = paths.get(path).or_else(|| paths.iter().find(|(p, _)| fits(p)).map(|(_, found)| found))?;
        found.get(method.to_lowercase())
    }

    /// The query of a request against the parameters of its operation.
    fn query(&self, request: &Recorded, operation: &'a Value, faults: &mut Vec<String>) {
        let known: Vec<&Value> =
            operation["parameters"].as_array().into_iter().flatten().map(|p| self.resolve(p)).collect();
        let pairs: Vec<_> = request.query().collect();
        for (name, value) in &pairs {
            match known.iter().find(|p| p["in"] == "query" && p["name"] == name.as_str()) {
                Some(parameter) => {
                    let schema = self.resolve(&parameter["schema"]);
                    // What may be repeated comes one by one.
                    let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
                    self.value(schema, &self.typed(schema, value.clone()), name, faults);
                }
                None => faults.push(format!("the query {name} is unknown")),
            }
        }
        for parameter in known.iter().filter(|p| p["in"] == "query" && p["required"] == true) {
            if !pairs.iter().any(|(name, _)| parameter["name"] == name.as_str()) {
                faults.push(format!("the query {} is missing", parameter["name"]));
            }
        }
    }

    /// A WebSocket against its channel: the query, and every text frame against what a client may send.
    fn socket(&self, request: &Recorded, frames: &[Value], faults: &mut Vec<String>) {
        let path = request.path.split('?').next().unwrap_or_default();
        let channels = self.document["channels"].as_object().into_iter().flatten();
        // Version 3 gives channels names of their own.
        let Some((_, channel)) = channels.into_iter().find(|(name, c)| *name == path || c["address"] == path) else {
            faults.push(format!("{path} is not described"));
            return;
        };
        // A description may leave the query out altogether.
        let query = &channel["bindings"]["ws"]["query"]["properties"];
        for (name, value) in request.query().filter(|_| query.is_object()) {
            match query.get(&name) {
                Some(schema) => self.value(schema, &self.typed(schema, value), &name, faults),
                None => faults.push(format!("the query {name} is unknown")),
            }
        }
        let operations = self.document["operations"].as_object().into_iter().flatten().map(|(_, operation)| operation);
        let sent = operations.filter(|operation| {
            operation["action"] == "send" && std::ptr::eq(self.resolve(&operation["channel"]), channel)
        });
        let sent = sent.flat_map(|operation| operation["messages"].as_array().into_iter().flatten());
        let kinds = channel["subscribe"]["message"]["oneOf"].as_array().into_iter().flatten().chain(sent);
        let kinds: Vec<&Value> = kinds.map(|kind| &self.resolve(kind)["payload"]).collect();
        for frame in frames.iter().filter(|frame| frame.get("binary").is_none()) {
            if !kinds.iter().any(|kind| frame.is_object() && self.faults_of(kind, frame).is_empty()) {
                faults.push(format!("no message of a client is like {frame}"));
            }
        }
    }

    /// A client's Realtime event against the description of its type.
    fn event(&self, event: &Value, faults: &mut Vec<String>) {
        self.event_of("RealtimeClientEvent", event, faults);
    }

    fn event_of(&self, side: &str, event: &Value, faults: &mut Vec<String>) {
        let name = event["type"].as_str().unwrap_or_default();
        let kinds = self.document["components"]["schemas"][side]["anyOf"].as_array();
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
            None => faults.push(format!("no {side} is called \"{name}\"")),
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

    /// Whether a field of a form is a list, which comes one by one.
    fn is_list(&self, schema: &'a Value) -> bool {
        let schema = self.resolve(schema);
        let forms = schema["anyOf"].as_array().into_iter().flatten();
        schema["type"] == "array" || forms.map(|form| self.resolve(form)).any(|form| form["type"] == "array")
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
