//! Telephone calls: what carriers send and are sent, over whole calls on the virtual clock.

mod calls;
mod carrier;
mod examples;
mod nonsense;
mod phone;
