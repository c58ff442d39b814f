//! Reads transcriptions: JSON, verbose JSON, plain text, and streams of events.

use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::{
    error::Result,
    event::Transcript,
    provider::ResultStream,
    providers::http::{Peer, Private, SseReader},
};

/// Whisper's own rule for a window in which nobody speaks, from its reference implementation: it is unsure of its words
/// and fairly sure that there is no speech.
const NO_SPEECH: f64 = 0.6;
const UNSURE: f64 = -1.0;

/// A transcription that came whole.
pub(super) fn whole(body: &[u8], is_json: bool, peer: &Peer) -> Result<Transcript> {
    let value = match serde_json::from_slice::<Value>(body) {
        Ok(value @ Value::Object(_)) => value,
        _ if !is_json => {
            let text = std::str::from_utf8(body).map_err(|_| peer.malformed("answered with text that is not UTF-8"))?;
            return Ok(Transcript::last(text.trim()));
        }
        _ => return Err(peer.malformed("answered with broken JSON")),
    };
    if value.get("error").is_some_and(|e| !e.is_null()) {
        return Err(peer.reported(&value, &Private::new()));
    }
    read(&value).ok_or_else(|| peer.malformed("answered with JSON that holds no text"))
}

/// The events of a streamed transcription: the text so far after each piece, then the final text.
pub(super) fn stream(events: SseReader, peer: Peer) -> ResultStream<Transcript> {
    let state = Pieces { events, peer, so_far: String::new(), finished: false, ended: false };
    stream::unfold(state, |mut pieces| async move { pieces.next().await.map(|item| (item, pieces)) }).boxed()
}

struct Pieces {
    events: SseReader,
    peer: Peer,
    so_far: String,
    /// The server said that it is done in a way that carries no text of its own.
    finished: bool,
    ended: bool,
}

impl Pieces {
    async fn next(&mut self) -> Option<Result<Transcript>> {
        while !self.ended {
            match self.events.next().await {
                Some(Ok(event)) if event.data.trim() == "[DONE]" => self.finished = true,
                Some(Ok(event)) if event.data.trim().is_empty() => {}
                Some(Ok(event)) => match serde_json::from_str::<Value>(&event.data) {
                    Ok(value) if event.name == "error" || value.get("error").is_some_and(|e| !e.is_null()) => {
                        self.ended = true;
                        return Some(Err(self.peer.reported(&value, &Private::new())));
                    }
                    Ok(value) => {
                        if let Some(transcript) = self.read(&value) {
                            if transcript.is_final {
                                self.ended = true;
                                self.events.release();
                            }
                            return Some(Ok(transcript));
                        }
                        continue;
                    }
                    Err(_) => {
                        self.ended = true;
                        return Some(Err(if event.complete {
                            self.peer.malformed("sent a piece of transcript that is not JSON")
                        } else {
                            self.peer.cut_short()
                        }));
                    }
                },
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                None if !self.finished => {
                    self.ended = true;
                    return Some(Err(self.peer.cut_short()));
                }
                None => {}
            }
            if self.finished {
                self.ended = true;
                self.events.release();
                return Some(Ok(Transcript::last(self.so_far.trim())));
            }
        }
        None
    }

    fn read(&mut self, event: &Value) -> Option<Transcript> {
        match event.get("type").and_then(Value::as_str) {
            Some("transcript.text.delta") => self.append(event.get("delta")?.as_str()?),
            Some("transcript.text.done") => read(event),
            Some(_) => None,
            // vLLM streams transcripts in the shape of chat chunks.
            None => {
                let choice = event.pointer("/choices/0")?;
                self.finished |= choice.get("finish_reason").is_some_and(|r| !r.is_null());
                self.append(choice.pointer("/delta/content")?.as_str()?)
            }
        }
    }

    fn append(&mut self, piece: &str) -> Option<Transcript> {
        self.so_far.push_str(piece);
        (!piece.is_empty()).then(|| Transcript::interim(self.so_far.trim_start()))
    }
}

/// The final transcript in an object with `text`.
fn read(value: &Value) -> Option<Transcript> {
    let text = value.get("text")?.as_str()?;
    let transcript = Transcript::last(if nobody_speaks(value) { "" } else { text.trim() });
    let code = value.pointer("/languages/0/code").or_else(|| value.get("language")).and_then(Value::as_str);
    Some(match code.and_then(language_code) {
        Some(code) => transcript.with_language(code),
        None => transcript,
    })
}

/// Whether Whisper, by its own rule, heard nobody: it then writes "Thank you." and the like out of silence.
fn nobody_speaks(value: &Value) -> bool {
    let Some(segments) = value.get("segments").and_then(Value::as_array).filter(|s| !s.is_empty()) else {
        return false;
    };
    segments.iter().all(|segment| {
        let figure = |name: &str| segment.get(name).and_then(Value::as_f64);
        figure("no_speech_prob").is_some_and(|p| p > NO_SPEECH) && figure("avg_logprob").is_some_and(|p| p < UNSURE)
    })
}

