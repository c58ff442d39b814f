//! Reads what a provider says about a failure: the status, and error bodies of many shapes.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::error::ErrorKind;

/// What an error body says. Everything is optional: compatible servers differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) message: Option<String>,
    /// The class of the error, such as `invalid_request_error`.
    pub(super) class: Option<String>,
    /// The exact error, such as `model_not_found`.
    pub(super) code: Option<String>,
    /// The field of the request that is at fault.
    pub(super) param: Option<String>,
    /// A status named inside the body, as llama.cpp and vLLM do (`"code": 400`).
    pub(super) status: Option<u16>,
}

impl Reported {
    /// Reads a body of the shapes in use: `{"error": {…}}`, `{"error": "…"}`, `{"message": …}`, `{"detail": …}`, or
    /// the error object itself.
    pub(super) fn read(body: &Value) -> Self {
        let inner = match body.get("error") {
            Some(Value::String(message)) => return Self { message: Some(message.clone()), ..Self::default() },
            Some(error @ Value::Object(_)) => error,
            _ => body,
        };
        let text = |name: &str| match inner.get(name) {
            Some(Value::String(s)) if !s.is_empty() => Some(s.clone()),
            Some(Value::Number(n)) => Some(n.to_string()),
            _ => None,
        };
        let detail = || match inner.get("detail") {
            Some(Value::String(s)) => Some(s.clone()),
            Some(Value::Array(items)) => {
                let parts: Vec<&str> = items.iter().filter_map(|i| i.get("msg").and_then(Value::as_str)).collect();
                (!parts.is_empty()).then(|| parts.join("; "))
            }
            Some(Value::Object(o)) => o.get("message").and_then(Value::as_str).map(str::to_owned),
            _ => None,
        };
        let code = text("code");
        let status = [code.as_deref(), text("status").as_deref()]
            .into_iter()
            .flatten()
            .filter_map(|s| s.parse().ok())
            .find(|s| (400..600).contains(s));
        Self { message: text("message").or_else(detail), class: text("type"), code, param: text("param"), status }
    }

    /// The word that names the error best, if any.
    pub(super) fn name(&self) -> Option<&str> {
        let word = |w: &Option<String>| w.as_deref().filter(|w| w.parse::<u16>().is_err()).map(str::to_owned);
        match (word(&self.code), word(&self.class)) {
            (Some(_), _) => self.code.as_deref(),
            (None, Some(_)) => self.class.as_deref(),
            (None, None) => None,
        }
    }

    fn says(&self, test: impl Fn(&str) -> bool) -> bool {
        [&self.code, &self.class].into_iter().flatten().any(|w| test(w))
    }

    /// The kind of failure, from the status when there is one, otherwise from the words.
    pub(super) fn kind(&self, status: Option<u16>) -> ErrorKind {
        let out_of_credit = self.says(|w| {
            ["insufficient_quota", "credit_balance", "spend_limit", "billing", "quota_exceeded"]
                .iter()
                .any(|q| w.contains(q))
        });
        match status.or(self.status) {
            Some(402) => ErrorKind::QuotaExhausted,
            Some(403 | 429) | None if out_of_credit => ErrorKind::QuotaExhausted,
            Some(401 | 403) => ErrorKind::InvalidProviderKey,
            Some(429) => ErrorKind::RateLimited,
            Some(408 | 409 | 500..) => ErrorKind::ProviderFailed,
            Some(300..500) => ErrorKind::RejectedByProvider,
            Some(_) => ErrorKind::MalformedResponse,
            None if self.says(|w| w.contains("rate_limit") || w == "slow_down") => ErrorKind::RateLimited,
            None if self.says(|w| w.contains("api_key") || w.starts_with("authentication")) => {
                ErrorKind::InvalidProviderKey
            }
            None if self.says(|w| {
                w.starts_with("invalid_") || w.starts_with("context_length") || w.starts_with("model_not_found")
            }) =>
            {
                ErrorKind::RejectedByProvider
            }
            None => ErrorKind::ProviderFailed,
        }
    }
}

/// Whether the provider itself says that the call should be made again.
pub(super) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.to_str().ok()?.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_of_every_shape_in_use_are_read() {
        let message = |body: Value| Reported::read(&body).message.unwrap();
        assert_eq!(message(json!({"error": {"message": "m"}})), "m");
        assert_eq!(message(json!({"error": "m"})), "m");
        assert_eq!(message(json!({"object": "error", "message": "m", "code": 400})), "m");
        assert_eq!(message(json!({"detail": "m"})), "m");
        assert_eq!(message(json!({"detail": [{"loc": ["body"], "msg": "m"}]})), "m");
        assert_eq!(Reported::read(&json!({"error": {"code": 503, "message": "loading"}})).status, Some(503));
        assert_eq!(Reported::read(&json!([1, 2])), Reported::default());
    }

    #[test]
    fn words_decide_where_there_is_no_status() {
        let kind = |body: Value| Reported::read(&body).kind(None);
        assert_eq!(kind(json!({"error": {"type": "server_error"}})), ErrorKind::ProviderFailed);
        assert_eq!(kind(json!({"error": {"code": "rate_limit_exceeded"}})), ErrorKind::RateLimited);
        assert_eq!(kind(json!({"error": {"type": "insufficient_quota"}})), ErrorKind::QuotaExhausted);
        assert_eq!(kind(json!({"error": {"type": "invalid_request_error"}})), ErrorKind::RejectedByProvider);
        assert_eq!(kind(json!({"error": {"code": 429}})), ErrorKind::RateLimited);
        assert_eq!(kind(json!({"error": "overloaded"})), ErrorKind::ProviderFailed);
    }
}
