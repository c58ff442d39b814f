//! Rewrites the `model.bin` of a Whisper model in CTranslate2's format as safetensors under the usual names.
//!
//! Source: the reader in CTranslate2's `model.cc`, and the names in Hugging Face's `modeling_whisper.py`. Only names and the
//! places of rows change: every number stays as it is.

use std::{collections::HashMap, fs, io::Write, ops::Range, path::Path};

use serde_json::{Map, json};

use super::files::describe;
use crate::error::{Error, ErrorKind, Result};

/// A variable of the file: its shape, its type, and where its bytes are.
#[derive(Clone)]
struct Variable {
    shape: Vec<usize>,
    dtype: &'static str,
    bytes: Range<usize>,
}

impl Variable {
    /// Some of its rows: part `n` of `of` equal parts.
    fn part(&self, n: usize, of: usize) -> Option<Self> {
        let rows = self.shape.first().filter(|rows| **rows % of == 0)? / of;
        let bytes = self.bytes.len() / of;
        let start = self.bytes.start + n * bytes;
        let shape = std::iter::once(rows).chain(self.shape[1..].iter().copied()).collect();
        Some(Self { shape, dtype: self.dtype, bytes: start..start + bytes })
    }
}

pub(super) fn to_safetensors(source: &Path, target: &Path) -> Result<()> {
    let file = fs::read(source).map_err(|e| describe("read", source, e))?;
    let tensors = Reader { file: &file, at: 0 }.variables().and_then(|variables| renamed(&variables));
    let tensors = tensors.ok_or_else(|| {
        Error::new(
            ErrorKind::ModelMissing,
            "the model to convert is not Whisper in CTranslate2's format, or is damaged",
        )
    })?;

    let (mut header, mut end) = (Map::new(), 0);
    for (name, tensor) in &tensors {
        let start = end;
        end += tensor.bytes.len();
        header.insert(
            name.clone(),
            json!({ "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [start, end] }),
        );
    }
    let mut header = json!(header).to_string();
    // Readers that map the file want numbers at even places.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));

    let write = || {
        let mut out = std::io::BufWriter::new(fs::File::create(target)?);
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        for (_, tensor) in &tensors {
            out.write_all(&file[tensor.bytes.clone()])?;
        }
        out.flush()
    };
    write().map_err(|e| describe("write", target, e))
}

struct Reader<'a> {
    file: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(count)?;
        let bytes = self.file.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn number<const N: usize>(&mut self) -> Option<usize> {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(self.take(N)?);
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.number::<2>()?;
        let bytes = self.take(length)?;
        let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        String::from_utf8(bytes.to_vec()).ok()
    }

    fn variables(mut self) -> Option<HashMap<String, Variable>> {
        let (_version, specification, _revision) = (self.number::<4>()?, self.text()?, self.number::<4>()?);
        if specification != "WhisperSpec" {
            return None;
        }
        let count = self.number::<4>()?;
        let mut variables = HashMap::new();
        for _ in 0..count {
            let name = self.text()?;
            let rank = self.number::<1>()?;
            let shape = (0..rank).map(|_| self.number::<4>()).collect::<Option<Vec<_>>>()?;
            let dtype = ["F32", "I8", "I16", "I32", "F16"].get(self.number::<1>()?)?;
            let length = self.number::<4>()?;
            let start = self.at;
            self.take(length)?;
            variables.insert(name, Variable { shape, dtype, bytes: start..start + length });
        }
        Some(variables)
    }
}

/// The tensors under their usual names, in a fixed order.
fn renamed(variables: &HashMap<String, Variable>) -> Option<Vec<(String, Variable)>> {
    let mut out: Vec<(String, Variable)> = Vec::new();
    let mut put = |from: &str, part: (usize, usize), to: String| {
        let variable = variables.get(from)?.part(part.0, part.1)?;
        out.push((to, variable));
        Some(())
    };
    const WHOLE: (usize, usize) = (0, 1);
    let pairs = [("weight", "weight"), ("bias", "bias")];
    let norms = [("gamma", "weight"), ("beta", "bias")];

    for conv in ["conv1", "conv2"] {
        for (from, to) in pairs {
            put(&format!("encoder/{conv}/{from}"), WHOLE, format!("model.encoder.{conv}.{to}"))?;
        }
    }
    put("decoder/embeddings/weight", WHOLE, "model.decoder.embed_tokens.weight".into())?;
    for side in ["encoder", "decoder"] {
        let positions = format!("model.{side}.embed_positions.weight");
        put(&format!("{side}/position_encodings/encodings"), WHOLE, positions)?;
        for (from, to) in norms {
            put(&format!("{side}/layer_norm/{from}"), WHOLE, format!("model.{side}.layer_norm.{to}"))?;
        }
        let layers = (0..).take_while(|n| variables.contains_key(&format!("{side}/layer_{n}/ffn/linear_0/weight")));
        for n in layers {
            let (from, to) = (format!("{side}/layer_{n}"), format!("model.{side}.layers.{n}"));
            let mut linear = |from: String, part, to: String, bias: bool| {
                put(&format!("{from}/weight"), part, format!("{to}.weight"))?;
                if bias {
                    put(&format!("{from}/bias"), part, format!("{to}.bias"))?;
                }
                Some(())
            };
            // Queries, keys and values stand below each other in one matrix; keys have no bias of their own.
            let own = format!("{from}/self_attention");
            for (part, (name, bias)) in [("q", true), ("k", false), ("v", true)].into_iter().enumerate() {
                linear(format!("{own}/linear_0"), (part, 3), format!("{to}.self_attn.{name}_proj"), bias)?;
            }
            linear(format!("{own}/linear_1"), WHOLE, format!("{to}.self_attn.out_proj"), true)?;
            if side == "decoder" {
                let cross = format!("{from}/attention");
                linear(format!("{cross}/linear_0"), WHOLE, format!("{to}.encoder_attn.q_proj"), true)?;
                linear(format!("{cross}/linear_1"), (0, 2), format!("{to}.encoder_attn.k_proj"), false)?;
                linear(format!("{cross}/linear_1"), (1, 2), format!("{to}.encoder_attn.v_proj"), true)?;
                linear(format!("{cross}/linear_2"), WHOLE, format!("{to}.encoder_attn.out_proj"), true)?;
            }
            linear(format!("{from}/ffn/linear_0"), WHOLE, format!("{to}.fc1"), true)?;
            linear(format!("{from}/ffn/linear_1"), WHOLE, format!("{to}.fc2"), true)?;
            let mut norm = |of: &str, name: &str| {
                norms.iter().try_for_each(|(a, b)| {
                    put(&format!("{from}/{of}/layer_norm/{a}"), WHOLE, format!("{to}.{name}.{b}"))
                })
            };
            norm("self_attention", "self_attn_layer_norm")?;
            if side == "decoder" {
                norm("attention", "encoder_attn_layer_norm")?;
            }
            norm("ffn", "final_layer_norm")?;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_three_is_parted_by_rows() {
        let all = Variable { shape: vec![6, 4], dtype: "F16", bytes: 100..148 };
        let middle = all.part(1, 3).unwrap();
        assert_eq!((middle.shape, middle.bytes), (vec![2, 4], 116..132));
        assert!(all.part(0, 4).is_none());
    }

    #[test]
    fn what_is_no_model_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("model.bin"), dir.path().join("model.safetensors"));
        for bytes in [&b""[..], b"\x06\0\0\0\x0b\0WhisperSpec", b"\x06\0\0\0\xff\xff", &[0xff; 64]] {
            fs::write(&source, bytes).unwrap();
            assert_eq!(to_safetensors(&source, &target).unwrap_err().kind(), ErrorKind::ModelMissing);
        }
    }
}
