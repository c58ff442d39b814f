//! Language codes as Cartesia has them.

/// The language of a BCP 47 tag alone (`en` of `en-GB`), under the name that Cartesia's models know it by.
fn language(tag: &str) -> Option<&str> {
    let language = tag.split(['-', '_']).next().unwrap_or(tag);
    match language {
        "" => None,
        "nb" | "nn" => Some("no"),
        "fil" => Some("tl"),
        _ => Some(language),
    }
}

/// The language of a recording.
pub(super) fn heard(tag: &str) -> Option<&str> {
    // Whisper's own name for Javanese.
    language(tag).map(|language| if language == "jv" { "jw" } else { language })
}

/// A BCP 47 tag from what a recording is said to be in.
pub(super) fn tag(code: &str) -> Option<String> {
    let code = code.trim();
    let known = matches!(code.split('-').next().map(str::len), Some(2 | 3));
    known.then(|| if code == "jw" { "jv" } else { code }.to_owned())
}

/// The language of a text, if Sonic is known to speak it: a call that names another one is refused.
pub(super) fn spoken(tag: &str) -> Option<&str> {
    language(tag).filter(|language| SPOKEN.contains(language))
}

/// The language of voices that are asked for: its code, with the region where there is one.
pub(super) fn listed(tag: &str) -> Option<String> {
    let code = language(tag)?;
    let region = tag.split(['-', '_']).skip(1).find(|part| part.len() == 2);
    Some(region.map_or_else(|| code.to_owned(), |region| format!("{code}-{}", region.to_ascii_uppercase())))
}

/// The languages of Sonic.
#[rustfmt::skip]
const SPOKEN: &[&str] = &[
    "ar", "bg", "bn", "cs", "da", "de", "el", "en", "es", "fi", "fr", "gu", "he", "hi", "hr", "hu", "id", "it", "ja", "ka",
    "kn", "ko", "ml", "mr", "ms", "nl", "no", "pa", "pl", "pt", "ro", "ru", "sk", "sv", "ta", "te", "th", "tl", "tr", "uk",
    "vi", "zh",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_the_codes_that_cartesia_knows_and_back() {
        assert_eq!(["en-GB", "nb-NO", "fil", "sw", ""].map(spoken), [Some("en"), Some("no"), Some("tl"), None, None]);
        assert_eq!(["en-GB", "jv", "sw", ""].map(heard), [Some("en"), Some("jw"), Some("sw"), None]);
        assert_eq!(["en_gb", "nb", "zh-Hans-CN"].map(|t| listed(t).unwrap()), ["en-GB", "no", "zh-CN"]);
        assert_eq!(["en", "jw", "english"].map(tag), [Some("en".into()), Some("jv".into()), None]);
    }
}
