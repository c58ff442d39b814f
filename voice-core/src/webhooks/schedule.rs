//! What follows from the outcome of an attempt: pure.

use std::time::Duration;

use crate::config::WebhooksConfig;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// With an answer of this status, which may say how long to wait.
    Answered(u16, Option<Duration>),
    /// Without one, or without having been sent: why.
    Broken(String),
    /// It was not sent, and will not be: why.
    Refused(String),
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Delivered,
    /// Another attempt after this long.
    Again(Duration),
    Failed,
    /// Failed, and nothing else is to be sent there.
    Gone,
}

/// The most that chance adds to a wait, as a part of it: so that many that failed together do not come back together.
const SPREAD: f64 = 0.25;

/// What follows from an attempt, the `tries`th since the delivery was asked for. `chance` is from 0 to 1.
pub(super) fn judge(outcome: &Outcome, tries: u32, options: &WebhooksConfig, chance: f64) -> Verdict {
    let asked = match outcome {
        Outcome::Answered(200..=299, _) => return Verdict::Delivered,
        Outcome::Answered(410, _) => return Verdict::Gone,
        Outcome::Answered(408 | 429 | 500.., asked) => asked.unwrap_or_default(),
        Outcome::Answered(..) | Outcome::Refused(_) => return Verdict::Failed,
        Outcome::Broken(_) => Duration::ZERO,
    };
    if tries >= options.attempts {
        return Verdict::Failed;
    }
    let longest = options.longest_delay_seconds;
    let grown = options.first_delay_seconds * options.backoff.powi(i32::try_from(tries).unwrap_or(i32::MAX) - 1);
    let wait = grown.min(longest) * (1.0 + SPREAD * chance);
    Verdict::Again(Duration::from_secs_f64(wait.max(asked.as_secs_f64().min(longest))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Outcome {
        Outcome::Answered(status, None)
    }

    fn first(outcome: &Outcome) -> Verdict {
        judge(outcome, 1, &WebhooksConfig::default(), 0.0)
    }

    #[test]
    fn the_status_decides_whether_there_is_another_attempt() {
        let again = Verdict::Again(Duration::from_secs(5));
        for (status, verdict) in [
            (200, Verdict::Delivered),
            (204, Verdict::Delivered),
            (299, Verdict::Delivered),
            (301, Verdict::Failed),
            (307, Verdict::Failed),
            (400, Verdict::Failed),
            (401, Verdict::Failed),
            (404, Verdict::Failed),
            (408, again),
            (409, Verdict::Failed),
            (410, Verdict::Gone),
            (422, Verdict::Failed),
            (429, again),
            (500, again),
            (502, again),
            (503, again),
            (504, again),
            (599, again),
        ] {
            assert_eq!(first(&answered(status)), verdict, "{status}");
        }
        assert_eq!(first(&Outcome::Broken("reset".into())), again);
        assert_eq!(first(&Outcome::Refused("disabled".into())), Verdict::Failed);
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_end_after_the_last_attempt() {
        let options = WebhooksConfig::default();
        let waits: Vec<f64> = (1..=12)
            .map_while(|tries| match judge(&answered(500), tries, &options, 0.0) {
                Verdict::Again(wait) => Some(wait.as_secs_f64()),
                _ => None,
            })
            .collect();
        let expected = [5.0, 20.0, 80.0, 320.0, 1_280.0, 5_120.0, 20_480.0, 21_600.0, 21_600.0, 21_600.0, 21_600.0];
        assert_eq!(waits, expected);
        assert_eq!(judge(&answered(500), 12, &options, 0.0), Verdict::Failed);
        assert_eq!(judge(&answered(500), u32::MAX, &options, 0.0), Verdict::Failed);
    }

    #[test]
    fn chance_adds_a_quarter_at_most() {
        let wait = |chance| judge(&answered(500), 2, &WebhooksConfig::default(), chance);
        assert_eq!(wait(1.0), Verdict::Again(Duration::from_secs(25)));
        assert_eq!(wait(0.5), Verdict::Again(Duration::from_millis(22_500)));
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_wait_and_not_for_a_shorter_or_endless_one() {
        let asked = |seconds| {
            judge(&Outcome::Answered(429, Some(Duration::from_secs(seconds))), 1, &WebhooksConfig::default(), 0.0)
        };
        assert_eq!(asked(120), Verdict::Again(Duration::from_secs(120)));
        assert_eq!(asked(0), Verdict::Again(Duration::from_secs(5)));
        assert_eq!(asked(10_000_000), Verdict::Again(Duration::from_secs(21_600)));
    }
}
