//! Chat templates are Jinja, written for the environment of the `transformers` library: this is one like it.
//!
//! What is said never passes through it: places hold it, `⟨number⟩` of a content.

use std::io;

use minijinja::{
    Environment, Error as TemplateError, ErrorKind as TemplateErrorKind,
    syntax::SyntaxConfig,
    value::{Kwargs, Value},
};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// Opens the place of a content. Private-use characters: no template writes them.
const CONTENT: char = '\u{f8f0}';
/// Closes a place.
const CLOSE: char = '\u{f8f1}';
/// Opens the place of a content within JSON.
const QUOTED: char = '\u{f8f2}';

/// More steps than any real template takes; a hostile one ends here.
const FUEL: u64 = 5_000_000;

/// The most blanks by which JSON is indented.
const WIDEST_INDENT: usize = 8;

/// Whether a character is one of those around places.
pub(super) fn marks(c: char) -> bool {
    matches!(c, CONTENT | CLOSE | QUOTED)
}

/// The place of the content of this number.
pub(super) fn content(number: usize) -> String {
    format!("{CONTENT}{number}{CLOSE}")
}

/// A part of a rendered template.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part<'a> {
    /// Written by the template itself.
    Template(&'a str),
    /// The place of a content.
    Content(usize),
    /// The place of a content within a string of JSON.
    Quoted(usize),
}

/// A rendered template.
pub(super) struct Rendered(String);

impl Rendered {
    /// What it is made of, in order. Marks around nothing that is a place are left out.
    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find(marks) {
            let (before, from) = rest.split_at(at);
            if !before.is_empty() {
                parts.push(Part::Template(before));
            }
            let mut behind = from.chars();
            let mark = behind.next();
            rest = behind.as_str();
            let place = rest.split_once(CLOSE).and_then(|(number, after)| Some((number.parse().ok()?, after)));
            if let (Some(mark @ (CONTENT | QUOTED)), Some((number, after))) = (mark, place) {
                parts.push(if mark == QUOTED { Part::Quoted(number) } else { Part::Content(number) });
                rest = after;
            }
        }
        if !rest.is_empty() {
            parts.push(Part::Template(rest));
        }
        parts
    }

    /// What the template itself wrote behind the last place.
    pub(super) fn end(&self) -> &str {
        self.0.rsplit(CLOSE).next().unwrap_or_default()
    }
}

/// Renders a template.
///
/// # Errors
/// When it is no template, refuses these values, or does not come to an end.
pub(super) fn render(template: &str, values: Value) -> Result<Rendered, TemplateError> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<String, TemplateError> {
        Err(TemplateError::new(TemplateErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", |format: String| jiff::Zoned::now().strftime(&format).to_string());
    environment.add_filter("tojson", to_json);
    environment.template_from_str(template)?.render(values).map(Rendered)
}

/// The filter of this name. Its other options (`ensure_ascii`, `sort_keys`, …) change nothing that a model minds.
fn to_json(value: Value, indent: Option<usize>, options: Kwargs) -> Result<String, TemplateError> {
    let indent = options.get::<Option<usize>>("indent")?.or(indent);
    Ok(written_as_json(&value, indent)?.replace(CONTENT, &QUOTED.to_string()))
}

/// JSON as Python writes it, which is what models have read.
fn written_as_json(value: &Value, indent: Option<usize>) -> Result<String, TemplateError> {
    let blanks = " ".repeat(indent.unwrap_or(0).min(WIDEST_INDENT));
    let mut text = Vec::new();
    let written = match indent {
        Some(_) => value.serialize(&mut serde_json::Serializer::with_formatter(
            &mut text,
            PrettyFormatter::with_indent(blanks.as_bytes()),
        )),
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, Spaced(CompactFormatter))),
    };
    written.map_err(|e| TemplateError::new(TemplateErrorKind::BadSerialization, e.to_string()))?;
    String::from_utf8(text).map_err(|e| TemplateError::new(TemplateErrorKind::BadSerialization, e.to_string()))
}

/// A blank behind each comma and colon.
struct Spaced(CompactFormatter);

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use minijinja::{context, value::Serde};
    use serde_json::json;

    use super::*;

    fn shown(template: &str, values: Value) -> String {
        let rendered = render(template, values).unwrap();
        let part = |part: &Part<'_>| match part {
            Part::Template(text) => (*text).to_owned(),
            Part::Content(number) => format!("({number})"),
            Part::Quoted(number) => format!("[{number}]"),
        };
        rendered.parts().iter().map(part).collect()
    }

    #[test]
    fn json_is_written_as_python_writes_it() {
        let value = Value::from(Serde(json!({"b": [1, 2], "a": {"it's": "<é>"}})));
        assert_eq!(
            shown("{{ v | tojson }}", context! { v => value.clone() }),
            r#"{"b": [1, 2], "a": {"it's": "<é>"}}"#
        );
        let indented = "{\n  \"b\": [\n    1,\n    2\n  ],\n  \"a\": {\n    \"it's\": \"<é>\"\n  }\n}";
        assert_eq!(shown("{{ v | tojson(indent=2) }}", context! { v => value.clone() }), indented);
        assert_eq!(shown("{{ v | tojson(2, ensure_ascii=false) }}", context! { v => value }), indented);
    }

    #[test]
    fn places_within_json_are_told_from_others() {
        let values = context! { a => content(3), b => content(4) };
        assert_eq!(shown("<{{ a }}> {{ (b | tojson)[:-1] }}", values), "<(3)> \"[4]");
    }

    #[test]
    fn marks_around_no_place_are_left_out() {
        let text = format!("a{CONTENT}b{QUOTED}{CLOSE}c{CLOSE}{CONTENT}");
        assert_eq!(shown("{{ text }}", context! { text }), "abc");
    }
}
