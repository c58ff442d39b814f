//! The rules, as tables. A new room or crate is a new row here and in ARCHITECTURE.md.

/// A room of voice-core and the rooms that it may use. Rows stand in order: a room may only name rows above its own.
pub struct Room {
    pub name: &'static str,
    pub may_use: &'static [&'static str],
}

const fn room(name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { name, may_use }
}

/// Modules below `providers` and `stores` are rooms of their own; `*` stands for those without a row.
pub const ROOMS: &[Room] = &[
    room("error", &[]),
    room("id", &["error"]),
    room("time", &["error"]),
    room("secret", &["error"]),
    room("paths", &[]),
    room("tls", &["error"]),
    room("prose", &[]),
    room("audio", &["error"]),
    room("cost", &["error", "audio"]),
    room("message", &["error", "id", "time", "audio", "cost"]),
    room("event", &["error", "id", "time", "audio", "cost", "message"]),
    room("telemetry", &["error", "id", "time", "cost", "message"]),
    room("provider", &["error", "id", "time", "secret", "audio", "cost", "message", "event", "telemetry"]),
    room("tool", &["error", "id", "time", "message", "telemetry", "provider"]),
    room("store", &["error", "id", "time", "secret", "audio", "message"]),
    room("layer", &["error", "id", "time", "audio", "cost", "message", "event", "telemetry", "provider"]),
    room("context", &["message", "provider"]),
    room("knowledge", &["id", "time", "message", "provider", "store"]),
    room("config", &["error", "id", "time", "secret", "audio", "cost", "layer"]),
    room("interpreter", &["id", "time", "message", "provider", "config"]),
    room("actions", &["id", "time", "message", "provider", "tool", "config"]),
    room("providers/http", &["error", "time", "secret", "tls", "audio", "event", "provider"]),
    room("webhooks", &["error", "id", "time", "secret", "message", "store", "config", "providers/http"]),
    room("mcp", &["error", "time", "secret", "provider", "tool", "config", "providers/http"]),
    room("otlp", &["error", "time", "secret", "cost", "telemetry", "config", "providers/http"]),
    room(
        "providers/*",
        &[
            "error",
            "id",
            "time",
            "secret",
            "paths",
            "tls",
            "prose",
            "audio",
            "cost",
            "message",
            "event",
            "provider",
            "providers/http",
        ],
    ),
    room("stores/server", &[]),
    room("stores/text", &[]),
    room(
        "stores/*",
        &["error", "id", "time", "secret", "paths", "tls", "audio", "message", "store", "stores/server", "stores/text"],
    ),
    room(
        "registry",
        &[
            "error",
            "time",
            "secret",
            "paths",
            "audio",
            "provider",
            "store",
            "telemetry",
            "tool",
            "layer",
            "config",
            "mcp",
            "otlp",
            "providers/*",
            "stores/*",
        ],
    ),
    room(
        "turn",
        &[
            "error",
            "id",
            "time",
            "prose",
            "audio",
            "cost",
            "message",
            "event",
            "telemetry",
            "provider",
            "tool",
            "store",
            "layer",
            "context",
            "knowledge",
            "config",
            "interpreter",
            "actions",
        ],
    ),
    room(
        "live",
        &[
            "error",
            "id",
            "time",
            "audio",
            "cost",
            "message",
            "event",
            "telemetry",
            "provider",
            "tool",
            "store",
            "layer",
            "context",
            "config",
            "interpreter",
            "actions",
            "turn",
        ],
    ),
    room("telephony", &["error", "time", "secret", "audio", "live"]),
    room(
        "agent",
        &[
            "error",
            "id",
            "time",
            "secret",
            "paths",
            "audio",
            "cost",
            "message",
            "event",
            "telemetry",
            "provider",
            "tool",
            "store",
            "layer",
            "context",
            "knowledge",
            "config",
            "interpreter",
            "actions",
            "webhooks",
            "registry",
            "turn",
            "live",
        ],
    ),
];

