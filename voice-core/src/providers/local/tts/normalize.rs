//! Text as models write it, made fit to be read aloud: what the pronunciation rules do not know is put into words, and
//! what has no sound is dropped.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A pattern and what replaces it.
struct Rule(Regex, Spoken);

/// What is said instead of a match.
type Spoken = fn(&Captures<'_>) -> String;

/// In order: markup first, then patterns of numbers from the most to the least particular, then single signs.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rules: [(&str, Spoken); 23] = [
        (r"!?\[([^\]]*)\]\([^)]*\)", |c| c[1].to_owned()),
        (r"(?m)^\s*(?:#{1,6}|[-*•>]|\d{1,2}[.)])\s+", |_| String::new()),
        (r"(\d)(?:\*| \* )(\d)", |c| format!("{} times {}", &c[1], &c[2])),
        (r"[*_`~]{1,3}", |_| String::new()),
        (r"(?i)\bhttps?://(?:www\.)?([\w.-]*\w)\S*", |c| c[1].replace('.', " dot ")),
        (r"\b([\w.+-]+)@([\w-]+(?:\.[\w-]+)+)", |c| {
            format!("{} at {}", c[1].replace('.', " dot "), c[2].replace('.', " dot "))
        }),
        (r"(?i)\be\.g\.,?", |_| "for example,".to_owned()),
        (r"(?i)\bi\.e\.,?", |_| "that is,".to_owned()),
        (r"(?i)\bvs\.?\s", |_| "versus ".to_owned()),
        (r"(?i)\b(\d{1,2}):(\d{2})(?::\d{2})?(?:\s*([ap])\.?m\b\.?)?", clock),
        (r"\b(\d{4})-(\d{2})-(\d{2})\b", date),
        (r"([$€£])\s?(\d[\d,]*(?:\.\d+)?)\s?(thousand|million|billion|trillion)\b", |c| {
            format!("{} {} {}", &c[2], &c[3], currency(&c[1]))
        }),
        (
            r"(?:\+?\b(\d{1,3})[-. ])?(?:\((\d{3})\)[-. ]?|\b(\d{3})[-.])(\d{3})[-. ](\d{4})\b|\b(\d{3})-(\d{4})\b",
            telephone,
        ),
        (r"(\d)\s?[–—]\s?(\d)", |c| format!("{} to {}", &c[1], &c[2])),
        (r"\b(\d{1,3})-(\d{1,3})\b", |c| format!("{} to {}", &c[1], &c[2])),
        (r"\b(\d{1,3})/(\d{1,3})\b", fraction),
        (r"(\d)\s?%", |c| format!("{} percent", &c[1])),
        (r"(\d)\s?°\s?([CF])\b", |c| {
            format!("{} degrees {}", &c[1], if &c[2] == "C" { "Celsius" } else { "Fahrenheit" })
        }),
        (r"(\d)\s?°", |c| format!("{} degrees", &c[1])),
        (r"(\d)\s?(km/h|kmh|kph|mph|km|cm|mm|kg|mg|ml|kB|KB|MB|GB|TB|GHz|MHz|kHz|Hz|lbs?|oz|ft)\b", |c| {
            format!("{} {}", &c[1], unit(&c[2]))
        }),
        (r"#(\d)", |c| format!("number {}", &c[1])),
        (r"(\d)\s?([×x+=])\s?(\d)", |c| {
            let word = match &c[2] {
                "+" => "plus",
                "=" => "equals",
                _ => "times",
            };
            format!("{} {word} {}", &c[1], &c[3])
        }),
        (r"[\p{So}\p{Cf}\p{Co}\u{fe0f}]", |_| String::new()),
    ];
    // A pattern that did not compile would be seen by the first test; there is none here.
    rules.into_iter().filter_map(|(pattern, to)| Regex::new(pattern).ok().map(|r| Rule(r, to))).collect()
});

