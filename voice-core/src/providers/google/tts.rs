//! Speech by Cloud Text-to-Speech.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};

use super::{
    entry::{PROJECT_HEADER, VOICES, VOICES_BY_TOKEN},
    language, voices, wav,
};
use crate::{
    audio::Pcm,
    error::{Result, Stage},
    provider::{CallContext, ResultStream, SynthesisRequest, TextToSpeech, TtsCapabilities, VoicesPage, VoicesRequest},
    providers::http::{Private, Server, server_builder},
    secret::Secret,
};

/// The default language.
const LANGUAGE: &str = "en-US";

/// The default voice, of the Chirp 3 HD voices.
const VOICE: &str = "Achernar";

/// The rate that is asked for: that of Google's newer voices.
const RATE: u32 = 24_000;

/// The most bytes of text in a call.
const MOST_BYTES: usize = 5000;

/// The most bytes of an answer: ten minutes of sound in base64.
const MOST_ANSWER_BYTES: usize = 40 * 1024 * 1024;

/// A speech synthesiser behind `POST /text:synthesize` of Cloud Text-to-Speech v1.
///
/// The key: `GOOGLE_API_KEY`. The language is that of the text when it is known, else [`language`](Self::language), `en-US` by default.
/// Default voice: the Chirp 3 HD voice `Achernar` in languages that have one, else Google's choice. Yields 24 kHz sound; it comes
/// whole, as Google streams speech over gRPC only. Text of more than 5,000 bytes is spoken in several calls.
#[derive(Clone, Debug)]
pub struct GoogleTts {
    server: Server,
    project: Option<String>,
    language: String,
    voice: Option<String>,
    speaking_rate: Option<f64>,
    pitch: Option<f64>,
    volume_gain_db: Option<f64>,
}

impl GoogleTts {
    server_builder!(VOICES, "", Stage::Tts, Self::made);

    /// With an OAuth access token of the scope `cloud-platform` instead of a key. Google's last an hour.
    #[must_use]
    pub fn with_access_token(token: impl Into<Secret>) -> Self {
        Self::made(Server::new(&VOICES_BY_TOKEN, token, "", Stage::Tts))
    }

    fn made(server: Server) -> Self {
        let language = LANGUAGE.into();
        Self { server, project: None, language, voice: None, speaking_rate: None, pitch: None, volume_gain_db: None }
    }

    /// Sets the project that pays for calls with a user's own access token.
    #[must_use]
    pub fn project(mut self, id: impl Into<String>) -> Self {
        self.project = Some(id.into());
        self
    }

    /// Sets the language of texts of which it is not known (BCP 47). Default `en-US`.
    #[must_use]
    pub fn language(mut self, tag: impl Into<String>) -> Self {
        self.language = tag.into();
        self
    }

    /// Sets the voice: a whole name such as `hi-IN-Neural2-A`, which speaks its own language only, or that of a Chirp 3 HD voice such as
    /// `Kore`, which speaks the language of the text. With a [`model`](Self::model), a name is left as it is.
    #[must_use]
    pub fn voice(mut self, name: impl Into<String>) -> Self {
        self.voice = Some(name.into());
        self
    }

    /// Sets the pace: 0.25–2, default 1.
    #[must_use]
    pub fn speaking_rate(mut self, rate: f64) -> Self {
        self.speaking_rate = Some(rate);
        self
    }

    /// Sets the pitch, in semitones from that of the voice: −20 to 20. Chirp 3 HD voices have none, so without a [`voice`](Self::voice)
    /// Google chooses another.
    #[must_use]
    pub fn pitch(mut self, semitones: f64) -> Self {
        self.pitch = Some(semitones);
        self
    }

    /// Sets the volume, in decibels from that of the voice: −96 to 16.
    #[must_use]
    pub fn volume_gain_db(mut self, gain: f64) -> Self {
        self.volume_gain_db = Some(gain);
        self
    }

