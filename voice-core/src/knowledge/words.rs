//! The terms of a text: words as they are compared, whatever the language and the script.
//!
//! Case, accents of Latin letters and vowel points are left aside. Scripts that set no spaces between words (Chinese, Japanese, Thai, …)
//! and Korean, whose words change at their ends, are cut into pairs of characters that overlap.

use std::{collections::HashSet, sync::LazyLock};

use crate::message::words::{is_mark, sets_no_spaces};

/// Gives every term of a text, in order.
pub(super) fn terms(text: &str, mut each: impl FnMut(&str)) {
    let mut words = Words::default();
    for c in text.chars() {
        if is_unspaced(c) {
            words.end_word(&mut each);
            words.unspaced(c, &mut each);
        } else if attaches(c) {
            words.attach(c);
        } else if c.is_alphanumeric() {
            words.end_run(&mut each);
            c.to_lowercase().for_each(|c| words.letter(c));
        } else if !is_unseen(c) {
            words.end_word(&mut each);
            words.end_run(&mut each);
        }
    }
    words.end_word(&mut each);
    words.end_run(&mut each);
}

/// A soft hyphen and what joins letters: they part no word.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200C}' | '\u{200D}')
}

#[derive(Default)]
struct Words {
    word: String,
    /// The character before of a script without spaces, and this one with what is attached to it.
    before: String,
    unit: String,
    /// Both.
    pair: String,
    /// How many there were in this run.
    run: usize,
}

impl Words {
    fn letter(&mut self, c: char) {
        match plain_letters(c) {
            Some(letters) => self.word.push_str(letters),
            None if is_accent(c) => {}
            None => self.word.push(c),
        }
    }

    /// A mark belongs to what stands before it.
    fn attach(&mut self, c: char) {
        if self.run > 0 {
            self.unit.push(c);
        } else if !is_accent(c) && !self.word.is_empty() {
            self.word.push(c);
        }
    }

    fn unspaced(&mut self, c: char, each: &mut impl FnMut(&str)) {
        self.end_pair(each);
        std::mem::swap(&mut self.before, &mut self.unit);
        self.unit.clear();
        self.unit.push(c);
        self.run += 1;
    }

    fn end_pair(&mut self, each: &mut impl FnMut(&str)) {
        if self.run > 1 {
            self.pair.clear();
            self.pair.extend([self.before.as_str(), self.unit.as_str()]);
            each(&self.pair);
        }
    }

    fn end_word(&mut self, each: &mut impl FnMut(&str)) {
        if !self.word.is_empty() {
            each(&self.word);
            self.word.clear();
        }
    }

    fn end_run(&mut self, each: &mut impl FnMut(&str)) {
        match self.run {
            0 => return,
            1 => each(&self.unit),
            _ => self.end_pair(each),
        }
        self.before.clear();
        self.unit.clear();
        self.run = 0;
    }
}

/// Whether a character is of a script whose words are not told apart by spaces, or do not end alike.
pub(super) fn is_unspaced(c: char) -> bool {
    // Korean sets spaces.
    sets_no_spaces(c) || matches!(c, '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7AF}')
}

/// Whether a character has no place of its own: text is never cut before it.
pub(super) fn attaches(c: char) -> bool {
    is_accent(c)
        || is_mark(c)
        || matches!(c,
            '\u{0E31}' | '\u{0E34}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}'
            | '\u{0EB1}' | '\u{0EB4}'..='\u{0EBC}' | '\u{0EC8}'..='\u{0ECE}'
            | '\u{102B}'..='\u{103E}' | '\u{1056}'..='\u{1059}' | '\u{17B4}'..='\u{17D3}'
            | '\u{3099}' | '\u{309A}' | '\u{FE00}'..='\u{FE0F}' | '\u{FF9E}' | '\u{FF9F}' | '\u{1F3FB}'..='\u{1F3FF}')
}

/// Accents and vowel points that may be left out in writing.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0591}'..='\u{05BD}' | '\u{05BF}'..='\u{05C7}' | '\u{0610}'..='\u{061A}'
        | '\u{0640}' | '\u{064B}'..='\u{065F}' | '\u{0670}')
}

/// A letter without its accent, as it may be written as well.
fn plain_letters(c: char) -> Option<&'static str> {
    Some(match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ð' | 'ď' | 'đ' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'ё' => "е",
        _ => return None,
    })
}

