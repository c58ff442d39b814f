//! Matrices of 8-bit weights, and their product with activations.
//!
//! Format: GGUF's Q8_0, rows of blocks of 32 weights that share a 16-bit scale. Work is shared out among the threads of the current
//! rayon pool; nothing waits actively.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor, bail};
use rayon::prelude::*;
pub(super) use voice_kernels::q8::BLOCK;
use voice_kernels::q8::{Activations, Rows, half, multiply};

/// A block in a file: the scale's two bytes, then the weights.
pub(super) const BLOCK_BYTES: usize = 2 + BLOCK;

/// The least weights that are worth handing to another thread.
const LEAST_SHARE: usize = 1 << 16;

/// Rows of weights are taken this many at a time, so that activations stay in the nearest cache.
const ROWS_AT_ONCE: usize = 16;

/// A matrix with a row for each output.
pub(super) struct Q8Matrix {
    columns: usize,
    weights: Vec<i8>,
    /// Half-precision numbers, one for each block.
    scales: Vec<u16>,
}

impl Q8Matrix {
    /// An empty matrix of rows of `columns` numbers, with room for `rows` of them. `None` when a row is not whole blocks.
    pub(super) fn with_room(rows: usize, columns: usize) -> Option<Self> {
        let blocks = rows.checked_mul(columns)? / BLOCK;
        let whole = columns > 0 && columns.is_multiple_of(BLOCK);
        whole.then(|| Self { columns, weights: Vec::with_capacity(blocks * BLOCK), scales: Vec::with_capacity(blocks) })
    }

    /// Adds blocks as they stand in a file; a block that is not whole is left out.
    pub(super) fn push_blocks(&mut self, bytes: &[u8]) {
        for block in bytes.as_chunks::<BLOCK_BYTES>().0 {
            self.scales.push(u16::from_le_bytes([block[0], block[1]]));
            self.weights.extend(block[2..].iter().map(|b| *b as i8));
        }
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.weights.len() / self.columns
    }

    /// The rows of these numbers, one after the other.
    pub(super) fn select(&self, rows: &[u32]) -> candle_core::Result<Tensor> {
        let mut out = Vec::with_capacity(rows.len() * self.columns);
        for row in rows {
            let start = *row as usize * self.columns;
            let Some(weights) = self.weights.get(start..start + self.columns) else {
                bail!("there is no row {row} in a matrix of {}", self.rows())
            };
            let scales = &self.scales[start / BLOCK..];
            for (block, scale) in weights.as_chunks::<BLOCK>().0.iter().zip(scales) {
                let scale = half(*scale);
                out.extend(block.iter().map(|w| f32::from(*w) * scale));
            }
        }
        Tensor::from_vec(out, (rows.len(), self.columns), &candle_core::Device::Cpu)
    }

    /// `[positions, columns]` to `[positions, rows]`.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(self)
    }

    fn times(&self, x: &[f32]) -> Vec<f32> {
        let positions = x.len() / self.columns;
        let x = Activations::round(x, self.columns);
        let rows = self.rows();
        let share = rows.div_ceil(rayon::current_num_threads()).max(LEAST_SHARE / self.columns).max(1);
        // Each thread writes whole rows of the transposed product; for one position that is the product itself.
        let mut transposed = vec![0.0; rows * positions];
        transposed.par_chunks_mut(share * positions).enumerate().for_each(|(i, out)| {
            for (j, out) in out.chunks_mut(ROWS_AT_ONCE * positions).enumerate() {
                let first = i * share + j * ROWS_AT_ONCE;
                let count = out.len() / positions;
                let weights = &self.weights[first * self.columns..][..count * self.columns];
                let scales = &self.scales[first * self.columns / BLOCK..][..weights.len() / BLOCK];
                multiply(Rows { weights, scales, blocks: self.columns / BLOCK }, &x, out);
            }
        });
        if positions == 1 {
            return transposed;
        }
        let mut out = vec![0.0; rows * positions];
        out.par_chunks_mut(rows).enumerate().for_each(|(p, out)| {
            for (to, from) in out.iter_mut().zip(transposed[p..].iter().step_by(positions)) {
                *to = *from;
            }
        });
        out
    }
}

impl CustomOp1 for Q8Matrix {
    fn name(&self) -> &'static str {
        "product with 8-bit weights"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (CpuStorage::F32(all), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("activations are contiguous single-precision numbers")
        };
        let (positions, columns) = layout.shape().dims2()?;
        if columns != self.columns {
            bail!("{columns} activations for {} columns", self.columns)
        }
        Ok((CpuStorage::F32(self.times(&all[start..end])), Shape::from((positions, self.rows()))))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{
        Device,
        quantized::{GgmlDType, QTensor},
    };

    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn matrix(rows: usize, columns: usize) -> (Q8Matrix, Vec<f32>) {
        let dense = Tensor::from_vec(numbers(rows * columns, 7), (rows, columns), &Device::Cpu).unwrap();
        let quantised = QTensor::quantize(&dense, GgmlDType::Q8_0).unwrap();
        let mut matrix = Q8Matrix::with_room(rows, columns).unwrap();
        matrix.push_blocks(&quantised.data().unwrap());
        let dense = quantised.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        (matrix, dense)
    }

    fn exact(weights: &[f32], x: &[f32], columns: usize) -> Vec<f32> {
        let rows = || weights.chunks_exact(columns);
        let dot = |w: &[f32], x: &[f32]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
        x.chunks_exact(columns).flat_map(|x| rows().map(move |w| dot(w, x))).collect()
    }

    #[test]
    fn a_product_is_that_of_the_numbers_for_any_count_of_positions() {
        let (matrix, dense) = matrix(67, 96);
        for positions in [1, 2, 4, 5, 9] {
            let x = numbers(positions * 96, 3);
            let tensor = Tensor::from_slice(&x, (positions, 96), &Device::Cpu).unwrap();
            let product: Vec<f32> = matrix.forward(&tensor).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            let exact = exact(&dense, &x, 96);
            let off = product.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert_eq!(product.len(), exact.len());
            assert!(off < 0.05, "{positions} positions: {off} off");
        }
    }

    #[test]
    fn rows_are_given_back_as_numbers() {
        let (matrix, dense) = matrix(5, 32);
        let rows: Vec<f32> = matrix.select(&[4, 0]).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(rows, [&dense[128..], &dense[..32]].concat());
        assert!(matrix.select(&[5]).is_err());
    }

    #[test]
    fn rows_that_are_not_whole_blocks_are_refused() {
        assert!(Q8Matrix::with_room(4, 48).is_none());
        assert!(Q8Matrix::with_room(4, 0).is_none());
    }
}