/// The text as it is to be read aloud.
pub(super) fn for_speech(text: &str) -> String {
    let mut text = text.replace(['“', '”'], "\"").replace('\u{a0}', " ").replace("...", "…");
    for Rule(pattern, to) in RULES.iter() {
        // Twice: in "2+2=4" and "1-2-3" a number belongs to the sign before it and to the one after it.
        for _ in 0..2 {
            if !pattern.is_match(&text) {
                break;
            }
            text = pattern.replace_all(&text, |c: &Captures<'_>| to(c)).into_owned();
        }
    }
    text
}

/// Digit by digit, with a breath between the groups.
fn telephone(c: &Captures<'_>) -> String {
    let groups: Vec<String> = c.iter().skip(1).flatten().map(|group| digits(group.as_str())).collect();
    let abroad = if c[0].starts_with('+') { "plus " } else { "" };
    abroad.to_owned() + &groups.join(", ")
}

fn clock(c: &Captures<'_>) -> String {
    let (hour, minutes) = (c[1].trim_start_matches('0'), &c[2]);
    let hour = if hour.is_empty() { "0" } else { hour };
    let half = c.get(3).map(|h| format!(" {} M", h.as_str().to_uppercase()));
    let minutes = match (minutes, &half) {
        ("00", Some(_)) => String::new(),
        ("00", None) => " o'clock".to_owned(),
        (m, _) if m.starts_with('0') => format!(" oh {}", &m[1..]),
        (m, _) => format!(" {m}"),
    };
    format!("{hour}{minutes}{}", half.unwrap_or_default())
}

fn date(c: &Captures<'_>) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let month = c[2].parse::<usize>().ok().and_then(|m| MONTHS.get(m.checked_sub(1)?));
    match (month, c[3].parse::<u32>()) {
        (Some(month), Ok(day @ 1..=31)) => format!("{month} {day}{}, {}", ordinal_ending(day), &c[1]),
        _ => c[0].replace('-', " "),
    }
}

fn ordinal_ending(n: u32) -> &'static str {
    match (n % 10, n % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    }
}

fn fraction(c: &Captures<'_>) -> String {
    match (&c[1], &c[2]) {
        ("1", "2") => "one half".to_owned(),
        ("1", "3") => "one third".to_owned(),
        ("2", "3") => "two thirds".to_owned(),
        ("1", "4") => "one quarter".to_owned(),
        ("3", "4") => "three quarters".to_owned(),
        (a, b) => format!("{a} over {b}"),
    }
}

fn currency(sign: &str) -> &'static str {
    match sign {
        "€" => "euros",
        "£" => "pounds",
        _ => "dollars",
    }
}

fn unit(name: &str) -> &'static str {
    match name {
        "km/h" | "kmh" | "kph" => "kilometers per hour",
        "mph" => "miles per hour",
        "km" => "kilometers",
        "cm" => "centimeters",
        "mm" => "millimeters",
        "kg" => "kilograms",
        "mg" => "milligrams",
        "ml" => "milliliters",
        "kB" | "KB" => "kilobytes",
        "MB" => "megabytes",
        "GB" => "gigabytes",
        "TB" => "terabytes",
        "GHz" => "gigahertz",
        "MHz" => "megahertz",
        "kHz" => "kilohertz",
        "Hz" => "hertz",
        "lb" | "lbs" => "pounds",
        "oz" => "ounces",
        _ => "feet",
    }
}

fn digits(number: &str) -> String {
    number.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_used() {
        assert_eq!(RULES.len(), 23);
    }

    #[test]
    fn text_is_made_fit_to_be_read_aloud() {
        for (written, spoken) in [
            ("**Sure!** See [the page](https://a.b/c).", "Sure! See the page."),
            ("# Title\n- one\n2. two", "Title\none\ntwo"),
            ("Go to https://www.example.com/a?b=c now", "Go to example dot com now"),
            ("Mail jane.doe@example.org", "Mail jane dot doe at example dot org"),
            ("fruit, e.g. apples", "fruit, for example, apples"),
            ("at 3:05 pm", "at 3 oh 5 P M"),
            ("at 3:00 p.m. today", "at 3 P M today"),
            ("at 07:00 or 15:30", "at 7 o'clock or 15 30"),
            ("on 2026-11-21", "on November 21st, 2026"),
            ("part 2026-99-21", "part 2026 99 21"),
            ("$3.5 million", "3.5 million dollars"),
            ("call 555-1234", "call 5 5 5, 1 2 3 4"),
            ("call 555-123-4567", "call 5 5 5, 1 2 3, 4 5 6 7"),
            ("call 1-800-555-1234.", "call 1, 8 0 0, 5 5 5, 1 2 3 4."),
            ("call (555) 123-4567", "call 5 5 5, 1 2 3, 4 5 6 7"),
            ("call +1 (555) 123-4567", "call plus 1, 5 5 5, 1 2 3, 4 5 6 7"),
            ("5*4=20 and 5 * 4", "5 times 4 equals 20 and 5 times 4"),
            ("**5** *4*", "5 4"),
            ("pages 10-20 and 3–5", "pages 10 to 20 and 3 to 5"),
            ("1/2 or 3/4 or 5/8", "one half or three quarters or 5 over 8"),
            ("50% off", "50 percent off"),
            ("21°C, 90°", "21 degrees Celsius, 90 degrees"),
            ("5 km at 30 mph", "5 kilometers at 30 miles per hour"),
            ("#1", "number 1"),
            ("2+2=4", "2 plus 2 equals 4"),
            ("Great 🎉👍", "Great "),
            ("$5.20 for 1,234 well-known items", "$5.20 for 1,234 well-known items"),
        ] {
            assert_eq!(for_speech(written), spoken, "{written}");
        }
    }
}
