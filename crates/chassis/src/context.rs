//! What a service is given to work with.

use std::sync::Arc;

use messaging::AmqpConfig;
use store::{Actor, Origin, Store};
use telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;

use crate::config::WorkerSettings;
use crate::health::Health;
use crate::relay::RelayWaker;

/// What a service is given to work with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The service's name.
    pub name: &'static str,
    /// This process, for leases: name, host and process id.
    pub instance: String,
    /// The control database.
    pub store: Store,
    /// The broker.
    pub amqp: AmqpConfig,
    /// Where metrics are registered.
    pub metrics: Arc<Metrics>,
    /// Where readiness and liveness are asked.
    pub health: Health,
    /// To be called after a commit that wrote messages.
    pub relay: RelayWaker,
    /// How steps are run.
    pub worker: WorkerSettings,
    /// Cancelled when the process is to stop.
    pub stopping: CancellationToken,
}

impl Context {
    /// Refuses settings with which no worker could keep its steps.
    ///
    /// # Errors
    /// When a lease is shorter than the renewals that keep it could be.
    pub fn check_worker(&self) -> anyhow::Result<()> {
        Ok(self.worker.check()?)
    }

    /// The service itself as the origin of a change, in the current trace.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin { actor: Actor::service(self.name), headers: telemetry::inject_current() }
    }
}
