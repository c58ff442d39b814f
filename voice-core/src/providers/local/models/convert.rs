//! From the parts in packages to a file that this library loads.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use rten_onnx::{onnx::ModelProto, protobuf};

use super::{catalogue::Conversion, ct2, files::describe, gguf, onnx, ort};
use crate::error::{Error, ErrorKind, Result};

/// Converts `source` and writes the result to `target`.
///
/// # Errors
/// `ModelMissing` when the source is not what the conversion expects; `File` when a file cannot be read or written.
pub(super) fn convert(conversion: Conversion, source: &Path, target: &Path) -> Result<()> {
    match conversion {
        Conversion::Join => fs::rename(source, target).map_err(|e| describe("write", target, e)),
        Conversion::OrtToOnnx => {
            let model = ort::read(&fs::read(source).map_err(|e| describe("read", source, e))?)?;
            unfuse(model, target)
        }
        Conversion::UnfuseOnnx => {
            let file = File::open(source).map_err(|e| describe("read", source, e))?;
            let model = ModelProto::parse_file(file).map_err(|e| {
                Error::new(ErrorKind::ModelMissing, format!("the ONNX file to convert is damaged: {e}"))
            })?;
            unfuse(model, target)
        }
        Conversion::RequantiseGguf => gguf::requantise(source, target),
        Conversion::Ct2ToSafetensors => ct2::to_safetensors(source, target),
    }
}

fn unfuse(mut model: ModelProto, target: &Path) -> Result<()> {
    onnx::unfuse(&mut model)?;
    let file = File::create(target).map_err(|e| describe("write", target, e))?;
    model.write_file(file).map_err(|e| match e.kind() {
        protobuf::ErrorKind::IoError(io) => describe("write", target, io.kind().into()),
        _ => Error::internal(format!("the model cannot be written as ONNX: {e}")),
    })
}

/// Writes what `parts` yields, one after the other, into one file.
///
/// # Errors
/// The error of `part`; `File` when the file cannot be written.
pub(super) fn join<P>(
    parts: impl IntoIterator<Item = P>,
    target: &Path,
    mut part: impl FnMut(P, &mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let mut out = BufWriter::new(File::create(target).map_err(|e| describe("write", target, e))?);
    for one in parts {
        part(one, &mut out)?;
    }
    out.flush().map_err(|e| describe("write", target, e))
}
