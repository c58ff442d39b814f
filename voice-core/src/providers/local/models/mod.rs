//! Model files: a plain directory, what belongs in it, and how to fill it.

mod dir;

pub use dir::{MODELS_VARIABLE, ModelDir};
