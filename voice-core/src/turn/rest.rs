//! The rest of an answer that broke off.

use futures_util::StreamExt;

use crate::{
    context,
    error::{Error, Result},
    interpreter::Interpreter,
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
/// are cut off, however many they are, and the tag of an interpreter's language with them.
pub(super) async fn ask_for_rest(
    llm: &Stack<LlmService>,
    request: GenerateRequest,
    (partial, tags): (&str, Option<&Interpreter>),
    ctx: &CallContext,
    failed: Failed,
) -> Result<Rest> {
    let call = llm.open(request, ctx, failed).await?;
    let mut rest = Rest { call, text: String::new(), others: Vec::new(), broken: None };
    while untagged(tags, &rest.text).is_none_or(|text| context::may_repeat(partial, text)) {
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
    rest.text = context::rest_of(partial, untagged(tags, &rest.text).unwrap_or(&rest.text));
    Ok(rest)
}

/// What stands behind the tag of a language, where there are tags; `None`: more has to come before that is known.
fn untagged<'a>(tags: Option<&Interpreter>, text: &'a str) -> Option<&'a str> {
    match tags {
        Some(interpreter) => interpreter.untagged(text),
        None => Some(text),
    }
}
