//! For the tests of every binding: functions that fail on purpose, so that it can be shown to turn each failure into its
//! language's error, and what every store of conversations must do, one of the host's own too.

use std::sync::Arc;

use voice_core::ConversationStore;
use voice_testkit::conformance::CONVERSATIONS;

use crate::{Call, ErrorRecord, Outcome, guard};

/// What every store of conversations must do: a statement for each case.
#[must_use]
pub fn store_cases() -> Vec<&'static str> {
    CONVERSATIONS.iter().map(|case| case.name).collect()
}

/// Tries one case on a store that is empty: what was expected and what was found instead, when it does not hold.
pub fn try_store(case: &str, store: Arc<dyn ConversationStore>) -> Call<Option<String>> {
    let found = CONVERSATIONS.iter().find(|known| known.name == case);
    let found = found.ok_or_else(|| ErrorRecord::invalid(format!("case: there is no {case:?}")));
    Call::spawn(async move { Ok(found?.run(store).await.err()) })
}

/// Panics behind the guard of a synchronous entry point.
///
/// # Errors
/// Always `INTERNAL_ERROR`.
pub fn panic_in_call() -> Outcome<()> {
    guard(|| {
        #[allow(clippy::panic)]
        {
            panic!("on purpose")
        }
    })
}

/// Panics inside work on the runtime.
pub fn panic_in_work() -> Call<()> {
    Call::spawn(async {
        #[allow(clippy::panic)]
        {
            panic!("on purpose")
        }
    })
}

/// Fails with any code of the list.
///
/// # Errors
/// Always; an unknown code is itself a `VALIDATION_ERROR`.
pub fn fail_with(code: &str) -> Outcome<()> {
    let known = voice_core::ErrorCode::ALL.into_iter().find(|c| c.as_str() == code);
    let known = known.ok_or_else(|| ErrorRecord::invalid(format!("code: there is no {code:?}")))?;
    Err(ErrorRecord {
        code: known.as_str().to_owned(),
        kind: "internal".to_owned(),
        stage: Some("llm".to_owned()),
        detail: "failed on purpose".to_owned(),
        retryable: true,
        retry_after_ms: Some(1_500),
        provider: Some("test/test".to_owned()),
        http_status: known.http_status(),
        reply: None,
    })
}
