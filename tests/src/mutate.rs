//! Damage to order: deterministic mutations of real recordings.

/// A small generator of our own (splitmix64), so that a mutation is told by its seed alone on every machine.
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same for one seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is taken as at least 1.
    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }
}

/// Values that headers are likeliest to be believed wrongly with.
const NASTY: [u32; 10] = [0, 1, 2, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// A damaged form of `original`; `other` lends bytes for splices.
#[must_use]
pub fn mutate(original: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=dice.below(4) {
        if bytes.is_empty() {
            return bytes;
        }
        // Half of the damage goes to the header, where sizes and counts are.
        let reach = if dice.below(2) == 0 { bytes.len().min(512) } else { bytes.len() };
        let at = dice.below(reach);
        match dice.below(8) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => {
                let end = (at + 1 + dice.below(64)).min(bytes.len());
                bytes[at..end].iter_mut().for_each(|b| *b = dice.roll() as u8);
            }
            2 => bytes.truncate(at),
            3 => {
                let end = (at + dice.below(2_000)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + dice.below(2_000)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let from = dice.below(other.len());
                let piece = &other[from..(from + dice.below(2_000)).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => {
                let value = NASTY[dice.below(NASTY.len())];
                let field = if dice.below(2) == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
                let width = [1, 2, 4][dice.below(3)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&field[..width]);
            }
        }
    }
    bytes
}
