//! The paths by which a module names others of its crate: in `use`, and in the midst of code.

use super::code::code_only;

/// One path, from the root of the crate.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub line: usize,
    pub path: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    Path,
    Sign(char),
}

/// Every path in `source` that begins with `crate`, `super` or `self`, resolved. `module` is the path of the file's module.
/// What is compiled for tests only is left out: tests may use everything.
pub fn imports(source: &str, module: &[String]) -> Vec<Import> {
    Reader { tokens: tokens(source), at: 0, module: module.to_vec(), nested: Vec::new(), depth: 0, found: Vec::new() }
        .read()
}

/// The names that a root module offers by `pub use room::…`, each with the path behind it.
pub fn re_exports(source: &str) -> Vec<(String, Vec<String>)> {
    let mut reader =
        Reader { tokens: tokens(source), at: 0, module: Vec::new(), nested: Vec::new(), depth: 0, found: Vec::new() };
    while reader.at < reader.tokens.len() {
        let public = reader.word_at(reader.at) == Some("pub") && reader.word_at(reader.at + 1) == Some("use");
        reader.at += 1;
        if public {
            reader.at += 1;
            reader.tree(Vec::new());
        }
    }
    reader.found.into_iter().filter_map(|i| Some((i.path.last()?.clone(), i.path))).collect()
}

fn tokens(source: &str) -> Vec<(usize, Token)> {
    let code = code_only(source);
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (token, length) = match first {
                _ if word > 0 => (Token::Word(rest[..word].to_owned()), word),
                ':' if rest.starts_with("::") => (Token::Path, 2),
                sign => (Token::Sign(sign), sign.len_utf8()),
            };
            tokens.push((index + 1, token));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    at: usize,
    /// The module that the reader is in, with those nested in the file.
    module: Vec<String>,
    /// The depths of braces at which nested modules end.
    nested: Vec<usize>,
    depth: usize,
    found: Vec<Import>,
}

impl Reader {
    fn read(mut self) -> Vec<Import> {
        while self.at < self.tokens.len() {
            if self.test_only() {
                self.skip_item();
                continue;
            }
            self.step();
        }
        self.found
    }

    fn step(&mut self) {
        let begins_path = matches!(self.word_at(self.at), Some("crate" | "super" | "self"))
            && matches!(self.tokens.get(self.at + 1), Some((_, Token::Path)))
            && !self.at.checked_sub(1).is_some_and(|before| self.tokens[before].1 == Token::Path);
        match &self.tokens[self.at].1 {
            _ if begins_path => return self.tree(self.module.clone()),
            Token::Word(word) if word == "mod" && self.sign_at(self.at + 2) == Some('{') => {
                let name = self.word_at(self.at + 1).unwrap_or_default().to_owned();
                self.module.push(name);
                self.nested.push(self.depth);
                self.depth += 1;
                self.at += 2;
            }
            Token::Sign('{') => self.depth += 1,
            Token::Sign('}') => {
                self.depth = self.depth.saturating_sub(1);
                if self.nested.last() == Some(&self.depth) {
                    self.nested.pop();
                    self.module.pop();
                }
            }
            _ => {}
        }
        self.at += 1;
    }

    fn word_at(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at) {
            Some((_, Token::Word(word))) => Some(word),
            _ => None,
        }
    }

    fn sign_at(&self, at: usize) -> Option<char> {
        match self.tokens.get(at) {
            Some((_, Token::Sign(sign))) => Some(*sign),
            _ => None,
        }
    }

    /// Reads a path or a tree of paths that continues `prefix`.
    fn tree(&mut self, mut prefix: Vec<String>) {
        let line = self.tokens.get(self.at).map_or(0, |(line, _)| *line);
        loop {
            match self.tokens.get(self.at).map(|(_, token)| token) {
                Some(Token::Word(word)) => {
                    match word.as_str() {
                        "crate" => prefix.clear(),
                        "self" => {}
                        "super" => drop(prefix.pop()),
                        name => prefix.push(name.to_owned()),
                    }
                    self.at += 1;
                }
                Some(Token::Sign('{')) => {
                    self.at += 1;
                    while self.at < self.tokens.len() && self.sign_at(self.at) != Some('}') {
                        self.tree(prefix.clone());
                        // Past ` as name` and the comma.
                        while !matches!(self.sign_at(self.at), Some(',' | '}')) && self.at < self.tokens.len() {
                            self.at += 1;
                        }
                        if self.sign_at(self.at) == Some(',') {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                _ => break,
            }
            if !matches!(self.tokens.get(self.at), Some((_, Token::Path))) {
                break;
            }
            self.at += 1;
        }
        self.found.push(Import { line, path: prefix });
    }

    /// Whether `#[cfg(test)]` or a form of it with `all(test, …)` stands here.
    fn test_only(&self) -> bool {
        let words: Vec<String> = self.tokens[self.at..]
            .iter()
            .take(7)
            .map(|(_, token)| match token {
                Token::Word(word) => word.clone(),
                Token::Path => "::".to_owned(),
                Token::Sign(sign) => sign.to_string(),
            })
            .collect();
        let text = words.concat();
        text == "#[cfg(test)]" || text.starts_with("#[cfg(all(test") || text.starts_with("#[cfg(doctest)")
    }

    /// Leaves out an item: to its `;`, or to the end of its braces.
    fn skip_item(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            let sign = self.sign_at(self.at);
            self.at += 1;
            match sign {
                Some('{') => depth += 1,
                Some('}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return;
                    }
                }
                Some(';') if depth == 0 => return,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<String> = module.iter().map(|m| (*m).to_owned()).collect();
        imports(source, &module).into_iter().map(|i| format!("{}:{}", i.line, i.path.join("::"))).collect()
    }

    #[test]
    fn trees_are_read_to_their_leaves() {
        let source = "use crate::{error::{Error, Result as R}, id,\n  time::*};\nuse std::fmt;";
        assert_eq!(paths(source, &["audio"]), ["1:error::Error", "1:error::Result", "1:id", "2:time"]);
    }

    #[test]
    fn relative_paths_are_resolved() {
        let source = "use super::super::http::Client;\nuse self::inner::X;\npub(super) fn f() {}";
        let module = ["providers", "openai", "llm"];
        assert_eq!(paths(source, &module), ["1:providers::http::Client", "2:providers::openai::llm::inner::X"]);
    }

    #[test]
    fn paths_in_the_midst_of_code_count() {
        assert_eq!(
            paths("fn f() -> crate::turn::X { crate::agent::go::<u8>() }", &["audio"]),
            ["1:turn::X", "1:agent::go"]
        );
    }

    #[test]
    fn nested_modules_have_their_own_super() {
        let source = "mod inner { use super::x; fn f() {} }\nuse super::y;";
        assert_eq!(paths(source, &["layer", "retry"]), ["1:layer::retry::x", "2:layer::y"]);
    }

    #[test]
    fn what_is_for_tests_only_does_not_count() {
        let source = "#[cfg(test)]\nmod tests { use crate::agent::A; fn f() {} }\n#[cfg(test)]\nuse crate::turn::T;\nuse crate::id::I;";
        assert_eq!(paths(source, &["audio"]), ["5:id::I"]);
    }

    #[test]
    fn names_of_the_root_lead_to_their_rooms() {
        let source = "pub use error::{Error, Result};\nuse id::X;\npub use audio::Pcm as P;";
        let names: Vec<String> = re_exports(source).into_iter().map(|(n, p)| format!("{n}={}", p.join("::"))).collect();
        assert_eq!(names, ["Error=error::Error", "Result=error::Result", "Pcm=audio::Pcm"]);
    }
}
