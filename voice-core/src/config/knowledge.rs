//! What answers are drawn from.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{invalid, range};
use crate::{error::Result, id::DocumentId};

/// Stands for every document of the owner.
pub(crate) const ALL: &str = "*";

/// Which documents answers are drawn from, and how much of them the language model is told. They are kept by
/// [`VoiceAgent::knowledge`](crate::VoiceAgent::knowledge).
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KnowledgeConfig {
    /// The host's own documents that are searched for each answer, by their ids; `*` stands for all that belong to no organization.
    /// An assistant that names documents has those instead. Default: none.
    pub documents: Vec<String>,
    /// Whether the language model is given a tool, `search_knowledge`, in place of passages with every question. One that cannot call
    /// tools is given passages all the same; a model that hears and speaks by itself always has the tool. Default false.
    pub as_tool: bool,
    /// How many passages the model is given at most (1–20). Default 3.
    pub top_k: u32,
    /// How much of what was asked a passage must have to be given, 0–1. Default 0.2.
    pub min_score: f64,
    /// How many characters they have at most, all together (1,000–100,000). Default 2,000.
    pub max_characters: u32,
    /// How long an answer waits for the documents to be searched, in milliseconds; it does without them then. Default 500.
    pub timeout_ms: u64,
    /// How many MiB of text are kept ready to be searched. Documents that have more than that, all those together that one answer
    /// is drawn from, are not searched. Default 64.
    pub memory_mb: f64,
}

impl Default for KnowledgeConfig {
    fn default() -> Self {
        Self {
            documents: Vec::new(),
            as_tool: false,
            top_k: 3,
            min_score: 0.2,
            max_characters: 2_000,
            timeout_ms: 500,
            memory_mb: 64.0,
        }
    }
}

impl KnowledgeConfig {
    pub(super) fn validate(&self) -> Result<()> {
        for (at, document) in self.documents.iter().enumerate() {
            if document != ALL && document.parse::<DocumentId>().is_err() {
                return Err(invalid(format!("knowledge.documents[{at}]: expected the id of a document, or * for all")));
            }
        }
        range("knowledge.documents", self.documents.len() as f64, 0.0, 1_000.0)?;
        range("knowledge.top_k", f64::from(self.top_k), 1.0, 20.0)?;
        range("knowledge.min_score", self.min_score, 0.0, 1.0)?;
        range("knowledge.max_characters", f64::from(self.max_characters), 1_000.0, 100_000.0)?;
        range("knowledge.timeout_ms", self.timeout_ms as f64, 1.0, 60_000.0)?;
        range("knowledge.memory_mb", self.memory_mb, 0.001, 65_536.0)
    }
}
