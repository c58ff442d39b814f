//! Products of 8-bit weights with activations.
//!
//! Weights are rows of blocks that share a 16-bit scale, as in GGUF's Q8_0. Activations are rounded to the same form, so that a block's
//! product is a sum of whole numbers.

/// The weights that share a scale.
pub const BLOCK: usize = 32;

/// Some rows of a matrix.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Row by row, in blocks of [`BLOCK`].
    pub weights: &'a [i8],
    /// Half-precision numbers, one for each block.
    pub scales: &'a [u16],
    /// The blocks in a row.
    pub blocks: usize,
}

/// Activations rounded to blocks of whole numbers, position by position.
pub struct Activations {
    numbers: Vec<i8>,
    scales: Vec<f32>,
    /// Of one position.
    blocks: usize,
}

impl Activations {
    /// Rounds positions of `columns` numbers each.
    #[must_use]
    pub fn round(x: &[f32], columns: usize) -> Self {
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

/// The products of some rows with every position: `out` holds the positions of the first row, then those of the second.
pub fn multiply(rows: Rows<'_>, x: &Activations, out: &mut [f32]) {
    kernel::multiply(rows, x, out);
}

/// A half-precision number (not an infinity) as a single-precision one.
#[inline]
#[must_use]
pub fn half(bits: u16) -> f32 {
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
        sums.map(total)
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
    use super::*;

    #[test]
    fn the_portable_product_is_that_of_the_machines_instructions() {
        let weights: Vec<i8> = (0..16 * 64_i32).map(|n| (n * 37 % 255 - 127) as i8).collect();
        let scales: Vec<u16> = (0..32).map(|n| 0x2c00 + n).collect();
        let numbers: Vec<f32> = (0..3 * 64).map(|n| ((n * 29 % 97) as f32 - 48.0) / 48.0).collect();
        let x = Activations::round(&numbers, 64);
        let rows = Rows { weights: &weights, scales: &scales, blocks: 2 };
        let (mut a, mut b) = ([0.0; 48], [0.0; 48]);
        portable::multiply(rows, &x, &mut a);
        multiply(rows, &x, &mut b);
        assert!(a.iter().any(|product| product.abs() > 1.0));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-3), "{a:?}\n{b:?}");
    }

    #[test]
    fn half_precision_numbers_are_exact() {
        for (bits, number) in [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 5.960_464_5e-8), (0x7bff, 65_504.0), (0, 0.0)] {
            assert_eq!(half(bits), number);
        }
    }
}
