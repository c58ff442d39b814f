//! The cloud providers against a double that speaks their real wire formats.

// Helpers of tests may fail loudly too; clippy only knows it of the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod anthropic;
mod bhashini;
mod cartesia;
mod deepgram;
mod elevenlabs;
mod google;
mod left;
mod over_http;
mod over_socket;
mod proxies;
mod voices;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use voice_testkit::openai::{Recorded, Spec, SpecCheck};

const KEY: &str = "planted-0123456789abcdef";
pub(crate) const SECRET_WORDS: &str = "my neighbour Ada owes me forty pounds";

/// Longer than anything here takes; reached only when something hangs.
pub(crate) async fn patient<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("nothing hangs")
}

/// Holds requests against a vendor's description, when a copy of it is at hand.
fn conform(spec: &Spec, requests: &[Recorded]) {
    for request in requests {
        match spec.check(request) {
            SpecCheck::Conforms => {}
            SpecCheck::NotChecked(why) => println!("{} {}: not checked: {why}", request.method, request.path),
            violated => panic!("{} {}: {violated}\n{:?}", request.method, request.path, request.body),
        }
    }
}

/// The folder of a vendor's examples, when a copy of it is at hand.
fn examples(vendor: &str) -> Option<PathBuf> {
    let folder = Path::new("shared/specs/fixtures").join(vendor);
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|a| a.join(&folder)).find(|p| p.is_dir());
    if found.is_none() {
        println!("examples of {vendor}: not checked: fixtures not found");
    }
    found
}
