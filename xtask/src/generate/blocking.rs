//! The blocking half of the Python package, from the half for asyncio: one logic, written once.

use std::fs;

use anyhow::{Context, Result, bail};

use super::File;
use crate::project::Project;

const FOLDER: &str = "bindings-python/python/voice_core";

/// A module for asyncio, the blocking one that is made of it, and what of its text is not the same in other words.
struct Module {
    from: &'static str,
    to: &'static str,
    phrases: &'static [(&'static str, &'static str)],
}

const MODULES: &[Module] = &[
    Module {
        from: "_aio.py",
        to: "_sync.py",
        phrases: &[
            ("The agent for asyncio.", "The blocking agent."),
            (
                "Speech in, speech out, for asyncio: hears, thinks, answers, remembers. `VoiceAgent` is the same for threads.",
                "Speech in, speech out: hears, thinks, answers, remembers. Blocks; `AsyncVoiceAgent` is the same for asyncio.",
            ),
            (
                "    It is made ready by ``async with``, or by its first use. Any number of tasks may use one agent, also on several event loops.\n    \
                 Cancelling a task (`asyncio.timeout` does) stops its turn. ``async`` methods of your own providers run on the loop that used\n    \
                 the agent first.\n",
                "    Any number of threads may use one agent. While a call waits, other threads of Python run on, and Ctrl-C cancels it.\n",
            ),
            // A blocking agent is ready once it is made, and says at once what is wrong.
            (
                "        self._acting: Tuple[Principal, ...] = ()\n",
                "        self._acting: Tuple[Principal, ...] = ()\n        self._native()\n",
            ),
            ("        await self._native()\n        return self\n", "        return self\n"),
            ("``async for`` over its events, or await its reply.", "iterate over its events, or ask for its reply."),
            ("in an ``async with`` block", "in a ``with`` block"),
        ],
    },
    Module { from: "_rooms_aio.py", to: "_rooms.py", phrases: OF_AN_AGENT },
    Module { from: "_services_aio.py", to: "_services.py", phrases: OF_AN_AGENT },
];

const OF_AN_AGENT: &[(&str, &str)] = &[("the asyncio agent", "the blocking agent")];

/// What is written differently wherever it stands; the earlier ones first.
const WORDS: &[(&str, &str)] = &[
    (", shared=True", ""),
    ("running_loop()", "None"),
    ("import awaited, running_loop", "import wait"),
    ("import awaited", "import wait"),
    ("await awaited(", "wait("),
    ("await ", ""),
    ("async def ", "def "),
    ("async with ", "with "),
    ("async for ", "for "),
    ("__aenter__", "__enter__"),
    ("__aexit__", "__exit__"),
    ("_rooms_aio", "_rooms"),
    ("_services_aio", "_services"),
    ("_aio", "_sync"),
];

pub fn files(project: &Project) -> Result<Vec<File>> {
    let file = |module: &Module| {
        let from = project.root.join(FOLDER).join(module.from);
        let text = fs::read_to_string(&from).with_context(|| format!("cannot read {}", from.display()))?;
        let made = blocking(&text, module).with_context(|| format!("{FOLDER}/{}", module.from))?;
        Ok(File::new(format!("{FOLDER}/{}", module.to), made))
    };
    MODULES.iter().map(file).collect()
}

fn blocking(text: &str, module: &Module) -> Result<String> {
    let mut text = text.to_owned();
    // Phrases that name the other half keep what they say of it.
    let mut kept = Vec::new();
    for (from, to) in module.phrases {
        if !text.contains(from) {
            bail!("there is no {from:?} any more, in place of which the blocking module has another text");
        }
        let mark = format!("\u{0}{}\u{0}", kept.len());
        text = text.replace(from, &mark);
        kept.push((mark, *to));
    }
    for (from, to) in WORDS {
        text = text.replace(from, to);
    }
    text = without_prefix(&text);
    for (mark, to) in kept {
        text = text.replace(&mark, to);
    }
    Ok(format!("# Written by `cargo xtask gen` from `{}`. Do not edit.\n{text}", module.from))
}

/// `AsyncVoiceAgent` as `VoiceAgent`, and so on.
fn without_prefix(text: &str) -> String {
    let mut parts = text.split("Async");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let begins_word = !plain.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if !(begins_word && part.starts_with(|c: char| c.is_ascii_uppercase())) {
            plain.push_str("Async");
        }
        plain.push_str(part);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: Module =
        Module { from: "_aio.py", to: "_sync.py", phrases: &[("for asyncio", "that blocks; see AsyncOne")] };

    #[test]
    fn what_waits_on_an_event_loop_blocks() {
        let text = "\"\"\"One for asyncio.\"\"\"\nasync def a(self) -> AsyncOne:\n    \
                    return await awaited(self.made(running_loop()), shared=True)\n";
        let made = blocking(text, &MODULE).unwrap();
        let expected = "# Written by `cargo xtask gen` from `_aio.py`. Do not edit.\n\"\"\"One that blocks; see AsyncOne.\"\"\"\n\
                        def a(self) -> One:\n    return wait(self.made(None))\n";
        assert_eq!(made, expected);
    }

    #[test]
    fn a_phrase_that_is_gone_is_told() {
        assert!(blocking("\"\"\"One.\"\"\"\n", &MODULE).is_err());
    }
}
