//! Which model of a provider recognises what is being spoken, beside the one for recordings.

use super::{Peer, Server};
use crate::error::{ErrorKind, Result};

/// What is known of a provider's models that listen.
pub(crate) struct LiveModels {
    /// The model for recordings beside one that recognises only what is being spoken.
    pub(crate) recorded: &'static str,
    /// Whether a model recognises only what is being spoken.
    pub(crate) only_live: fn(&str) -> bool,
    /// What listens where nobody named anything; `None`: the model for recordings.
    pub(crate) default: Option<&'static str>,
}

/// What listens, if anything does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    /// What somebody named; empty: nothing.
    named: Option<String>,
    /// The server with the model that listens.
    server: Option<Server>,
}

impl Live {
    /// Names what listens; an empty name is nothing.
    pub(crate) fn set_model(&mut self, model: impl Into<String>) {
        self.named = Some(model.into());
    }

    /// Finds the models anew: a model that only listens leaves recordings to another one.
    pub(crate) fn renew(&mut self, recorded: &mut Server, models: &LiveModels) {
        if (models.only_live)(&recorded.model) {
            self.named = Some(recorded.model.clone());
            recorded.set_model(models.recorded);
        }
        let named = self.named.as_deref().or(models.default);
        let model = named.unwrap_or(&recorded.model).to_owned();
        self.server = (!model.is_empty()).then(|| {
            let mut live = recorded.clone();
            live.set_model(model);
            live
        });
    }

    /// The server with the model that listens, if one does.
    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// The same.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Unsupported`) when nothing listens.
    pub(crate) fn required(&self, recorded: &Peer) -> Result<&Server> {
        self.server().ok_or_else(|| {
            let message = format!("{} recognises recordings only; name a live model", recorded.provider);
            recorded.error(ErrorKind::Unsupported, message)
        })
    }
}
