//! The settings of a subject store, as every service that reaches one reads them.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use crate::config::StoreConfig;

/// One subject store.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// `postgres://role:password@host:port/database`; a role that may do what the service does, and
    /// no more.
    pub url: SecretString,
    /// The same for a replica, from which everything is then read.
    #[serde(default)]
    pub replica_url: Option<SecretString>,
    /// The most connections this process holds to it.
    #[serde(default = "default_connections")]
    pub max_connections: usize,
    /// How long one statement may take; the reading of a whole collection is one statement.
    #[serde(default = "default_statement", with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock.
    #[serde(default = "default_lock", with = "humantime_serde")]
    pub lock_timeout: Duration,
}

fn default_connections() -> usize {
    4
}

fn default_statement() -> Duration {
    Duration::from_secs(4 * 3600)
}

fn default_lock() -> Duration {
    Duration::from_secs(10)
}

impl StoreSettings {
    /// How the store of that name in the data map is reached.
    #[must_use]
    pub fn config(&self, name: &str) -> StoreConfig {
        StoreConfig {
            name: name.to_owned(),
            url: self.url.clone(),
            replica_url: self.replica_url.clone(),
            max_connections: self.max_connections,
            statement_timeout: self.statement_timeout,
            lock_timeout: self.lock_timeout,
        }
    }
}
