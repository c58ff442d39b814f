//! How the server of a database is connected to.

use std::time::Duration;

/// How the server of a database is connected to. What the address itself says about any of it stands above this.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ServerOptions {
    pub(super) connections: u32,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { connections: 10, connect_timeout: Duration::from_secs(5), timeout: Duration::from_secs(10) }
    }
}

impl ServerOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The most connections that are open at once to a server, at least 1. Default 10; in MongoDB's addresses `maxPoolSize`.
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// How long finding a server and making a connection may take. Default 5 s; in addresses `connect_timeout` (PostgreSQL),
    /// `serverSelectionTimeoutMS` and `connectTimeoutMS` (MongoDB).
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long a call may wait for a free connection and for the server before it fails with `StorageBusy`. Default 10 s;
    /// PostgreSQL counts the two waits apart.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }
}
