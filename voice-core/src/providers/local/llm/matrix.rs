//! A matrix of weights in whichever form the file has it.

use candle_core::{Device, Tensor, quantized::QMatMul};
use candle_nn::Module;

use super::q8::Q8Matrix;
use crate::providers::local::process::CANDLE;

/// A matrix with a row for each output.
pub(super) enum Matrix {
    /// 8-bit weights: the arithmetic is our own and stays within the thread budget.
    Eight(Q8Matrix),
    /// Every other form; candle's arithmetic runs on threads of its own.
    Other(QMatMul),
}

impl Matrix {
    /// `[positions, columns]` to `[positions, rows]`.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Eight(matrix) => matrix.forward(x),
            Self::Other(matrix) => {
                CANDLE.begin();
                matrix.forward(x)
            }
        }
    }

    /// The rows of these numbers, one after the other.
    pub(super) fn select(&self, rows: &[u32]) -> candle_core::Result<Tensor> {
        match self {
            Self::Eight(matrix) => matrix.select(rows),
            Self::Other(matrix) => matrix.embedding(&Tensor::new(rows, &Device::Cpu)?),
        }
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Eight(matrix) => matrix.rows(),
            Self::Other(QMatMul::QTensor(t)) => t.shape().dims().first().copied().unwrap_or(0),
            Self::Other(QMatMul::Tensor(t) | QMatMul::TensorF16(t)) => t.dims().first().copied().unwrap_or(0),
        }
    }
}
