//! The signatures with which Gemini seals the thought behind a call of a tool.
//!
//! Gemini refuses a call of the running turn that comes back without its signature. The library's prompts hold calls as any provider
//! would have made them, so signatures are remembered here, for as long as there is room. Source: "Thought signatures" in Google's
//! documentation of the Gemini API.

use std::{
    collections::VecDeque,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{id::SessionId, message::ToolCall};

/// The most calls that are remembered, of all sessions.
const MOST_CALLS: usize = 512;

/// The longest signature that is kept, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// Google's mark for calls that were not made by the model that is shown them.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// A call as Gemini made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seal {
    /// The id that Gemini gave it, if any.
    pub(super) id: Option<String>,
    pub(super) signature: Option<String>,
}

struct Remembered {
    session: SessionId,
    /// What was called, and with what.
    call: u64,
    seal: Seal,
}

/// What is remembered. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Signatures(Arc<Mutex<VecDeque<Remembered>>>);

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signatures")
    }
}

fn digest(call: &ToolCall) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&call.name, call.arguments.to_string()).hash(&mut hasher);
    hasher.finish()
}

impl Signatures {
    /// Remembers a call that was just made.
    pub(super) fn keep(&self, session: SessionId, call: &ToolCall, seal: Seal) {
        if seal.signature.as_ref().is_some_and(|signature| signature.len() > MOST_BYTES) {
            return;
        }
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() == MOST_CALLS {
            remembered.pop_front();
        }
        remembered.push_back(Remembered { session, call: digest(call), seal });
    }

    /// The seals of the calls of a prompt, step by step: `steps` are the calls that were made at once. The latest call is matched first,
    /// so that calls which were thrown away or have left the prompt take nothing from those that are shown. With `needed`, a step
    /// without any signature begins with Google's mark for one.
    pub(super) fn of(&self, session: SessionId, steps: &[&[ToolCall]], needed: bool) -> Vec<Vec<Seal>> {
        let mut known: Vec<(u64, Seal)> = {
            let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.iter().filter(|r| r.session == session).map(|r| (r.call, r.seal.clone())).collect()
        };
        let mut seal = |call: &ToolCall| {
            let call = digest(call);
            let at = known.iter().rposition(|(known, _)| *known == call)?;
            Some(known.remove(at).1)
        };
        let mut seals: Vec<Vec<Seal>> = steps
            .iter()
            .rev()
            .map(|step| {
                let mut seals: Vec<Seal> = step.iter().rev().map(|call| seal(call).unwrap_or_default()).collect();
                seals.reverse();
                if needed
                    && seals.iter().all(|seal| seal.signature.is_none())
                    && let Some(first) = seals.first_mut()
                {
                    first.signature = Some(UNSIGNED.into());
                }
                seals
            })
            .collect();
        seals.reverse();
        seals
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(n: u32) -> ToolCall {
        ToolCall::new("x", "f", json!({ "n": n }))
    }

    fn seal(signature: &str) -> Seal {
        Seal { id: Some(format!("id-{signature}")), signature: Some(signature.into()) }
    }

    #[test]
    fn the_latest_of_equal_calls_is_matched_first() {
        let (signatures, session) = (Signatures::default(), SessionId::new());
        for (n, signature) in [(1, "thrown away"), (1, "a"), (2, "b"), (1, "c")] {
            signatures.keep(session, &call(n), seal(signature));
        }
        signatures.keep(SessionId::new(), &call(1), seal("another's"));
        let (first, second, third) = ([call(1)], [call(2)], [call(1)]);
        let found = signatures.of(session, &[&first, &second, &third], true);
        assert_eq!(found, [[seal("a")], [seal("b")], [seal("c")]]);
    }

    #[test]
    fn a_step_without_a_signature_is_marked_once_and_only_where_that_is_needed() {
        let (signatures, session) = (Signatures::default(), SessionId::new());
        let parallel = [call(1), call(2)];
        let marked = Seal { id: None, signature: Some(UNSIGNED.into()) };
        assert_eq!(signatures.of(session, &[&parallel], true), [[marked, Seal::default()]]);
        assert_eq!(signatures.of(session, &[&parallel], false), [[Seal::default(), Seal::default()]]);
        // Of calls made at once, Gemini signs the first.
        signatures.keep(session, &call(1), seal("a"));
        signatures.keep(session, &call(2), Seal { id: Some("b".into()), signature: None });
        let found = signatures.of(session, &[&parallel], true);
        assert_eq!(found, [[seal("a"), Seal { id: Some("b".into()), signature: None }]]);
    }

    #[test]
    fn memory_is_bounded() {
        let (signatures, session) = (Signatures::default(), SessionId::new());
        signatures.keep(session, &call(0), Seal { id: None, signature: Some("x".repeat(MOST_BYTES + 1)) });
        for n in 0..2 * u32::try_from(MOST_CALLS).unwrap() {
            signatures.keep(session, &call(n), seal("a"));
        }
        assert_eq!(signatures.0.lock().unwrap().len(), MOST_CALLS);
    }
}
