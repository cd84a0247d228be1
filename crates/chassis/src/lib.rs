//! The frame that every service of Lethe runs in.
//!
//! A service supplies a name, its own settings and a `serve` function; settings, telemetry, the
//! connection to the control database, the outbox relay, health, metrics, signals and an orderly
//! stop are here. A worker additionally supplies a [`StepRunner`]; claiming, acknowledging,
//! heartbeats, fencing and concluding are here too ([`work`]).

mod admin;
mod config;
mod context;
mod health;
mod relay;
mod run;
mod settings_error;
mod step;
#[cfg(test)]
mod testing;
mod worker;

pub use config::{AmqpSettings, Settings, WorkerSettings};
pub use context::Context;
pub use health::Health;
pub use relay::RelayWaker;
pub use run::{Service, check, run, serve};
pub use settings_error::SettingsError;
pub use step::{StepError, StepProgress, StepRunner};
pub use worker::work;
