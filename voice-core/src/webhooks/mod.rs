//! Telling webhooks what happened: signed, tried again until it is taken, and never forgotten by a crash.
//!
//! ```text
//! store: event ──courier spreads──► deliveries ──leased──► sign (signature) ──► POST (sender) ──► judge (schedule) ──► store
//! ```
//!
//! What is sent follows Standard Webhooks (<https://www.standardwebhooks.com>): `POST` of `{"type", "timestamp", "data"}` with the headers
//! `webhook-id`, `webhook-timestamp` and `webhook-signature`. Over the network a delivery may come twice, when a process stops
//! between the receiver's answer and the note of it; `webhook-id` is then the same, and receivers leave out what they have seen.
//!
//! [`verify`] is for receivers.

mod courier;
mod payload;
mod schedule;
mod sender;
mod signature;

pub use crate::store::ACTION_DETECTED;
pub(crate) use courier::{Courier, Keys};
pub(crate) use payload::body;
pub use payload::{SESSION_ENDED, SESSION_STARTED, TEST, TURN_COMPLETED};
pub(crate) use sender::check_address;
pub(crate) use signature::new_secret;
pub use signature::{SignedHeaders, TOLERANCE, sign, verify};
