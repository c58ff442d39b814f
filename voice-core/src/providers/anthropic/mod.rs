//! Anthropic's language models.
//!
//! | type | what it calls |
//! |---|---|
//! | [`AnthropicLlm`] | `POST /v1/messages`, streamed |
//!
//! ```
//! use voice_core::providers::anthropic::AnthropicLlm;
//!
//! let llm = AnthropicLlm::new("sk-ant-…").model("claude-haiku-5-5");
//! ```
//!
//! The version of the API that is asked for is `2023-06-01`: the one of 2026 refuses a sampling temperature to every model,
//! also to those that know it.

mod answer;
mod llm;
mod prompt;

pub use llm::AnthropicLlm;
