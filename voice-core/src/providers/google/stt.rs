//! Recognition by Cloud Speech-to-Text.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, future::try_join_all, stream};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    entry::{PROJECT_HEADER, SPEECH, SPEECH_BY_TOKEN},
    language,
};
use crate::{
    audio::SPEECH_RATE,
    error::{Result, Stage},
    event::Transcript,
    provider::{CallContext, ResultStream, SpeechToText, SttCapabilities, TranscribeRequest},
    providers::http::{Private, Server, server_builder},
    secret::Secret,
};

/// The default model: for sound that is of no kind in particular. The others do not know every language.
const MODEL: &str = "default";

/// The default language.
const LANGUAGE: &str = "en-US";

/// The most other languages that may be told apart.
pub(crate) const MOST_ALTERNATIVES: usize = 3;

/// The most sound of one call. Google's limit is about a minute.
const MOST_SAMPLES: usize = 55 * SPEECH_RATE as usize;

/// A longer utterance is cut where it is quietest within this much before the limit.
const CUT_WITHIN: usize = 15 * SPEECH_RATE as usize;

/// How long a silence is looked for: a fifth of a second.
const SILENCE: usize = SPEECH_RATE as usize / 5;

/// The most bytes of a transcript.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Languages that are written without spaces.
const WITHOUT_SPACES: &[&str] = &["cmn", "ja", "km", "lo", "my", "th", "yue", "zh"];

/// A speech recogniser behind `POST /speech:recognize` of Cloud Speech-to-Text v1.
///
/// Default model `default`; `latest_long`, `latest_short`, `telephony`, `command_and_search` and every other name is accepted as it is. The key:
/// `GOOGLE_API_KEY`. Google needs to know the language: that of the request, else [`language`](Self::language), `en-US` by default; it
/// tells up to three [`alternative_languages`](Self::alternative_languages) apart. A language that is named alone (`hi`) is sent
/// with its usual region. Google takes about a minute of sound in a call: a longer utterance is cut at silences, and its pieces are
/// recognised side by side. There is no recognition while it is spoken: that is gRPC only.
#[derive(Clone, Debug)]
pub struct GoogleStt {
    server: Server,
    project: Option<String>,
    language: String,
    alternatives: Vec<String>,
    phrases: Vec<String>,
}

impl GoogleStt {
    server_builder!(SPEECH, MODEL, Stage::Stt, Self::made);

    /// With an OAuth access token of the scope `cloud-platform` instead of a key. Google's last an hour.
    #[must_use]
    pub fn with_access_token(token: impl Into<Secret>) -> Self {
        Self::made(Server::new(&SPEECH_BY_TOKEN, token, MODEL, Stage::Stt))
    }

    fn made(server: Server) -> Self {
        Self { server, project: None, language: LANGUAGE.into(), alternatives: Vec::new(), phrases: Vec::new() }
    }

    /// Sets the project that pays for calls with a user's own access token.
    #[must_use]
    pub fn project(mut self, id: impl Into<String>) -> Self {
        self.project = Some(id.into());
        self
    }

    /// Sets the language to expect where a request names none (BCP 47). Default `en-US`.
    #[must_use]
    pub fn language(mut self, tag: impl Into<String>) -> Self {
        self.language = tag.into();
        self
    }

    /// Sets other languages that may be spoken, at most three (BCP 47); more are left out. By Google's word, made for short queries.
    #[must_use]
    pub fn alternative_languages<S: Into<String>>(mut self, tags: impl IntoIterator<Item = S>) -> Self {
        self.alternatives = tags.into_iter().take(MOST_ALTERNATIVES).map(Into::into).collect();
        self
    }

    /// Sets words to listen for: names, jargon.
    #[must_use]
    pub fn phrases<S: Into<String>>(mut self, phrases: impl IntoIterator<Item = S>) -> Self {
        self.phrases = phrases.into_iter().map(Into::into).collect();
        self
    }

    fn body(&self, samples: &[i16], language: &str) -> Value {
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        let mut config = json!({
            "encoding": "LINEAR16",
            "sampleRateHertz": SPEECH_RATE,
            "languageCode": language,
            "enableAutomaticPunctuation": true,
        });
        if !self.server.model.is_empty() {
            config["model"] = self.server.model.as_str().into();
        }
        let others = self.alternatives.iter().map(|tag| language::to_recognise(Some(tag), &self.language));
        let others: Vec<String> = others.filter(|tag| tag != language).collect();
        if !others.is_empty() {
            config["alternativeLanguageCodes"] = others.into();
        }
        if !self.phrases.is_empty() {
            config["speechContexts"] = json!([{"phrases": self.phrases}]);
        }
        json!({"config": config, "audio": {"content": STANDARD.encode(bytes)}})
    }

