//! The service's own settings, as they stand in the `[service]` section.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use connectors::StoreSettings;
use serde::Deserialize;
use store::ExportQuota;
use url::Url;

use crate::secret::Secret;

/// The service's own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Where callers reach this service, as `https://privacy.example.com`: the base of every link.
    pub public_url: Url,
    /// Whether this is a developer's machine.
    #[serde(default)]
    pub mode: Mode,
    /// Who may call.
    pub auth: AuthConfig,
    /// Where packages lie and how links to them are signed.
    pub packages: PackagesConfig,
    /// How passphrases travel to the export worker; without it, none are taken.
    pub sealing: Option<SealingConfig>,
    /// Where the data is that is to be erased; without it, nothing is taken that concerns one person,
    /// an erasure, or a legal hold.
    pub erasure: Option<ErasureConfig>,
    /// How much one caller may ask for.
    #[serde(default)]
    pub limits: Limits,
}

/// Whether this is a developer's machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing is relaxed.
    #[default]
    Production,
    /// Tokens of the development issuer are accepted, and identity providers without TLS.
    Development,
}

/// Who may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// The issuers whose tokens are accepted.
    #[serde(default)]
    pub issuers: Vec<IssuerConfig>,
    /// The Ed25519 public key (PEM) of the development issuer. Refused in production.
    pub development_issuer_key_file: Option<PathBuf>,
    /// How long ago callers who ask for an erasure may have authenticated, by the token's `auth_time`.
    #[serde(with = "humantime_serde", default = "default_recent")]
    pub recent_within: Duration,
    /// How an issuer's published keys are kept.
    #[serde(default)]
    pub key_cache: KeyCacheConfig,
}

/// One issuer of tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The `iss` of its tokens, exactly.
    pub issuer: String,
    /// The `aud` that makes a token one for this service; one of them suffices.
    pub audience: Vec<String>,
    /// Where its keys come from.
    #[serde(default)]
    pub keys: KeysConfig,
    /// The claim that names the organisation. A name that begins with `/` is a JSON pointer.
    #[serde(default = "default_organisation_claim")]
    pub organisation_claim: String,
    /// The claims that hold roles, as a text or a list of texts. Names as above.
    #[serde(default = "default_roles_claims")]
    pub roles_claims: Vec<String>,
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeysConfig {
    /// From the address that `<issuer>/.well-known/openid-configuration` names.
    #[default]
    Discovery,
    /// From a file: a public key in PEM, a JWK or a JWK set.
    File(PathBuf),
}

/// How an issuer's published keys are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyCacheConfig {
    /// For how long keys are used before they are fetched anew.
    #[serde(with = "humantime_serde")]
    pub fresh_for: Duration,
    /// For how long they are used when they cannot be fetched anew.
    #[serde(with = "humantime_serde")]
    pub stale_for: Duration,
    /// The shortest time between two fetches, however many unknown keys are asked for.
    #[serde(with = "humantime_serde")]
    pub refetch_after: Duration,
    /// The shortest time between a failed fetch and the next.
    #[serde(with = "humantime_serde")]
    pub retry_after: Duration,
    /// How long a fetch may take.
    #[serde(with = "humantime_serde")]
    pub fetch_timeout: Duration,
}

impl Default for KeyCacheConfig {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_secs(10 * 60),
            stale_for: Duration::from_secs(24 * 60 * 60),
            refetch_after: Duration::from_secs(30),
            retry_after: Duration::from_secs(5),
            fetch_timeout: Duration::from_secs(5),
        }
    }
}

/// Where packages lie and how links to them are signed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackagesConfig {
    /// `file:///directory` or `s3://bucket/prefix`: the same as the export worker's.
    pub url: String,
    /// Options of that store, as `aws_region`.
    #[serde(default)]
    pub options: BTreeMap<String, Secret>,
    /// How long a link is good for.
    #[serde(with = "humantime_serde", default = "default_link_validity")]
    pub link_validity: Duration,
    /// The key that signs.
    pub active_link_key: String,
    /// Every key that is still good, by id: secrets of 32 bytes and more.
    pub link_keys: BTreeMap<String, Secret>,
}

