//! misaki's letters as other alphabets of sounds.

/// misaki's phonemes as the phonetic symbols of eSpeak, which Piper's English voices were trained on.
pub(super) fn to_espeak(phonemes: &str) -> String {
    let symbols: Vec<char> = phonemes.chars().collect();
    let mut out = String::with_capacity(phonemes.len() * 2);
    let mut i = 0;
    while let Some(symbol) = symbols.get(i) {
        let before_r = symbols.get(i + 1) == Some(&'ɹ');
        let stressed = i > 0 && matches!(symbols[i - 1], 'ˈ' | 'ˌ');
        match symbol {
            'A' => out.push_str("eɪ"),
            'I' => out.push_str("aɪ"),
            'O' => out.push_str("oʊ"),
            'Q' => out.push_str("əʊ"),
            'W' => out.push_str("aʊ"),
            'Y' => out.push_str("ɔɪ"),
            'ʤ' => out.push_str("dʒ"),
            'ʧ' => out.push_str("tʃ"),
            'T' => out.push('ɾ'),
            'ᵊ' => out.push('ə'),
            'ə' if before_r => {
                out.push('ɚ');
                i += 1;
            }
            'ɜ' if before_r => {
                out.push_str("ɜː");
                i += 1;
            }
            'i' if stressed => out.push_str("iː"),
            'u' => out.push_str("uː"),
            'ɑ' => out.push_str("ɑː"),
            'ɔ' => out.push_str("ɔː"),
            'ː' if out.ends_with('ː') => {}
            other => out.push(*other),
        }
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misakis_letters_become_phonetic_symbols() {
        assert_eq!(to_espeak("ʧˈAnʤ"), "tʃˈeɪndʒ");
        assert_eq!(to_espeak("bˈɜɹd wˈɔTəɹ sˈi hˈæpi"), "bˈɜːd wˈɔːɾɚ sˈiː hˈæpi");
    }
}
