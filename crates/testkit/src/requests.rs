//! Requests to begin a test with.

use std::collections::BTreeMap;

use domain::erasure::{ErasureRequest, GracePeriod};
use domain::export::{ExportFormat, ExportRequest};
use domain::id::OrganisationId;
use domain::job::JobNames;
use store::{Actor, Idempotency, NewErasure, NewExport, Origin};
use uuid::Uuid;

/// An organisation's id.
///
/// # Panics
/// When the text cannot be one.
#[must_use]
pub fn organisation(id: &str) -> OrganisationId {
    OrganisationId::parse(id).expect("an organisation's id")
}

/// An owner who acts in a trace of its own.
#[must_use]
pub fn owner(subject: &str) -> Origin {
    Origin { actor: Actor { subject: subject.to_owned(), role: "owner".to_owned() }, headers: trace() }
}

/// A service that acts in a trace of its own.
#[must_use]
pub fn worker(name: &str) -> Origin {
    Origin { actor: Actor::service(name), headers: trace() }
}

/// A request for a JSON export of the organisation, under an idempotency key never used before.
#[must_use]
pub fn new_export(id: &str) -> NewExport {
    NewExport {
        organisation: organisation(id),
        request: ExportRequest {
            include_media: false,
            format: ExportFormat::Json,
            encryption: None,
            subject: None,
        },
        idempotency: Some(key("POST /api/v1/privacy/export")),
        names: JobNames::default(),
        secret: None,
        origin: owner("owner-1"),
    }
}

/// A request for the erasure of the whole organisation with the usual grace period, under an
/// idempotency key never used before.
#[must_use]
pub fn new_erasure(id: &str) -> NewErasure {
    NewErasure {
        organisation: organisation(id),
        request: ErasureRequest {
            subject: None,
            delete_media: false,
            grace_period_days: GracePeriod::default(),
            dry_run: false,
            deferred: None,
            after_export: None,
        },
        soft_deletes: true,
        secret: None,
        idempotency: Some(key("POST /api/v1/privacy/delete")),
        names: JobNames::default(),
        origin: owner("owner-1"),
    }
}

/// A key never used before.
fn key(route: &str) -> Idempotency {
    Idempotency {
        client: "owner-1".to_owned(),
        route: route.to_owned(),
        key: Uuid::new_v4().to_string(),
        body_sha256: [7; 32],
        as_received: None,
    }
}

fn trace() -> BTreeMap<String, String> {
    let (trace, span) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    let span = span.get(..16).unwrap_or_default();
    BTreeMap::from([("traceparent".to_owned(), format!("00-{trace}-{span}-01"))])
}
