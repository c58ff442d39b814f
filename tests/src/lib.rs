//! What the tests that cross crates share.

pub mod corpus;
pub mod mutate;
pub mod proxy;
pub mod servers;
