//! What every request can reach.

use std::sync::Arc;
use std::time::Duration;

use chassis::RelayWaker;
use connectors::{Sources, SourcesError};
use packages::{KeyRing, KeyRingError, PackageError, PackageStore};
use secrecy::{ExposeSecret as _, SecretString};
use store::Store;
use telemetry::metrics::Metrics;

use crate::auth::{AuthConfigError, Verifier};
use crate::config::{Config, ErasureConfig, Limits, SealingConfig};
use crate::cursor::Cursors;
use crate::download::Downloads;
use crate::events::Events;
use crate::frame::HttpMetrics;
use crate::links::Links;
use crate::secret::SecretError;

/// What every request can reach. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// The control database.
    pub store: Store,
    /// Wakes the outbox relay of this process.
    pub relay: RelayWaker,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Where packages lie.
    pub packages: PackageStore,
    /// Signs links to packages.
    pub link_keys: Arc<KeyRing>,
    /// How long such links are good for.
    pub link_validity: Duration,
    /// Seals what the workers alone may read, where any such thing is taken.
    pub sealing: Option<Arc<KeyRing>>,
    /// The data map and the subject stores, where erasures are taken.
    pub sources: Option<Arc<Sources>>,
    /// How long whoever places a hold waits until erasures under way know of it.
    pub hold_binds_within: Duration,
    /// How long ago callers who ask for an erasure may have authenticated.
    pub recent_within: Duration,
    /// The downloads that this process has recorded.
    pub downloads: Arc<Downloads>,
    /// Streams of events.
    pub events: Arc<Events>,
    /// Makes cursors.
    pub cursors: Cursors,
    /// Makes links.
    pub links: Links,
    /// How much one caller may ask for.
    pub limits: Limits,
    /// Counts requests.
    pub metrics: HttpMetrics,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The settings about tokens.
    #[error(transparent)]
    Auth(#[from] AuthConfigError),
    /// A secret's file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The keys that sign links.
    #[error("packages.link_keys: {0}")]
    LinkKeys(#[from] KeyRingError),
    /// The keys that seal.
    #[error("sealing.keys: {0}")]
    SealingKeys(#[source] KeyRingError),
    /// The data map, or a subject store.
    #[error("the settings in `erasure` cannot be used")]
    Erasure(#[from] SourcesError),
    /// A time in which no hold could bind, or that is over after the answer to its request.
    #[error(
        "erasure.hold_binds_within: expected more than nothing and at most half of limits.request_timeout"
    )]
    HoldBindsWithin,
    /// A time in which nobody could have authenticated.
    #[error("auth.recent_within: expected at least a second and at most a day")]
    RecentWithin,
    /// The package store.
    #[error("packages.url: the package store cannot be opened")]
    Packages(#[from] PackageError),
    /// The public URL.
    #[error("public_url: expected http://host or https://host, without query and fragment")]
    PublicUrl,
    /// Links that would end at once.
    #[error("packages.link_validity: expected at least a second and at most 7 days")]
    LinkValidity,
    /// A limit that cannot be kept.
    #[error("limits.{0}")]
    Limit(&'static str),
    /// A metric cannot be registered.
    #[error("a metric cannot be registered")]
    Metrics(#[from] telemetry::metrics::MetricError),
    /// A key could not be derived.
    #[error(transparent)]
    Derive(#[from] crate::derive::KeyFailure),
}

const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const LONGEST_RECENT: Duration = Duration::from_secs(24 * 60 * 60);
const LONGEST_LINK_VALIDITY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl ApiState {
    /// Everything that requests need, as configured.
    ///
    /// # Errors
    /// [`ConfigError`] naming the setting that cannot be used.
    pub fn new(
        config: &Config,
        store: Store,
        relay: RelayWaker,
        metrics: &Metrics,
    ) -> Result<Self, ConfigError> {
        let url = &config.public_url;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
            return Err(ConfigError::PublicUrl);
        }
        let validity = config.packages.link_validity;
        if validity < Duration::from_secs(1) || validity > LONGEST_LINK_VALIDITY {
            return Err(ConfigError::LinkValidity);
        }
        let recent_within = config.auth.recent_within;
        if recent_within < Duration::from_secs(1) || recent_within > LONGEST_RECENT {
            return Err(ConfigError::RecentWithin);
        }
        let (link_keys, secret) = link_keys(config)?;
        check_limits(&config.limits)?;
        let hold_binds_within = hold_binds_within(config)?;
        Ok(Self {
            events: Arc::new(Events::new(store.clone(), &config.limits, &secret)?),
            store,
            relay,
            verifier: Arc::new(Verifier::new(config, &secret)?),
            packages: package_store(config)?,
            link_keys: Arc::new(link_keys),
            sealing: config.sealing.as_ref().map(sealing_keys).transpose()?.map(Arc::new),
            sources: sources(config)?.map(Arc::new),
            hold_binds_within,
            recent_within,
            link_validity: validity,
            downloads: Arc::default(),
            cursors: Cursors::new(&secret)?,
            links: Links::new(url),
            limits: config.limits.clone(),
            metrics: HttpMetrics::new(metrics)?,
        })
    }
}

/// Nothing is connected yet: a store that is away holds up those who need it, and nobody else.
fn sources(config: &Config) -> Result<Option<Sources>, SourcesError> {
    let open = |erasure: &ErasureConfig| Sources::open(&erasure.data_map, &erasure.stores);
    config.erasure.as_ref().map(open).transpose()
}

/// What has to be done beside waiting takes no longer.
fn hold_binds_within(config: &Config) -> Result<Duration, ConfigError> {
    let within = config.erasure.as_ref().map_or(Duration::ZERO, |erasure| erasure.hold_binds_within);
    let most = config.limits.request_timeout / 2;
    match config.erasure.is_none() || within > Duration::ZERO && within <= most {
        true => Ok(within),
        false => Err(ConfigError::HoldBindsWithin),
    }
}

fn check_limits(limits: &Limits) -> Result<(), ConfigError> {
    let second = Duration::from_secs(1);
    let period = limits.exports_per_organisation.period;
    if period < second || period > LONGEST_PERIOD {
        return Err(ConfigError::Limit(
            "exports_per_organisation.period: expected at least a second and at most 366 days",
        ));
    }
    if limits.event_stream_duration < second {
        return Err(ConfigError::Limit("event_stream_duration: expected at least a second"));
    }
    Ok(())
}

/// The ring, and the secret that signs: other keys of this service derive from it.
fn link_keys(config: &Config) -> Result<(KeyRing, SecretString), ConfigError> {
    let mut keys = Vec::new();
    for (id, secret) in &config.packages.link_keys {
        keys.push((id.clone(), secret.read(&format!("packages.link_keys.{id}"))?));
    }
    let active = &config.packages.active_link_key;
    let secret = keys.iter().find(|(id, _)| id == active).map(|(_, secret)| secret.clone());
    let ring = KeyRing::new(active.clone(), keys)?;
    let secret = secret.ok_or_else(|| KeyRingError::NoActiveKey(active.clone()))?;
    Ok((ring, secret))
}

fn sealing_keys(config: &SealingConfig) -> Result<KeyRing, ConfigError> {
    let mut keys = Vec::new();
    for (id, secret) in &config.keys {
        keys.push((id.clone(), secret.read(&format!("sealing.keys.{id}"))?));
    }
    KeyRing::new(config.active.clone(), keys).map_err(ConfigError::SealingKeys)
}

fn package_store(config: &Config) -> Result<PackageStore, ConfigError> {
    let mut options = Vec::new();
    for (name, value) in &config.packages.options {
        let value = value.read(&format!("packages.options.{name}"))?;
        options.push((name.clone(), value.expose_secret().to_owned()));
    }
    Ok(PackageStore::open(&config.packages.url, options)?)
}
