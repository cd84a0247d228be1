//! Messages over RabbitMQ: topology, publishing with confirms, and a consumer that survives the broker.
//!
//! A message is a hint that something in the database is due. Losing, doubling or reordering messages
//! changes when work happens, never what happens; this crate therefore promises delivery at least
//! once and nothing more. It knows nothing of what bodies mean and never writes one to a log.

mod acker;
mod backoff;
mod config;
mod connection;
mod consumer;
mod dead_letter;
mod deadline;
mod declare;
mod delivery;
mod error;
mod handler;
mod health;
mod metrics;
mod publisher;
mod reconnecting;
mod session;
mod settings;
mod task;
pub mod topology;
mod watchdog;

pub use acker::{Acker, Settled, ack_all};
pub use config::AmqpConfig;
pub use consumer::{Consumer, Drained};
pub use dead_letter::{ORIGINAL_ID_HEADER, QUEUE_HEADER, REASON_HEADER};
pub use declare::declare_topology;
pub use delivery::Delivery;
pub use error::{DeliveryLost, MessagingError, PublishError};
pub use handler::{BatchHandler, Handler, Single};
pub use health::ConsumerHealth;
pub use publisher::{CONTENT_TYPE, Outgoing, Publisher, VERSION_HEADER};
pub use reconnecting::{PublisherHealth, ReconnectingPublisher};
pub use settings::ConsumerSettings;
pub use topology::{AUDIT_EVENTS, ERASURE_STEPS, EXPORT_STEPS, QUEUES, QueueSpec};
