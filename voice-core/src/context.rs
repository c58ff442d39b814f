//! What the language model is shown: system prompt, the latest history, what the user just said. Pure.

use std::sync::Arc;

use crate::{
    message::{
        Message, Role, ToolCall, ToolCallRecord,
        words::{is_mark, sets_no_spaces},
    },
    provider::PromptMessage,
};

/// A turn has two messages and perhaps a few calls of tools between them.
const MESSAGES_BETWEEN: usize = 3;

/// How many stored messages to read, so that the calls among them leave room for `window` that were said.
pub(crate) fn to_read(window: usize, with_tools: bool) -> usize {
    if with_tools { (window * MESSAGES_BETWEEN).min(100) } else { window }
}

/// The prompt of a turn: what was [`so_far`], and the user's words.
pub(crate) fn prompt(
    system: &Arc<str>,
    history: &[Message],
    window: usize,
    user_text: &str,
    with_tools: bool,
) -> Vec<PromptMessage> {
    let mut messages = so_far(system, history, window, with_tools);
    messages.push(PromptMessage::new(Role::User, user_text));
    messages
}

/// The system prompt and at most `window` messages of `history` (the latest, in order).
///
/// A window that would begin with an answer begins one message later, so that the model never sees a reply to nothing. What opened a
/// conversation that the window shows whole, a greeting, is told in the system prompt: many models take no conversation that they
/// begin themselves. With `with_tools`, calls of tools are shown where they happened, and do not count.
pub(crate) fn so_far(system: &Arc<str>, history: &[Message], window: usize, with_tools: bool) -> Vec<PromptMessage> {
    // A turn of nothing but calls has an empty answer, which no provider takes as a message.
    let said = |m: &Message| m.role == Role::User || (m.role == Role::Assistant && !m.content.trim().is_empty());
    let begin = history.iter().enumerate().rev().filter(|(_, m)| said(m)).take(window).last().map(|(n, _)| n);
    let latest = &history[begin.unwrap_or(history.len())..];
    let (opening, latest) = latest.split_at(latest.iter().position(|m| m.role == Role::User).unwrap_or(latest.len()));
    let is_whole = history.iter().filter(|m| said(m)).count() < window;
    let opening: Vec<&str> = opening.iter().filter(|m| is_whole && said(m)).map(|m| m.content.as_str()).collect();

    let mut messages = Vec::with_capacity(latest.len() + 2);
    if !opening.is_empty() {
        messages.push(PromptMessage::new(Role::System, with_opening(system, &opening.join(" "))));
    } else if !system.is_empty() {
        messages.push(PromptMessage::new(Role::System, Arc::clone(system)));
    }
    for message in latest {
        if said(message) {
            messages.push(PromptMessage::new(message.role, message.content.as_str()));
        } else if with_tools && let Some(record) = message.tool_call() {
            // Each with its own result, one after the other: whatever depended on what, this is in order.
            push_calls(&mut messages, "", std::slice::from_ref(&record));
        }
    }
    messages
}

/// What the model is told of an answer that was cut off: with the words that did it. Behind the answer itself, small models take the
/// note for something that they say, and say it again.
const INTERRUPTING: &str = "(interrupting you) ";

/// Marks the words with which the user interrupted the assistant, in `history` and in what is `said` now.
pub(crate) fn with_interruptions(history: &mut [Message], said: &str, was_cut: impl Fn(&Message) -> bool) -> String {
    let mut cut = false;
    for message in history {
        match message.role {
            Role::Assistant => cut = was_cut(message),
            Role::User if cut => {
                message.content.insert_str(0, INTERRUPTING);
                cut = false;
            }
            _ => {}
        }
    }
    if cut { format!("{INTERRUPTING}{said}") } else { said.to_owned() }
}

fn with_opening(system: &str, opening: &str) -> String {
    let told = format!("You have opened this conversation by saying: {opening}");
    if system.is_empty() { told } else { format!("{system}\n\n{told}") }
}

/// Adds to a prompt what the model said before it called tools, its calls, and their results; nothing without calls.
///
/// Calls are numbered anew: ids of earlier turns or of another provider may collide or be of a form that this one refuses.
pub(crate) fn push_calls(prompt: &mut Vec<PromptMessage>, said: &str, records: &[ToolCallRecord]) {
    if records.is_empty() {
        return;
    }
    let earlier = prompt.iter().filter(|m| m.answers.is_some()).count();
    let calls: Vec<ToolCall> = (earlier + 1..)
        .zip(records)
        .map(|(n, record)| {
            // Arguments that are no object were an error that the model has been told of; providers would refuse them.
            let arguments = if record.arguments.is_object() { record.arguments.clone() } else { serde_json::json!({}) };
            ToolCall::new(format!("call{n:05}"), acceptable(&record.name), arguments)
        })
        .collect();
    let results: Vec<PromptMessage> =
        calls.iter().zip(records).map(|(c, r)| PromptMessage::tool_result(c, r.failed, r.result.as_str())).collect();
    prompt.push(PromptMessage::calling(said, calls));
    prompt.extend(results);
}

