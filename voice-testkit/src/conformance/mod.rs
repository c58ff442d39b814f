//! What every implementation of a trait must do, written once and run against each: the shipped ones and a host's own.
//!
//! ```
//! use std::sync::Arc;
//! use voice_core::store::MemoryStore;
//! use voice_testkit::conformance;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let report = conformance::conversations("memory", async || Ok(Arc::new(MemoryStore::new()) as _)).await;
//! assert!(report.passed(), "{report}");
//! # }
//! ```

mod accounts;
mod actions;
mod assistants;
mod audit;
mod blobs;
mod conversations;
mod finding;
mod keeping;
mod knowledge;
mod steps;
mod webhooks;

use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use voice_core::{
    ConversationStore, Error, Result,
    store::{AccountStore, AssistantStore, AuditLog, BlobStore, KnowledgeStore},
};

pub use accounts::ACCOUNTS;
pub use actions::{ACTIONS, KeepsActions};
pub use assistants::ASSISTANTS;
pub use audit::AUDIT;
pub use blobs::BLOBS;
pub use conversations::CONVERSATIONS;
pub use knowledge::KNOWLEDGE;
pub use webhooks::{TellingStore, WEBHOOKS};

/// A table of cases from the names of their functions.
macro_rules! cases {
    ($($check:ident),* $(,)?) => {
        &[$($crate::conformance::Case {
            name: stringify!($check),
            check: |store| futures_util::FutureExt::boxed($check(store)),
        }),*]
    };
}
use cases;

/// Why a case failed: what was expected and what was found instead.
pub type Outcome = Result<(), String>;

/// One thing that an implementation of `T` must do.
pub struct Case<T: ?Sized + 'static> {
    /// What must hold, as a statement.
    pub name: &'static str,
    check: fn(Arc<T>) -> BoxFuture<'static, Outcome>,
}

impl<T: ?Sized + Send + Sync> Case<T> {
    /// Tries it on a fresh, empty implementation. A panic in that is a failure too.
    ///
    /// # Errors
    /// What was expected and what was found instead.
    pub async fn run(&self, subject: Arc<T>) -> Outcome {
        let run = AssertUnwindSafe((self.check)(subject)).catch_unwind();
        run.await.unwrap_or_else(|_| Err("it panicked".into()))
    }
}

/// How an implementation did in every case. `Display` lists them, a line each.
#[derive(Clone, Debug)]
pub struct Report {
    subject: String,
    outcomes: Vec<(&'static str, Outcome)>,
}

impl Report {
    /// Whether every case passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| outcome.is_ok())
    }

    /// The cases in their order, and how each went.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, &Outcome)> {
        self.outcomes.iter().map(|(name, outcome)| (*name, outcome))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passed = self.outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
        writeln!(f, "{}: {passed} of {} cases pass", self.subject, self.outcomes.len())?;
        self.outcomes.iter().try_for_each(|(name, outcome)| match outcome {
            Ok(()) => writeln!(f, "  pass  {name}"),
            Err(why) => writeln!(f, "  FAIL  {name}: {why}"),
        })
    }
}

macro_rules! suites {
    ($($suite:ident, $cases:ident, $store:ident;)*) => {$(
        #[doc = concat!("Runs every case of [`", stringify!($cases), "`], each on a store of its own that `open` makes: empty, \
            and not closed.")]
        pub async fn $suite<F>(subject: impl Into<String>, open: F) -> Report
        where
            F: AsyncFn() -> Result<Arc<dyn $store>>,
        {
            let mut outcomes = Vec::new();
            for case in $cases {
                let outcome = match open().await {
                    Ok(store) => case.run(store).await,
                    Err(error) => Err(told(&error)),
                };
                outcomes.push((case.name, outcome));
            }
            Report { subject: subject.into(), outcomes }
        }
    )*};
}

suites! {
    conversations, CONVERSATIONS, ConversationStore;
    accounts, ACCOUNTS, AccountStore;
    assistants, ASSISTANTS, AssistantStore;
    audit, AUDIT, AuditLog;
    actions, ACTIONS, KeepsActions;
    knowledge, KNOWLEDGE, KnowledgeStore;
    webhooks, WEBHOOKS, TellingStore;
    blobs, BLOBS, BlobStore;
}

/// An error in a line.
fn told(error: &Error) -> String {
    format!("{}: {error}", error.code())
}
