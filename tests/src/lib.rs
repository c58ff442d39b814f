//! What the tests that cross crates share.

pub mod authority;
pub mod corpus;
pub mod mutate;
pub mod proxy;
pub mod servers;
