//! Local models: fetch, verify, list.

use std::sync::Arc;

use napi_derive::napi;
use voice_bridge::models;

use crate::{message::Message, port::Port, run};

fn text(done: Message, text: String) -> Message {
    Message { text: Some(text), ..done }
}

#[napi]
impl Port {
    /// Fills a model folder; its steps come as `step` messages with the same number.
    #[napi]
    pub fn fetch_models(&self, id: u32, folder: Option<String>, wanted: String) -> napi::Result<()> {
        run(|| {
            let line = Arc::clone(&self.line);
            let step = move |step| {
                line.post(Message { text: Some(step), ..Message::of("step", id) });
                true
            };
            self.line.follow(id, models::fetch(folder.map(Into::into), &wanted, step), text)
        })
    }

    /// Compares every file with its checksum.
    #[napi]
    pub fn verify_models(&self, id: u32, folder: Option<String>) -> napi::Result<()> {
        run(|| self.line.follow(id, models::verify(folder.map(Into::into)), text))
    }

    /// The catalogue and what is there of it.
    #[napi]
    pub fn list_models(&self, id: u32, folder: Option<String>) -> napi::Result<()> {
        run(|| self.line.follow(id, models::list(folder.map(Into::into)), text))
    }
}
