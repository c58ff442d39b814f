//! Reads what a provider says about a failure: the status, and error bodies of many shapes.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::error::ErrorKind;

/// What Anthropic says of an account without credit, under the code and the status of any bad request.
const NO_CREDIT: &str = "credit balance is too low";

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
    /// How long to wait, where the body says it (Google's `RetryInfo`).
    pub(super) retry_after: Option<Duration>,
}

impl Reported {
    /// Reads a body of the shapes in use: `{"error": {…}}`, `{"error": "…"}`, `{"message": …}`, `{"detail": …}`, `{"detail": {…}}`,
    /// `{"err_code": …, "err_msg": …}`, or the error object itself; also as the only item of a list.
    pub(super) fn read(body: &Value) -> Self {
        let body = body.as_array().filter(|items| items.len() == 1).map_or(body, |items| &items[0]);
        let inner = match body.get("error") {
            Some(Value::String(message)) => return Self { message: Some(message.clone()), ..Self::default() },
            Some(error @ Value::Object(_)) => error,
            _ => body.get("detail").filter(|detail| detail.is_object()).unwrap_or(body),
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
            _ => None,
        };
        // Anthropic names the exact error one level further in.
        let exact = || inner.pointer("/details/error_code").and_then(Value::as_str).map(str::to_owned);
        let code = ["code", "err_code", "error_code", "category", "status"].into_iter().find_map(text).or_else(exact);
        let status = [code.as_deref(), text("status").as_deref(), text("status_code").as_deref()]
            .into_iter()
            .flatten()
            .filter_map(|s| s.parse().ok())
            .find(|s| (400..600).contains(s));
        // Google names the class in `status`, and what exactly is wrong in a list of details.
        let in_details = |name: &str| {
            let details = inner.get("details").and_then(Value::as_array).into_iter().flatten();
            details.filter_map(|d| d.get(name).and_then(Value::as_str)).find(|word| !word.is_empty())
        };
        let named = text("status").filter(|word| word.parse::<u16>().is_err());
        Self {
            message: text("message").or_else(|| text("err_msg")).or_else(detail),
            class: text("type").or(named),
            code: in_details("reason").map(str::to_owned).or(code),
            param: text("param"),
            status,
            retry_after: in_details("retryDelay").and_then(seconds),
        }
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
        }) || self.message.as_deref().is_some_and(|message| message.contains(NO_CREDIT));
        match status.or(self.status) {
            Some(402) => ErrorKind::QuotaExhausted,
            Some(400) if self.says(|w| w == "API_KEY_INVALID") => ErrorKind::InvalidProviderKey,
            Some(400 | 401 | 403 | 429) | None if out_of_credit => ErrorKind::QuotaExhausted,
            Some(401 | 403) => ErrorKind::InvalidProviderKey,
            Some(429) => ErrorKind::RateLimited,
            Some(408 | 409 | 425 | 500..) => ErrorKind::ProviderFailed,
            Some(300..500) => ErrorKind::RejectedByProvider,
            Some(_) => ErrorKind::MalformedResponse,
            None if self.says(|w| w.contains("rate_limit") || w == "slow_down") => ErrorKind::RateLimited,
            None if self
                .says(|w| w.contains("api_key") || w.starts_with("authentication") || w.starts_with("permission")) =>
            {
                ErrorKind::InvalidProviderKey
            }
            None if self.says(|w| {
                ["invalid_", "context_length", "model_not_found", "not_found", "request_too_large"]
                    .iter()
                    .any(|refused| w.starts_with(refused))
            }) =>
            {
                ErrorKind::RejectedByProvider
            }
            None => ErrorKind::ProviderFailed,
        }
    }
}

