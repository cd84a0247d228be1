//! Running steps: claim, renew, conclude. Each write is fenced by the claim's epoch.

mod claim;
mod conclude;
mod owner;
mod plan;
mod renew;
mod revoked;
mod scope;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::law::Conclusion;
use domain::job::step::Refused;
use domain::job::{JobKind, JobOutcome, JobState, SkipReason, StepKind};
use domain::plan::{CollectionSize, PlannedStep};

pub use owner::StepControlError;

use crate::hold::Retained;
use crate::package::NewPackage;

/// The answer to a worker that asks for a step.
#[derive(Debug)]
pub enum Claim {
    /// It is the worker's now.
    Granted(Box<Claimed>),
    /// It is not to be had: somebody else has it, it has ended, its time has not come.
    Refused(Refused),
    /// There is no such step.
    Unknown,
}

/// A step that this worker holds, with all it needs to run it.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The job.
    pub job_id: JobId,
    /// The job's kind.
    pub job_kind: JobKind,
    /// Whose data.
    pub organisation: OrganisationId,
    /// What was asked for.
    pub request: serde_json::Value,
    /// Who asked.
    pub requested_by: String,
    /// When it was accepted.
    pub requested_at: DateTime<Utc>,
    /// Until when rows are included, once planned.
    pub cutoff: Option<DateTime<Utc>>,
    /// The step.
    pub step_no: StepNo,
    /// What is to be done.
    pub kind: StepKind,
    /// On which collection.
    pub collection: Option<String>,
    /// On which key range of it, from 0 on; `None` for all of it.
    pub part_no: Option<i32>,
    /// How often it was started, this time included.
    pub attempts: u32,
    /// The fencing token.
    pub epoch: i64,
    /// Which pass over the job's rows it belongs to, from 1 on.
    pub pass: i32,
    /// Why it is not to wait for anything any longer, if its owner has said so.
    pub waived: Option<SkipReason>,
    /// What the completed steps of all earlier phases produced, planning included, in the order of
    /// the plan. A step over one collection gets what concerns that one, and what concerns all.
    pub inputs: Vec<StepResult>,
    /// What the step may touch, sealed by the worker that planned it.
    pub scope: Option<Vec<u8>>,
    /// The rows planned per collection, in the order of the data map.
    pub planned: Vec<CollectionSize>,
}

/// What a completed step left for those after it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepResult {
    /// The step.
    pub step_no: StepNo,
    /// What it did.
    pub kind: StepKind,
    /// On which collection; `None` for all of them.
    pub collection: Option<String>,
    /// On which key range of it; `None` for all of it.
    pub part_no: Option<i32>,
    /// What it produced.
    pub result: serde_json::Value,
}

/// How far a step is with a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionAmount {
    /// `dataset.collection`.
    pub collection: String,
    /// Rows that this step read so far.
    pub rows: i64,
    /// Bytes that it wrote so far, before compression.
    pub bytes: i64,
}

/// What a step leaves behind when it ends well.
#[derive(Debug, Clone, Default)]
pub struct Produced {
    /// For the steps after it.
    pub result: Option<serde_json::Value>,
    /// The job's other steps, if this one planned them.
    pub plan: Option<Plan>,
    /// The package's volumes, if this step finished them.
    pub packages: Vec<NewPackage>,
    /// How long they can be had; 24 hours when nothing is said.
    pub packages_valid_for: Option<Duration>,
    /// How far each of its collections got.
    pub amounts: Vec<CollectionAmount>,
    /// What the whole job left because of legal holds, if this step looked.
    pub retained: Vec<Retained>,
    /// What comes of the job if it ends well, if this step planned it and there is more to say than that.
    pub outcome: Option<JobOutcome>,
}

/// What planning decided.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Until when rows are included.
    pub cutoff: DateTime<Utc>,
    /// The steps, in order. Their phases are counted from the planning step on, whichever pass it begins.
    pub steps: Vec<PlannedStep>,
    /// The collections in the order of the data map.
    pub sizes: Vec<CollectionSize>,
    /// What steps may touch, sealed, by their place among `steps`.
    pub scopes: Vec<(usize, Vec<u8>)>,
}

/// A worker's report about a step it holds.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// The job.
    pub job_id: JobId,
    /// The step.
    pub step_no: StepNo,
    /// The worker's epoch.
    pub epoch: i64,
    /// How it ended.
    pub conclusion: Conclusion,
    /// What it left behind; only read when it ended well.
    pub produced: Produced,
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concluded {
    /// It counts.
    Written {
        /// The job's state now.
        job: JobState,
        /// Steps that became due by it.
        opened: Vec<StepNo>,
    },
    /// The worker had lost the step: nothing it did counts.
    Fenced,
}
