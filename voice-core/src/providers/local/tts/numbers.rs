//! Numbers in words.

use std::sync::LazyLock;

use num2words::Num2Words;
use regex::{Captures, Regex};

/// A number as it is written: a sign or currency before it, digits in groups, decimals, an ending.
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?x) ([$€£]\s?)? (\d+(?:,\d{3})+ | \d+) ((?:\.\d+)*) (?:(st|nd|rd|th|s)\b)? | \.\d+").ok()
});

/// The text with each number in words.
pub(super) fn in_words(text: &str) -> String {
    let Some(number) = NUMBER.as_ref().filter(|_| text.bytes().any(|b| b.is_ascii_digit())) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len() * 2);
    let mut at = 0;
    for found in number.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&text[at..whole.start()]);
        // A sign, where it can be nothing else; letters and digits side by side are read one after the other.
        if out.ends_with('-') && out[..out.len() - 1].ends_with(|c: char| c.is_whitespace() || c == '(') || out == "-" {
            out.pop();
            out.push_str("minus ");
        } else if out.ends_with(char::is_alphabetic) {
            out.push(' ');
        }
        out.push_str(&said(&found));
        at = whole.end();
        if text[at..].starts_with(char::is_alphabetic) {
            out.push(' ');
        }
    }
    out.push_str(&text[at..]);
    out
}

fn said(found: &Captures<'_>) -> String {
    let part = |n: usize| found.get(n).map(|m| m.as_str());
    let Some(written) = part(2) else { return after_point(part(0).unwrap_or_default()).trim_start().to_owned() };
    let (digits, decimals) = (written.replace(',', ""), part(3).unwrap_or_default());
    let value =
        digits.parse::<i64>().ok().filter(|_| digits.len() < 16 && (digits.len() == 1 || !digits.starts_with('0')));
    match (part(1).map(str::trim), value, part(4)) {
        (Some(currency), Some(n), _) => money(currency, n, decimals),
        (_, None, _) => one_by_one(&digits) + &after_point(decimals),
        (None, Some(n), Some("s")) => plural(&if is_year(written) { year(n) } else { cardinal(n) }),
        (None, Some(n), Some(_)) if decimals.is_empty() => {
            Num2Words::new(n).ordinal().to_words().map_or_else(|_| one_by_one(&digits), |words| plain(&words))
        }
        (None, Some(n), _) if decimals.is_empty() && is_year(written) => year(n),
        (None, Some(n), _) => cardinal(n) + &after_point(decimals),
    }
}

fn cardinal(n: i64) -> String {
    Num2Words::new(n).to_words().map_or_else(|_| one_by_one(&n.to_string()), |words| plain(&words))
}

fn plain(words: &str) -> String {
    words.replace(" and ", " ").replace('-', " ").replace(',', "")
}

fn one_by_one(digits: &str) -> String {
    let words = digits.bytes().filter(u8::is_ascii_digit).map(|digit| cardinal(i64::from(digit - b'0')));
    words.collect::<Vec<_>>().join(" ")
}

fn after_point(decimals: &str) -> String {
    decimals.split('.').skip(1).map(|digits| format!(" point {}", one_by_one(digits))).collect()
}

/// Whether a number is read in two halves, as years are.
fn is_year(written: &str) -> bool {
    written.len() == 4 && written.parse().is_ok_and(|n: u32| (1_100..2_100).contains(&n))
}

fn year(n: i64) -> String {
    match (n / 100, n % 100) {
        (20, 0..10) => cardinal(n),
        (century, 0) => format!("{} hundred", cardinal(century)),
        (century, rest @ 1..10) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        (century, rest) => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with('x') => format!("{words}es"),
        None => format!("{words}s"),
    }
}

fn money(currency: &str, whole: i64, decimals: &str) -> String {
    let (one, many, part) = match currency {
        "€" => ("euro", "euros", "cents"),
        "£" => ("pound", "pounds", "pence"),
        _ => ("dollar", "dollars", "cents"),
    };
    let unit = if whole == 1 { one } else { many };
    let Some(parts) = decimals.strip_prefix('.').filter(|d| d.len() == 2) else {
        return format!(
            "{}{} {}",
            cardinal(whole),
            after_point(decimals),
            if decimals.is_empty() { unit } else { many }
        );
    };
    let small = match parts.parse::<i64>().unwrap_or_default() {
        0 => return format!("{} {unit}", cardinal(whole)),
        1 if part == "cents" => "one cent".to_owned(),
        1 => "one penny".to_owned(),
        n => format!("{} {part}", cardinal(n)),
    };
    if whole == 0 { small } else { format!("{} {unit} and {small}", cardinal(whole)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_read_them() {
        for (written, spoken) in [
            ("no number", "no number"),
            ("21 degrees", "twenty one degrees"),
            ("1,234 items", "one thousand two hundred thirty four items"),
            (
                "In 2026, 1999, 1900, 1905 and 2005.",
                "In twenty twenty six, nineteen ninety nine, nineteen hundred, nineteen oh five and two thousand five.",
            ),
            ("the 1990s and 60s", "the nineteen nineties and sixties"),
            ("3.5 or 0.25", "three point five or zero point two five"),
            ("version 1.2.3", "version one point two point three"),
            ("the 21st, 3rd and 100th", "the twenty first, third and one hundredth"),
            (
                "$5.20, £1, €0.50, $1.01, $3.5",
                "five dollars and twenty cents, one pound, fifty cents, one dollar and one cent, three point five dollars",
            ),
            ("007 and 4o, MP3, B2B", "zero zero seven and four o, MP three, B two B"),
            ("It is -5 outside, (-3)", "It is minus five outside, (minus three)"),
            (
                "12345678901234567890",
                "one two three four five six seven eight nine zero one two three four five six seven eight nine zero",
            ),
            ("100.", "one hundred."),
        ] {
            assert_eq!(in_words(written), spoken, "{written}");
        }
    }
}