/// A BCP 47 tag from a code or from an English name, which is how Whisper names languages.
pub(super) fn language_code(name: &str) -> Option<String> {
    let name = name.trim();
    if let Some((_, code)) = LANGUAGES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
        return Some((*code).to_owned());
    }
    let is_code = matches!(name.split('-').next().map(str::len), Some(2 | 3));
    is_code.then(|| name.to_owned())
}

/// Whisper's languages by their English names.
#[rustfmt::skip]
const LANGUAGES: &[(&str, &str)] = &[
    ("afrikaans", "af"), ("albanian", "sq"), ("amharic", "am"), ("arabic", "ar"), ("armenian", "hy"),
    ("assamese", "as"), ("azerbaijani", "az"), ("bashkir", "ba"), ("basque", "eu"), ("belarusian", "be"),
    ("bengali", "bn"), ("bosnian", "bs"), ("breton", "br"), ("bulgarian", "bg"), ("burmese", "my"),
    ("cantonese", "yue"), ("castilian", "es"), ("catalan", "ca"), ("chinese", "zh"), ("croatian", "hr"),
    ("czech", "cs"), ("danish", "da"), ("dutch", "nl"), ("english", "en"), ("estonian", "et"), ("faroese", "fo"),
    ("finnish", "fi"), ("flemish", "nl"), ("french", "fr"), ("galician", "gl"), ("georgian", "ka"), ("german", "de"),
    ("greek", "el"), ("gujarati", "gu"), ("haitian", "ht"), ("haitian creole", "ht"), ("hausa", "ha"),
    ("hawaiian", "haw"), ("hebrew", "he"), ("hindi", "hi"), ("hungarian", "hu"), ("icelandic", "is"),
    ("indonesian", "id"), ("italian", "it"), ("japanese", "ja"), ("javanese", "jv"), ("kannada", "kn"),
    ("kazakh", "kk"), ("khmer", "km"), ("korean", "ko"), ("lao", "lo"), ("latin", "la"), ("latvian", "lv"),
    ("lingala", "ln"), ("lithuanian", "lt"), ("luxembourgish", "lb"), ("macedonian", "mk"), ("malagasy", "mg"),
    ("malay", "ms"), ("malayalam", "ml"), ("maltese", "mt"), ("mandarin", "zh"), ("maori", "mi"), ("marathi", "mr"),
    ("moldavian", "ro"), ("moldovan", "ro"), ("mongolian", "mn"), ("myanmar", "my"), ("nepali", "ne"),
    ("norwegian", "no"), ("nynorsk", "nn"), ("occitan", "oc"), ("panjabi", "pa"), ("pashto", "ps"), ("persian", "fa"),
    ("polish", "pl"), ("portuguese", "pt"), ("punjabi", "pa"), ("pushto", "ps"), ("romanian", "ro"), ("russian", "ru"),
    ("sanskrit", "sa"), ("serbian", "sr"), ("shona", "sn"), ("sindhi", "sd"), ("sinhala", "si"), ("sinhalese", "si"),
    ("slovak", "sk"), ("slovenian", "sl"), ("somali", "so"), ("spanish", "es"), ("sundanese", "su"),
    ("swahili", "sw"), ("swedish", "sv"), ("tagalog", "tl"), ("tajik", "tg"), ("tamil", "ta"), ("tatar", "tt"),
    ("telugu", "te"), ("thai", "th"), ("tibetan", "bo"), ("turkish", "tr"), ("turkmen", "tk"), ("ukrainian", "uk"),
    ("urdu", "ur"), ("uzbek", "uz"), ("valencian", "ca"), ("vietnamese", "vi"), ("welsh", "cy"), ("yiddish", "yi"),
    ("yoruba", "yo"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn languages_come_as_codes_or_as_english_names() {
        let language = |value: Value| read(&value).unwrap().language;
        assert_eq!(language(json!({"text": "a", "languages": [{"code": "hi"}]})).as_deref(), Some("hi"));
        assert_eq!(language(json!({"text": "a", "language": "english"})).as_deref(), Some("en"));
        assert_eq!(language(json!({"text": "a", "language": "English"})).as_deref(), Some("en"));
        assert_eq!(language(json!({"text": "a", "language": "en-US"})).as_deref(), Some("en-US"));
        assert_eq!(language(json!({"text": "a", "language": "lao"})).as_deref(), Some("lo"));
        assert_eq!(language(json!({"text": "a", "language": "klingon"})), None);
    }

    #[test]
    fn words_that_whisper_made_up_out_of_silence_are_dropped() {
        let heard = |no_speech: f64, logprob: f64| {
            let segment = json!({"no_speech_prob": no_speech, "avg_logprob": logprob});
            read(&json!({"text": "Thank you.", "segments": [segment]})).unwrap().text
        };
        assert_eq!(heard(0.9, -1.4), "");
        assert_eq!(heard(0.9, -0.2), "Thank you.");
        assert_eq!(heard(0.1, -1.4), "Thank you.");
    }
}
