//! The control database: what Lethe knows about its own work.
//!
//! Every change goes through a named transaction of this crate: it locks the job's row, asks
//! `domain` what the event means, and writes state, audit event and outgoing messages together.
//! Nothing here knows a broker, and nothing here reads a subject store.

mod audit;
mod clock;
mod conn;
mod error;
mod folder;
mod functions;
mod grace;
mod hold;
mod idempotency;
mod job;
pub mod migrate;
mod outbox;
mod package;
mod passing;
mod pool;
mod rows;
mod schema;
mod secret;
mod step;
mod sweep;

pub use audit::{Appended, AuditFilter};
pub use error::StoreError;
pub use folder::{FolderPolicy, FolderToExpire, FolderToSweep, SweptAttempts};
pub use hold::{
    ActiveHold, EarlierErasure, HoldError, HoldFilter, HoldRecord, NewHold, PlaceError, PlacedHold, Retained,
};
pub use idempotency::Idempotency;
pub use job::{
    Accepted, AcceptedExport, Actor, ControlError, CreateError, ExportQuota, JobFilter, JobGlance, JobPlan,
    NewErasure, NewExport, Origin,
};
pub use outbox::{OutboxRow, Publish};
pub use package::{NewPackage, PackageRecord};
pub use pool::{Store, StoreConfig};
pub use secret::JobSecret;
pub use step::{
    Claim, Claimed, CollectionAmount, Concluded, Plan, Produced, StepControlError, StepReport, StepResult,
};
pub use sweep::{SweepConfig, Swept};
