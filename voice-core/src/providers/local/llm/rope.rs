//! The rotation of queries and keys by their positions, and how files stretch it for long contexts.

use candle_core::{D, Device, Result as TensorResult, Tensor};

use super::{
    decoder::Shape,
    gguf::{Gguf, Metadata},
};
use crate::error::{Error, ErrorKind, Result};

/// The factors of frequencies that Llama 3 has for every length.
const FACTORS: &str = "rope_freqs.weight";
/// Those of Phi 3, by whether the context is longer than the one that the model was first trained with.
const SHORT_FACTORS: &str = "rope_factors_short.weight";
const LONG_FACTORS: &str = "rope_factors_long.weight";

/// How the rotation differs from the plain one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scaling {
    /// Positions count as so many times nearer.
    nearer: f64,
    /// What queries and keys are multiplied by.
    strength: f64,
    /// Whether each frequency has a factor of its own in the file, which must be there.
    by_frequency: bool,
    is_long: bool,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { nearer: 1.0, strength: 1.0, by_frequency: false, is_long: false }
    }
}

impl Scaling {
    /// What a file says (`*.rope.scaling.*`) for a context of so many tokens.
    ///
    /// # Errors
    /// `InvalidConfig` for a way that is not known: without it the model would answer, but lose the thread.
    pub(super) fn read(metadata: &Metadata, context: usize) -> Result<Self> {
        let architecture = metadata.text("general.architecture").unwrap_or_default();
        let key = |name: &str| format!("{architecture}.rope.{name}");
        let factor = metadata.number(&key("scaling.factor")).or_else(|| metadata.number(&key("scale_linear")));
        let factor = factor.filter(|f| *f > 0.0).unwrap_or(1.0);
        let trained = metadata.integer(&key("scaling.original_context_length"));
        let plain = Self {
            strength: metadata.number(&key("scaling.attn_factor")).filter(|f| *f > 0.0).unwrap_or(1.0),
            is_long: trained.is_some_and(|trained| context > trained),
            ..Self::default()
        };
        match metadata.text(&key("scaling.type")).unwrap_or("linear") {
            "none" => Ok(plain),
            "linear" => Ok(Self { nearer: factor, ..plain }),
            "longrope" | "su" => Ok(Self { by_frequency: true, ..plain }),
            other => {
                let message = format!(
                    "the model stretches its context by `{other}` ({}); the ways known are none, linear and longrope: \
                     take a file of the model without it",
                    key("scaling.type")
                );
                Err(Error::new(ErrorKind::InvalidConfig, message))
            }
        }
    }

    /// The tensor of factors that frequencies are to be divided by, if any.
    ///
    /// # Errors
    /// `ModelMissing` when the file says that there is one and there is none.
    pub(super) fn factors_in(self, gguf: &Gguf) -> Result<Option<&'static str>> {
        let by_length = if self.is_long { LONG_FACTORS } else { SHORT_FACTORS };
        let found = [FACTORS, by_length].into_iter().find(|name| gguf.has(name));
        if found.is_none() && self.by_frequency {
            return Err(gguf.damaged(&format!("no tensor {by_length}")));
        }
        Ok(found)
    }
}

/// The rotation of each position.
pub(super) struct Rope {
    /// The angle of one position, for each pair of numbers.
    angles: Vec<f64>,
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    /// `factors` divide the frequencies (Llama 3, Phi 3 long context).
    pub(super) fn new(shape: &Shape, base: f64, scaling: Scaling, factors: Option<&[f32]>) -> TensorResult<Self> {
        let angle = |i: usize| {
            let factor = factors.and_then(|f| f.get(i)).map_or(1.0, |f| f64::from(*f));
            1.0 / (base.powf(2.0 * i as f64 / shape.rope_dim as f64) * factor * scaling.nearer)
        };
        let angles: Vec<f64> = (0..shape.rope_dim / 2).map(angle).collect();
        let by_position = (0..shape.context).flat_map(|p| angles.iter().map(move |a| p as f64 * a));
        let (cos, sin) = turns(by_position, scaling.strength, shape.context)?;
        Ok(Self { angles, cos, sin })
    }

