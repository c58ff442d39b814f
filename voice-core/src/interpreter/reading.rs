//! What the model writes about an utterance: first a tag, then the interpretation.

use std::sync::Arc;

use super::{Direction, Heard, Interpreter, Told, UNKNOWN};

/// The longest thing in brackets that may be a tag, in bytes.
pub(super) const LONGEST_TAG: usize = 40;

/// Reads it as it comes. Pure.
#[derive(Debug)]
pub(crate) struct Reading {
    interpreter: Arc<Interpreter>,
    heard: Heard,
    /// Who spoke before.
    before: Option<usize>,
    /// What came until the tag is complete.
    head: String,
    /// Nothing but spaces came behind the tag.
    at_start: bool,
    told: Told,
}

impl Reading {
    pub(super) fn new(interpreter: Arc<Interpreter>, heard: Heard, before: Option<usize>, told: Told) -> Self {
        Self { interpreter, heard, before, head: String::new(), at_start: true, told }
    }

    /// Takes what was written; gives what of it is to be said.
    pub(crate) fn push(&mut self, delta: &str) -> Option<String> {
        if let Some(direction) = self.told.get() {
            let is_said = direction.to.is_some();
            return is_said.then(|| self.begun(delta)).flatten();
        }
        self.head.push_str(delta);
        let head = self.head.trim_start();
        let Some(inside) = head.strip_prefix('[') else {
            return if head.is_empty() { None } else { self.without_tag() };
        };
        match inside.split_once(']') {
            Some((tag, words)) => {
                let (tag, words) = (tag.trim().to_owned(), words.to_owned());
                if !self.interpreter.is_tag(&tag) {
                    return self.without_tag();
                }
                self.head.clear();
                self.decide(Some(tag.as_str()).filter(|tag| *tag != UNKNOWN));
                self.push(&words)
            }
            None if inside.len() > LONGEST_TAG => self.without_tag(),
            None => None,
        }
    }

    /// What came broke off, and all of it is asked for again: the beginning of a tag says nothing.
    pub(crate) fn begin_anew(&mut self) {
        self.head.clear();
    }

    /// Nothing more comes; gives what waited for the rest of a tag.
    pub(crate) fn finish(&mut self) -> Option<String> {
        if self.told.get().is_some() || self.head.trim().is_empty() {
            return None;
        }
        self.without_tag()
    }

    /// From which language into which, once it is known.
    pub(crate) fn direction(&self) -> Option<&Direction> {
        self.told.get()
    }

    /// Spaces before the first word are not said.
    fn begun(&mut self, delta: &str) -> Option<String> {
        let words = if self.at_start { delta.trim_start() } else { delta };
        if words.is_empty() {
            return None;
        }
        self.at_start = false;
        Some(words.to_owned())
    }

    fn without_tag(&mut self) -> Option<String> {
        self.decide(None);
        let head = std::mem::take(&mut self.head);
        self.push(&head)
    }

