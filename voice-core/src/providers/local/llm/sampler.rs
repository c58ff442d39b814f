//! Choosing the next token from its scores.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sampling {
    /// Replaces the temperature of every request. Default: `None`, the request's own, but 0.2 at most for a model of fewer
    /// than 500 million parameters: above that it loses the thread.
    pub temperature: Option<f32>,
    /// Only the likeliest tokens that together have this probability are considered. Default 0.9; 1 considers all.
    pub top_p: f32,
    /// Only this many of the likeliest tokens are considered. Default 40; 0 considers all.
    pub top_k: usize,
    /// Divides the score of tokens already written in this answer; small models repeat themselves without it.
    /// Default 1.1; 1 does nothing.
    pub repetition_penalty: f32,
    /// The seed of the dice: the same prompt and seed give the same answer. Default: `None`, different each time.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: None, top_p: 0.9, top_k: 40, repetition_penalty: 1.1, seed: None }
    }
}

/// Models of fewer parameters are small.
const SMALL_MODEL: usize = 500_000_000;

/// The highest temperature at which a small model stays with its subject, unless the host sets one.
const SMALL_MODEL_TEMPERATURE: f32 = 0.2;

/// How many of the last written tokens count as repeated.
const REPETITION_WINDOW: usize = 64;

/// Chooses the tokens of one answer.
pub(super) struct Sampler {
    settings: Sampling,
    temperature: f32,
    dice: StdRng,
}

impl Sampler {
    /// For one answer of a model of so many parameters, asked for at a temperature.
    pub(super) fn new(settings: Sampling, temperature: f32, parameters: usize) -> Self {
        let asked = if parameters < SMALL_MODEL { temperature.min(SMALL_MODEL_TEMPERATURE) } else { temperature };
        let dice = settings.seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
        Self { settings, temperature: settings.temperature.unwrap_or(asked), dice }
    }

    /// The next token, after those `written` so far.
    pub(super) fn choose(&mut self, mut scores: Vec<f32>, written: &[u32]) -> u32 {
        self.punish_repetition(&mut scores, written);
        let mut candidates: Vec<(u32, f32)> = (0u32..).zip(scores).filter(|(_, score)| score.is_finite()).collect();
        if self.temperature <= 0.0 || self.settings.top_k == 1 {
            return candidates.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |best| best.0);
        }
        let keep = if self.settings.top_k == 0 { candidates.len() } else { self.settings.top_k };
        if keep < candidates.len() {
            candidates.select_nth_unstable_by(keep, |a, b| b.1.total_cmp(&a.1));
            candidates.truncate(keep);
        }
        candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
        let Some(best) = candidates.first().map(|c| c.1) else { return 0 };
        for (_, score) in &mut candidates {
            *score = ((*score - best) / self.temperature).exp();
        }
        let all: f32 = candidates.iter().map(|c| c.1).sum();
        let mut mass = 0.0;
        let nucleus = candidates.iter().position(|(_, p)| {
            mass += p;
            mass >= self.settings.top_p * all
        });
        candidates.truncate(nucleus.map_or(candidates.len(), |last| last + 1));
        let mut throw = self.dice.random::<f32>() * candidates.iter().map(|c| c.1).sum::<f32>();
        for (token, p) in &candidates {
            throw -= p;
            if throw <= 0.0 {
                return *token;
            }
        }
        candidates.first().map_or(0, |best| best.0)
    }

    fn punish_repetition(&self, scores: &mut [f32], written: &[u32]) {
        let penalty = self.settings.repetition_penalty;
        if penalty <= 1.0 {
            return;
        }
        let mut recent = written[written.len().saturating_sub(REPETITION_WINDOW)..].to_vec();
        recent.sort_unstable();
        recent.dedup();
        for token in recent {
            if let Some(score) = scores.get_mut(token as usize) {
                *score = if *score > 0.0 { *score / penalty } else { *score * penalty };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 3_000_000_000;

    #[test]
    fn a_small_model_is_kept_cool_unless_its_host_wants_otherwise() {
        let small = 135_000_000;
        assert_eq!(Sampler::new(Sampling::default(), 0.7, small).temperature, 0.2);
        assert_eq!(Sampler::new(Sampling::default(), 0.1, small).temperature, 0.1);
        assert_eq!(Sampler::new(Sampling::default(), 0.7, LARGE).temperature, 0.7);
        let hot = Sampling { temperature: Some(0.9), ..Sampling::default() };
        assert_eq!(Sampler::new(hot, 0.0, small).temperature, 0.9);
    }

    #[test]
    fn temperature_zero_takes_the_likeliest() {
        let mut sampler = Sampler::new(Sampling::default(), 0.0, LARGE);
        assert_eq!(sampler.choose(vec![0.1, 3.0, 2.9], &[]), 1);
    }

    #[test]
    fn a_repeated_token_loses_to_a_close_second() {
        let mut sampler = Sampler::new(Sampling::default(), 0.0, LARGE);
        assert_eq!(sampler.choose(vec![0.1, 3.0, 2.9], &[1]), 2);
        assert_eq!(sampler.choose(vec![-5.0, -1.0, -1.05], &[1]), 2);
    }

    #[test]
    fn the_same_seed_writes_the_same() {
        let settings = Sampling { seed: Some(7), ..Sampling::default() };
        let throws = |settings| {
            let mut sampler = Sampler::new(settings, 1.0, LARGE);
            (0..50).map(|_| sampler.choose(vec![1.0, 1.1, 0.9, 1.0], &[])).collect::<Vec<_>>()
        };
        assert_eq!(throws(settings), throws(settings));
        assert_ne!(throws(settings), throws(Sampling { seed: Some(8), ..settings }));
    }

    #[test]
    fn nothing_outside_top_k_or_top_p_is_ever_chosen() {
        let scores = vec![5.0, 4.9, 4.8, 0.0, -1.0];
        let two = Sampling { top_k: 2, top_p: 1.0, seed: Some(1), ..Sampling::default() };
        let mut sampler = Sampler::new(two, 2.0, LARGE);
        assert!((0..200).all(|_| sampler.choose(scores.clone(), &[]) < 2));
        let nucleus = Sampling { top_k: 0, top_p: 0.9, seed: Some(1), ..Sampling::default() };
        let mut sampler = Sampler::new(nucleus, 1.0, LARGE);
        assert!((0..200).all(|_| sampler.choose(scores.clone(), &[]) < 3));
    }

    #[test]
    fn scores_that_are_no_numbers_are_never_chosen() {
        let mut sampler = Sampler::new(Sampling { seed: Some(1), ..Sampling::default() }, 1.0, LARGE);
        assert!((0..50).all(|_| sampler.choose(vec![f32::NAN, 1.0, f32::NEG_INFINITY], &[]) == 1));
    }
}