/// The keys under which passphrases travel to the export worker, which has the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealingConfig {
    /// The key that seals.
    pub active: String,
    /// Every key that is still good, by id: secrets of 32 bytes and more.
    pub keys: BTreeMap<String, Secret>,
}

/// What is known of the data that is to be erased. Nothing is written there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureConfig {
    /// The data map's file, the same as the workers'.
    pub data_map: PathBuf,
    /// The subject stores by their name in the data map, for a role that may only read: organisations
    /// are asked for by their names there.
    pub stores: BTreeMap<String, StoreSettings>,
    /// How long whoever places a hold waits until every erasure that is under way knows of it.
    #[serde(with = "humantime_serde", default = "default_hold_binds_within")]
    pub hold_binds_within: Duration,
}

/// How much one caller may ask for.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest request body.
    pub body_bytes: usize,
    /// How long the body may take to arrive.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long an answer may take to begin.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// How long requests may go on after the process was told to stop.
    #[serde(with = "humantime_serde")]
    pub finish_within: Duration,
    /// Threads that serve requests; as many as there are processors when absent.
    pub workers: Option<usize>,
    /// Connections held at the same time by each of them.
    pub connections_per_worker: usize,
    /// How many exports are accepted of one organisation within a period.
    pub exports_per_organisation: ExportLimit,
    /// How many event streams one organisation may have open at one process.
    pub event_streams: usize,
    /// The longest that an event stream goes on; its client comes back for the rest.
    #[serde(with = "humantime_serde")]
    pub event_stream_duration: Duration,
    /// How long an event stream is silent at most; a comment is sent then.
    #[serde(with = "humantime_serde")]
    pub event_heartbeat: Duration,
}

/// How many exports are accepted of one organisation within a period.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportLimit {
    /// At most so many; 0 for as many as are asked for.
    pub count: u32,
    /// Within any so long a time.
    #[serde(with = "humantime_serde")]
    pub period: Duration,
}

impl ExportLimit {
    /// The quota, if there is one.
    #[must_use]
    pub fn quota(self) -> Option<ExportQuota> {
        (self.count > 0).then_some(ExportQuota { count: self.count, period: self.period })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 * 1024,
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            finish_within: Duration::from_secs(8),
            workers: None,
            connections_per_worker: 1_024,
            exports_per_organisation: ExportLimit { count: 50, period: Duration::from_secs(24 * 60 * 60) },
            event_streams: 20,
            event_stream_duration: Duration::from_secs(15 * 60),
            event_heartbeat: Duration::from_secs(15),
        }
    }
}

fn default_organisation_claim() -> String {
    "organisation_id".to_owned()
}

fn default_roles_claims() -> Vec<String> {
    vec!["roles".to_owned(), "role".to_owned()]
}

fn default_recent() -> Duration {
    Duration::from_secs(15 * 60)
}

fn default_hold_binds_within() -> Duration {
    Duration::from_secs(10)
}

fn default_link_validity() -> Duration {
    packages::LINK_VALIDITY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sample_is_read() {
        let settings = chassis::Settings::<Config>::parse(include_str!("../config.sample.toml")).unwrap();
        let config = settings.service;
        assert_eq!(config.mode, Mode::Production);
        assert_eq!(config.limits.body_bytes, 16_384);
        assert_eq!(config.limits.exports_per_organisation.quota().unwrap().count, 50);
        assert_eq!(config.limits.event_stream_duration, Duration::from_secs(900));
        assert_eq!(config.auth.key_cache.refetch_after, Duration::from_secs(30));
        assert_eq!(config.packages.link_validity, Duration::from_secs(86_400));
        assert_eq!(config.auth.recent_within, Duration::from_secs(900));
        let erasure = config.erasure.unwrap();
        assert!(erasure.stores.contains_key("app"));
        assert_eq!(erasure.hold_binds_within, default_hold_binds_within());
        assert!(config.auth.issuers.iter().any(|issuer| matches!(issuer.keys, KeysConfig::File(_))));
        assert!(config.auth.issuers.iter().any(|issuer| issuer.keys == KeysConfig::Discovery));
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let sample = include_str!("../config.sample.toml").replace("body_bytes", "body_size");
        assert!(chassis::Settings::<Config>::parse(&sample).unwrap_err().to_string().contains("body_size"));
    }
}
