//! The files of the project, and the rules that hold for each alone.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    Fault,
    code::code_only,
    rules::{FORBIDDEN, GENERATED, MOST_LINES, UNSAFE_ALLOWED},
};

/// What people write, by its ending.
const ENDINGS: &[&str] = &[
    "rs", "md", "toml", "py", "pyi", "ts", "mts", "cts", "js", "mjs", "cjs", "c", "h", "cpp", "kt", "kts", "swift",
    "sh",
];

/// Folders that hold what tools made.
const LEFT_OUT: &[&str] = &["target", "node_modules", "dist", "build", "__pycache__", "venv"];

/// A file of the project.
pub struct Source {
    /// From the root, with `/` between folders.
    pub path: String,
    pub text: String,
}

/// Every source and document below `root`.
pub fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    walk(root, "", &mut found)?;
    found.sort_by(|a: &Source, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && !LEFT_OUT.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), found)?;
        } else if kind.is_file() && name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending)) {
            let text = fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
            found.push(Source { path, text });
        }
    }
    Ok(())
}

/// Length, `unsafe`, words.
pub fn check(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| !GENERATED.contains(&source.path.as_str())) {
        too_long(source, &mut faults);
        unsafe_code(source, &mut faults);
        forbidden(source, &mut faults);
    }
    faults
}

fn too_long(source: &Source, faults: &mut Vec<Fault>) {
    let lines = source.text.lines().count();
    if lines > MOST_LINES {
        faults.push(Fault {
            place: format!("{}:{}", source.path, MOST_LINES + 1),
            what: format!("{lines} lines; at most {MOST_LINES}"),
            remedy: "split the file where its subject splits".into(),
        });
    }
}

fn unsafe_code(source: &Source, faults: &mut Vec<Fault>) {
    let allowed = UNSAFE_ALLOWED.iter().any(|folder| source.path.starts_with(folder));
    if allowed || !source.path.ends_with(".rs") {
        return;
    }
    for (index, line) in code_only(&source.text).lines().enumerate() {
        if line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe") {
            faults.push(Fault {
                place: format!("{}:{}", source.path, index + 1),
                what: "unsafe code".into(),
                remedy: "only the bindings may; use a safe way or a crate that offers one".into(),
            });
        }
    }
}

fn forbidden(source: &Source, faults: &mut Vec<Fault>) {
    for (index, line) in source.text.lines().enumerate() {
        for (word, remedy) in FORBIDDEN {
            if line.contains(word) {
                faults.push(Fault {
                    place: format!("{}:{}", source.path, index + 1),
                    what: format!("says {word:?}"),
                    remedy: (*remedy).into(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let source = Source { path: path.into(), text: text.into() };
        check(&[source]).into_iter().map(|f| format!("{}: {}", f.place, f.what)).collect()
    }

    #[test]
    fn unsafe_is_for_the_bindings_only() {
        assert_eq!(
            faults("voice-core/src/x.rs", "// unsafe\nlet a = unsafe { b };"),
            ["voice-core/src/x.rs:2: unsafe code"]
        );
        assert!(faults("bindings-c/src/x.rs", "unsafe { b }").is_empty());
        assert!(faults("voice-core/src/x.rs", "#![forbid(unsafe_code)]").is_empty());
    }

    #[test]
    fn a_file_of_more_than_the_most_lines_is_a_fault_unless_it_is_generated() {
        let long = "x\n".repeat(MOST_LINES + 1);
        assert_eq!(faults("a.rs", &long), ["a.rs:701: 701 lines; at most 700"]);
        assert!(faults("a.rs", &"x\n".repeat(MOST_LINES)).is_empty());
        assert!(faults("include/voice_core.h", &long).is_empty());
    }

    #[test]
    fn words_are_found_in_comments_too() {
        let word = FORBIDDEN[0].0;
        assert_eq!(faults("a.md", &format!("fine\n<!-- {word} -->")), [format!("a.md:2: says {word:?}")]);
    }
}
