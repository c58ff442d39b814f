//! Documents, searched for what the user asks: cut into passages, indexed by their words, ranked by BM25, told to the model. Pure.
//!
//! ```text
//! HTML ─► [`plain`] ─► text ─► [`passages`] ─► [`Index`] ─┐
//!                      what was said ─► [`Query`] ─────────┴─► [`search`] ─► [`Source`]s ─► [`Told`](prompt)
//! ```
//!
//! The ranking is the same in every store, because it is made here: stores keep documents, and know nothing of words. See Robertson and
//! Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009).

mod html;
mod index;
mod passages;
mod prompt;
mod search;
mod words;

pub(crate) use html::plain;
pub(crate) use index::Index;
pub(crate) use prompt::{TOLD, block, with_note, with_sources};
pub(crate) use search::{Limits, Query, search};
