//! Where an answer comes from.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::DocumentId;

/// A passage of a document that the language model was given to answer from. `Debug` leaves its words out.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Source {
    /// The document.
    pub document_id: DocumentId,
    /// The title of the document.
    pub title: String,
    /// The headings under which the passage stands, with ` › ` between them; empty: none.
    pub heading: String,
    /// Which passage of the document it is, from 0.
    pub passage: u32,
    /// What it says.
    pub text: String,
    /// How much of what was asked is in it, 0–1.
    pub score: f64,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("document_id", &self.document_id)
            .field("passage", &self.passage)
            .field("characters", &self.text.chars().count())
            .field("score", &self.score)
            .finish_non_exhaustive()
    }
}
