//! Reading a GGUF file: its metadata and its tensors.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use candle_core::{
    Device,
    quantized::{GgmlDType, QMatMul, QTensor, gguf_file},
};

use super::{
    matrix::Matrix,
    q8::{BLOCK, BLOCK_BYTES, Q8Matrix},
};
use crate::{
    error::{Error, ErrorKind, Result},
    providers::local::process::CANDLE,
};

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

    /// How many numbers all tensors hold.
    pub(super) fn parameters(&self) -> usize {
        self.content.tensor_infos.values().map(|info| info.shape.elem_count()).sum()
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
        let tensor = self.content.tensor(&mut self.reader, name, &Device::Cpu);
        tensor.map_err(|e| damaged(&self.path, &format!("tensor {name}: {e}")))
    }

    /// Reads a tensor of two dimensions.
    ///
    /// # Errors
    /// As [`Gguf::tensor`]; `InvalidConfig` where candle's threads do not work, which multiply weights of this kind.
    pub(super) fn matrix(&mut self, name: &str) -> Result<Matrix> {
        let found = self.content.tensor_infos.get(name).map(|info| (info.ggml_dtype, info.shape.dims2(), info.offset));
        let broken = |path: &Path, e: &dyn std::fmt::Display| damaged(path, &format!("tensor {name}: {e}"));
        if let Some((dtype, Ok((rows, columns)), offset)) = found
            && let Some(mut matrix) = Q8Matrix::with_room(rows, columns)
        {
            match dtype {
                GgmlDType::Q8_0 => {
                    let start = self.content.tensor_data_offset.saturating_add(offset);
                    let read = read_blocks(&mut self.reader, start, rows * columns / BLOCK, &mut matrix);
                    read.map_err(|e| broken(&self.path, &e))?;
                    return Ok(Matrix::Eight(matrix));
                }
                // candle has no vector instructions for these; eight bits have, and cost nothing in quality.
                GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1 | GgmlDType::Q8_1 => {
                    let tensor = self.tensor(name)?.dequantize(&Device::Cpu);
                    let blocks = tensor.and_then(|t| QTensor::quantize(&t, GgmlDType::Q8_0));
                    let blocks = blocks.map_err(|e| broken(&self.path, &e))?;
                    matrix.push_blocks(&blocks.data().map_err(|e| broken(&self.path, &e))?);
                    return Ok(Matrix::Eight(matrix));
                }
                _ => {}
            }
        }
        CANDLE.required_by(&format!("the language model {}", self.path.display()))?;
        let tensor = self.tensor(name)?;
        QMatMul::from_qtensor(tensor).map(Matrix::Other).map_err(|e| broken(&self.path, &e))
    }

    /// An error that says what about this file is not as it should be.
    pub(super) fn damaged(&self, what: &str) -> Error {
        damaged(&self.path, what)
    }
}

/// Reads blocks of 8-bit weights a few at a time: the file's bytes are never in memory as a whole.
fn read_blocks(
    reader: &mut (impl Read + Seek),
    start: u64,
    blocks: usize,
    matrix: &mut Q8Matrix,
) -> std::io::Result<()> {
    const AT_ONCE: usize = 4096;
    reader.seek(SeekFrom::Start(start))?;
    let mut buffer = vec![0; AT_ONCE.min(blocks) * BLOCK_BYTES];
    let mut left = blocks;
    while left > 0 {
        let now = left.min(AT_ONCE);
        let bytes = &mut buffer[..now * BLOCK_BYTES];
        reader.read_exact(bytes)?;
        matrix.push_blocks(bytes);
        left -= now;
    }
    Ok(())
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
