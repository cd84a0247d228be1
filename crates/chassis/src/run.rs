//! From the command line to an orderly stop.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};
use serde::de::DeserializeOwned;
use store::Store;
use telemetry::metrics::Metrics;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::context::Context;
use crate::health::Health;
use crate::relay::RelayWaker;
use crate::{admin, relay};

/// What a service supplies.
pub trait Service: 'static {
    /// Its name, as in queues, logs and the audit log.
    const NAME: &'static str;
    /// What it does, in one line for `--help`.
    const ABOUT: &'static str;
    /// Whether it writes messages that have to be published.
    const RELAYS: bool = true;
    /// Its own settings.
    type Config: DeserializeOwned + Send;
    /// Refuses settings that [`Service::serve`] would refuse, and does nothing else: for `--check-config`.
    ///
    /// # Errors
    /// What `serve` would say of them.
    fn check(config: &Self::Config, context: &Context) -> anyhow::Result<()>;
    /// Works until `context.stopping` is cancelled, then finishes what it has begun.
    fn serve(config: Self::Config, context: Context) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Settings come from a TOML file and from variables such as LETHE_CONTROL__URL over it.
#[derive(clap::Parser)]
struct Arguments {
    /// The settings file (config.sample.toml shows every setting)
    #[arg(long, env = "LETHE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read the settings, say whether they can be used, and end
    #[arg(long)]
    check_config: bool,
}

/// Runs a service until it is told to stop (SIGTERM or SIGINT). A second signal ends it at once.
///
/// # Errors
/// When the settings cannot be used or the service fails.
pub async fn run<S: Service>() -> anyhow::Result<()> {
    let command = Arguments::command().name(S::NAME).about(S::ABOUT).version(env!("CARGO_PKG_VERSION"));
    let arguments = Arguments::from_arg_matches(&command.get_matches())?;
    let settings = Settings::<S::Config>::load(arguments.config.as_deref())?;
    let telemetry = telemetry::init(S::NAME, &settings.telemetry)?;
    mute_panics();
    if arguments.check_config {
        let checked = check::<S>(&settings);
        tokio::task::spawn_blocking(move || telemetry.shutdown()).await??;
        return checked;
    }
    let stopping = CancellationToken::new();
    tokio::spawn(stop_on_signal(stopping.clone()));
    let served = serve::<S>(settings, stopping).await;
    if let Err(error) = &served {
        tracing::error!(error = %format!("{error:#}"), "the service failed");
    }
    tokio::task::spawn_blocking(move || telemetry.shutdown()).await??;
    served
}

/// A panic's own text could quote a row; where it happened is enough to find it.
fn mute_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.location = place, "the program met a fault of its own");
    }));
}

/// Runs a service with settings at hand until `stopping` is cancelled: what [`run`] does once command
/// line, telemetry and signals are seen to.
///
/// # Errors
/// When the settings cannot be used or the service fails.
pub async fn serve<S: Service>(
    settings: Settings<S::Config>,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    let end = CancellationToken::new();
    let context = context::<S>(&settings, stopping)?;
    let listener = admin::bind(settings.admin.listen).await?;
    let admin = tokio::spawn(admin::serve(listener, context.clone(), end.clone()));
    let relay = S::RELAYS.then(|| tokio::spawn(relay_or_stop(context.clone(), end.clone())));
    tracing::info!(instance = context.instance, "started");
    let served = S::serve(settings.service, context.clone()).await;
    context.stopping.cancel();
    end.cancel();
    if let Some(relay) = relay {
        // What the last steps wrote goes out now; what cannot is found by another relay.
        match tokio::time::timeout(Duration::from_secs(5), relay).await {
            Ok(ended) => ended??,
            Err(_) => tracing::warn!("the relay did not end in time; another process publishes the rest"),
        }
    }
    admin.await?;
    tracing::info!("stopped");
    served
}

/// Whether a service would start with these settings; nothing is connected, and no port opened.
///
/// # Errors
/// What [`serve`] would say of them.
pub fn check<S: Service>(settings: &Settings<S::Config>) -> anyhow::Result<()> {
    S::check(&settings.service, &context::<S>(settings, CancellationToken::new())?)
}

fn context<S: Service>(
    settings: &Settings<S::Config>,
    stopping: CancellationToken,
) -> anyhow::Result<Context> {
    let context = Context {
        name: S::NAME,
        instance: instance(S::NAME),
        store: Store::open(&settings.control)?,
        amqp: settings.amqp.for_service(S::NAME),
        metrics: Arc::new(Metrics::new()),
        health: Health::default(),
        relay: RelayWaker::default(),
        worker: settings.worker.clone(),
        stopping,
    };
    context.amqp.check()?;
    Ok(context)
}

/// A service that can no longer publish must not go on as if it could. However its relay ends, it is
/// told to stop; whoever runs it starts it anew.
async fn relay_or_stop(context: Context, end: CancellationToken) -> anyhow::Result<()> {
    let _stop = context.stopping.clone().drop_guard();
    relay::run(context, end).await
}

async fn stop_on_signal(stopping: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received");
        return;
    };
    let mut received = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    received().await;
    tracing::info!("told to stop");
    stopping.cancel();
    received().await;
    tracing::warn!("told to stop again; ending at once");
    std::process::exit(130);
}

fn instance(name: &str) -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
    format!("{name}@{host}:{}:{}", std::process::id(), uuid::Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOBODY_AMQP, context, no_database};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_whose_relay_ends_is_told_to_stop() {
        let context = context(no_database(), NOBODY_AMQP);
        // Something else has the name of one of the relay's instruments, so that it cannot begin.
        context.metrics.counter_vec("privacy_outbox_unpublished", "taken", &["kind"]).unwrap();
        let stopping = context.stopping.clone();
        let relayed = relay_or_stop(context, CancellationToken::new()).await;
        assert!(relayed.is_err());
        assert!(stopping.is_cancelled());
    }
}
