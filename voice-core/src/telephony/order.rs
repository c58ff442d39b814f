//! Sound in the order in which it was spoken, where a carrier numbers its pieces and may send them out of order.

use std::collections::BTreeMap;

/// How many pieces wait for one that is missing before them: 60 ms of most carriers.
const HELD: usize = 3;
/// A piece so far behind is no latecomer: the carrier counts anew.
const ANEW: u64 = 64;
/// So many gaps in a row that nothing ever filled: the numbers do not count pieces, and nothing waits for them any more.
const FORGIVEN: u32 = 3;

/// Pieces in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct PieceOrder {
    next: Option<u64>,
    held: BTreeMap<u64, Vec<i16>>,
    gaps: u32,
    /// The latest number of a piece of the other side's, and whether those have numbers of their own.
    others: Option<u64>,
    is_apart: bool,
}

impl PieceOrder {
    /// Takes a piece; gives the sound that is now in order. A piece that came before is dropped. One without sound is the other side's:
    /// with some carriers it counts among the caller's.
    pub(super) fn take(&mut self, number: Option<u64>, sound: Vec<i16>) -> Vec<i16> {
        let Some(number) = number.filter(|_| self.gaps < FORGIVEN) else { return self.all(sound) };
        let next = self.next.unwrap_or(number);
        let is_behind = number.saturating_add(ANEW) < next;
        let is_taken = !sound.is_empty() && self.others.take_if(|others| *others == number).is_some();
        // A number that both sides have, or that lies far behind: each side counts its own pieces.
        self.is_apart |= is_taken || (is_behind && sound.is_empty());
        if sound.is_empty() {
            if self.is_apart {
                return Vec::new();
            }
            self.others = Some(number);
        }
        if is_behind || is_taken {
            self.next = Some(number.saturating_add(1));
            return self.all(sound);
        }
        self.next = Some(next);
        if number >= next {
            self.gaps = if self.held.is_empty() || number > next { self.gaps } else { 0 };
            self.held.entry(number).or_insert(sound);
        }
        let mut ready = Vec::new();
        while let (Some(next), Some((&first, _))) = (self.next, self.held.first_key_value()) {
            if first > next {
                if self.held.len() < HELD {
                    break;
                }
                self.gaps += 1;
            }
            ready.extend(self.held.remove(&first).unwrap_or_default());
            self.next = Some(first.saturating_add(1));
        }
        ready
    }

    /// Everything that waits, and this after it.
    fn all(&mut self, sound: Vec<i16>) -> Vec<i16> {
        let mut all: Vec<i16> = std::mem::take(&mut self.held).into_values().flatten().collect();
        all.extend(sound);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(numbers: &[u64]) -> Vec<i16> {
        let mut order = PieceOrder::default();
        numbers.iter().flat_map(|&n| order.take(Some(n), vec![n as i16])).collect()
    }

    #[test]
    fn pieces_out_of_order_are_put_in_order_and_copies_dropped() {
        assert_eq!(heard(&[2, 3, 5, 4, 6, 6, 4, 7]), [2, 3, 4, 5, 6, 7]);
        assert_eq!(heard(&[1, 4, 3, 2, 5]), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_piece_that_never_comes_is_not_waited_for_long() {
        assert_eq!(heard(&[1, 3, 4]), [1]);
        assert_eq!(heard(&[1, 3, 4, 5, 6, 2]), [1, 3, 4, 5, 6]);
    }

    #[test]
    fn numbers_that_count_something_else_hold_nothing_up_for_long() {
        let numbers: Vec<u64> = (1..100).map(|n| n * 2).collect();
        let mut order = PieceOrder::default();
        let pieces: Vec<usize> = numbers.iter().map(|&n| order.take(Some(n), vec![0]).len()).collect();
        assert_eq!(pieces.iter().sum::<usize>(), 99, "nothing is lost");
        assert!(pieces[20..].iter().all(|&n| n == 1), "{pieces:?}");
    }

    #[test]
    fn a_side_that_counts_its_own_pieces_takes_none_of_the_callers() {
        // Each piece of the caller's comes behind one of the same number; or the other side begins when the caller is far ahead.
        for (first, others) in [(1, 1), (500, 1)] {
            let (mut order, mut all) = (PieceOrder::default(), Vec::new());
            for n in 0..100 {
                assert!(order.take(Some(others + n), Vec::new()).is_empty());
                all.extend(order.take(Some(first + n), vec![n as i16]));
            }
            assert_eq!(all, (0..100).collect::<Vec<i16>>(), "{first}");
        }
        // Where both are counted together, nothing waits for what the other side had.
        let mut order = PieceOrder::default();
        for n in 0..100 {
            assert!(order.take(Some(2 * n), Vec::new()).is_empty());
            assert_eq!(order.take(Some(2 * n + 1), vec![n as i16]), [n as i16]);
        }
    }

    #[test]
    fn a_carrier_that_counts_anew_and_one_that_does_not_count_are_heard() {
        assert_eq!(heard(&[500, 501, 1, 2, 3]), [500, 501, 1, 2, 3]);
        assert_eq!(heard(&[u64::MAX, 0, 1]), [-1, 0, 1]);
        let mut order = PieceOrder::default();
        assert_eq!(order.take(None, vec![1]), [1]);
    }
}
