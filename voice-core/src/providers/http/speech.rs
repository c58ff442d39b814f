//! Speech that comes as pieces of JSON, as events or one after another: sound in base64, and from some when each word is heard.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use reqwest::Response;
use serde_json::Value;

#[cfg(any(feature = "openai", feature = "cartesia"))]
use super::SseReader;
use super::{Peer, Private, SoundReader};
use crate::{
    audio::{Pcm, SpokenWord},
    error::Result,
    provider::ResultStream,
};

/// The most bytes of one piece: ten seconds of base64 sound and then some.
#[cfg(feature = "elevenlabs")]
const MOST_PIECE_BYTES: usize = 4 * 1024 * 1024;

/// Who knows what the pieces of a provider say.
pub(crate) trait Pieces: Send + 'static {
    /// Reads a piece, named as in the stream, that comes when so much has been spoken.
    fn read(&mut self, piece: &Value, name: &str, spoken: Duration) -> Said;

    /// The words that were kept back: there are no more pieces.
    fn rest(&mut self) -> Vec<SpokenWord> {
        Vec::new()
    }
}

/// What a piece says.
pub(crate) enum Said {
    /// Sound in base64, words, or neither.
    Part(Option<String>, Vec<SpokenWord>),
    /// That there is no more.
    Done,
    /// That it went wrong.
    Failed,
}

/// The speech of server-sent events, the last of which says that it is.
#[cfg(any(feature = "openai", feature = "cartesia"))]
pub(crate) fn speech_of_events(
    response: Response,
    rate: u32,
    peer: Peer,
    private: Private,
    pieces: impl Pieces,
) -> ResultStream<Pcm> {
    let source = Source::Events(SseReader::new(response, peer.clone()));
    Speech::new(source, rate, peer, private, pieces).stream()
}

/// The speech of JSON objects, one after another, until the answer ends.
#[cfg(feature = "elevenlabs")]
pub(crate) fn speech_of_objects(
    response: Response,
    rate: u32,
    peer: Peer,
    private: Private,
    pieces: impl Pieces,
) -> ResultStream<Pcm> {
    let source = Source::Objects(Objects { response, carry: Vec::new() });
    Speech::new(source, rate, peer, private, pieces).stream()
}

enum Source {
    #[cfg(any(feature = "openai", feature = "cartesia"))]
    Events(SseReader),
    #[cfg(feature = "elevenlabs")]
    Objects(Objects),
}

#[cfg(feature = "elevenlabs")]
struct Objects {
    response: Response,
    /// What does not make a whole object yet.
    carry: Vec<u8>,
}

struct Speech<P> {
    source: Source,
    sound: SoundReader,
    pieces: P,
    peer: Peer,
    private: Private,
    /// Words that wait for the next sound.
    words: Vec<SpokenWord>,
    rate: u32,
    spoken: Duration,
    ended: bool,
}

impl<P: Pieces> Speech<P> {
    fn new(source: Source, rate: u32, peer: Peer, private: Private, pieces: P) -> Self {
        let sound = SoundReader::new(peer.clone(), rate);
        Self { source, sound, pieces, peer, private, words: Vec::new(), rate, spoken: Duration::ZERO, ended: false }
    }

    fn stream(self) -> ResultStream<Pcm> {
        stream::unfold(self, |mut speech| async move { speech.next().await.map(|item| (item, speech)) }).boxed()
    }

