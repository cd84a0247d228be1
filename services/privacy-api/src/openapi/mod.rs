//! The published description of the API, generated from the handlers and these files.
//!
//! Every status that an operation can answer with is written here, next to no handler, so that the
//! same answer is described in the same words everywhere. `proto/openapi.json` holds a copy; a test
//! compares the two.

mod document;
mod names;
mod parameters;
mod refusals;
mod results;

pub use document::document;
pub use names::{ActionName, JobKindName, JobStateName};
pub use parameters::{
    AuditParameters, DownloadParameters, EventParameters, HoldParameters, HoldsParameters, JobParameters,
    JobsParameters, KeyParameters, LinkParameters, OptionalKeyParameters, RangeParameters, StepParameters,
};
pub use refusals::{
    Faults, Guarded, HoldIsMissing, JobIsMissing, LinkRefusals, ListRefused, NoPackage, NotCreated,
    NotErased, NotInThisState, NotPlaced, NotRetried, NotSkipped, PlanIsMissing, RangeRefused, StepIsMissing,
    StreamRefused,
};
pub use results::{
    AcceptedJob, AuditList, EventStream, HoldList, HoldPlaced, HoldReleased, JobList, LinkIssued, OneHold,
    OneJob, OnePlan, PackageBytes, PackageHead, TicketIssued,
};
