//! The service's own settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use connectors::revoke::ProviderSettings;
use connectors::{StoreConfig, StoreSettings};
use packages::KeyRingSettings;
use secrecy::SecretString;
use serde::Deserialize;

/// The settings of the erasure-worker.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data map's file.
    pub data_map: PathBuf,
    /// The subject stores by their name in the data map, for a role that may erase.
    pub stores: BTreeMap<String, StoreSettings>,
    /// The same stores for a role that may only read: by it the result is verified, on the primary: a replica
    /// that is named is left alone, since it may be behind.
    pub verify: BTreeMap<String, StoreSettings>,
    /// The keys under which identities and scopes are sealed; the API has the same.
    pub sealing: KeyRingSettings,
    /// The keys that pseudonyms are made with. As long as the active one is the same, equal values of
    /// an organisation get equal pseudonyms.
    pub pseudonyms: KeyRingSettings,
    /// The providers whose tokens rows hold, by the names that rows give them.
    #[serde(default)]
    pub providers: BTreeMap<String, ProviderSettings>,
    /// The company's buckets with media, by the names that rows have; `default` where the data map
    /// names no column for them.
    #[serde(default)]
    pub buckets: BTreeMap<String, BucketSettings>,
    /// Rows are erased in transactions of about so many: what one takes is how long a lock is held.
    #[serde(default = "default_batch")]
    pub batch_rows: u32,
    /// A step is a stretch of about so many rows, erased by one worker.
    #[serde(default = "default_step")]
    pub step_rows: u32,
}

/// A bucket from which media are deleted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketSettings {
    /// `file:///directory`, `s3://bucket/prefix`, and what else `object_store` understands.
    pub url: String,
    /// Options of that store, by the names of `object_store`. The credentials must be allowed to list,
    /// and to delete objects and their versions.
    #[serde(default)]
    pub options: BTreeMap<String, SecretString>,
}

fn default_batch() -> u32 {
    3_000
}

fn default_step() -> u32 {
    500_000
}

impl Config {
    /// How the stores are reached to verify: on their primaries, whatever the settings say, since a replica
    /// that is behind hides what is left.
    pub(crate) fn verifiers(&self) -> BTreeMap<String, StoreConfig> {
        let primary =
            |(name, settings): (&String, &StoreSettings)| (name.clone(), settings.config(name).of_primary());
        self.verify.iter().map(primary).collect()
    }

    /// Refuses what no erasure could be run with.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if let Some(name) = self.stores.keys().find(|name| !self.verify.contains_key(*name)) {
            anyhow::bail!(
                "service.verify.{name}: missing; give the store's url for a role that may only read, \
                 so that what was erased is verified by another way than it was erased by"
            );
        }
        if self.batch_rows == 0 || self.step_rows < self.batch_rows {
            anyhow::bail!("service.batch_rows: at least 1, and service.step_rows not less than that");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chassis::Settings;

    use super::*;

    const SAMPLE: &str = include_str!("../config.sample.toml");

    #[test]
    fn the_published_sample_is_valid_and_shows_no_secret() {
        let config = Settings::<Config>::parse(SAMPLE).unwrap().service;
        config.check().unwrap();
        assert!(config.stores.contains_key("vantage"));
        assert!(!format!("{config:?}").contains("secret@"));
    }

    #[test]
    fn a_store_without_a_reader_is_refused_by_name() {
        let mut config = Settings::<Config>::parse(SAMPLE).unwrap().service;
        config.verify.clear();
        let error = config.check().unwrap_err().to_string();
        assert!(error.starts_with("service.verify.vantage: "), "{error}");
    }

    #[test]
    fn nothing_is_verified_on_a_replica() {
        let mut config = Settings::<Config>::parse(SAMPLE).unwrap().service;
        let settings = config.verify.get_mut("vantage").unwrap();
        settings.replica_url = Some("postgresql://reader@replica/vantage".into());
        assert!(config.verifiers()["vantage"].replica_url.is_none());
    }
}
