//! The service's own settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use packages::PartOptions;
use secrecy::SecretString;
use serde::Deserialize;

/// The settings of the export-worker.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data map's file.
    pub data_map: PathBuf,
    /// The subject stores by their name in the data map.
    pub stores: BTreeMap<String, StoreSettings>,
    /// Where packages are written.
    pub packages: PackageSettings,
    /// Exports of up to so many rows are read in one transaction by one step.
    #[serde(default = "default_whole")]
    pub whole_export_rows: i64,
    /// The DEFLATE level, from 1 (fast) to 9 (small).
    #[serde(default = "default_level")]
    pub compression_level: u32,
}

/// One subject store.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// `postgres://reader:password@host:port/database`; a role that may only read.
    pub url: SecretString,
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

/// Where packages are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSettings {
    /// `file:///directory`, `s3://bucket/prefix`, and what else `object_store` understands.
    pub url: String,
    /// Options of that store, by the names of `object_store`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

fn default_whole() -> i64 {
    domain::plan::WHOLE_EXPORT_ROWS
}

fn default_level() -> u32 {
    PartOptions::default().level
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

impl Config {
    pub(crate) fn parts(&self) -> PartOptions {
        PartOptions { level: self.compression_level.clamp(1, 9), ..PartOptions::default() }
    }
}

#[cfg(test)]
mod tests {
    use chassis::Settings;

    use super::*;

    #[test]
    fn the_published_sample_is_valid() {
        let settings = Settings::<Config>::parse(include_str!("../config.sample.toml")).unwrap();
        assert!(settings.service.stores.contains_key("vantage"));
    }
}