    /// What is said in one piece, and in which language.
    async fn recognise(&self, samples: &[i16], language: &str, private: &Private) -> Result<(String, Option<String>)> {
        let mut http = self.server.request(Method::POST, self.server.url("/speech:recognize")?)?;
        if let Some(project) = &self.project {
            http = http.header(PROJECT_HEADER, project);
        }
        let sent = self.server.send(http.json(&self.body(samples, language)), private).await;
        let response = sent.map_err(|refusal| refusal.error)?;
        let peer = &self.server.peer;
        let body = peer.read_all(response, MOST_ANSWER_BYTES).await?;
        let value: Value = serde_json::from_slice(&body).map_err(|_| peer.malformed("answered with broken JSON"))?;
        if value.get("error").is_some_and(|e| !e.is_null()) {
            return Err(peer.reported(&value, private));
        }
        // Fields that are empty are left out: where nothing was said, there are no results.
        let results = match value.get("results") {
            Some(Value::Array(results)) => results.as_slice(),
            None if value.is_object() => &[],
            _ => return Err(peer.malformed("answered with JSON that is no transcript")),
        };
        let text: String =
            results.iter().filter_map(|r| r.pointer("/alternatives/0/transcript").and_then(Value::as_str)).collect();
        let heard = results.iter().find_map(|r| r.get("languageCode").and_then(Value::as_str));
        Ok((text.trim().to_owned(), heard.map(language::canonical)))
    }
}

/// The pieces of an utterance, none longer than a call may be.
fn pieces(mut samples: &[i16]) -> Vec<&[i16]> {
    let mut pieces = Vec::new();
    while samples.len() > MOST_SAMPLES {
        let (piece, rest) = samples.split_at(quietest(&samples[..MOST_SAMPLES]));
        pieces.push(piece);
        samples = rest;
    }
    pieces.push(samples);
    pieces
}

/// Where to cut: in the middle of the quietest stretch near the end.
fn quietest(samples: &[i16]) -> usize {
    let begin = samples.len() - CUT_WITHIN;
    let loudness = |stretch: &[i16]| stretch.iter().map(|s| u64::from(s.unsigned_abs())).sum::<u64>();
    let stretches = samples[begin..].windows(SILENCE).step_by(SILENCE / 4).enumerate();
    let (n, _) = stretches.min_by_key(|(n, stretch)| (loudness(stretch), std::cmp::Reverse(*n))).unwrap_or_default();
    begin + n * (SILENCE / 4) + SILENCE / 2
}

fn join(pieces: &[(String, Option<String>)], language: &str) -> String {
    let language = language.split('-').next().unwrap_or_default();
    let between = if WITHOUT_SPACES.contains(&language) { "" } else { " " };
    pieces.iter().map(|(text, _)| text.as_str()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(between)
}

#[async_trait]
impl SpeechToText for GoogleStt {
    fn name(&self) -> &str {
        &self.server.peer.provider
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities { detects_language: !self.alternatives.is_empty(), ..SttCapabilities::default() }
    }

    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>> {
        ctx.check()?;
        let language = language::to_recognise(request.language.as_deref(), &self.language);
        let private: Private = self.phrases.iter().map(|phrase| phrase.as_str().into()).collect();
        let samples = &request.audio.samples;
        if samples.is_empty() {
            return Ok(stream::iter([Ok(Transcript::last(""))]).boxed());
        }
        let calls = pieces(samples).into_iter().map(|piece| self.recognise(piece, &language, &private));
        let heard = try_join_all(calls).await?;
        let spoken = heard.iter().find_map(|(text, spoken)| spoken.clone().filter(|_| !text.is_empty()));
        let transcript = Transcript::last(join(&heard, spoken.as_ref().unwrap_or(&language)));
        let transcript = match spoken {
            Some(spoken) => transcript.with_language(spoken),
            None => transcript,
        };
        Ok(stream::iter([Ok(transcript)]).boxed())
    }

    async fn warm_up(&self) -> Result<()> {
        self.server.warm_up("/operations?pageSize=1").await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_utterances_are_cut_in_their_silences_and_nothing_is_lost() {
        let rate = SPEECH_RATE as usize;
        let mut samples = vec![1000i16; 130 * rate];
        samples[45 * rate..45 * rate + rate / 2].fill(0);
        samples[80 * rate..80 * rate + rate / 2].fill(1);
        let pieces = pieces(&samples);
        assert_eq!(pieces.concat(), samples);
        assert!(
            pieces.iter().all(|piece| piece.len() <= MOST_SAMPLES),
            "{:?}",
            pieces.iter().map(|p| p.len()).collect::<Vec<_>>()
        );
        let first = pieces[0].len();
        assert!((45 * rate..46 * rate).contains(&first), "{first}");
        assert_eq!(super::pieces(&samples[..MOST_SAMPLES]).len(), 1);
    }

    #[test]
    fn pieces_are_joined_as_their_language_is_written() {
        let said = |texts: [&str; 3]| texts.map(|text| (text.to_owned(), None));
        assert_eq!(join(&said(["one", "", "two"]), "en-US"), "one two");
        assert_eq!(join(&said(["一", "二", ""]), "ja-JP"), "一二");
    }
}