    /// Turns `[1, heads, positions, head_dim]` by the positions from `start` on.
    pub(super) fn apply(&self, x: &Tensor, start: usize, shape: &Shape) -> TensorResult<Tensor> {
        let positions = x.dim(2)?;
        turned(x, &self.cos.narrow(0, start, positions)?, &self.sin.narrow(0, start, positions)?, shape)
    }

    /// Turns what was turned already as if it stood so many positions `back`.
    pub(super) fn turn_back(&self, x: &Tensor, back: usize, shape: &Shape) -> TensorResult<Tensor> {
        let positions = x.dim(2)?;
        let back = (0..positions).flat_map(|_| self.angles.iter().map(|a| -(back as f64) * a));
        let (cos, sin) = turns(back, 1.0, positions)?;
        turned(x, &cos, &sin, shape)
    }
}

/// The cosines and sines of so many positions' angles, times `strength`.
fn turns(angles: impl Iterator<Item = f64>, strength: f64, positions: usize) -> TensorResult<(Tensor, Tensor)> {
    let (cos, sin): (Vec<f32>, Vec<f32>) =
        angles.map(|a| ((a.cos() * strength) as f32, (a.sin() * strength) as f32)).unzip();
    let dims = (positions, cos.len() / positions.max(1));
    Ok((Tensor::from_vec(cos, dims, &Device::Cpu)?, Tensor::from_vec(sin, dims, &Device::Cpu)?))
}

fn turned(x: &Tensor, cos: &Tensor, sin: &Tensor, shape: &Shape) -> TensorResult<Tensor> {
    let turn = |x: &Tensor| {
        if shape.rope_halves {
            candle_nn::rotary_emb::rope(x, cos, sin)
        } else {
            candle_nn::rotary_emb::rope_i(x, cos, sin)
        }
    };
    if shape.rope_dim == shape.head_dim {
        return turn(&x.contiguous()?);
    }
    let turned = turn(&x.narrow(D::Minus1, 0, shape.rope_dim)?.contiguous()?)?;
    let rest = x.narrow(D::Minus1, shape.rope_dim, shape.head_dim - shape.rope_dim)?;
    Tensor::cat(&[&turned, &rest.contiguous()?], D::Minus1)
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::gguf_file::Value;

    use super::*;

    fn scaling(entries: &[(&str, Value)], context: usize) -> Result<Scaling> {
        let named = entries.iter().map(|(name, value)| (format!("phi3.rope.{name}"), value.clone()));
        let architecture = ("general.architecture".to_owned(), Value::String("phi3".into()));
        Scaling::read(&Metadata(named.chain([architecture]).collect()), context)
    }

    #[test]
    fn a_linear_scaling_brings_positions_nearer() {
        let linear = ("scaling.type", Value::String("linear".into()));
        let read = scaling(&[linear, ("scaling.factor", Value::F32(8.0))], 4096).unwrap();
        assert_eq!(read, Scaling { nearer: 8.0, ..Scaling::default() });
        assert_eq!(scaling(&[("scale_linear", Value::F32(2.0))], 4096).unwrap().nearer, 2.0);
        assert_eq!(scaling(&[], 4096).unwrap(), Scaling::default());
    }

    #[test]
    fn a_context_longer_than_the_first_takes_the_factors_for_long_ones() {
        let entries = [
            ("scaling.attn_factor", Value::F32(1.5)),
            ("scaling.original_context_length", Value::U32(4096)),
            ("scaling.type", Value::String("longrope".into())),
        ];
        let (short, long) = (scaling(&entries, 4096).unwrap(), scaling(&entries, 8192).unwrap());
        assert!(!short.is_long && long.is_long && long.by_frequency);
        assert_eq!((short.strength, long.strength), (1.5, 1.5));
    }

    #[test]
    fn a_scaling_that_is_not_known_is_refused_by_its_name() {
        let error = scaling(&[("scaling.type", Value::String("yarn".into()))], 4096).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("`yarn` (phi3.rope.scaling.type)"), "{error}");
    }
}
