//! Replies.

use napi_derive::napi;
use voice_bridge::{Call, ReplyRecord};

use crate::{
    message::{Bytes, Message},
    port::Port,
    run,
};

/// A reply.
#[napi]
pub struct Reply(pub(crate) ReplyRecord);

#[napi]
impl Reply {
    /// Everything but the sound, as JSON.
    #[napi]
    pub fn json(&self) -> napi::Result<String> {
        run(|| Ok(self.0.to_json()))
    }

    /// The sound: 16-bit little-endian mono samples.
    #[napi]
    pub fn pcm(&self) -> napi::Result<Bytes> {
        run(|| Ok(Bytes::of_samples(self.0.get().audio.samples())))
    }

    /// The sound as a file of `format`, made off this thread.
    #[napi]
    pub fn encode(&self, port: &Port, id: u32, format: String) -> napi::Result<()> {
        run(|| {
            let reply = self.0.clone();
            let call = Call::blocking(move || reply.encoded(&format));
            port.line.follow(id, call, |done, bytes| Message { bytes: Some(Bytes(bytes)), ..done })
        })
    }

    /// Writes the sound to a file, off this thread.
    #[napi]
    pub fn save(&self, port: &Port, id: u32, path: String) -> napi::Result<()> {
        run(|| {
            let reply = self.0.clone();
            let call = Call::blocking(move || reply.save(&path));
            port.line.follow(id, call, |done, ()| done)
        })
    }
}
