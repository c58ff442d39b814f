//! `docs/parity.md`: which runner played which scenario, from what the runners printed in the last test run.

use std::{collections::HashMap, fs, path::PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::File;
use crate::project::Project;

/// The languages whose runners are run here, with the column of each. Swift's is written but not compiled.
const LANGUAGES: &[&str] = &["rust", "c", "python", "node", "kotlin"];

const HEAD: &str = "\
# Parity

Which runner played which scenario of `tests/conformance`, and how it ended. Written by `cargo xtask gen parity` from the last run
of the tests, and held against the next one.

✓ holds, ✗ fails, n/a impossible in the language, – not run. Swift has a runner that has not been compiled yet.

";

/// Where a runner leaves what it printed.
pub fn record(project: &Project, language: &str) -> PathBuf {
    project.target.join("conformance").join(format!("{language}.txt"))
}

/// The table; nothing when a runner has left no record.
pub fn file(project: &Project) -> Result<Option<File>> {
    let names = scenarios(project)?;
    let mut marks = HashMap::new();
    for language in LANGUAGES {
        let Ok(printed) = fs::read_to_string(record(project, language)) else { return Ok(None) };
        let marked = printed.lines().filter_map(|line| mark(line, &names));
        marks.extend(marked.map(|(name, mark)| ((*language, name), mark)));
    }
    let columns: Vec<&str> = LANGUAGES.iter().copied().chain(["swift"]).collect();
    let mut text = format!("{HEAD}| scenario | {} |\n|---|{}\n", columns.join(" | "), ":-:|".repeat(columns.len()));
    for name in &names {
        let row: Vec<&str> = columns
            .iter()
            .map(|language| marks.get(&(*language, name.clone())).map_or("–", |mark| mark.shown()))
            .collect();
        text.push_str(&format!("| {name} | {} |\n", row.join(" | ")));
    }
    let held = columns.iter().map(|language| {
        let held = names.iter().filter(|name| marks.get(&(*language, (*name).clone())) == Some(&Mark::Holds)).count();
        format!(" **{held}** |")
    });
    text.push_str(&format!("| **{} scenarios, held** |{}\n", names.len(), held.collect::<String>()));
    Ok(Some(File::new("docs/parity.md".into(), text)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Holds,
    Fails,
    Impossible,
}

impl Mark {
    fn shown(self) -> &'static str {
        match self {
            Self::Holds => "✓",
            Self::Fails => "✗",
            Self::Impossible => "n/a",
        }
    }
}

/// A line of a runner: the scenario and its end. A test framework may have written something before it. There are colons in names and
/// in what is wrong, so that the names have to be known.
fn mark(line: &str, names: &[String]) -> Option<(String, Mark)> {
    let reason = |rest: &str| {
        let is = |name: &&String| rest.strip_prefix(name.as_str()).is_some_and(|why| why.starts_with(": "));
        names.iter().filter(is).max_by_key(|name| name.len()).map_or_else(|| rest.to_owned(), String::clone)
    };
    if let Some((_, name)) = line.split_once("ok - ") {
        return Some((name.to_owned(), Mark::Holds));
    }
    if let Some((_, rest)) = line.split_once("FAIL - ") {
        return Some((reason(rest), Mark::Fails));
    }
    line.split_once("n/a - ").map(|(_, rest)| (reason(rest), Mark::Impossible))
}

/// The names of all scenarios, file by file.
fn scenarios(project: &Project) -> Result<Vec<String>> {
    let folder = project.root.join("tests/conformance");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "json") && !path.ends_with("defaults.json"));
    paths.sort();
    let mut names = Vec::new();
    for path in paths {
        let file: Value = serde_json::from_str(&fs::read_to_string(&path)?)
            .with_context(|| format!("{} is not valid JSON", path.display()))?;
        let scenarios = file["scenarios"].as_array().into_iter().flatten();
        names.extend(scenarios.filter_map(|scenario| scenario["name"].as_str()).map(str::to_owned));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runners_lines_are_understood() {
        let names = ["a turn".to_owned(), "a turn: spoken".to_owned()];
        let mark = |line| mark(line, &names);
        assert_eq!(mark("ok - a turn: spoken"), Some(("a turn: spoken".into(), Mark::Holds)));
        assert_eq!(mark("FAIL - a turn: it was 3"), Some(("a turn".into(), Mark::Fails)));
        assert_eq!(mark("[INFO] n/a - a turn: spoken: no panics"), Some(("a turn: spoken".into(), Mark::Impossible)));
        assert_eq!(mark("Node: 60 passed, 0 failed"), None);
    }
}
