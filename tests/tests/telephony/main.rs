//! Telephone calls: what carriers send and are sent, over whole calls on the virtual clock.

// Helpers of tests may fail loudly too; clippy only knows it of the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod calls;
mod carrier;
mod examples;
mod nonsense;
mod phone;