    /// The `voice` of a call for a text in `language`, when that is known.
    fn selection(&self, language: Option<&str>) -> Value {
        let spoken = language::to_speak(language, &self.language);
        let model = Some(self.server.model.as_str()).filter(|model| !model.is_empty());
        let (name, spoken) = match &self.voice {
            Some(name) => match locale(name) {
                Some(own) => (Some(name.clone()), own),
                None if model.is_some() => (Some(name.clone()), spoken),
                None => (Some(format!("{spoken}-Chirp3-HD-{name}")), spoken),
            },
            None if model.is_none() && self.pitch.is_none() && language::has_chirp(&spoken) => {
                (Some(format!("{spoken}-Chirp3-HD-{VOICE}")), spoken)
            }
            None => (None, spoken),
        };
        let mut voice = json!({ "languageCode": spoken });
        if let Some(name) = name {
            voice["name"] = name.into();
        }
        if let Some(model) = model {
            voice["modelName"] = model.into();
        }
        voice
    }

    fn body(&self, text: &str, language: Option<&str>) -> Value {
        let mut config = json!({"audioEncoding": "LINEAR16", "sampleRateHertz": RATE});
        let set = [("speakingRate", self.speaking_rate), ("pitch", self.pitch), ("volumeGainDb", self.volume_gain_db)];
        for (field, value) in set {
            if let Some(value) = value {
                config[field] = value.into();
            }
        }
        json!({"input": {"text": text}, "voice": self.selection(language), "audioConfig": config})
    }

    /// A request on behalf of whoever pays.
    fn request(&self, method: Method, url: Url) -> Result<RequestBuilder> {
        let http = self.server.request(method, url)?;
        Ok(match &self.project {
            Some(project) => http.header(PROJECT_HEADER, project),
            None => http,
        })
    }

    async fn speak(&self, text: &str, language: Option<&str>, private: &Private) -> Result<Pcm> {
        let http = self.request(Method::POST, self.server.url("/text:synthesize")?)?.json(&self.body(text, language));
        let value = self.server.json(http, private, MOST_ANSWER_BYTES).await?;
        let peer = &self.server.peer;
        if value.get("error").is_some_and(|e| !e.is_null()) {
            return Err(peer.reported(&value, private));
        }
        let content = value.get("audioContent").and_then(Value::as_str).unwrap_or_default();
        let bytes = STANDARD.decode(content).map_err(|_| peer.malformed("sent sound that is not base64"))?;
        wav::read(&bytes, RATE).ok_or_else(|| peer.malformed("answered without sound in 16-bit mono"))
    }
}

/// The language that a whole name of a voice begins with: `en-US` of `en-US-Neural2-C`.
fn locale(voice: &str) -> Option<String> {
    let mut parts = voice.split('-');
    let (language, region, _) = (parts.next()?, parts.next()?, parts.next()?);
    Some(format!("{language}-{region}"))
}

