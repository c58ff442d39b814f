//! Lists of voices, as servers give them: JSON, a page at a time.

use reqwest::RequestBuilder;
use serde_json::{Map, Value};

use super::{Private, Server};
use crate::error::Result;

/// The most bytes of a page.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Where servers say what is wrong in an answer that counts as a success.
const COMPLAINTS: [&str; 5] = ["error", "error_code", "err_code", "detail", "category"];

impl Server {
    /// Sends a request; gives its answer, which is JSON of `limit` bytes at most.
    ///
    /// # Errors
    /// Whatever the server or the way to it says.
    pub(crate) async fn json(&self, request: RequestBuilder, private: &Private, limit: usize) -> Result<Value> {
        let response = self.send(request, private).await.map_err(|refusal| refusal.error)?;
        let body = self.peer.read_all(response, limit).await?;
        serde_json::from_slice(&body).map_err(|_| self.peer.malformed("answered with broken JSON"))
    }

    /// Asks for a page of voices; gives what stands in its `field`, and the rest of the page.
    ///
    /// # Errors
    /// Whatever the server or the way to it says.
    pub(crate) async fn voices(&self, request: RequestBuilder, field: &str) -> Result<(Vec<Value>, Value)> {
        let mut page = self.json(request, &Private::new(), MOST_BYTES).await?;
        match page.get_mut(field).map(Value::take) {
            Some(Value::Array(voices)) => Ok((voices, page)),
            // An empty list is what some leave out.
            None if page.as_object().is_some_and(Map::is_empty) => Ok((Vec::new(), page)),
            _ if COMPLAINTS.iter().any(|field| page.get(field).is_some_and(|why| !why.is_null())) => {
                Err(self.peer.reported(&page, &Private::new()))
            }
            _ => Err(self.peer.malformed("answered without a list of voices")),
        }
    }
}

/// The text in a field, if there is any.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}
