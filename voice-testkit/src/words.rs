//! How well a transcript fits what was said.

/// The words of a text in lower case, without punctuation.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let clean: String = text.chars().map(|c| if c.is_alphanumeric() || c == '\'' { c } else { ' ' }).collect();
    clean.to_lowercase().split_whitespace().map(str::to_owned).collect()
}

/// Word error rate: the fewest words to change, add and drop, as a part of the words that were said.
#[must_use]
pub fn word_errors(said: &str, heard: &str) -> f64 {
    let (said, heard) = (words(said), words(heard));
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let cost = (diagonal + usize::from(word != other)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = cost;
        }
    }
    row[heard.len()] as f64 / said.len().max(1) as f64
}
