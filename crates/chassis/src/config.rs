//! Settings: a TOML file, and environment variables over it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use messaging::AmqpConfig;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use store::StoreConfig;
use telemetry::TelemetryConfig;

use crate::settings_error::SettingsError;

/// The settings of one service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings<C> {
    /// The control database.
    pub control: StoreConfig,
    /// The broker.
    pub amqp: AmqpSettings,
    /// Logs and traces.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// Health and metrics.
    pub admin: AdminSettings,
    /// How steps are run; only workers read it.
    #[serde(default)]
    pub worker: WorkerSettings,
    /// The service's own settings.
    pub service: C,
}

/// Where the broker is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmqpSettings {
    /// `amqp://user:password@host:port/vhost`, or `amqps://`.
    pub url: SecretString,
}

impl AmqpSettings {
    /// The same for the client library, under a connection name.
    #[must_use]
    pub fn for_service(&self, name: &str) -> AmqpConfig {
        AmqpConfig::new(self.url.clone(), name)
    }
}

/// Where `/livez`, `/readyz` and `/metrics` are served: a side port, never the public one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminSettings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
}

/// A lease is renewed six times in its length, each time by a transaction.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// How a worker runs steps.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerSettings {
    /// Steps run at the same time by this process.
    pub concurrency: u16,
    /// How long a claim holds unless renewed. A worker that dies is missed for so long.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// A step that shows no progress for so long is given up: its worker hangs.
    #[serde(with = "humantime_serde")]
    pub longest_silence: Duration,
    /// How long a running step may go on after the process was told to stop, before it is given back.
    #[serde(with = "humantime_serde")]
    pub finish_within: Duration,
    /// How often a step is started before it fails for good.
    pub max_attempts: u32,
    /// The wait after the first failed attempt; doubled after each further one, up to ten minutes.
    #[serde(with = "humantime_serde")]
    pub backoff: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            concurrency: 2,
            lease: Duration::from_secs(60),
            longest_silence: Duration::from_secs(300),
            finish_within: Duration::from_secs(3),
            max_attempts: 10,
            backoff: Duration::from_secs(2),
        }
    }
}

impl WorkerSettings {
    /// Whether a worker can keep its steps with these settings.
    ///
    /// # Errors
    /// When a lease is shorter than the renewals that keep it could be.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if self.lease < SHORTEST_LEASE {
            return Err(figment::Error::from("a lease must be at least 1s").with_path("worker.lease").into());
        }
        Ok(())
    }

    /// The retry policy that these settings make.
    #[must_use]
    pub fn policy(&self) -> domain::job::Policy {
        domain::job::Policy::new(self.max_attempts, self.backoff)
    }
}

impl<C: DeserializeOwned> Settings<C> {
    /// Reads the file, if there is one, and then variables such as `LETHE_CONTROL__URL`.
    ///
    /// # Errors
    /// [`SettingsError`] naming the setting that is missing, unknown or wrong.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        // Only variables with a section are settings; LETHE_LOCAL_DIR and the like are not.
        let variables = Env::prefixed("LETHE_").filter(|key| key.as_str().contains("__")).split("__");
        Ok(figment.merge(variables).extract()?)
    }

    /// Reads settings from text, for tests of published samples.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(toml: &str) -> Result<Self, SettingsError> {
        Ok(Figment::from(Toml::string(toml)).extract()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Own {
        size: u32,
    }

    const SAMPLE: &str = "[control]\nurl = 'postgres://u:p@h/d'\n[amqp]\nurl = 'amqp://u:p@h'\n\
                          [admin]\nlisten = '127.0.0.1:9000'\n[service]\nsize = 3\n";

    #[test]
    fn a_file_is_read_and_secrets_stay_mute() {
        let settings = Settings::<Own>::parse(SAMPLE).unwrap();
        assert_eq!(settings.service.size, 3);
        assert_eq!(settings.worker.lease, Duration::from_secs(60));
        assert!(!format!("{settings:?}").contains("u:p@"));
    }

    #[test]
    fn an_error_names_the_setting() {
        let wrong = |from: &str, to: &str| {
            let text = SAMPLE.replace(from, to);
            assert_ne!(text, SAMPLE);
            Settings::<Own>::parse(&text).unwrap_err().to_string()
        };
        let unknown = wrong("size", "sizes");
        assert!(unknown.contains("sizes"), "{unknown}");
        let mistyped = wrong("size = 3", "size = 'x'");
        assert!(mistyped.contains("LETHE_SERVICE__SIZE"), "{mistyped}");
        let missing = wrong("[amqp]\nurl = 'amqp://u:p@h'\n", "");
        assert!(missing.contains("amqp"), "{missing}");
        let address = wrong("127.0.0.1:9000", "localhost");
        assert!(address.contains("LETHE_ADMIN__LISTEN"), "{address}");
        let duration =
            Settings::<Own>::parse(&format!("{SAMPLE}[worker]\nlease = 'soon'\n")).unwrap_err().to_string();
        assert!(duration.contains("LETHE_WORKER__LEASE"), "{duration}");
    }

    #[test]
    fn an_error_never_quotes_a_value() {
        const SECRET: &str = "hunter2";
        for text in [
            format!("control = 'postgres://u:{SECRET}@h/d'\n"),
            format!("[control]\nurl = postgres://u:{SECRET}@h/d\n"),
            format!("[control]\nurl = 'postgres://u:{SECRET}@h/d\n"),
            format!("[control]\nurl = ['{SECRET}']\n"),
            SAMPLE.replace("size = 3", &format!("size = '{SECRET}'")),
            SAMPLE.replace("127.0.0.1:9000", SECRET),
            format!("{SAMPLE}[worker]\nlease = '{SECRET}'\n"),
            SAMPLE.replace("size = 3", &format!("size = {{ x = '{SECRET}' }}")),
        ] {
            let error = Settings::<Own>::parse(&text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }

    #[test]
    fn a_lease_too_short_to_be_kept_is_refused() {
        let short = WorkerSettings { lease: Duration::from_millis(999), ..WorkerSettings::default() };
        let error = short.check().unwrap_err().to_string();
        assert!(error.contains("LETHE_WORKER__LEASE"), "{error}");
        WorkerSettings::default().check().unwrap();
    }
}