    fn decide(&mut self, tag: Option<&str>) {
        let interpreter = &self.interpreter;
        let heard = interpreter.side_of(&self.heard);
        let certain = heard.filter(|_| self.heard.is_certain);
        let tagged = tag.and_then(|tag| interpreter.side_written(tag));
        let says_other = tag.is_some() && tagged.is_none();
        let sounds_other = heard.is_none() && self.heard.language.is_some();
        let others = || interpreter.other_languages.then_some(0);
        let to = match (certain, tagged, heard) {
            _ if says_other => others(),
            (Some(from), ..) => Some(1 - from),
            (None, Some(to), _) => Some(to),
            (None, None, Some(from)) => Some(1 - from),
            (None, None, None) if sounds_other => others(),
            // Nobody knows: people take turns.
            (None, None, None) => Some(self.before.unwrap_or(1)),
        };
        // What is said in another language is not said to be in one of the two.
        let is_foreign = says_other || (sounds_other && interpreter.other_languages && to == Some(0));
        let from = match to {
            Some(to) if !is_foreign => Some(interpreter.languages[1 - to].clone()),
            _ => self.heard.language.clone().filter(|_| heard.is_none()),
        };
        let _first = self.told.set(Direction { from, to: to.map(|to| interpreter.languages[to].clone()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::InterpreterConfig;

    fn heard(language: &str, is_certain: bool) -> Heard {
        Heard { language: Some(language.to_owned()).filter(|l| !l.is_empty()), is_certain }
    }

    fn config(other_languages: bool) -> InterpreterConfig {
        InterpreterConfig { other_languages, ..InterpreterConfig::default() }
    }

    /// What is said of what is written, and from which language into which.
    fn read(config: &InterpreterConfig, heard: Heard, written: &[&str]) -> (String, (String, String)) {
        let interpreter = Arc::new(Interpreter::new(config));
        let mut reading = interpreter.reading(&[], heard, Told::default());
        let mut said: String = written.iter().filter_map(|delta| reading.push(delta)).collect();
        said.extend(reading.finish());
        let Direction { from, to } = reading.direction().cloned().unwrap_or_default();
        (said, (from.unwrap_or_default(), to.unwrap_or_default()))
    }

    fn said(words: &str, from: &str, to: &str) -> (String, (String, String)) {
        (words.to_owned(), (from.to_owned(), to.to_owned()))
    }

    #[test]
    fn the_tag_is_read_and_not_said_however_it_comes() {
        let expected = said("¿Dónde le duele?", "en", "es");
        for written in [
            &["[es] ¿Dónde le duele?"][..],
            &["[", "es", "]", " ", "¿Dónde ", "le duele?"],
            &["\n[ES]", "¿Dónde le duele?"],
            &["[es-MX] ¿Dónde", " le duele?"],
            &["[Spanish] ¿Dónde", " le duele?"],
            &["[?", "] ¿Dónde", " le duele?"],
            &["¿Dónde ", "le duele?"],
        ] {
            assert_eq!(read(&config(false), heard("en", false), written), expected, "{written:?}");
        }
    }

    #[test]
    fn the_model_corrects_a_language_that_was_heard_wrongly() {
        assert_eq!(read(&config(false), heard("en", false), &["[en] Here."]), said("Here.", "es", "en"));
        assert_eq!(read(&config(false), heard("pt", false), &["[en] Here."]), said("Here.", "es", "en"));
        assert_eq!(read(&config(false), heard("", false), &["[es] Aquí."]), said("Aquí.", "en", "es"));
    }

    #[test]
    fn a_language_that_the_host_set_is_not_corrected() {
        assert_eq!(read(&config(false), heard("en", true), &["[en] Aquí."]), said("Aquí.", "en", "es"));
        assert_eq!(read(&config(false), heard("es-MX", true), &["[other]"]), said("", "", ""));
    }

    #[test]
    fn another_language_is_not_spoken_unless_it_is_to_be() {
        assert_eq!(read(&config(false), heard("fr", false), &["[other]"]), said("", "fr", ""));
        assert_eq!(read(&config(false), heard("en", false), &["[other] Bonjour."]), said("", "", ""));
        assert_eq!(read(&config(false), heard("fr", false), &["Good day."]), said("", "fr", ""));
        assert_eq!(read(&config(true), heard("fr", false), &["[en] Good day."]), said("Good day.", "fr", "en"));
        assert_eq!(read(&config(true), heard("fr", false), &["Good day."]), said("Good day.", "fr", "en"));
    }

    #[test]
    fn the_tag_of_a_rest_is_known_as_soon_as_it_is_whole() {
        let interpreter = Interpreter::new(&InterpreterConfig::between("es-MX", "en"));
        for (rest, words) in [
            ("", None),
            (" [", None),
            ("[es", None),
            ("[es]", Some("")),
            ("[ES] le duele?", Some("le duele?")),
            ("[spanish]le", Some("le")),
            (" le duele?", Some(" le duele?")),
            ("[laughs] no", Some("[laughs] no")),
        ] {
            assert_eq!(interpreter.untagged(rest), words, "{rest}");
        }
    }

    #[test]
    fn what_is_no_tag_is_said() {
        let long = format!("[{}", "very ".repeat(20));
        assert_eq!(read(&config(false), heard("en", false), &["[laughs] Sí."]), said("[laughs] Sí.", "en", "es"));
        assert_eq!(read(&config(false), heard("en", false), &[&long]).0, long);
        assert_eq!(read(&config(false), heard("en", false), &["[es"]), said("[es", "en", "es"));
        assert_eq!(read(&config(false), heard("en", false), &["", " "]), said("", "", ""));
    }
}
