//! The one-way rule between the rooms of voice-core.

use std::collections::BTreeMap;

use super::{
    Arrows, Fault,
    files::Source,
    imports::{imports, re_exports},
    rules::{ROOMS, allowed, row},
};

const SOURCES: &str = "voice-core/src/";

/// Folders whose modules are rooms of their own.
const BUILDINGS: &[&str] = &["providers", "stores"];

/// Draws the arrows between the rooms and adds a fault for each that may not be.
pub fn check(sources: &[Source], faults: &mut Vec<Fault>) -> Arrows {
    let files: Vec<(&Source, Vec<String>)> = sources.iter().filter_map(|s| Some((s, module_of(&s.path)?))).collect();
    let root = sources.iter().find(|s| s.path == format!("{SOURCES}lib.rs"));
    let names: BTreeMap<String, Vec<String>> =
        root.map(|s| re_exports(&s.text)).unwrap_or_default().into_iter().collect();
    let mut arrows = Arrows::new();
    for (_, module) in &files {
        if let Some(room) = room_of(module) {
            arrows.entry(room).or_default();
        }
    }
    for (source, module) in &files {
        let Some(from) = room_of(module) else { continue };
        if row(ROOMS, &from).is_none() {
            faults.push(Fault {
                place: format!("{}:1", source.path),
                what: format!("the room {from} has no row in the rules"),
                remedy: "add it to ROOMS in xtask/src/arch/rules.rs and to ARCHITECTURE.md".into(),
            });
            continue;
        }
        for import in imports(&source.text, module) {
            let path = import.path.first().and_then(|name| names.get(name)).unwrap_or(&import.path);
            let Some(to) = room_of(path).filter(|to| *to != from && arrows.contains_key(to)) else { continue };
            if !allowed(ROOMS, &from, &to) {
                faults.push(Fault {
                    place: format!("{}:{}", source.path, import.line),
                    what: format!("{from} uses {to} ({})", import.path.join("::")),
                    remedy: format!("{from} may use: {}; move what is shared up, or pass it in", may_use(&from)),
                });
            }
            arrows.entry(from.clone()).or_default().insert(to);
        }
    }
    for room in ROOMS {
        if !arrows.keys().any(|name| row(ROOMS, name).is_some_and(|r| r.name == room.name)) {
            faults.push(Fault {
                place: "xtask/src/arch/rules.rs:1".into(),
                what: format!("there is no room {}", room.name),
                remedy: "remove its row".into(),
            });
        }
    }
    arrows
}

fn may_use(room: &str) -> String {
    match row(ROOMS, room).map(|row| row.may_use) {
        None | Some([]) => "nothing".into(),
        Some(names) => names.join(", "),
    }
}

/// The module that a file of voice-core holds; nothing for other files and the root.
fn module_of(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix(SOURCES)?.strip_suffix(".rs")?;
    let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|name| name == "mod") {
        module.pop();
    }
    (module != ["lib"]).then_some(module)
}

/// The room in which a path lies; nothing for the bare folder of providers or stores.
fn room_of(path: &[String]) -> Option<String> {
    match path {
        [building, room, ..] if BUILDINGS.contains(&building.as_str()) => Some(format!("{building}/{room}")),
        [building] if BUILDINGS.contains(&building.as_str()) => None,
        [room, ..] => Some(room.clone()),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source { path: format!("{SOURCES}{path}"), text: (*text).into() })
            .collect();
        let mut faults = Vec::new();
        check(&sources, &mut faults);
        let faults = faults.into_iter().map(|f| format!("{}: {}", f.place, f.what));
        faults.filter(|f| !f.contains("there is no room")).collect()
    }

    #[test]
    fn an_arrow_that_points_down_is_a_fault_with_its_place() {
        let files = [("audio/mod.rs", "\nuse crate::turn::Turn;"), ("turn.rs", "use crate::audio::Pcm;")];
        assert_eq!(faults(&files), ["voice-core/src/audio/mod.rs:2: audio uses turn (turn::Turn)"]);
    }

    #[test]
    fn a_name_of_the_root_counts_as_the_room_behind_it() {
        let files =
            [("lib.rs", "pub use agent::VoiceAgent;"), ("agent.rs", ""), ("store.rs", "use crate::VoiceAgent;")];
        assert_eq!(faults(&files), ["voice-core/src/store.rs:1: store uses agent (VoiceAgent)"]);
    }

    #[test]
    fn providers_do_not_see_each_other() {
        let files = [
            ("providers/mod.rs", "pub mod a; pub mod b;"),
            ("providers/a/mod.rs", "use super::b::B;"),
            ("providers/b.rs", "use crate::agent::A;"),
            ("agent.rs", ""),
        ];
        assert_eq!(
            faults(&files),
            [
                "voice-core/src/providers/a/mod.rs:1: providers/a uses providers/b (providers::b::B)",
                "voice-core/src/providers/b.rs:1: providers/b uses agent (agent::A)",
            ]
        );
    }

    #[test]
    fn a_room_without_a_row_is_a_fault() {
        assert_eq!(faults(&[("attic.rs", "")]), ["voice-core/src/attic.rs:1: the room attic has no row in the rules"]);
    }
}
