//! What the language model is shown: system prompt, the latest history, what the user just said. Pure.

use std::sync::Arc;

use crate::{
    message::{Message, Role},
    provider::PromptMessage,
};

/// The prompt of a turn: the system prompt, at most `window` messages of `history` (the latest, in order), the user's words.
///
/// A window that would begin with an answer begins one message later, so that the model never sees a reply to nothing.
pub(crate) fn prompt(system: &Arc<str>, history: &[Message], window: usize, user_text: &str) -> Vec<PromptMessage> {
    let said = |m: &&Message| matches!(m.role, Role::User | Role::Assistant);
    let history: Vec<&Message> = history.iter().filter(said).collect();
    let latest = &history[history.len().saturating_sub(window)..];
    let latest = &latest[latest.iter().position(|m| m.role == Role::User).unwrap_or(latest.len())..];

    let mut messages = Vec::with_capacity(latest.len() + 2);
    if !system.is_empty() {
        messages.push(PromptMessage::new(Role::System, Arc::clone(system)));
    }
    messages.extend(latest.iter().map(|m| PromptMessage::new(m.role, m.content.as_str())));
    messages.push(PromptMessage::new(Role::User, user_text));
    messages
}

/// The prompt for the rest of an answer that broke off after `partial`.
pub(crate) fn continuation(prompt: &[PromptMessage], partial: &str) -> Vec<PromptMessage> {
    let mut messages = prompt.to_vec();
    messages.push(PromptMessage::new(Role::Assistant, partial));
    messages.push(PromptMessage::new(
        Role::User,
        "(The connection broke in the middle of your last message. Write only the rest of it, from exactly where it stops, \
         without repeating anything.)",
    ));
    messages
}

/// `rest` without the words at its beginning that repeat the end of `partial`.
pub(crate) fn without_overlap<'a>(partial: &str, rest: &'a str) -> &'a str {
    /// A shorter match is more likely chance ("the ") than repetition.
    const LEAST: usize = 8;
    (LEAST..=rest.len().min(partial.len()))
        .rev()
        .filter(|n| rest.is_char_boundary(*n))
        .find(|n| partial.ends_with(&rest[..*n]))
        .map_or(rest, |n| &rest[n..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{SessionId, TurnId},
        time::Timestamp,
    };

    fn history(n: usize) -> Vec<Message> {
        let (session, turn) = (SessionId::new(), TurnId::new());
        (0..n)
            .map(|i| {
                let role = if i % 2 == 0 { Role::User } else { Role::Assistant };
                Message::new(session, turn, role, format!("{i}"), Timestamp::UNIX_EPOCH)
            })
            .collect()
    }

    fn contents(messages: &[PromptMessage]) -> Vec<&str> {
        messages.iter().map(|m| &*m.content).collect()
    }

    #[test]
    fn shows_the_latest_messages_in_order() {
        let prompt = prompt(&"S".into(), &history(20), 4, "now");
        assert_eq!(contents(&prompt), ["S", "16", "17", "18", "19", "now"]);
    }

    #[test]
    fn never_begins_with_an_answer() {
        let prompt = prompt(&"S".into(), &history(20), 3, "now");
        assert_eq!(contents(&prompt), ["S", "18", "19", "now"]);
    }

    #[test]
    fn an_empty_system_prompt_is_left_out() {
        assert_eq!(contents(&prompt(&"".into(), &[], 10, "now")), ["now"]);
    }

    #[test]
    fn repeated_words_are_cut_from_a_continuation() {
        assert_eq!(without_overlap("It will rain in the north", "in the north and snow."), " and snow.");
        assert_eq!(without_overlap("It will rain", " tomorrow."), " tomorrow.");
        assert_eq!(without_overlap("naïve café", "naïve café!"), "!");
    }
}
