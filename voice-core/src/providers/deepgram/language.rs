//! The names that Deepgram has for languages.

/// The tags with more than a language that Deepgram documents for its models. Of any other tag only the language is sent.
const REGIONAL: &[&str] = &[
    "da-DK", "de-CH", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-US", "es-419", "fr-CA", "ko-KR",
    "nl-BE", "pt-BR", "pt-PT", "sv-SE", "th-TH", "zh-CN", "zh-HK", "zh-Hans", "zh-Hant", "zh-TW",
];

/// What Deepgram calls the language of a BCP 47 tag; `None` when the tag is empty.
pub(super) fn code(tag: &str) -> Option<String> {
    let tag = tag.trim().replace('_', "-");
    let known = REGIONAL.iter().find(|known| known.eq_ignore_ascii_case(&tag)).map(|known| (*known).to_owned());
    let language = tag.split('-').next().filter(|language| !language.is_empty());
    known.or_else(|| language.map(str::to_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_is_not_known_is_left_out() {
        for (tag, expected) in [
            ("en-gb", Some("en-GB")),
            ("es_419", Some("es-419")),
            ("de-AT", Some("de")),
            ("hi-IN", Some("hi")),
            ("MR", Some("mr")),
            (" ", None),
        ] {
            assert_eq!(code(tag).as_deref(), expected, "{tag}");
        }
    }
}
