//! Matrices of 8-bit weights, and their product with activations.
//!
//! Format: GGUF's Q8_0, rows of blocks of 32 weights that share a 16-bit scale. Activations are rounded to the same form,
//! so that a block's product is a sum of whole numbers. Work is shared out among the threads of the current rayon pool;
//! nothing waits actively.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor, bail};
use rayon::prelude::*;

/// The weights that share a scale.
pub(super) const BLOCK: usize = 32;

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
                kernel::multiply(Rows { weights, scales, blocks: self.columns / BLOCK }, &x, out);
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

/// Some rows of a matrix.
#[derive(Clone, Copy)]
struct Rows<'a> {
    weights: &'a [i8],
    scales: &'a [u16],
    /// In a row.
    blocks: usize,
}

/// Activations rounded to blocks of whole numbers, position by position.
struct Activations {
    numbers: Vec<i8>,
    scales: Vec<f32>,
    /// Of one position.
    blocks: usize,
}

impl Activations {
    fn round(x: &[f32], columns: usize) -> Self {
        let (mut numbers, mut scales) = (Vec::with_capacity(x.len()), Vec::with_capacity(x.len() / BLOCK));
        for block in x.as_chunks::<BLOCK>().0 {
            let largest = block.iter().fold(0f32, |m, v| m.max(v.abs()));
            let scale = largest / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            scales.push(scale);
            // Adding half a unit away from zero and cutting is rounding, and faster than `round`.
            numbers.extend(block.iter().map(|v| (v * inverse + 0.5f32.copysign(*v)) as i8));
        }
        Self { numbers, scales, blocks: columns / BLOCK }
    }

    fn positions(&self) -> usize {
        self.scales.len() / self.blocks
    }

    fn position(&self, p: usize) -> (&[[i8; BLOCK]], &[f32]) {
        let scales = &self.scales[p * self.blocks..][..self.blocks];
        (self.numbers[p * self.blocks * BLOCK..][..self.blocks * BLOCK].as_chunks().0, scales)
    }
}

/// A half-precision number (not an infinity) as a single-precision one.
fn half(bits: u16) -> f32 {
    // The exponent of the one format is 112 less than that of the other.
    const REBIAS: f32 = f32::from_bits((127 + 112) << 23);
    f32::from_bits(u32::from(bits & 0x7fff) << 13 | u32::from(bits & 0x8000) << 16) * REBIAS
}

/// The product in portable words; compilers make vector instructions of it where the target has them.
#[cfg_attr(target_arch = "x86_64", allow(dead_code))]
mod portable {
    use super::{Activations, BLOCK, Rows, half};

    pub(super) fn multiply(rows: Rows<'_>, x: &Activations, out: &mut [f32]) {
        let positions = x.positions();
        let weights = rows.weights.as_chunks::<BLOCK>().0.chunks_exact(rows.blocks);
        for ((weights, scales), out) in
            weights.zip(rows.scales.chunks_exact(rows.blocks)).zip(out.chunks_exact_mut(positions))
        {
            for (p, out) in out.iter_mut().enumerate() {
                let (numbers, x_scales) = x.position(p);
                let blocks = weights.iter().zip(numbers).zip(scales.iter().zip(x_scales));
                *out = blocks.map(|((w, x), (ws, xs))| dot(w, x) as f32 * (half(*ws) * xs)).sum();
            }
        }
    }

    fn dot(w: &[i8; BLOCK], x: &[i8; BLOCK]) -> i32 {
        w.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum()
    }
}

#[cfg(target_arch = "x86_64")]
mod kernel {
    //! With AVX2 where the machine has it.

    use std::arch::x86_64::{__m256, __m256i};

    use pulp::{NullaryFnOnce, cast, x86::V3};

    use super::{Activations, BLOCK, Rows, half, portable};

    /// Positions whose sums are kept in registers together, so that a weight is loaded once for all of them.
    const POSITIONS: usize = 4;

    pub(super) fn multiply(rows: Rows<'_>, x: &Activations, out: &mut [f32]) {
        match V3::try_new() {
            Some(simd) => simd.vectorize(Multiply { simd, rows, x, out }),
            None => portable::multiply(rows, x, out),
        }
    }

