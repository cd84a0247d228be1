//! The service's own settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use connectors::StoreSettings;
use packages::{KeyRingSettings, PartOptions};
use secrecy::{ExposeSecret as _, SecretString};
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
    /// The keys under which passphrases come from the API, which has the same; without it, none can be opened.
    pub sealing: Option<KeyRingSettings>,
    /// Exports of up to so many rows are read in one transaction by one step.
    #[serde(default = "default_whole")]
    pub whole_export_rows: i64,
    /// How long a package can be had; fixed when it is written. Then the retention-scheduler deletes it.
    #[serde(default = "default_validity", with = "humantime_serde")]
    pub package_validity: Duration,
    /// Larger collections are read in key ranges of about so many rows, side by side.
    #[serde(default = "default_part")]
    pub part_rows: i64,
    /// A package that would be larger is split into volumes of at most so many bytes; without it,
    /// none is. Collections that are read in key ranges are cut for that; the one file of a smaller
    /// collection and a media object are not, and one that alone is larger makes a volume that is.
    #[serde(default)]
    pub volume_bytes: Option<u64>,
    /// An export whose archive would be larger fails; without it, none does.
    #[serde(default)]
    pub max_archive_bytes: Option<u64>,
    /// The company's buckets with media, by the names that rows have; `default` where the data map
    /// names no column for them. Written as `packages` is.
    #[serde(default)]
    pub buckets: BTreeMap<String, PackageSettings>,
    /// The DEFLATE level, from 1 (fast) to 9 (small).
    #[serde(default = "default_level")]
    pub compression_level: u32,
}

/// Where packages are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSettings {
    /// `file:///directory`, `s3://bucket/prefix`, and what else `object_store` understands.
    pub url: String,
    /// Options of that store, by the names of `object_store`. Some are credentials, so none is shown.
    #[serde(default)]
    pub options: BTreeMap<String, SecretString>,
}

impl PackageSettings {
    /// The options as the store takes them.
    pub(crate) fn exposed(&self) -> Vec<(String, String)> {
        let exposed =
            |(name, value): (&String, &SecretString)| (name.clone(), value.expose_secret().to_owned());
        self.options.iter().map(exposed).collect()
    }
}

fn default_whole() -> i64 {
    domain::plan::WHOLE_EXPORT_ROWS
}

fn default_validity() -> Duration {
    Duration::from_secs(24 * 60 * 60)
}

fn default_part() -> i64 {
    domain::plan::PART_ROWS
}

fn default_level() -> u32 {
    PartOptions::default().level
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

    #[test]
    fn what_is_shown_of_the_settings_holds_no_credential() {
        let (mut toml, secret) = (include_str!("../config.sample.toml").to_owned(), "hush-hush-hush");
        let bucket = |name: &str| {
            format!(
                "\n[service.buckets.{name}]\nurl = 's3://media'\n\
                 options = {{ aws_access_key_id = '{secret}', aws_secret_access_key = '{secret}' }}\n"
            )
        };
        toml.push_str(&bucket("photos"));
        let mut settings = Settings::<Config>::parse(&toml).unwrap().service;
        settings.packages = settings.buckets["photos"].clone();
        assert_eq!(settings.packages.exposed()[1], ("aws_secret_access_key".to_owned(), secret.to_owned()));
        let shown = format!("{settings:?} {settings:#?}");
        assert!(shown.contains("aws_secret_access_key") && !shown.contains(secret), "{shown}");
    }
}
