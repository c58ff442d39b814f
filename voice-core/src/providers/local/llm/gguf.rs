//! Reading a GGUF file: its metadata and its tensors.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use candle_core::{
    Device,
    quantized::{GgmlDType, QTensor, gguf_file},
};

use crate::error::{Error, ErrorKind, Result};

/// An open GGUF file.
pub(super) struct Gguf {
    path: PathBuf,
    metadata: Metadata,
    content: gguf_file::Content,
    reader: BufReader<File>,
}

impl Gguf {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// `ModelMissing` when there is no such file or it is not GGUF.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| {
            let message = format!(
                "the language model {} cannot be opened: {e}; `voice-core models fetch` gets the default one, and any \
                 GGUF chat model can be named instead",
                path.display()
            );
            Error::new(ErrorKind::ModelMissing, message).with_source(e)
        })?;
        let mut reader = BufReader::new(file);
        let mut content = gguf_file::Content::read(&mut reader).map_err(|e| damaged(path, &e.to_string()))?;
        let metadata = Metadata(std::mem::take(&mut content.metadata));
        Ok(Self { path: path.to_path_buf(), metadata, content, reader })
    }

    /// What the file says about itself.
    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether there is a tensor of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// Reads a tensor.
    ///
    /// # Errors
    /// `ModelMissing` when it is not there or the file ends before it does.
    pub(super) fn tensor(&mut self, name: &str) -> Result<QTensor> {
        let tensor = self
            .content
            .tensor(&mut self.reader, name, &Device::Cpu)
            .map_err(|e| damaged(&self.path, &format!("tensor {name}: {e}")))?;
        match tensor.dtype() {
            // These have no vectorised kernel; Q8_0 has, and costs nothing in quality.
            GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1 | GgmlDType::Q8_1 => tensor
                .dequantize(&Device::Cpu)
                .and_then(|t| QTensor::quantize(&t, GgmlDType::Q8_0))
                .map_err(|e| damaged(&self.path, &format!("tensor {name}: {e}"))),
            _ => Ok(tensor),
        }
    }

    /// An error that says what about this file is not as it should be.
    pub(super) fn damaged(&self, what: &str) -> Error {
        damaged(&self.path, what)
    }
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::ModelMissing,
        format!("the language model {} is damaged or not a GGUF file of this kind: {what}", path.display()),
    )
}

/// The key-value part of a GGUF file.
pub(super) struct Metadata(pub(super) std::collections::HashMap<String, gguf_file::Value>);

impl Metadata {
    /// A text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_string().ok().map(String::as_str)
    }

    /// A whole number of any width.
    pub(super) fn integer(&self, key: &str) -> Option<usize> {
        integer(self.0.get(key)?)
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        let value = self.0.get(key)?;
        value.to_f32().map(f64::from).or_else(|_| value.to_f64()).ok()
    }

    /// A flag.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.0.get(key)?.to_bool().ok()
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<&str>> {
        self.list(key, |v| v.to_string().ok().map(String::as_str))
    }

    /// A list of whole numbers.
    pub(super) fn integers(&self, key: &str) -> Option<Vec<usize>> {
        self.list(key, integer)
    }

    /// A list of numbers.
    pub(super) fn numbers(&self, key: &str) -> Option<Vec<f32>> {
        self.list(key, |v| v.to_f32().ok())
    }

    fn list<'a, T>(&'a self, key: &str, item: impl Fn(&'a gguf_file::Value) -> Option<T>) -> Option<Vec<T>> {
        self.0.get(key)?.to_vec().ok()?.iter().map(item).collect()
    }
}

fn integer(value: &gguf_file::Value) -> Option<usize> {
    let unsigned = value.to_u64().ok().and_then(|n| usize::try_from(n).ok());
    unsigned
        .or_else(|| usize::try_from(value.to_i64().ok()?).ok())
        .or_else(|| usize::try_from(value.to_i32().ok()?).ok())
}