    struct Multiply<'a> {
        simd: V3,
        rows: Rows<'a>,
        x: &'a Activations,
        out: &'a mut [f32],
    }

    impl NullaryFnOnce for Multiply<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self { simd, rows, x, out } = self;
            let positions = x.positions();
            let weights = rows.weights.as_chunks::<BLOCK>().0.chunks_exact(rows.blocks);
            for ((weights, scales), out) in
                weights.zip(rows.scales.chunks_exact(rows.blocks)).zip(out.chunks_exact_mut(positions))
            {
                let (groups, rest) = out.as_chunks_mut::<POSITIONS>();
                let rest_from = groups.len() * POSITIONS;
                for (g, out) in groups.iter_mut().enumerate() {
                    *out = row(simd, weights, scales, std::array::from_fn(|i| x.position(g * POSITIONS + i)));
                }
                for (i, out) in rest.iter_mut().enumerate() {
                    [*out] = row(simd, weights, scales, [x.position(rest_from + i)]);
                }
            }
        }
    }

    /// The products of one row with `N` positions.
    #[inline(always)]
    fn row<const N: usize>(
        simd: V3,
        weights: &[[i8; BLOCK]],
        scales: &[u16],
        x: [(&[[i8; BLOCK]], &[f32]); N],
    ) -> [f32; N] {
        let ones = simd.avx._mm256_set1_epi16(1);
        let mut sums = [simd.avx._mm256_setzero_ps(); N];
        let x = x.map(|(numbers, x_scales)| (&numbers[..weights.len()], &x_scales[..weights.len()]));
        for (i, (weights, scale)) in weights.iter().zip(scales).enumerate() {
            let weights: __m256i = cast(*weights);
            let magnitudes = simd.avx2._mm256_abs_epi8(weights);
            let scale = half(*scale);
            for (sum, (numbers, x_scales)) in sums.iter_mut().zip(&x) {
                // One factor must be unsigned: the weight's sign moves over to the activation, which is never −128.
                let signed = simd.avx2._mm256_sign_epi8(cast(numbers[i]), weights);
                let pairs = simd.avx2._mm256_maddubs_epi16(magnitudes, signed);
                let fours = simd.avx._mm256_cvtepi32_ps(simd.avx2._mm256_madd_epi16(pairs, ones));
                let scale = simd.avx._mm256_set1_ps(scale * x_scales[i]);
                *sum = simd.fma._mm256_fmadd_ps(fours, scale, *sum);
            }
        }
        sums.map(|sum| total(sum))
    }

    #[inline(always)]
    fn total(sum: __m256) -> f32 {
        let lanes: [f32; 8] = cast(sum);
        ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]))
    }
}

#[cfg(not(target_arch = "x86_64"))]
use portable as kernel;

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
    fn the_portable_product_is_that_of_the_machines_instructions() {
        let (matrix, _) = matrix(16, 64);
        let x = Activations::round(&numbers(3 * 64, 5), 64);
        let rows = Rows { weights: &matrix.weights, scales: &matrix.scales, blocks: 2 };
        let (mut a, mut b) = ([0.0; 48], [0.0; 48]);
        portable::multiply(rows, &x, &mut a);
        kernel::multiply(rows, &x, &mut b);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4), "{a:?}\n{b:?}");
    }

    #[test]
    fn rows_are_given_back_as_numbers() {
        let (matrix, dense) = matrix(5, 32);
        let rows: Vec<f32> = matrix.select(&[4, 0]).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(rows, [&dense[128..], &dense[..32]].concat());
        assert!(matrix.select(&[5]).is_err());
    }

    #[test]
    fn half_precision_numbers_are_exact() {
        for (bits, number) in [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 5.960_464_5e-8), (0x7bff, 65_504.0), (0, 0.0)] {
            assert_eq!(half(bits), number);
        }
    }

    #[test]
    fn rows_that_are_not_whole_blocks_are_refused() {
        assert!(Q8Matrix::with_room(4, 48).is_none());
        assert!(Q8Matrix::with_room(4, 0).is_none());
    }
}