/// A duration as Google writes it: `17s`, `0.250s`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
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
        assert_eq!(message(json!({"err_code": "c", "err_msg": "m"})), "m");
        assert_eq!(Reported::read(&json!({"category": "c", "message": "m", "details": "d"})).name(), Some("c"));
        assert_eq!(message(json!({"detail": [{"loc": ["body"], "msg": "m"}]})), "m");
        assert_eq!(Reported::read(&json!({"error": {"code": 503, "message": "loading"}})).status, Some(503));
        assert_eq!(message(json!({"detail": {"status": "s", "message": "m"}})), "m");
        assert_eq!(message(json!({"error_code": "c", "title": "t", "message": "m"})), "m");
        let inner = json!({"error": {"type": "rate_limit_error", "details": {"error_code": "ramp_limit_exceeded"}}});
        assert_eq!(Reported::read(&inner).code.as_deref(), Some("ramp_limit_exceeded"));
        assert_eq!(Reported::read(&json!([1, 2])), Reported::default());
    }

    #[test]
    fn the_word_for_an_error_is_found_wherever_it_stands() {
        let name = |body: Value| Reported::read(&body).name().unwrap().to_owned();
        assert_eq!(name(json!({"error": {"type": "class", "code": "exact"}})), "exact");
        assert_eq!(name(json!({"detail": {"status": "exact", "message": "m"}})), "exact");
        assert_eq!(name(json!({"detail": {"type": "class", "code": "exact", "status": "s", "message": "m"}})), "exact");
        assert_eq!(name(json!({"error_code": "exact", "title": "t", "message": "m", "status_code": 400})), "exact");
    }

    #[test]
    fn no_credit_is_no_wrong_key() {
        let kind = |body: Value| Reported::read(&body).kind(Some(401));
        assert_eq!(kind(json!({"detail": {"status": "quota_exceeded"}})), ErrorKind::QuotaExhausted);
        assert_eq!(kind(json!({"detail": {"status": "invalid_api_key"}})), ErrorKind::InvalidProviderKey);
    }

    #[test]
    fn no_credit_is_no_bad_request() {
        let kind = |error: Value| Reported::read(&json!({ "error": error })).kind(Some(400));
        let words = "Your credit balance is too low to access the Anthropic API.";
        assert_eq!(kind(json!({"type": "invalid_request_error", "message": words})), ErrorKind::QuotaExhausted);
        assert_eq!(kind(json!({"code": "billing_hard_limit_reached"})), ErrorKind::QuotaExhausted);
        assert_eq!(kind(json!({"type": "invalid_request_error"})), ErrorKind::RejectedByProvider);
    }

    #[test]
    fn what_came_too_early_may_come_again() {
        let kinds = [408, 409, 425, 503, 529].map(|status| Reported::default().kind(Some(status)));
        assert_eq!(kinds, [ErrorKind::ProviderFailed; 5]);
    }

    #[test]
    fn googles_details_name_the_fault_and_the_wait() {
        let error = |code: u16, status: &str, details: Value| {
            let error = json!({"code": code, "message": "m", "status": status, "details": details});
            Reported::read(&json!([{ "error": error }]))
        };
        let key = error(400, "INVALID_ARGUMENT", json!([{"@type": "…/ErrorInfo", "reason": "API_KEY_INVALID"}]));
        assert_eq!((key.name(), key.kind(Some(400))), (Some("API_KEY_INVALID"), ErrorKind::InvalidProviderKey));
        let field = error(400, "INVALID_ARGUMENT", json!([]));
        assert_eq!((field.name(), field.kind(Some(400))), (Some("INVALID_ARGUMENT"), ErrorKind::RejectedByProvider));
        let wait = error(429, "RESOURCE_EXHAUSTED", json!([{"x": 1}, {"retryDelay": "0.250s"}]));
        assert_eq!((wait.retry_after, wait.kind(None)), (Some(Duration::from_millis(250)), ErrorKind::RateLimited));
        assert_eq!(error(429, "RESOURCE_EXHAUSTED", json!([{"retryDelay": "soon"}])).retry_after, None);
    }

    #[test]
    fn words_decide_where_there_is_no_status() {
        let kind = |body: Value| Reported::read(&body).kind(None);
        assert_eq!(kind(json!({"error": {"type": "server_error"}})), ErrorKind::ProviderFailed);
        assert_eq!(kind(json!({"error": {"code": "rate_limit_exceeded"}})), ErrorKind::RateLimited);
        assert_eq!(kind(json!({"error": {"type": "insufficient_quota"}})), ErrorKind::QuotaExhausted);
        assert_eq!(kind(json!({"error": {"type": "invalid_request_error"}})), ErrorKind::RejectedByProvider);
        assert_eq!(kind(json!({"error": {"type": "permission_error"}})), ErrorKind::InvalidProviderKey);
        assert_eq!(kind(json!({"error": {"type": "not_found_error"}})), ErrorKind::RejectedByProvider);
        assert_eq!(kind(json!({"error": {"code": 429}})), ErrorKind::RateLimited);
        assert_eq!(kind(json!({"error": "overloaded"})), ErrorKind::ProviderFailed);
    }
}
