//! Transcription of what is being spoken.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    super::{call::Endpoint, transcription::language_code},
    RATE,
    connection::{Connection, Incoming, Purpose},
    pool::Pool,
};
use crate::{
    audio::{LiveResampler, Pcm, SPEECH_RATE, to_i16},
    error::{Error, Result},
    event::Transcript,
    provider::{ResultStream, SpokenSound},
    providers::http::{Peer, Private},
};

/// How many connections wait at most: one for each utterance that is spoken at the same time in other sessions.
const MOST_WAITING: usize = 16;

/// Sound is sent in pieces of at least a tenth of a second, which is also the least that the server makes an item of.
const PIECE: usize = RATE as usize / 10;

/// Samples of silence behind which everything before is resampled: 10 ms.
const RESAMPLING: usize = SPEECH_RATE as usize / 100;

/// Listens over connections that stay open between utterances.
#[derive(Clone, Debug)]
pub(in crate::providers::openai) struct LiveTranscription {
    pool: Arc<Pool>,
}

impl LiveTranscription {
    pub(in crate::providers::openai) fn new() -> Self {
        Self { pool: Arc::new(Pool::of(MOST_WAITING)) }
    }

    /// Recognises one utterance with the endpoint's model. `transcription` is what the session says of it.
    pub(in crate::providers::openai) async fn listen(
        &self,
        endpoint: &Endpoint,
        transcription: Value,
        sound: SpokenSound,
        private: Private,
    ) -> Result<ResultStream<Transcript>> {
        let session = session(transcription);
        let connection = match self.pool.take(&session).await {
            Some(kept) => kept,
            None => Connection::open(endpoint, Purpose::Transcription, session, &private).await?,
        };
        let utterance = Utterance {
            peer: endpoint.peer.clone(),
            connection: Some(connection),
            pool: Arc::clone(&self.pool),
            private,
            sound: Some(sound),
            resampler: LiveResampler::new(SPEECH_RATE, RATE),
            unsent: Vec::new(),
            has_sent: false,
            commit: None,
            item: None,
            before: String::new(),
            so_far: String::new(),
        };
        Ok(stream::unfold(utterance, |mut u| async move { u.next().await.map(|item| (item, u)) }).boxed())
    }

    /// Opens a connection for the first utterance.
    pub(in crate::providers::openai) async fn warm_up(&self, endpoint: &Endpoint, transcription: Value) {
        let session = session(transcription);
        match Connection::open(endpoint, Purpose::Transcription, session, &Private::new()).await {
            Ok(connection) => self.pool.put(connection),
            Err(error) => tracing::debug!(provider = &*endpoint.peer.provider, %error, "warming up failed"),
        }
    }
}

/// A session in which the end of an utterance is told by us.
fn session(transcription: Value) -> Value {
    let format = json!({"type": "audio/pcm", "rate": RATE});
    let input = json!({"format": format, "transcription": transcription, "turn_detection": null});
    json!({"type": "transcription", "audio": {"input": input}})
}

/// One utterance on its connection.
struct Utterance {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    peer: Peer,
    private: Private,
    /// Gone once it has ended.
    sound: Option<SpokenSound>,
    resampler: LiveResampler,
    /// Sound at the rate of the API that does not fill a piece yet.
    unsent: Vec<i16>,
    has_sent: bool,
    /// The event that told the end of the utterance.
    commit: Option<String>,
    /// The item that it became.
    item: Option<String>,
    /// What earlier items say: a server that only resembles the API may end one by itself.
    before: String,
    /// What the present item says so far.
    so_far: String,
}

/// What happened next.
enum Step {
    Came(Result<Incoming>),
    Heard(Option<Pcm>),
}