/// A name that every provider takes, for a tool that a model may have made up.
fn acceptable(name: &str) -> String {
    let accepted = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = name.chars().take(64).map(accepted).collect();
    if name.is_empty() { "unknown".into() } else { name }
}

/// The prompt for the rest of an answer that broke off after `partial`.
///
/// It may have broken off in the middle of a word, which only who reads it can tell. The word was given out already, so that to show
/// less of it would bring the whole word a second time; to show it and join what comes would make one word of two. The model is
/// therefore asked for the whole word: [`rest_of`] cuts off what is there of it.
pub(crate) fn continuation(prompt: &[PromptMessage], partial: &str) -> Vec<PromptMessage> {
    let mut messages = prompt.to_vec();
    messages.push(PromptMessage::new(Role::Assistant, partial));
    messages.push(PromptMessage::new(
        Role::User,
        "(The connection broke in the middle of your last message. Write only the rest of it, from exactly where it stops, \
         without repeating anything. If its last word is not whole, begin with that whole word.)",
    ));
    messages
}

/// Whether all of `rest`, so far as it is there, may have been said in `partial` before: only what follows can tell.
pub(crate) fn may_repeat(partial: &str, rest: &str) -> bool {
    let (said, new) = (words(partial), words(rest));
    let Some((last, whole)) = new.split_last() else { return true };
    said.windows(new.len()).any(|said| {
        let mut pairs = said.iter().zip(whole);
        pairs.all(|(said, new)| is_same(said, new)) && behind(said[whole.len()].1, last.1).is_some()
    })
}

/// What of `rest` is new behind `partial`, as it is to be written there.
pub(crate) fn rest_of(partial: &str, rest: &str) -> String {
    let fresh = match repeated(partial, rest) {
        0 if needs_space(partial, rest) => return format!(" {rest}"),
        repeated => &rest[repeated..],
    };
    let is_apart = partial.ends_with(char::is_whitespace);
    if is_apart { fresh.trim_start_matches(' ').to_owned() } else { fresh.to_owned() }
}

/// A word, and where it begins.
type Word<'a> = (usize, &'a str);

/// The words of a text, with the signs that stand at them. In scripts that set no spaces, each character is one.
fn words(text: &str) -> Vec<Word<'_>> {
    let (mut words, mut begin) = (Vec::new(), None);
    for (at, c) in text.char_indices() {
        let is_alone = sets_no_spaces(c);
        if is_alone || c.is_whitespace() {
            words.extend(begin.take().map(|from| (from, &text[from..at])));
            words.extend(is_alone.then(|| (at, &text[at..at + c.len_utf8()])));
        } else if begin.is_none() {
            begin = Some(at);
        }
    }
    words.extend(begin.map(|from| (from, &text[from..])));
    words
}

/// What of a word is behind this beginning of it; `None`: it begins with something else. Its case is no difference.
fn behind<'a>(word: &'a str, beginning: &str) -> Option<&'a str> {
    let mut left = word.chars();
    let mut beginning = beginning.chars();
    beginning.all(|c| left.next().is_some_and(|next| next.to_lowercase().eq(c.to_lowercase()))).then_some(left.as_str())
}

fn is_same(one: &Word<'_>, other: &Word<'_>) -> bool {
    behind(one.1, other.1) == Some("")
}

/// How many bytes at the beginning of `rest` say again what `partial` says: its end, or so many words of any part of it that it can be
/// no chance, as when a model begins again from the start and then takes other words.
fn repeated(partial: &str, rest: &str) -> usize {
    /// Whole sentences may begin alike, but not for so long.
    const NO_CHANCE: usize = 10;
    let (said, new) = (words(partial), words(rest));
    let end_again = (1..=said.len().min(new.len())).rev().find_map(|count| {
        let (end, again) = (&said[said.len() - count..], &new[..count]);
        let ((_, last), (at, word)) = (end[count - 1], again[count - 1]);
        let left = behind(word, last)?;
        let mut pairs = end.iter().zip(again).take(count - 1);
        let is_it = pairs.all(|(said, new)| is_same(said, new)) && is_repetition(again, last, left);
        is_it.then(|| at + word.len() - left.len())
    });
    let again_from = |from: usize| said[from..].iter().zip(&new).take_while(|(said, new)| is_same(said, new)).count();
    let part_again = match (0..said.len()).map(again_from).max() {
        Some(count) if count >= NO_CHANCE => new[count - 1].0 + new[count - 1].1.len(),
        _ => 0,
    };
    end_again.unwrap_or(0).max(part_again)
}