/// Whether two words seem to be forms of one: they begin alike. `open` and `opening`, `egg` and `eggs`, `Öffnung` and `Öffnungen`.
pub(super) fn are_alike(one: &str, other: &str) -> bool {
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let (one_count, other_count) = (one.chars().count(), other.chars().count());
    let (short, long) = if one_count < other_count { (one, other) } else { (other, one) };
    let most = one_count.max(other_count);
    let is_plural = || common >= 3 && long.strip_prefix(short).is_some_and(|rest| rest == "s" || rest == "es");
    (common >= 4 && common * 2 >= most) || is_plural()
}

/// What every word that is like this one begins with; `None`: it has no forms, as a number or a pair of characters.
pub(super) fn stem(word: &str) -> Option<&str> {
    let first = word.chars().next()?;
    let count = word.chars().count();
    if count < 3 || is_unspaced(first) || word.chars().any(char::is_numeric) {
        return None;
    }
    let end = word.char_indices().nth(count.div_ceil(2).max(3)).map_or(word.len(), |(at, _)| at);
    Some(&word[..end])
}

/// Whether a word says nothing of what is asked for.
pub(super) fn is_empty(word: &str) -> bool {
    static EMPTY: LazyLock<HashSet<&str>> =
        LazyLock::new(|| EMPTY_WORDS.iter().flat_map(|words| words.split_whitespace()).collect());
    EMPTY.contains(word)
}

