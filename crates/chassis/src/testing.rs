//! What the unit tests of this crate share.

use std::sync::Arc;

use messaging::AmqpConfig;
use secrecy::SecretString;
use store::{Store, StoreConfig};
use telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;

use crate::config::WorkerSettings;
use crate::context::Context;
use crate::health::Health;
use crate::relay::RelayWaker;

/// Nobody listens there: the discard port of this machine.
pub(crate) const NOBODY_AMQP: &str = "amqp://guest:guest@127.0.0.1:9/%2f";

/// A service's context over that control database and broker.
pub(crate) fn context(store: Store, amqp: &str) -> Context {
    Context {
        name: "export-worker",
        instance: "export-worker@test".to_owned(),
        store,
        amqp: AmqpConfig::new(SecretString::from(amqp.to_owned()), "test"),
        metrics: Arc::new(Metrics::new()),
        health: Health::default(),
        relay: RelayWaker::default(),
        worker: WorkerSettings::default(),
        stopping: CancellationToken::new(),
    }
}

/// A control database where there is none.
pub(crate) fn no_database() -> Store {
    let url = SecretString::from("postgres://nobody@127.0.0.1:9/nothing".to_owned());
    Store::open(&StoreConfig { url, max_connections: 1 }).unwrap()
}
