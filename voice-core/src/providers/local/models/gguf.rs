//! Requantises GGUF files into the form that the CPU multiplies fastest.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::Path,
};

use candle_core::{
    Device,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{self, Content},
    },
};

use super::files::describe;
use crate::error::{Error, ErrorKind, Result};

/// Writes the GGUF file `source` to `target` with its 4-bit blocks (Q4_0, Q4_1) as 8-bit ones (Q8_0): half as dense and,
/// for want of a fast path for the former, several times as fast. Other tensors stay as they are.
///
/// # Errors
/// `ModelMissing` when the source is damaged; `File` when the target cannot be written.
pub(super) fn requantise(source: &Path, target: &Path) -> Result<()> {
    let file = File::open(source).map_err(|e| damaged(&e))?;
    let mut reader = BufReader::new(file);
    let content = Content::read(&mut reader).map_err(|e| damaged(&e))?;

    // Maps have no order, files do: the same source always gives the same target.
    let mut infos: Vec<_> = content.tensor_infos.iter().collect();
    infos.sort_by_key(|(_, info)| info.offset);
    let mut tensors = Vec::with_capacity(infos.len());
    for (name, info) in infos {
        let tensor = content.tensor(&mut reader, name, &Device::Cpu).map_err(|e| damaged(&e))?;
        let tensor = match info.ggml_dtype {
            GgmlDType::Q4_0 | GgmlDType::Q4_1 => {
                let values = tensor.dequantize(&Device::Cpu).map_err(|e| damaged(&e))?;
                QTensor::quantize(&values, GgmlDType::Q8_0).map_err(|e| damaged(&e))?
            }
            _ => tensor,
        };
        tensors.push((name.as_str(), tensor));
    }
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut metadata: Vec<_> = content.metadata.iter().map(|(name, value)| (name.as_str(), value)).collect();
    metadata.sort_by_key(|(name, _)| *name);

    let mut writer = BufWriter::new(File::create(target).map_err(|e| describe("write", target, e))?);
    gguf_file::write(&mut writer, &metadata, &tensors).map_err(|e| match e {
        candle_core::Error::Io(e) => describe("write", target, e),
        e => Error::internal(format!("the model cannot be written as GGUF: {e}")),
    })?;
    writer.flush().map_err(|e| describe("write", target, e))
}

fn damaged(e: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::ModelMissing, format!("the GGUF file to requantise is damaged: {e}"))
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::*;

    #[test]
    fn four_bit_blocks_become_eight_bit_ones_of_nearly_the_same_values() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("a.gguf"), dir.path().join("b.gguf"));
        let values = Tensor::arange(0_f32, 64.0, &Device::Cpu).unwrap().reshape((2, 32)).unwrap();
        let four = QTensor::quantize(&values, GgmlDType::Q4_1).unwrap();
        let plain = QTensor::quantize(&values, GgmlDType::F32).unwrap();
        let name = gguf_file::Value::String("a model".into());
        let mut file = File::create(&source).unwrap();
        gguf_file::write(&mut file, &[("general.name", &name)], &[("four", &four), ("plain", &plain)]).unwrap();

        requantise(&source, &target).unwrap();

        let mut file = File::open(&target).unwrap();
        let content = Content::read(&mut file).unwrap();
        assert_eq!(content.metadata["general.name"].to_string().unwrap(), "a model");
        assert_eq!(content.tensor_infos["plain"].ggml_dtype, GgmlDType::F32);
        assert_eq!(content.tensor_infos["four"].ggml_dtype, GgmlDType::Q8_0);
        let read = |content: &Content, file: &mut File, name: &str| -> Vec<f32> {
            let tensor = content.tensor(file, name, &Device::Cpu).unwrap().dequantize(&Device::Cpu).unwrap();
            tensor.flatten_all().unwrap().to_vec1().unwrap()
        };
        let before = four.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (a, b) in before.iter().zip(read(&content, &mut file, "four")) {
            assert!((a - b).abs() < 0.3, "{a} became {b}");
        }
    }

    #[test]
    fn the_same_source_gives_the_same_target_byte_for_byte() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("a.gguf");
        let values = Tensor::arange(0_f32, 32.0, &Device::Cpu).unwrap();
        let tensors: Vec<QTensor> = (0..8).map(|_| QTensor::quantize(&values, GgmlDType::Q4_1).unwrap()).collect();
        let names: Vec<String> = (0..8).map(|i| format!("tensor {i}")).collect();
        let named: Vec<(&str, &QTensor)> = names.iter().map(String::as_str).zip(&tensors).collect();
        let value = gguf_file::Value::U32(1);
        let metadata: Vec<(&str, &gguf_file::Value)> = names.iter().map(|n| (n.as_str(), &value)).collect();
        gguf_file::write(&mut File::create(&source).unwrap(), &metadata, &named).unwrap();
        let convert = |name: &str| {
            let target = dir.path().join(name);
            requantise(&source, &target).unwrap();
            std::fs::read(target).unwrap()
        };
        assert!(convert("b.gguf") == convert("c.gguf"));
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("a.gguf");
        std::fs::write(&source, b"GGUF and then nonsense").unwrap();
        assert_eq!(requantise(&source, &dir.path().join("b")).unwrap_err().kind(), ErrorKind::ModelMissing);
    }
}