/// A text in pieces of at most `most` bytes, cut behind sentences, else between words, else anywhere.
fn pieces(mut text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    while text.len() > most {
        let reach = &text[..text.floor_char_boundary(most)];
        let ends = |at: usize, c: char| match c {
            '!' | '?' | '।' | '。' | '\n' => true,
            '.' => !text[at + 1..].starts_with(char::is_alphanumeric),
            _ => false,
        };
        let sentence = |(at, c): (usize, char)| ends(at, c).then(|| at + c.len_utf8());
        let space = |(at, c): (usize, char)| c.is_whitespace().then_some(at);
        let cut = reach.char_indices().rev().find_map(sentence).or_else(|| reach.char_indices().rev().find_map(space));
        let cut = cut.filter(|cut| *cut > 0).unwrap_or(reach.len());
        pieces.push(text[..cut].to_owned());
        text = text[cut..].trim_start();
    }
    pieces.push(text.to_owned());
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

#[async_trait]
impl TextToSpeech for GoogleTts {
    fn name(&self) -> &str {
        &self.server.peer.provider
    }

    fn capabilities(&self) -> TtsCapabilities {
        // Longer pieces, in whatever script, are cut here.
        TtsCapabilities { max_characters: MOST_BYTES, ..TtsCapabilities::default() }
    }

    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> Result<ResultStream<Pcm>> {
        ctx.check()?;
        let mut pieces = pieces(&request.text, MOST_BYTES).into_iter();
        let Some(first) = pieces.next() else { return Ok(stream::empty().boxed()) };
        let private: Private = vec![request.text.clone()];
        let sound = self.speak(&first, request.language.as_deref(), &private).await?;
        let rest = (self.clone(), pieces, request.language, private);
        let rest = stream::try_unfold(rest, |(tts, mut pieces, language, private)| async move {
            let Some(piece) = pieces.next() else { return Ok(None) };
            let sound = tts.speak(&piece, language.as_deref(), &private).await?;
            Ok(Some((sound, (tts, pieces, language, private))))
        });
        Ok(stream::iter([Ok(sound)]).chain(rest).boxed())
    }

    async fn voices(&self, request: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        ctx.check()?;
        let mut url = self.server.url("/voices")?;
        if let Some(tag) = request.language.as_deref().map(voices::listed) {
            url.query_pairs_mut().append_pair("languageCode", &tag);
        }
        let (listed, _) = self.server.voices(self.request(Method::GET, url)?, "voices").await?;
        Ok(VoicesPage::last(listed.iter().filter_map(voices::voice).collect()))
    }

    async fn warm_up(&self) -> Result<()> {
        let spoken = language::to_speak(None, &self.language);
        self.server.warm_up(&format!("/voices?languageCode={spoken}")).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_speaks_its_own_language_or_that_of_the_text() {
        let tts = || GoogleTts::new("k");
        let chirp = |tag: &str, name: &str| json!({"languageCode": tag, "name": format!("{tag}-Chirp3-HD-{name}")});
        let cases = [
            (tts(), None, chirp("en-US", "Achernar")),
            (tts(), Some("hi"), chirp("hi-IN", "Achernar")),
            (tts().language("hi-IN"), None, chirp("hi-IN", "Achernar")),
            (tts(), Some("af-ZA"), json!({"languageCode": "af-ZA"})),
            (tts().voice("Kore"), Some("ta"), chirp("ta-IN", "Kore")),
            (tts().voice("en-GB-Neural2-A"), Some("hi"), json!({"languageCode": "en-GB", "name": "en-GB-Neural2-A"})),
            (tts().pitch(2.0), None, json!({"languageCode": "en-US"})),
            (
                tts().model("gemini-2.5-flash-tts").voice("Kore"),
                None,
                json!({"languageCode": "en-US", "name": "Kore", "modelName": "gemini-2.5-flash-tts"}),
            ),
        ];
        for (tts, language, expected) in cases {
            assert_eq!(tts.selection(language), expected);
        }
    }

    #[test]
    fn texts_are_cut_by_bytes_and_no_word_is_lost() {
        assert_eq!(pieces("One. Two three.", 20), ["One. Two three."]);
        assert_eq!(pieces("One. Two three four.", 12), ["One.", "Two three", "four."]);
        assert_eq!(pieces("नमस्ते। कैसे हैं", 24), ["नमस्ते।", "कैसे हैं"]);
        assert_eq!(pieces("About 3.5 of them.", 12), ["About 3.5", "of them."]);
        assert_eq!(pieces("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(pieces(" \n", 4), [""; 0]);
        let long = "नमस्ते दुनिया। ".repeat(500);
        assert!(pieces(&long, MOST_BYTES).iter().all(|p| p.len() <= MOST_BYTES));
        assert_eq!(pieces(&long, MOST_BYTES).concat().replace(' ', ""), long.replace(' ', ""));
    }
}
