//! The pronunciation dictionaries of English, read from the model directory: misaki's with its rules of inflection, and for names
//! and rarer words the one of Carnegie Mellon University.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use misaki_rs::{
    Language, Lexicon,
    lexicon::{PhonemeEntry, TokenContext},
};

use super::{
    super::{models::ModelDir, runtime::LoadOnce},
    letters,
};
use crate::error::{Error, ErrorKind, Result};

/// The model that the dictionaries are fetched as.
const FOLDER: &str = "english";

static AMERICAN: LoadOnce<Dictionary> = LoadOnce::new();
static BRITISH: LoadOnce<Dictionary> = LoadOnce::new();

/// The words of one kind of English. One copy serves a process.
pub(super) struct Dictionary {
    lexicon: Lexicon,
    names: Names,
}

impl Dictionary {
    /// The dictionary that lies beside a voice's folder, else the one of this machine's model directory.
    ///
    /// # Errors
    /// `ModelMissing` when it is in neither, or damaged.
    pub(super) fn beside(voice: &Path, british: bool) -> Result<Arc<Self>> {
        let beside = voice.parent().map(|models| models.join(FOLDER)).filter(|folder| folder.is_dir());
        let folder = match beside {
            Some(folder) => folder,
            None => ModelDir::locate()?.path().join(FOLDER),
        };
        let cache = if british { &BRITISH } else { &AMERICAN };
        cache.get_or_load(&folder, || Self::load(&folder, british))
    }

    fn load(folder: &Path, british: bool) -> Result<Self> {
        let kind = if british { "gb" } else { "us" };
        let table = |rank: &str| read(folder, &format!("{kind}_{rank}.json"));
        let lexicon = Lexicon {
            lang: if british { Language::EnglishGB } else { Language::EnglishUS },
            cap_stresses: (0.5, 2.0),
            golds: table("gold")?,
            silvers: table("silver")?,
        };
        Ok(Self { lexicon, names: Names { path: file(folder, NAMES)?, entries: OnceLock::new() } })
    }

    /// Whether a word stands there exactly so, as abbreviations with their full stop do.
    pub(super) fn has(&self, word: &str) -> bool {
        self.lexicon.golds.contains_key(word)
    }

    /// The sounds of a word as a part of speech: as it stands there, or with an ending taken off it.
    pub(super) fn known(&self, word: &str, tag: &str, after: &TokenContext) -> Option<String> {
        let stress = if word == word.to_lowercase() {
            None
        } else if word == word.to_uppercase() {
            Some(self.lexicon.cap_stresses.1)
        } else {
            Some(self.lexicon.cap_stresses.0)
        };
        self.lexicon
            .get_word(word, tag, stress, Some(after))
            .map(|(sounds, _)| sounds)
            .filter(|sounds| !sounds.is_empty())
    }

    /// The sounds of a word that [`known`](Self::known) does not know: of a name, else what its letters say, else spelled.
    pub(super) fn unknown(&self, word: &str) -> String {
        if let Some(owner) = word.strip_suffix("'s").filter(|owner| !owner.is_empty()) {
            return self.lexicon.append_s(&self.unknown(owner));
        }
        let word = word.replace('\'', "");
        let sounds = self.names.sounds(&word).or_else(|| letters::sounds(&word));
        sounds.or_else(|| self.known(&word.to_uppercase(), "NNP", &TokenContext::default())).unwrap_or_default()
    }

    /// The same sounds with less stress, as the lesser part of a compound has.
    pub(super) fn lessened(&self, sounds: &str) -> String {
        self.lexicon.apply_stress(sounds, Some(-0.5))
    }
}

fn file(folder: &Path, name: &str) -> Result<PathBuf> {
    ModelDir::new(folder.parent().unwrap_or(folder)).file(&format!("{FOLDER}/{name}"))
}

fn read(folder: &Path, name: &str) -> Result<HashMap<String, PhonemeEntry>> {
    let path = file(folder, name)?;
    let entries = fs::read(&path).map_err(|e| e.to_string());
    entries.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string())).map_err(|e| {
        let message =
            format!("the dictionary {} cannot be read: {e}; `voice-core models fetch` replaces it", path.display());
        Error::new(ErrorKind::ModelMissing, message)
    })
}

const NAMES: &str = "cmudict.js";

/// The second dictionary, a line a word in order of words, read when the first word is looked up that is not in the other.
struct Names {
    path: PathBuf,
    entries: OnceLock<String>,
}

impl Names {
    fn sounds(&self, word: &str) -> Option<String> {
        // Fetched and checked when the voice was opened: a file that is gone since is as good as an empty one.
        let entries = self.entries.get_or_init(|| fs::read_to_string(&self.path).unwrap_or_default());
        let key = format!("\n  \"{}\": \"", word.to_lowercase());
        let start = entries.find(&key)? + key.len();
        let phones = entries.get(start..)?.split('"').next()?;
        phones.split(' ').map(sound).collect()
    }
}

/// A phone of the second dictionary (`EY1`) in misaki's alphabet.
fn sound(phone: &str) -> Option<String> {
    let (name, stress) = match phone.as_bytes().last()? {
        b'0' => (&phone[..phone.len() - 1], ""),
        b'1' => (&phone[..phone.len() - 1], "ˈ"),
        b'2' => (&phone[..phone.len() - 1], "ˌ"),
        _ => (phone, ""),
    };
    let symbol = match name {
        "AA" => "ɑ",
        "AE" => "æ",
        "AH" if stress.is_empty() => "ə",
        "AH" => "ʌ",
        "AO" => "ɔ",
        "AW" => "W",
        "AY" => "I",
        "B" => "b",
        "CH" => "ʧ",
        "D" => "d",
        "DH" => "ð",
        "EH" => "ɛ",
        "ER" if stress.is_empty() => "əɹ",
        "ER" => "ɜɹ",
        "EY" => "A",
        "F" => "f",
        "G" => "ɡ",
        "HH" => "h",
        "IH" => "ɪ",
        "IY" => "i",
        "JH" => "ʤ",
        "K" => "k",
        "L" => "l",
        "M" => "m",
        "N" => "n",
        "NG" => "ŋ",
        "OW" => "O",
        "OY" => "Y",
        "P" => "p",
        "R" => "ɹ",
        "S" => "s",
        "SH" => "ʃ",
        "T" => "t",
        "TH" => "θ",
        "UH" => "ʊ",
        "UW" => "u",
        "V" => "v",
        "W" => "w",
        "Y" => "j",
        "Z" => "z",
        "ZH" => "ʒ",
        _ => return None,
    };
    Some(format!("{stress}{symbol}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phones_of_the_second_dictionary_are_written_as_the_first_writes_them() {
        let phones = ["K", "W", "AO1", "T", "AH0", "L", "B", "AW2", "M"];
        assert_eq!(phones.map(|p| sound(p).unwrap()).concat(), "kwˈɔtəlbˌWm");
        assert_eq!(sound("XX"), None);
    }

    #[test]
    fn a_missing_dictionary_names_the_command_that_fetches_it() {
        let models = tempfile::tempdir().unwrap();
        fs::create_dir(models.path().join("english")).unwrap();
        let error = Dictionary::beside(&models.path().join("kokoro-82m"), false).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::ModelMissing);
        assert!(error.message().contains("voice-core models fetch") && error.message().contains("us_gold"), "{error}");
    }
}
