//! Anthropic.

use std::sync::Arc;

use super::{Place, reached::reached, settings::Settings};
use crate::{
    config::ProviderConfig, error::Result, layer::TimeoutOptions, provider::LanguageModel,
    providers::anthropic::AnthropicLlm,
};

pub(super) fn llm(
    provider: &ProviderConfig,
    timeouts: &TimeoutOptions,
    place: Place,
) -> Result<Arc<dyn LanguageModel>> {
    let mut llm = reached!(AnthropicLlm, provider, timeouts);
    let mut settings = Settings::new(provider, place);
    if let Some(effort) = settings.text("effort")? {
        llm = llm.effort(effort);
    }
    settings.finish()?;
    Ok(Arc::new(llm))
}