/// Whether words that come again are meant to be the same; `last` was the last that was said, and `left` is what the new one has more.
fn is_repetition(again: &[Word<'_>], last: &str, left: &str) -> bool {
    /// A shorter beginning is more likely a word of its own: "in inside", "la lampe".
    const BEGINNING: usize = 4;
    /// Single characters that come twice may be meant so.
    const CHARACTERS: usize = 3;
    if again.len() == 1 && left.starts_with(char::is_alphanumeric) {
        return last.chars().count() >= BEGINNING || last.contains(char::is_numeric);
    }
    again.len() >= CHARACTERS || again.iter().any(|(_, word)| !word.starts_with(sets_no_spaces))
}

/// Whether two texts of which the second goes on with the first would run together. Between two letters that may be one word too
/// many, as they may be of one word: that is heard as nearly the same, while two words in one are not understood.
fn needs_space(partial: &str, rest: &str) -> bool {
    const OPENING: &str = "([{«¿¡'’-/@#";
    const CLOSING: &str = ".,;:!?…%)]}»'’”-/।॥،؛؟。、，！？：；）」』";
    let (Some(last), Some(first)) = (partial.chars().next_back(), rest.chars().next()) else { return false };
    let is_apart = |c: char| c.is_whitespace() || sets_no_spaces(c);
    !(is_apart(last) || is_apart(first) || is_mark(first) || OPENING.contains(last) || CLOSING.contains(first))
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
        let prompt = prompt(&"S".into(), &history(20), 4, "now", false);
        assert_eq!(contents(&prompt), ["S", "16", "17", "18", "19", "now"]);
    }

    #[test]
    fn never_begins_with_an_answer() {
        let prompt = prompt(&"S".into(), &history(20), 3, "now", false);
        assert_eq!(contents(&prompt), ["S", "18", "19", "now"]);
    }

    #[test]
    fn what_opened_the_conversation_is_told_in_the_system_prompt() {
        let mut all = history(6).split_off(1);
        all[0].content = "Hello, this is Ada.".into();
        let told = "You have opened this conversation by saying: Hello, this is Ada.";
        let shown = prompt(&"S".into(), &all, 6, "now", false);
        assert_eq!(contents(&shown), [format!("S\n\n{told}").as_str(), "2", "3", "4", "5", "now"]);
        assert_eq!(contents(&prompt(&"".into(), &all[..1], 6, "now", false)), [told, "now"]);
        let later = prompt(&"S".into(), &all, 5, "now", false);
        assert_eq!(contents(&later), ["S", "2", "3", "4", "5", "now"], "what comes before is not known");
    }

    #[test]
    fn an_interruption_is_told_with_the_words_that_made_it() {
        let mut all = history(6);
        let cut = [all[1].id, all[5].id];
        let said = with_interruptions(&mut all, "now", |message| cut.contains(&message.id));
        let shown: Vec<&str> = all.iter().map(|m| m.content.as_str()).collect();
        assert_eq!(shown, ["0", "1", "(interrupting you) 2", "3", "4", "5"]);
        assert_eq!(said, "(interrupting you) now");
    }

    #[test]
    fn an_empty_system_prompt_is_left_out() {
        assert_eq!(contents(&prompt(&"".into(), &[], 10, "now", false)), ["now"]);
    }

    /// Turns of a question, two calls of a tool and an answer.
    fn history_with_calls(turns: usize) -> Vec<Message> {
        let said = history(turns * 2);
        let with_calls = said.chunks(2).flat_map(|turn| {
            let call = |n: u32| {
                let call = ToolCall::new("same", "f", serde_json::json!({ "n": n }));
                let record = ToolCallRecord::new(call, format!("result {n}"), false, std::time::Duration::ZERO);
                Message::tool(turn[0].session_id, turn[0].turn_id, &record, Timestamp::UNIX_EPOCH)
            };
            [turn[0].clone(), call(1), call(2), turn[1].clone()]
        });
        with_calls.collect()
    }

    #[test]
    fn every_result_follows_its_call_and_every_call_has_an_id_of_its_own() {
        let prompt = prompt(&"S".into(), &history_with_calls(5), 5, "now", true);
        let expected = ["S", "6", "", "result 1", "", "result 2", "7", "8", "", "result 1", "", "result 2", "9", "now"];
        assert_eq!(contents(&prompt), expected);
        let calls: Vec<&str> = prompt.iter().flat_map(|m| m.tool_calls.iter()).map(|c| c.id.as_str()).collect();
        let answered: Vec<&str> = prompt.iter().filter_map(|m| m.answers.as_ref()).map(|a| a.id.as_str()).collect();
        assert_eq!(calls, ["call00001", "call00002", "call00003", "call00004"]);
        assert_eq!(answered, calls);
    }

    #[test]
    fn calls_are_not_shown_to_a_model_without_tools() {
        let prompt = prompt(&"S".into(), &history_with_calls(2), 10, "now", false);
        assert_eq!(contents(&prompt), ["S", "0", "1", "2", "3", "now"]);
    }

    #[test]
    fn an_answer_of_nothing_but_calls_is_no_message() {
        let mut history = history_with_calls(1);
        history[3].content.clear();
        let prompt = prompt(&"S".into(), &history, 10, "now", true);
        assert_eq!(contents(&prompt), ["S", "0", "", "result 1", "", "result 2", "now"]);
    }

    /// What is written in the end.
    fn joined(partial: &str, rest: &str) -> String {
        partial.to_owned() + &rest_of(partial, rest)
    }

    #[test]
    fn repeated_words_are_cut_from_a_continuation() {
        for (partial, rest, whole) in [
            ("It will rain in the north", "in the north and snow.", "It will rain in the north and snow."),
            ("It will rain in", "in the north.", "It will rain in the north."),
            ("It will rain in ", "in the north.", "It will rain in the north."),
            ("It will rain in the north", "The north. Take a coat.", "It will rain in the north. Take a coat."),
            ("It will rain", "It will rain tomorrow.", "It will rain tomorrow."),
            ("naïve café", "naïve café!", "naïve café!"),
            ("明天北部会下", "北部会下雨。", "明天北部会下雨。"),
        ] {
            assert_eq!(joined(partial, rest), whole);
        }
    }

    #[test]
    fn words_do_not_run_together() {
        for (partial, rest, whole) in [
            ("It will rain in", "the north.", "It will rain in the north."),
            ("It will rain in", " the north.", "It will rain in the north."),
            ("It will rain in ", " the north.", "It will rain in the north."),
            ("It will rain in ", "the north.", "It will rain in the north."),
            ("It will rain.", "Take a coat.", "It will rain. Take a coat."),
            ("Allume la", "lampe du salon.", "Allume la lampe du salon."),
            ("कल उत्तर में", "बारिश होगी।", "कल उत्तर में बारिश होगी।"),
            ("내일 북쪽에", "비가 옵니다.", "내일 북쪽에 비가 옵니다."),
        ] {
            assert_eq!(joined(partial, rest), whole);
        }
    }

    #[test]
    fn what_belongs_together_is_not_parted() {
        for (partial, rest, whole) in [
            ("It will rain tomor", "tomorrow in the north.", "It will rain tomorrow in the north."),
            ("It costs 3.", "3.50 euros.", "It costs 3.50 euros."),
            ("I don", "'t know.", "I don't know."),
            ("It will rain", ", and snow.", "It will rain, and snow."),
            ("It will rain (", "in the north).", "It will rain (in the north)."),
            ("Take the north-", "east road.", "Take the north-east road."),
            ("明天北部会", "下雨。", "明天北部会下雨。"),
            ("", "It will rain.", "It will rain."),
            ("It will rain.", "", "It will rain."),
        ] {
            assert_eq!(joined(partial, rest), whole);
        }
    }

    const LONG: &str =
        "It will rain tomorrow in the north, and the wind will be strong. In the south it stays dry and mild, with";

    #[test]
    fn an_answer_that_begins_again_is_not_said_twice() {
        let whole = format!("{LONG} some clouds in the evening.");
        assert_eq!(joined(LONG, &whole), whole);
        let other = LONG.replace("dry and mild, with", "sunny.");
        assert_eq!(rest_of(LONG, &other), " sunny.", "what it says in other words is all that is new");
        let (bus, train) = ("You can take the bus.", "You can take the train.");
        assert_eq!(joined(bus, train), format!("{bus} {train}"), "so few words may come again");
    }

    #[test]
    fn more_of_a_rest_is_awaited_while_it_was_all_said_before() {
        for rest in ["", " ", "it", "It will rain tom", "and the wind will", "dry and mild, with"] {
            assert!(may_repeat(LONG, rest), "{rest}");
        }
        for rest in ["It will snow", "dry and mild, with some", "ill rain"] {
            assert!(!may_repeat(LONG, rest), "{rest}");
        }
        assert!(!may_repeat("", "It will rain"));
    }
}
