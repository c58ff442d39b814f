//! Language codes: ElevenLabs takes ISO 639-1, and answers in ISO 639-1 or 639-3.

/// The language of a BCP 47 tag alone: `en` of `en-GB`. Both written forms of Norwegian are one language here.
pub(super) fn language_only(tag: &str) -> &str {
    match tag.split(['-', '_']).next().unwrap_or(tag) {
        "nb" | "nn" => "no",
        language => language,
    }
}

/// A BCP 47 tag from a code of two or three letters: the shorter one where there is one.
pub(super) fn tag(code: &str) -> Option<String> {
    let code = code.trim().to_ascii_lowercase();
    let known = matches!(language_only(&code).len(), 2 | 3).then_some(code)?;
    Some(CODES.iter().find(|(long, _)| *long == known).map_or(known, |(_, short)| (*short).to_owned()))
}

/// The languages of Scribe that have a code of two letters.
#[rustfmt::skip]
const CODES: &[(&str, &str)] = &[
    ("afr", "af"), ("amh", "am"), ("ara", "ar"), ("asm", "as"), ("aze", "az"), ("bel", "be"), ("ben", "bn"),
    ("bos", "bs"), ("bul", "bg"), ("cat", "ca"), ("ces", "cs"), ("cmn", "zh"), ("cym", "cy"), ("dan", "da"),
    ("deu", "de"), ("ell", "el"), ("eng", "en"), ("est", "et"), ("fas", "fa"), ("fin", "fi"), ("fra", "fr"),
    ("ful", "ff"), ("gle", "ga"), ("glg", "gl"), ("guj", "gu"), ("hau", "ha"), ("heb", "he"), ("hin", "hi"),
    ("hrv", "hr"), ("hun", "hu"), ("hye", "hy"), ("ibo", "ig"), ("ind", "id"), ("isl", "is"), ("ita", "it"),
    ("jav", "jv"), ("jpn", "ja"), ("kan", "kn"), ("kat", "ka"), ("kaz", "kk"), ("khm", "km"), ("kir", "ky"),
    ("kor", "ko"), ("kur", "ku"), ("lao", "lo"), ("lav", "lv"), ("lin", "ln"), ("lit", "lt"), ("ltz", "lb"),
    ("lug", "lg"), ("mal", "ml"), ("mar", "mr"), ("mkd", "mk"), ("mlt", "mt"), ("mon", "mn"), ("mri", "mi"),
    ("msa", "ms"), ("mya", "my"), ("nep", "ne"), ("nld", "nl"), ("nor", "no"), ("nya", "ny"), ("oci", "oc"),
    ("ori", "or"), ("pan", "pa"), ("pol", "pl"), ("por", "pt"), ("pus", "ps"), ("ron", "ro"), ("rus", "ru"),
    ("slk", "sk"), ("slv", "sl"), ("sna", "sn"), ("snd", "sd"), ("som", "so"), ("spa", "es"), ("srp", "sr"),
    ("swa", "sw"), ("swe", "sv"), ("tam", "ta"), ("tel", "te"), ("tgk", "tg"), ("tha", "th"), ("tur", "tr"),
    ("ukr", "uk"), ("urd", "ur"), ("uzb", "uz"), ("vie", "vi"), ("wol", "wo"), ("xho", "xh"), ("zho", "zh"),
    ("zul", "zu"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_alone_is_named() {
        assert_eq!(["en-GB", "yue", "nb-NO", "zh_TW", ""].map(language_only), ["en", "yue", "no", "zh", ""]);
    }

    #[test]
    fn codes_of_three_letters_become_the_tags_that_everybody_uses() {
        let tags = ["en", "eng", "HIN", "yue", "pt-BR", "", "english"].map(tag);
        let expected = [Some("en"), Some("en"), Some("hi"), Some("yue"), Some("pt-br"), None, None];
        assert_eq!(tags, expected.map(|t| t.map(str::to_owned)));
    }
}
