//! Language tags as Google Cloud takes them: with a region.

/// The languages of the Chirp 3 HD voices, by Google's page about them (November 2026). Of several regions, the first is meant when
/// a language is named alone.
#[rustfmt::skip]
const VOICED: &[&str] = &[
    "ar-XA", "bg-BG", "bn-IN", "cmn-CN", "cs-CZ", "da-DK", "de-DE", "el-GR", "en-US", "en-AU", "en-GB", "en-IN", "es-ES",
    "es-US", "et-EE", "fi-FI", "fr-FR", "fr-CA", "gu-IN", "he-IL", "hi-IN", "hr-HR", "hu-HU", "id-ID", "it-IT", "ja-JP",
    "kn-IN", "ko-KR", "lt-LT", "lv-LV", "ml-IN", "mr-IN", "nb-NO", "nl-NL", "nl-BE", "pl-PL", "pt-BR", "ro-RO", "ru-RU",
    "sk-SK", "sl-SI", "sr-RS", "sv-SE", "sw-KE", "ta-IN", "te-IN", "th-TH", "tr-TR", "uk-UA", "ur-IN", "vi-VN",
];

/// Of those, the ones that recognition knows by another tag.
const VOICED_ONLY: &[&str] = &["ar-XA", "cmn-CN", "he-IL", "nb-NO"];

/// The language alone: `en` of `en-GB`.
fn alone(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

/// Whether there are Chirp 3 HD voices for a tag of [`to_speak`].
pub(super) fn has_chirp(tag: &str) -> bool {
    VOICED.contains(&tag)
}

/// The tag to speak in: that of the text when it is known, else the `usual` one.
pub(super) fn to_speak(known: Option<&str>, usual: &str) -> String {
    with_region(known, usual, VOICED.iter())
}

/// The tag to recognise: that of the utterance when it is known, else the `usual` one.
pub(super) fn to_recognise(known: Option<&str>, usual: &str) -> String {
    with_region(known, usual, VOICED.iter().filter(|tag| !VOICED_ONLY.contains(tag)))
}

/// A language that is named alone has the region of the `usual` one when that is the same language, else that of the table. What
/// stands in neither goes out as it is.
fn with_region<'a>(known: Option<&str>, usual: &str, mut table: impl Iterator<Item = &'a &'static str>) -> String {
    let usual = canonical(usual);
    let Some(known) = known.map(canonical).filter(|tag| !tag.is_empty()) else { return usual };
    if known.contains('-') {
        return known;
    }
    if alone(&usual) == known {
        return usual;
    }
    table.find(|tag| alone(tag) == known).map_or(known, |tag| (*tag).to_owned())
}

/// A tag as it is usually written: Google answers with `en-us` where `en-US` was asked for.
pub(super) fn canonical(tag: &str) -> String {
    let subtags = tag.trim().split(['-', '_']).enumerate().map(|(n, subtag)| match (n, subtag.len()) {
        (0, _) => subtag.to_ascii_lowercase(),
        (_, 2) => subtag.to_ascii_uppercase(),
        (_, 4) if subtag.is_ascii() => subtag[..1].to_ascii_uppercase() + &subtag[1..].to_ascii_lowercase(),
        _ => subtag.to_owned(),
    });
    subtags.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_alone_is_given_a_region() {
        for (known, usual, spoken, recognised) in [
            (None, "en-US", "en-US", "en-US"),
            (Some("hi"), "en-US", "hi-IN", "hi-IN"),
            (Some("en"), "en-IN", "en-IN", "en-IN"),
            (Some("en"), "hi-IN", "en-US", "en-US"),
            (Some("en_gb"), "hi-IN", "en-GB", "en-GB"),
            (Some("he"), "en-US", "he-IL", "he"),
            (Some("tlh"), "en-US", "tlh", "tlh"),
            (Some(""), "en-us", "en-US", "en-US"),
        ] {
            assert_eq!(to_speak(known, usual), spoken, "{known:?}");
            assert_eq!(to_recognise(known, usual), recognised, "{known:?}");
        }
    }

    #[test]
    fn tags_are_written_as_usual() {
        for (tag, usual) in [("en-us", "en-US"), ("cmn-hans-cn", "cmn-Hans-CN"), ("HI", "hi"), ("es-419", "es-419")] {
            assert_eq!(canonical(tag), usual);
        }
    }
}
