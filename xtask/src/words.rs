//! Word error rate.

/// The words of a text as a listener would compare them: lower case, without punctuation.
pub fn words(text: &str) -> Vec<String> {
    let kept = |c: char| if c.is_alphanumeric() || c == '\'' { c } else { ' ' };
    let plain: String = text.replace('’', "'").chars().map(kept).collect();
    plain.to_lowercase().split_whitespace().map(|w| w.trim_matches('\'').to_owned()).filter(|w| !w.is_empty()).collect()
}

/// Words put in, left out or changed, over the words of `said`; 1.0 for anything heard where nothing was said.
pub fn error_rate(said: &str, heard: &str) -> f64 {
    let (said, heard) = (words(said), words(heard));
    if said.is_empty() {
        return if heard.is_empty() { 0.0 } else { 1.0 };
    }
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let changed = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[heard.len()] as f64 / said.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_punctuation_are_no_errors() {
        assert_eq!(error_rate("Ever tried? Ever failed. It’s fine!", "ever tried ever failed it's fine"), 0.0);
    }

    #[test]
    fn each_kind_of_error_counts_once() {
        assert_eq!(error_rate("a b c d", "a x c d"), 0.25);
        assert_eq!(error_rate("a b c d", "a c d"), 0.25);
        assert_eq!(error_rate("a b c d", "a b b c d"), 0.25);
        assert_eq!(error_rate("a b c d", ""), 1.0);
        assert_eq!(error_rate("", "a"), 1.0);
    }
}
