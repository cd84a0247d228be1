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
    AuditParameters, DownloadParameters, EventParameters, ExportParameters, JobParameters, JobsParameters,
    LinkParameters, RangeParameters,
};
pub use refusals::{
    Faults, Guarded, JobIsMissing, LinkRefusals, ListRefused, NoPackage, NotCreated, NotInThisState,
    NotRetried, RangeRefused, StreamRefused,
};
pub use results::{
    AcceptedJob, AuditList, EventStream, JobList, LinkIssued, OneJob, PackageBytes, PackageHead, TicketIssued,
};
