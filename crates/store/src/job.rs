//! Jobs: accepting, looking at, calling off, trying again.

mod again;
mod control;
mod create;
mod equal;
mod erasure;
pub(crate) mod event;
mod export_before;
mod exported;
mod found;
mod glance;
mod insert;
mod media;
mod messages;
mod outlives;
mod plan;
mod quota;
mod read;
mod steps;
pub(crate) mod write;

use std::collections::BTreeMap;

use domain::export::ExportRequest;
use domain::id::OrganisationId;
use domain::job::JobNames;

pub use control::ControlError;
pub use create::{Accepted, AcceptedExport, CreateError};
pub use erasure::NewErasure;
pub(crate) use export_before::none_is_waited_for;
pub use glance::JobGlance;
pub(crate) use insert::{NewJob, Start, insert_job};
pub use plan::JobPlan;
pub use quota::ExportQuota;
pub use read::JobFilter;

use crate::idempotency::Idempotency;
use crate::secret::JobSecret;

/// Who does something, as the audit log names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A token's subject, or a service's name.
    pub subject: String,
    /// A role of people, or `service`.
    pub role: String,
}

impl Actor {
    /// A service acting by itself.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self { subject: name.to_owned(), role: "service".to_owned() }
    }
}

/// Who does something, and in which trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who.
    pub actor: Actor,
    /// W3C trace context, handed on in every message that follows.
    pub headers: BTreeMap<String, String>,
}

impl Origin {
    /// The trace's id in hex, from the `traceparent` header (W3C Trace Context 3.2).
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        self.headers.get("traceparent")?.split('-').nth(1).map(str::to_owned)
    }
}

/// An export that an owner asks for.
#[derive(Debug, Clone)]
pub struct NewExport {
    /// Whose data.
    pub organisation: OrganisationId,
    /// What is asked for.
    pub request: ExportRequest,
    /// What its steps need to know and nobody may read: for instance the passphrase of its package.
    pub secret: Option<JobSecret>,
    /// The caller's key against repetition, if one came with it.
    pub idempotency: Option<Idempotency>,
    /// What the caller calls it.
    pub names: JobNames,
    /// Who asks.
    pub origin: Origin,
}