    async fn next(&mut self) -> Option<Result<Pcm>> {
        while !self.ended {
            match self.advance().await {
                Ok(None) => {}
                Ok(Some(pcm)) => return Some(Ok(pcm)),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// Reads one piece.
    async fn advance(&mut self) -> Result<Option<Pcm>> {
        let said = match self.source.next(&self.peer).await? {
            Some((_, Value::Null)) => return Ok(None),
            Some((name, piece)) => match self.pieces.read(&piece, &name, self.spoken) {
                Said::Failed => return Err(self.peer.reported(&piece, &self.private)),
                said => said,
            },
            None => Said::Done,
        };
        let sound = match said {
            Said::Part(sound, words) => {
                self.words.extend(words);
                let Some(sound) = sound else { return Ok(None) };
                let bytes = STANDARD.decode(sound).map_err(|_| self.peer.malformed("sent sound that is not base64"))?;
                self.sound.push(&bytes)?
            }
            Said::Done | Said::Failed => {
                self.ended = true;
                self.source.release();
                let words = self.pieces.rest();
                self.words.extend(words);
                let rest = self.sound.finish()?;
                // Words that come behind the last sound are told all the same.
                rest.or_else(|| (!self.words.is_empty()).then(|| Pcm::new([], self.rate)))
            }
        };
        Ok(sound.map(|pcm| {
            self.rate = pcm.sample_rate();
            self.spoken += pcm.duration();
            pcm.with_words(std::mem::take(&mut self.words))
        }))
    }
}

impl Source {
    /// The next piece and its name; nothing at the end; `null` where there is nothing to read.
    async fn next(&mut self, peer: &Peer) -> Result<Option<(String, Value)>> {
        match self {
            #[cfg(any(feature = "openai", feature = "cartesia"))]
            Self::Events(events) => {
                let Some(event) = events.next().await.transpose()? else { return Err(peer.cut_short()) };
                let data = event.data.trim();
                if data == "[DONE]" {
                    return Ok(None);
                }
                if data.is_empty() {
                    return Ok(Some((event.name, Value::Null)));
                }
                let piece = serde_json::from_str(data).map_err(|_| {
                    if event.complete {
                        peer.malformed("sent a piece of speech that is not JSON")
                    } else {
                        peer.cut_short()
                    }
                })?;
                Ok(Some((event.name, piece)))
            }
            #[cfg(feature = "elevenlabs")]
            Self::Objects(objects) => Ok(objects.next(peer).await?.map(|piece| (String::new(), piece))),
        }
    }

    /// Lets go of an answer whose last piece has come.
    fn release(&mut self) {
        match self {
            #[cfg(any(feature = "openai", feature = "cartesia"))]
            Self::Events(events) => events.release(),
            #[cfg(feature = "elevenlabs")]
            Self::Objects(_) => {}
        }
    }
}

#[cfg(feature = "elevenlabs")]
impl Objects {
    async fn next(&mut self, peer: &Peer) -> Result<Option<Value>> {
        loop {
            if let Some(object) =
                first_object(&mut self.carry).map_err(|()| peer.malformed("sent a piece of speech that is not JSON"))?
            {
                return Ok(Some(object));
            }
            match self.response.chunk().await {
                Ok(Some(bytes)) if self.carry.len() + bytes.len() > MOST_PIECE_BYTES => {
                    return Err(peer.malformed("sent a piece of speech of more than 4 MiB"));
                }
                Ok(Some(bytes)) => self.carry.extend_from_slice(&bytes),
                Ok(None) if self.carry.trim_ascii().is_empty() => return Ok(None),
                Ok(None) => return Err(peer.cut_short()),
                Err(error) => return Err(peer.transport(&error)),
            }
        }
    }
}

/// Takes the first object out of bytes that may end within it.
#[cfg(feature = "elevenlabs")]
fn first_object(bytes: &mut Vec<u8>) -> Result<Option<Value>, ()> {
    // An object ends with a brace: without one there is nothing to read again from its beginning.
    if !bytes.contains(&b'}') {
        return Ok(None);
    }
    let mut objects = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let object = match objects.next() {
        Some(Ok(object)) => object,
        Some(Err(error)) if !error.is_eof() => return Err(()),
        _ => return Ok(None),
    };
    let end = objects.byte_offset();
    bytes.drain(..end);
    Ok(Some(object))
}

#[cfg(all(test, feature = "elevenlabs"))]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_read_wherever_they_are_cut_and_with_or_without_line_ends() {
        let text = br#"{"a":1}{"b":{"c":"}"}}
        {"d":2}
"#;
        for cut in 0..text.len() {
            let (mut carry, mut read) = (Vec::new(), Vec::new());
            for part in [&text[..cut], &text[cut..]] {
                carry.extend_from_slice(part);
                while let Some(object) = first_object(&mut carry).unwrap() {
                    read.push(object);
                }
            }
            assert_eq!(read, [json!({"a": 1}), json!({"b": {"c": "}"}}), json!({"d": 2})], "cut at {cut}");
            assert!(carry.trim_ascii().is_empty());
        }
        assert_eq!(first_object(&mut b"<html>}".to_vec()), Err(()));
    }
}
