//! What a model thinks aloud before or within its answer, which nobody is to hear.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Leaves out what stands between `<think>` and `</think>` in an answer that comes in pieces, however they are cut.
///
/// A thought that never ends takes the rest of the answer with it. The white space around thoughts goes with them.
#[derive(Default)]
pub(crate) struct Thoughts {
    /// What has come and may be the beginning of a tag, or of white space before one.
    held: String,
    is_inside: bool,
    /// A thought is over, and what follows it has not begun.
    is_after: bool,
    /// Some of the answer was given out.
    has_spoken: bool,
}

impl Thoughts {
    /// For an answer that begins with a thought, since its prompt ends with the opening tag.
    #[cfg(feature = "local")]
    pub(crate) fn opened() -> Self {
        Self { is_inside: true, ..Self::default() }
    }

    /// Whether a text that an answer goes on from ends within a thought.
    #[cfg(feature = "local")]
    pub(crate) fn are_open_after(text: &str) -> bool {
        text.rfind(OPEN).is_some_and(|open| text.rfind(CLOSE).is_none_or(|close| close < open))
    }

    /// Whether this is a tag around thoughts.
    #[cfg(feature = "local")]
    pub(crate) fn is_tag(text: &str) -> bool {
        text == OPEN || text == CLOSE
    }

    /// Takes the next piece; gives what of the answer is now known to be no thought.
    pub(crate) fn strip(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let mut answer = String::new();
        while let Some((at, tag)) = self.next_tag() {
            let before = self.held[..at].to_owned();
            self.held.drain(..at + tag.len());
            if !self.is_inside {
                self.speak(&before, &mut answer);
            }
            self.is_after |= self.is_inside || tag == OPEN;
            self.is_inside = tag == OPEN;
        }
        let certain = self.held.len() - self.begun_tag();
        if self.is_inside {
            self.held.drain(..certain);
        } else if self.has_spoken || self.is_after || !self.held[..certain].trim().is_empty() {
            let certain: String = self.held.drain(..certain).collect();
            self.speak(&certain, &mut answer);
        }
        answer
    }

    /// What was held back and turned out to be answer, at its end.
    pub(crate) fn rest(&mut self) -> String {
        let mut answer = String::new();
        let held = std::mem::take(&mut self.held);
        if !self.is_inside {
            self.speak(&held, &mut answer);
        }
        answer
    }

    /// The next tag that changes something, or closes nothing.
    fn next_tag(&self) -> Option<(usize, &'static str)> {
        let close = self.held.find(CLOSE).map(|at| (at, CLOSE));
        let open = self.held.find(OPEN).filter(|_| !self.is_inside).map(|at| (at, OPEN));
        [open, close].into_iter().flatten().min()
    }

    /// How many bytes at the end may be the beginning of a tag.
    fn begun_tag(&self) -> usize {
        let begins = |tag: &str| (1..tag.len()).rev().find(|n| self.held.ends_with(&tag[..*n])).unwrap_or(0);
        begins(OPEN).max(begins(CLOSE))
    }

    fn speak(&mut self, text: &str, answer: &mut String) {
        let text = if self.is_after { text.trim_start() } else { text };
        if text.is_empty() || (!self.has_spoken && text.trim().is_empty()) {
            return;
        }
        answer.push_str(text);
        (self.is_after, self.has_spoken) = (false, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(mut thoughts: Thoughts, pieces: &[&str]) -> String {
        let mut out: String = pieces.iter().map(|p| thoughts.strip(p)).collect();
        out.push_str(&thoughts.rest());
        out
    }

    fn spoken(pieces: &[&str]) -> String {
        heard(Thoughts::default(), pieces)
    }

    #[test]
    fn thoughts_are_left_out_however_they_are_cut() {
        assert_eq!(spoken(&["<think>hm</think>\n\nHello."]), "Hello.");
        assert_eq!(spoken(&["\n<th", "ink>", "a < b", "</", "thi", "nk>", "\n\n", "Hello", "."]), "Hello.");
        assert_eq!(spoken(&["<think>never ends"]), "");
        assert_eq!(spoken(&["<think>one</think><think>two</think> Hello."]), "Hello.");
    }

    #[test]
    fn thoughts_within_an_answer_are_left_out_too() {
        assert_eq!(spoken(&["Yes. <thi", "nk>or no", "?</think>", " No."]), "Yes. No.");
        assert_eq!(spoken(&["Yes.\n<think>never ends", ", never"]), "Yes.\n");
        assert_eq!(spoken(&["Hello", "</think>", " there"]), "Hello there", "a tag that closes nothing is no word");
    }

    #[test]
    fn an_answer_to_a_prompt_that_opened_a_thought_begins_where_the_thought_ends() {
        assert_eq!(heard(Thoughts::opened(), &["They want", " a greeting.</thi", "nk>\n\nHello."]), "Hello.");
        assert_eq!(heard(Thoughts::opened(), &["never ends"]), "");
        assert!(Thoughts::are_open_after("<|assistant|><think>\n"));
        assert!(!Thoughts::are_open_after("<|assistant|><think>\n\n</think>\n\n"));
        assert!(!Thoughts::are_open_after("<|assistant|>"));
    }

    #[test]
    fn an_answer_that_only_looks_like_a_thought_is_spoken() {
        assert_eq!(spoken(&["<", "b>bold"]), "<b>bold");
        assert_eq!(spoken(&["1 < 2 ", "< 3"]), "1 < 2 < 3");
        assert_eq!(spoken(&["<th"]), "<th");
    }

    #[test]
    fn white_space_stays_with_the_answer() {
        assert_eq!(spoken(&[" ", "Hi", " ", "there"]), " Hi there");
        assert_eq!(spoken(&["\n", " "]), "");
    }
}
