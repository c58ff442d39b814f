//! `cargo xtask arch`: draws the rooms as they are and holds them against the rules.

mod code;
mod files;
mod imports;
mod rooms;
mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::Result;

use crate::{metadata, project::Project};

/// A rule that does not hold, where, and what to do about it.
#[derive(Debug)]
pub struct Fault {
    pub place: String,
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.place, self.what, self.remedy)
    }
}

/// Which rooms use which.
pub type Arrows = BTreeMap<String, BTreeSet<String>>;

/// What was found.
pub struct Report {
    pub faults: Vec<Fault>,
    pub rooms: Arrows,
    pub crates: Arrows,
    pub files: usize,
    pub lines: usize,
}

impl Report {
    pub fn summary(&self) -> String {
        let rooms = self.rooms.len();
        format!("{rooms} rooms, {} crates, {} files, {} lines", self.crates.len(), self.files, self.lines)
    }
}

/// Checks every rule.
pub fn check(project: &Project) -> Result<Report> {
    let sources = files::sources(&project.root)?;
    let mut faults = files::check(&sources);
    let rooms = rooms::check(&sources, &mut faults);
    let crates = check_crates(&metadata::members(project)?, &mut faults);
    let lines = sources.iter().map(|s| s.text.lines().count()).sum();
    Ok(Report { faults, rooms, crates, files: sources.len(), lines })
}

/// Draws and checks.
pub fn run() -> Result<bool> {
    let report = check(&Project::here())?;
    println!("crates\n{}", drawing(rules::CRATES, &report.crates));
    println!("rooms of voice-core\n{}", drawing(rules::ROOMS, &report.rooms));
    for fault in &report.faults {
        println!("{fault}");
    }
    let verdict = match report.faults.len() {
        0 => "every rule holds".to_owned(),
        1 => "1 fault".to_owned(),
        n => format!("{n} faults"),
    };
    println!("arch: {}: {verdict}", report.summary());
    Ok(report.faults.is_empty())
}

fn check_crates(members: &[metadata::Member], faults: &mut Vec<Fault>) -> Arrows {
    let mut arrows = Arrows::new();
    for member in members {
        let place = format!("{}/Cargo.toml:1", member.folder);
        if rules::row(rules::CRATES, &member.name).is_none() {
            faults.push(Fault {
                place,
                what: format!("the crate {} has no row in the rules", member.name),
                remedy: "add it to CRATES in xtask/src/arch/rules.rs and to ARCHITECTURE.md".into(),
            });
            continue;
        }
        let used = arrows.entry(member.name.clone()).or_default();
        for other in &member.uses {
            if !rules::allowed(rules::CRATES, &member.name, other) {
                faults.push(Fault {
                    place: place.clone(),
                    what: format!("{} needs {other}", member.name),
                    remedy: "bindings go through voice-bridge, nothing needs a binding: move what is shared up".into(),
                });
            }
            used.insert(other.clone());
        }
    }
    arrows
}

/// One line for each room in the order of the rules, with the rooms it uses.
fn drawing(order: &[rules::Room], arrows: &Arrows) -> String {
    let place = |name: &str| {
        let row = rules::row(order, name).map(|row| row.name);
        order.iter().position(|room| Some(room.name) == row)
    };
    let mut names: Vec<&String> = arrows.keys().collect();
    names.sort_by_key(|name| (place(name), name.as_str()));
    let widest = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for name in names {
        let mut used: Vec<&str> = arrows[name].iter().map(String::as_str).collect();
        used.sort_by_key(|name| (place(name), *name));
        let arrow = if used.is_empty() { "" } else { "─►" };
        out.push_str(format!("  {name:<widest$} {arrow} {}", used.join(", ")).trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_that_goes_round_the_bridge_is_a_fault() {
        let member = metadata::Member {
            name: "voice-core-c".into(),
            folder: "bindings-c".into(),
            uses: vec!["voice-core".into()],
            features: Vec::new(),
        };
        let mut faults = Vec::new();
        check_crates(&[member], &mut faults);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].what, "voice-core-c needs voice-core");
    }

    #[test]
    fn the_drawing_follows_the_order_of_the_rules() {
        let used = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
        let arrows = Arrows::from([("turn".into(), used(&["event", "audio"])), ("audio".into(), used(&["error"]))]);
        assert_eq!(drawing(rules::ROOMS, &arrows), "  audio ─► error\n  turn  ─► audio, event\n");
    }
}
