//! The stores on real servers do what the suites say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::sync::Arc;

use voice_core::stores::{mongodb::MongoStore, postgres::PostgresStore};
use voice_testkit::conformance;
use voice_tests::servers::{Mongo, Postgres};

#[tokio::test]
async fn the_postgres_store_passes_the_suites() {
    let server = Postgres::shared();
    let report =
        conformance::conversations(
            "postgres",
            async || Ok(Arc::new(PostgresStore::connect(&server.url()).await?) as _),
        )
        .await;
    println!("{report}");
    assert!(report.passed());
}

#[tokio::test]
async fn the_mongodb_store_passes_the_suites() {
    let server = Mongo::shared();
    let report =
        conformance::conversations("mongodb", async || Ok(Arc::new(MongoStore::connect(&server.url()).await?) as _))
            .await;
    println!("{report}");
    assert!(report.passed());
}
