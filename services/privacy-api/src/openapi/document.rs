//! The whole document.

use contracts::http::{
    AuditEntry, AuditPage, ByPassphrase, CollectionPlanView, CollectionProgress, ComparedView,
    ComparisonBody, DeferredJob, DeleteBody, EffectName, EncryptionBody, EndEvent, EventTicket, ExportBody,
    ExportedView, FailureView, FieldError, FieldPlanView, Format, FoundView, HeldCollection,
    HeldOrganisation, HeldPerson, HeldPersonView, HeldRows, HeldRowsView, HeldSubject, HeldSubjectView,
    HoldBody, HoldGround, HoldPage, HoldScopeBody, HoldScopeView, HoldView, JobPage, JobSummary, JobView,
    KeptColumnsView, LeftView, LivePackageView, MediaCounts, MediaView, MessagesWaitView, NotSampledView,
    NotWaitedForView, ObjectsView, OpenTransactionView, Operator, OutsideTriggerView, PackageView, PlanView,
    Problem, Progress, ProgressEvent, RehearsalView, ReleasedHold, RetainedRowsView, RetainedView, RowsBody,
    RowsView, SkipBody, SkipReason, Status, StepView, SubjectErasureBody, SubjectExportBody, TimelineEntry,
    ToRecipients, UndecidedView, UnindexedView, UnprovenView,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, OpenApi as Document};
use utoipa::{Modify, OpenApi};

use super::names::{ActionName, JobKindName, JobStateName};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lethe privacy API",
        description = "Asks for privacy operations on an organisation's data, follows them, and takes their results.\n\n\
            Errors are problems (RFC 9457) with a `type` of the form `urn:lethe:problem:<name>`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/")),
    tags(
        (name = "jobs", description = "Requests and their jobs."),
        (name = "holds", description = "What must not be erased."),
        (name = "packages", description = "What an export has made."),
        (name = "audit", description = "What was done, by whom and when."),
        (name = "description", description = "This document."),
    ),
    paths(
        crate::routes::export,
        crate::routes::delete,
        crate::routes::export_subject,
        crate::routes::erase_subject,
        crate::routes::jobs,
        crate::routes::job,
        crate::routes::events,
        crate::routes::event_ticket,
        crate::routes::cancel,
        crate::routes::retry,
        crate::routes::plan,
        crate::routes::retry_step,
        crate::routes::skip_step,
        crate::routes::link,
        crate::routes::place_hold,
        crate::routes::holds,
        crate::routes::hold,
        crate::routes::release_hold,
        crate::routes::audit,
        crate::download::download,
        crate::download::head,
        crate::docs::openapi,
    ),
    components(schemas(
        ActionName, AuditEntry, AuditPage, ByPassphrase, CollectionPlanView, CollectionProgress, ComparedView, ComparisonBody, DeferredJob, DeleteBody, EffectName, EncryptionBody, EndEvent,
    EventTicket, ExportBody, FailureView, FieldError, FieldPlanView, Format, FoundView, HeldCollection, HeldOrganisation, HeldPerson, HeldPersonView, HeldRows, HeldRowsView, HeldSubject, HeldSubjectView, HoldBody, HoldGround, HoldPage, HoldScopeBody, HoldScopeView, HoldView, JobKindName, JobPage, JobStateName, JobSummary, JobView, KeptColumnsView, LeftView, MediaCounts, MediaView, NotSampledView, NotWaitedForView, ObjectsView, OpenTransactionView, Operator, OutsideTriggerView, PackageView, PlanView, Problem, Progress, ProgressEvent, RehearsalView, ReleasedHold, RetainedRowsView, RetainedView, RowsBody, RowsView, SkipBody, SkipReason, Status, StepView, SubjectErasureBody, SubjectExportBody, TimelineEntry, ToRecipients, UndecidedView, UnprovenView, UnindexedView, ExportedView, LivePackageView, MessagesWaitView,
    )),
    modifiers(&Bearer),
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "A token of an accepted issuer. Its claims name the organisation and the roles.",
            ))
            .build();
        let components = document.components.take().unwrap_or_else(|| ComponentsBuilder::new().build());
        let mut components = components;
        let ticket = ApiKeyValue::with_description(
            "ticket",
            "A ticket to one job's events, for clients that cannot send headers. Not looked at beside a token.",
        );
        components.add_security_scheme("ticket", SecurityScheme::ApiKey(ApiKey::Query(ticket)));
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        document.components = Some(components);
    }
}

/// The document.
#[must_use]
pub fn document() -> Document {
    Api::openapi()
}