/// Words that are in every question, in the form of a term: English, German, French, Spanish, Portuguese, Italian, Dutch, Hindi. Those that
/// mean something in another of the languages are left out.
const EMPTY_WORDS: [&str; 8] = [
    "a about above after again all also am an and any anybody anyone anything are as ask at b be because been before being but by can
     could d did do does doing done dont for from get give go going had has have having he hello her here hers hey hi him his how i if
     im in into is it its just kind know let lets like ll look m may maybe me might mine more most much must my myself need no not now o
     of off oh ok okay on one or our ours out over please question quite re really s say shall she should so some somebody someone
     something sorry sort still such t talk tell than thank thanks that thats the their them then there these they thing things think
     this those to too uh um under until up us ve very want wanted was we well were what whats when where which while who whom whose why
     will with wonder wondering would yeah yes you your yours",
    "ab aber als am auch auf aus bei bin bis bitte bist da damit danke dann das dass dein deine dem denn der des dich dir doch du durch
     ein eine einem einen einer eines er es euch euer gegen gern gerne gibt haben habe hallo hatte hatten ich ihm ihn ihnen ihr ihre im
     ins ist ja jetzt kann kannst kein keine konnen konnte konnten mal mehr mein meine mich mir mit mochte mochten muss nach nein nicht
     nichts noch nun nur oder ohne sehr sein seine sich sie sind soll sollte uber um und uns unser unsere viel vom von vor wann warum
     weil welche welchen welcher welches wenn wer werde werden wie wieder wieviel wird wo woher wohin wurde wurden zu zum zur",
    "ai alors au aux avec avez avoir avons bonjour c ce cela celle celui ces cette chez combien comment d dans de depuis des dont du elle
     elles en encore est etait etes etre eux fait faut il ils j je jusqu l la le les leur leurs lui ma mais me merci mes moi mon n ne nos
     notre nous on ont ou par parce pas peut peux plait pour pourquoi pouvez puis qu quand que quel quelle quelles quels quelque qui
     quoi s sa sans se ses si sommes sont sous suis sur ta te tes toi ton tous tout toute toutes tres tu un une va vais veux vos votre
     voudrais vous y",
    "a al algo alguien ante antes aqui asi aun aunque bien buenas buenos cada como con cual cuales cuando cuanto cuanta cuantos cuantas
     cuesta de del desde donde dos el ella ellas ellos en entre era eran es esa esas ese eso esos esta estaba estan estar estas este
     esto estos estoy fue gracias ha hace hacia han hasta hay hola la las le les lo los mas me mi mis mucho muy nada ni no nos nosotros o
     os otra otro para pero poco por porque podria puede puedo pues que quien quiero quisiera se sea ser si sido sin sobre solo son soy
     su sus tambien tan te tengo tiene tienen todo todos tu tus un una uno unos usted ustedes va voy y ya yo",
    "ao aos aquela aquele aquilo as ate boa bom com como da das de dela dele depois do dos e ela elas ele eles em entre era essa esse
     esta estao estava este estou eu foi gostaria ha isso isto ja la lhe mais mas me mesmo meu meus minha muito na nao nas nem no nos
     nossa nosso num numa o obrigada obrigado ola onde os ou para pela pelo pode podem poderia por porque posso qual quais quando quanto
     quantos que quem quero sao se sem ser seu seus sim sobre sou sua suas tambem te tem tenho ter tudo um uma voce voces vou",
    "abbiamo ad agli ai al alla alle allo anche ancora buongiorno c che chi ci ciao cosa cui da dai dal dalla dei del della delle dello di
     e ed era essere fa gli grazie ha hai hanno ho i il in io l la le lei lo loro lui ma mi mia mio molto nei nel nella noi non nostra
     nostro o per perche pero piu poi posso potrebbe prego puo qual quale quali quando quanto quanti quella quello questa queste questi
     questo qui se sei senza si sia siamo siete sono sta stato su sua sui sul sulla suo tra tu tua tuo un una uno va vi voglio voi vorrei",
    "aan al alles als ben bent bij daar dag dan dat de deze die dit doen door dus een eens en er graag had hallo heb hebben heeft hem het
     hier hij hoe hoeveel ik in is ja je jij jou jouw kan kun kunnen kunt maar me meer mij mijn moet moeten na naar nee niet nog nu of om
     ons onze ook op over te toen tot u uit uw van veel voor waar waarom waren wanneer wat we wel welke wie wij wil willen worden wordt
     zal ze zich zij zijn zo zonder zou",
    "अब अभी आप आपका आपकी आपके इन इस उन उनका उस उसका उसकी उसके एक ऐसा और कई कब कभी करता करते करना करने कहाँ कहां का कि किस की कितना कितनी कितने
     कुछ के कैसे को कोई कौन क्या क्यों क्योंकि जब जहाँ जा जी जो तक तब तो था थी थे धन्यवाद नमस्ते नहीं ने पर फिर भी मुझे मेरा मेरी मेरे में
     मैं यह यहाँ या ये रहा रही रहे लिए लेकिन वह वहाँ वे सकता सकती सकते साथ से हम हमें हाँ ही हुआ हुई हूँ हूं है हैं हो होगा होता होती होते",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        terms(text, |term| all.push(term.to_owned()));
        all
    }

    #[test]
    fn words_are_compared_without_case_and_accents() {
        assert_eq!(all("Öffnungszeiten: CAFÉ, cafe\u{301} & Straße"), ["offnungszeiten", "cafe", "cafe", "strasse"]);
        assert_eq!(all("the baker's 4.50 — don\u{2019}t"), ["the", "baker", "s", "4", "50", "don", "t"]);
    }

    #[test]
    fn indian_words_stay_whole() {
        assert_eq!(all("कीमत क्या है? রুটি, ரொட்டி"), ["कीमत", "क्या", "है", "রুটি", "ரொட்டி"]);
    }

    #[test]
    fn scripts_without_spaces_are_cut_into_pairs() {
        assert_eq!(all("営業時間は9時"), ["営業", "業時", "時間", "間は", "9", "時"]);
        assert_eq!(all("영업시간"), ["영업", "업시", "시간"]);
        assert_eq!(all("ราคาเท่าไร").len(), 8, "a mark belongs to its letter");
        assert_eq!(all("パン"), ["パン"]);
        assert_eq!(all("糖"), ["糖"]);
    }

    #[test]
    fn forms_of_a_word_are_alike_and_other_words_are_not() {
        for (one, other) in [
            ("open", "opening"),
            ("price", "prices"),
            ("egg", "eggs"),
            ("delivery", "deliveries"),
            ("bake", "bakery"),
            ("कीमत", "कीमतें"),
            ("цена", "цены"),
        ] {
            let common = stem(one).is_some_and(|stem| other.starts_with(stem))
                || stem(other).is_some_and(|stem| one.starts_with(stem));
            assert!(common, "{one} {other}");
        }
        assert!(are_alike("open", "opening") && are_alike("egg", "eggs") && are_alike("shipping", "ship"));
        for (one, other) in [("bread", "breakfast"), ("car", "care"), ("roll", "role"), ("inter", "international")] {
            assert!(!are_alike(one, other), "{one} {other}");
        }
        assert_eq!((stem("2024"), stem("ab"), stem("時間")), (None, None, None));
    }

    #[test]
    fn a_question_says_little_but_what_is_asked_for() {
        let said = all("Um, hi, I was wondering if you could tell me how much a sourdough loaf costs, please?");
        let left: Vec<_> = said.iter().filter(|word| !is_empty(word)).collect();
        assert_eq!(left, ["sourdough", "loaf", "costs"]);
        let said = all("Können Sie mir bitte sagen, wann die Bäckerei öffnet?");
        let left: Vec<_> = said.iter().filter(|word| !is_empty(word)).collect();
        assert_eq!(left, ["sagen", "backerei", "offnet"]);
    }
}
