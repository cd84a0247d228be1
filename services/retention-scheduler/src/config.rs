//! The service's own settings.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use store::{FolderPolicy, SweepConfig};

/// The service's own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The pause between two sweeps; up to a fifth is added at random.
    #[serde(with = "humantime_serde")]
    pub sweep_every: Duration,
    /// How long things may lie before a sweep picks them up.
    pub sweep: SweepConfig,
    /// Where packages lie. Without it no package is ever deleted.
    pub packages: Option<PackageSettings>,
}

impl Default for Config {
    fn default() -> Self {
        Self { sweep_every: Duration::from_secs(2), sweep: SweepConfig::default(), packages: None }
    }
}

/// Where packages lie, and when what jobs left there is cleared away.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSettings {
    /// `file:///directory`, `s3://bucket/prefix`, `gs://…` or `az://…`: the same as the export-worker's.
    pub url: String,
    /// Options of that store. The credentials must be allowed to list and to delete.
    #[serde(default)]
    pub options: BTreeMap<String, SecretString>,
    /// So long after a job's end, what no retry needs is removed. Longer than the workers' lease.
    #[serde(default = "default_after", with = "humantime_serde")]
    pub sweep_after: Duration,
    /// So long after a job's end, everything is removed that is not a package which is alive. A
    /// failed job cannot be tried again from then on.
    #[serde(default = "default_again", with = "humantime_serde")]
    pub sweep_again_after: Duration,
    /// The pause before a folder is tried again whose objects could not be deleted.
    #[serde(default = "default_retry", with = "humantime_serde")]
    pub retry_after: Duration,
}

fn default_after() -> Duration {
    Duration::from_secs(10 * 60)
}

fn default_again() -> Duration {
    Duration::from_secs(24 * 60 * 60)
}

fn default_retry() -> Duration {
    Duration::from_secs(5 * 60)
}

impl PackageSettings {
    /// The times as the control database takes them.
    ///
    /// # Errors
    /// When they make no sense together.
    pub(crate) fn policy(&self, lease: Duration) -> anyhow::Result<FolderPolicy> {
        if self.sweep_after <= lease {
            anyhow::bail!("service.packages.sweep_after: must be longer than a lease ({lease:?})");
        }
        if self.sweep_again_after < self.sweep_after {
            anyhow::bail!("service.packages.sweep_again_after: must not be shorter than sweep_after");
        }
        Ok(FolderPolicy {
            sweep_after: self.sweep_after,
            sweep_again_after: self.sweep_again_after,
            hold: self.retry_after,
        })
    }
}

#[cfg(test)]
mod tests {
    use chassis::Settings;

    use super::*;

    const SAMPLE: &str = include_str!("../config.sample.toml");

    #[test]
    fn the_published_sample_is_read_and_shows_no_secret() {
        let config = Settings::<Config>::parse(SAMPLE).unwrap().service;
        let packages = config.packages.unwrap();
        assert_eq!(packages.sweep_after, Duration::from_secs(600));
        let policy = packages.policy(Duration::from_secs(60)).unwrap();
        assert_eq!(policy.sweep_again_after, Duration::from_secs(86_400));
        assert!(!format!("{packages:?}").contains("us-east-1"));
    }

    #[test]
    fn times_that_endanger_running_work_are_refused() {
        let packages = Settings::<Config>::parse(SAMPLE).unwrap().service.packages.unwrap();
        let error = packages.policy(Duration::from_secs(600)).unwrap_err().to_string();
        assert!(error.starts_with("service.packages.sweep_after: "), "{error}");
        let shorter = PackageSettings { sweep_again_after: Duration::from_secs(1), ..packages };
        let error = shorter.policy(Duration::from_secs(60)).unwrap_err().to_string();
        assert!(error.starts_with("service.packages.sweep_again_after: "), "{error}");
    }
}
