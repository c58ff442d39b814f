//! The rest of an answer that broke off.

use futures_util::StreamExt;

use crate::{
    context,
    error::{Error, Result},
    layer::{Call, Failed, LlmService, Stack},
    provider::{CallContext, GenerateRequest, LlmEvent},
};

/// The beginning of it, until it is known that it is new.
pub(super) struct Rest {
    pub(super) call: Call<LlmService>,
    /// What of it goes behind what was written.
    pub(super) text: String,
    pub(super) others: Vec<LlmEvent>,
    /// Why there is no more of it, if it broke off, too.
    pub(super) broken: Option<Error>,
}

/// Asks another provider than the one that failed (or the same again) for what is missing behind `partial`. Words that it says again
/// are cut off, however many they are.
pub(super) async fn ask_for_rest(
    llm: &Stack<LlmService>,
    request: GenerateRequest,
    partial: &str,
    ctx: &CallContext,
    failed: Failed,
) -> Result<Rest> {
    let call = llm.open(request, ctx, failed).await?;
    let mut rest = Rest { call, text: String::new(), others: Vec::new(), broken: None };
    while context::may_repeat(partial, &rest.text) {
        match rest.call.next().await {
            Some(Ok(LlmEvent::Text(delta))) => rest.text.push_str(&delta),
            Some(Ok(event)) => rest.others.push(event),
            Some(Err(error)) => {
                // What is there may be a repetition or not; whoever is asked next says it again.
                rest.text.clear();
                rest.broken = Some(error);
                break;
            }
            None => break,
        }
    }
    rest.text = context::rest_of(partial, &rest.text);
    Ok(rest)
}