impl Utterance {
    async fn next(&mut self) -> Option<Result<Transcript>> {
        while let Some(connection) = &mut self.connection {
            let step = match &mut self.sound {
                Some(sound) => tokio::select! {
                    biased;
                    came = connection.receive(&self.private) => Step::Came(came),
                    pcm = sound.next() => Step::Heard(pcm),
                },
                None => Step::Came(connection.receive(&self.private).await),
            };
            let said = match step {
                Step::Came(came) => came.and_then(|incoming| self.read(incoming)),
                Step::Heard(Some(pcm)) => self.hear(pcm.samples(), false).await.map(|()| None),
                Step::Heard(None) => self.commit().await,
            };
            match said {
                Ok(None) => {}
                Ok(Some(said)) => {
                    if said.is_final
                        && let Some(connection) = self.connection.take()
                    {
                        self.pool.put(connection);
                    }
                    return Some(Ok(said));
                }
                Err(error) => {
                    self.connection = None;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// Sends sound, a piece at a time; at the end also what does not fill one.
    async fn hear(&mut self, samples: &[i16], is_end: bool) -> Result<()> {
        let mut resampled = Vec::new();
        self.resampler.push(samples.iter().map(|&sample| f32::from(sample) / 32_768.0), &mut resampled);
        self.unsent.extend(resampled.into_iter().map(to_i16));
        if is_end && !self.has_sent {
            let least = self.unsent.len().max(PIECE);
            self.unsent.resize(least, 0);
        }
        if self.unsent.is_empty() || (self.unsent.len() < PIECE && !is_end) {
            return Ok(());
        }
        let bytes: Vec<u8> = self.unsent.drain(..).flat_map(i16::to_le_bytes).collect();
        self.has_sent = true;
        self.send(&json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(bytes)})).await
    }

    /// The user is done.
    async fn commit(&mut self) -> Result<Option<Transcript>> {
        self.sound = None;
        if !self.has_sent && self.unsent.is_empty() {
            return Ok(Some(Transcript::last("")));
        }
        self.hear(&[0; RESAMPLING], true).await?;
        let id = Uuid::now_v7().to_string();
        let event = json!({"type": "input_audio_buffer.commit", "event_id": id});
        self.commit = Some(id);
        self.send(&event).await?;
        Ok(None)
    }

    async fn send(&mut self, event: &Value) -> Result<()> {
        match &mut self.connection {
            Some(connection) => connection.send(event).await,
            None => Ok(()),
        }
    }

    fn read(&mut self, incoming: Incoming) -> Result<Option<Transcript>> {
        match incoming {
            Incoming::Words { item, delta } if self.is_mine(item.as_deref()) => {
                self.so_far.push_str(&delta);
                let text = joined(&self.before, &self.so_far);
                Ok((!text.is_empty()).then(|| Transcript::interim(text)))
            }
            Incoming::Transcript { item, text, language } => {
                let text = joined(&self.before, &text);
                if self.commit.is_none() || !self.is_mine(item.as_deref()) {
                    self.so_far.clear();
                    self.before = text;
                    return Ok(None);
                }
                let last = Transcript::last(text);
                Ok(Some(match language.as_deref().and_then(language_code) {
                    Some(code) => last.with_language(code),
                    None => last,
                }))
            }
            Incoming::Unheard { item, body } if self.is_mine(item.as_deref()) => Err(self.reported(&body)),
            Incoming::Committed { item } if self.commit.is_some() => {
                self.item = item;
                Ok(None)
            }
            // Errors about somebody else's events leave the session as it is.
            Incoming::Error { answers, body } if answers.as_deref().is_none_or(|id| self.asked(id)) => {
                Err(self.reported(&body))
            }
            _ => Ok(None),
        }
    }

    fn is_mine(&self, item: Option<&str>) -> bool {
        match (self.item.as_deref(), item) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => true,
        }
    }

    /// Whether an event was ours.
    fn asked(&self, id: &str) -> bool {
        self.commit.as_deref() == Some(id) || self.connection.as_ref().is_some_and(|c| c.session_event == id)
    }

    /// The error that the server reports, without anything that was said.
    fn reported(&self, body: &Value) -> Error {
        let mut private = self.private.clone();
        private.extend([self.before.as_str().into(), self.so_far.as_str().into()]);
        self.peer.reported(body, &private)
    }
}

fn joined(before: &str, text: &str) -> String {
    let both = [before.trim(), text.trim()];
    both.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