/// The crates of the workspace and those among them that each may need.
pub const CRATES: &[Room] = &[
    room("voice-kernels", &[]),
    room("voice-core", &["voice-kernels"]),
    room("voice-testkit", &["voice-core"]),
    room("voice-bridge", &["voice-core", "voice-testkit"]),
    room("voice-core-c", &["voice-bridge"]),
    room("voice-core-node", &["voice-bridge"]),
    room("voice-core-python", &["voice-bridge"]),
    room("voice-core-uniffi", &["voice-bridge"]),
    room("voice-core-bindgen", &[]),
    room("voice-cli", &["voice-core"]),
    room("voice-tests", &["voice-core", "voice-testkit", "voice-bridge"]),
    room("voice-bench", &["voice-core", "voice-testkit"]),
    room("xtask", &[]),
];

/// Folders whose sources may say `unsafe`: the edges to other languages.
pub const UNSAFE_ALLOWED: &[&str] = &["bindings-c/", "bindings-node/", "bindings-python/"];

/// The most lines of a file that people write.
pub const MOST_LINES: usize = 700;

/// Files that a program writes, in words and at a length of its own.
pub const GENERATED: &[&str] = &[
    "include/voice_core.h",
    "bindings-kotlin/src/main/kotlin/voicecore/Config.kt",
    "bindings-kotlin/src/main/kotlin/voicecore/ffi/Ffi.kt",
    "bindings-swift/Sources/VoiceCore/Config.swift",
    "bindings-swift/Sources/VoiceCoreNative/VoiceCoreNative.swift",
    "bindings-swift/Sources/VoiceCoreFFI/include/VoiceCoreFFI.h",
];

/// What no file says, and what to do instead. Written in two parts so that this table does not say it either.
pub const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it now, or leave the word out"),
    (concat!("FIX", "ME"), "fix it, or leave the word out"),
    (concat!("XX", "X"), "say in words what is meant"),
    (concat!("unimplemen", "ted!"), "return a typed error or leave the case out"),
    (concat!("db", "g!("), "remove it"),
    (concat!("#[ign", "ore"), "a test runs or does not exist"),
    (concat!("/ro", "ot/"), "no path of one machine"),
    (concat!("/ho", "me/"), "no path of one machine"),
    (concat!("/wo", "rk/"), "no path of one machine"),
    (concat!("pypi", ".org"), "packages come through their clients, whose settings name the hosts"),
    (concat!("npmjs", ".org"), "packages come through their clients, whose settings name the hosts"),
    (concat!("static.crates", ".io"), "packages come through their clients, whose settings name the hosts"),
    (concat!("repo1.maven", ".org"), "packages come through their clients, whose settings name the hosts"),
    (concat!("deb.debian", ".org"), "packages come through their clients, whose settings name the hosts"),
];

/// The row of a room: its own, or that of its kind.
pub fn row<'a>(table: &'a [Room], name: &str) -> Option<&'a Room> {
    let kind = name.split_once('/').map(|(kind, _)| format!("{kind}/*"));
    table.iter().find(|room| room.name == name).or_else(|| table.iter().find(|room| Some(room.name) == kind.as_deref()))
}

/// Whether `from` may use `to`.
pub fn allowed(table: &[Room], from: &str, to: &str) -> bool {
    let (Some(from_row), Some(to_row)) = (row(table, from), row(table, to)) else { return false };
    from == to || from_row.may_use.contains(&to_row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_of_the_tables_points_up() {
        for table in [ROOMS, CRATES] {
            for (at, room) in table.iter().enumerate() {
                for used in room.may_use {
                    let position = table.iter().position(|other| other.name == *used);
                    assert!(position.is_some_and(|p| p < at), "{} names {used}, which is not above it", room.name);
                }
            }
        }
    }

    #[test]
    fn a_provider_may_not_use_another_provider_but_its_transport() {
        assert!(allowed(ROOMS, "providers/openai", "providers/http"));
        assert!(allowed(ROOMS, "providers/openai", "providers/openai"));
        assert!(!allowed(ROOMS, "providers/openai", "providers/local"));
        assert!(!allowed(ROOMS, "providers/local", "turn"));
        assert!(!allowed(ROOMS, "stores/sqlite", "agent"));
    }
}
