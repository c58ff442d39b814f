//! The arithmetic of `voice-core` that has to be fast, in a crate of its own: it is built for speed where all around it is built for size.
//! Nothing that computes is generic, as generic code is built where it is used.

pub mod q8;
mod resample;

pub use resample::{LiveResampler, Resampler};
