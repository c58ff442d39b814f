//! Storage addresses to stores.

use std::sync::Arc;

use crate::{config::invalid, error::Result, store::ConversationStore};

/// Opens the store at an address; without one, an SQLite file in the user's data folder.
pub(super) async fn open(address: Option<&str>) -> Result<Arc<dyn ConversationStore>> {
    Err(invalid(format!("storage: {address:?}")))
}
