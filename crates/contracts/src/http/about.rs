//! What a job is, in lists, summaries and the audit log.

use domain::job::JobNames;
use domain::job::about::{JobAbout, JobScope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a job is, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobAboutView {
    /// The job in a few words, as `plan for an erasure of one person`.
    pub title: String,
    /// `export` or `erasure`.
    pub kind: String,
    /// Whose data: `organisation` or `person`.
    pub whose: String,
    /// Whether it ends with its plan: nothing is erased then.
    pub dry_run: bool,
    /// How much.
    pub scope: JobScopeView,
    /// What the caller calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The request's name in another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<String>,
}

/// How much a job is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobScopeView {
    /// The type of the identity by which the person is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_type: Option<String>,
    /// Whether the media objects that rows name are exported or deleted too.
    pub media: bool,
    /// The hold whose release it follows: it is about the rows that the hold had kept, and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_hold: Option<Uuid>,
}

impl From<JobAbout> for JobAboutView {
    fn from(about: JobAbout) -> Self {
        let title = about.title().to_owned();
        let JobAbout { kind, whose, dry_run, scope, names } = about;
        let JobScope { identity_type, media, after_hold } = scope;
        let JobNames { label, external_reference } = names;
        Self {
            title,
            kind: kind.name().to_owned(),
            whose: whose.name().to_owned(),
            dry_run,
            scope: JobScopeView { identity_type, media, after_hold },
            label: label.map(String::from),
            external_reference: external_reference.map(String::from),
        }
    }
}
