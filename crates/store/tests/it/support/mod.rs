//! A control database with a store for each service, and what tests do with them again and again.

mod outbox;
mod rows;

use std::time::Duration;

use domain::erasure::GracePeriod;
use domain::id::{JobId, StepNo};
use domain::job::law::Conclusion;
use domain::job::{FailureReason, Phase, Policy, StepKind};
use domain::plan::{CollectionSize, PlannedStep};
use store::{Accepted, Claim, Claimed, Concluded, NewErasure, Plan, Produced, StepReport, Store};
use testkit::{ControlDatabase, new_erasure, new_export, worker};
use tokio_postgres::Client;

pub use outbox::Collector;

/// Longer than any test.
pub const LEASE: Duration = Duration::from_secs(600);

/// Time enough for what happens by itself, and not for the server to end a transaction that somebody
/// left open, which is half a minute.
pub const AT_ONCE: Duration = Duration::from_secs(20);

/// A control database and the services' views of it.
pub struct World {
    pub db: ControlDatabase,
    pub api: Store,
    pub export: Store,
    pub eraser: Store,
    pub scheduler: Store,
    pub audit: Store,
    /// A superuser, for looking and for setting the clock of rows.
    pub admin: Client,
}

impl World {
    pub async fn new() -> Self {
        let db = ControlDatabase::create().await;
        let admin = db.client().await;
        Self {
            api: db.store_as("lethe_api"),
            export: db.store_as("lethe_export"),
            eraser: db.store_as("lethe_erasure"),
            scheduler: db.store_as("lethe_scheduler"),
            audit: db.store_as("lethe_audit"),
            admin,
            db,
        }
    }

    /// A new export job, its planning step due.
    pub async fn job(&self, organisation: &str) -> JobId {
        match self.api.create_export(&new_export(organisation)).await.unwrap() {
            Accepted::Created(job) => job,
            Accepted::Replayed(job) => panic!("{job} is not new"),
        }
    }

    /// A job that is planned into these steps; the first phase of them is due.
    pub async fn planned(&self, organisation: &str, steps: Vec<PlannedStep>) -> JobId {
        let job = self.job(organisation).await;
        let claimed = self.claim(job, 1).await;
        let done = self.conclude(&claimed, Conclusion::Completed, planning(steps)).await;
        assert!(matches!(done, Concluded::Written { .. }), "{done:?}");
        job
    }

    /// Asks for a step, whatever the answer.
    pub async fn ask(&self, job: JobId, step: i32) -> Claim {
        let origin = worker("export-worker");
        let ours = ("test-worker", LEASE);
        self.export.claim_step((job, StepNo(step)), ours, &policy(), &origin).await.unwrap()
    }

    /// Claims a step that is to be had.
    pub async fn claim(&self, job: JobId, step: i32) -> Claimed {
        match self.ask(job, step).await {
            Claim::Granted(claimed) => *claimed,
            other => panic!("step {step} was not granted: {other:?}"),
        }
    }

    /// Reports the end of a step.
    pub async fn conclude(&self, step: &Claimed, conclusion: Conclusion, produced: Produced) -> Concluded {
        let origin = worker("export-worker");
        self.export.conclude_step(&report(step, conclusion, produced), &policy(), &origin).await.unwrap()
    }

    /// A new erasure.
    pub async fn erasure(&self, new: &NewErasure) -> JobId {
        match self.api.create_erasure(new).await.unwrap() {
            Accepted::Created(job) => job,
            Accepted::Replayed(job) => panic!("{job} is not new"),
        }
    }

    /// An erasure without a grace period that is planned into these steps; the first phase of them is due.
    pub async fn planned_erasure(&self, organisation: &str, steps: Vec<PlannedStep>) -> JobId {
        let mut new = new_erasure(organisation);
        new.request.grace_period_days = GracePeriod::NONE;
        new.soft_deletes = false;
        let job = self.erasure(&new).await;
        let planned = self.claim_erasure(job, 1).await;
        self.conclude_erasure(&planned, Conclusion::Completed, planning(steps)).await;
        job
    }

    /// Asks for a step of an erasure, whatever the answer.
    pub async fn ask_erasure(&self, job: JobId, step: i32) -> Claim {
        let ours = ("test-worker", LEASE);
        let origin = worker("erasure-worker");
        self.eraser.claim_step((job, StepNo(step)), ours, &policy(), &origin).await.unwrap()
    }

    /// Claims a step of an erasure that is to be had.
    pub async fn claim_erasure(&self, job: JobId, step: i32) -> Claimed {
        match self.ask_erasure(job, step).await {
            Claim::Granted(claimed) => *claimed,
            other => panic!("step {step} was not granted: {other:?}"),
        }
    }

    /// Reports the end of a step of an erasure, which counts.
    pub async fn conclude_erasure(&self, step: &Claimed, conclusion: Conclusion, produced: Produced) {
        let origin = worker("erasure-worker");
        let report = report(step, conclusion, produced);
        let concluded = self.eraser.conclude_step(&report, &policy(), &origin).await.unwrap();
        assert!(matches!(concluded, Concluded::Written { .. }), "{concluded:?}");
    }

    /// Claims a step and completes it without a result.
    pub async fn complete(&self, job: JobId, step: i32) -> Concluded {
        let claimed = self.claim(job, step).await;
        self.conclude(&claimed, Conclusion::Completed, Produced::default()).await
    }

    /// Claims a step and fails it for good.
    pub async fn fail(&self, job: JobId, step: i32) -> Concluded {
        let claimed = self.claim(job, step).await;
        self.conclude(&claimed, Conclusion::Permanent(reason("broken")), Produced::default()).await
    }

    /// Runs a new job to its end.
    pub async fn completed(&self, organisation: &str) -> JobId {
        let job = self.planned(organisation, vec![whole(1)]).await;
        self.complete(job, 2).await;
        assert_eq!(self.job_facts(job).await.state, "completed");
        job
    }

    /// Lets a running step's lease have ended a second ago.
    pub async fn lapse(&self, job: JobId, step: i32) {
        let aged = "UPDATE job_steps SET lease_expires_at = clock_timestamp() - interval '1 second' \
                    WHERE job_id = $1 AND step_no = $2 AND state = 'running'";
        assert_eq!(
            self.admin.execute(aged, &[&job.0, &step]).await.unwrap(),
            1,
            "step {step} is not running"
        );
    }

    /// Lets a due step's time have come a second ago.
    pub async fn make_due(&self, job: JobId, step: i32) {
        let aged = "UPDATE job_steps SET not_before = clock_timestamp() - interval '1 second' \
                    WHERE job_id = $1 AND step_no = $2 AND state = 'due'";
        assert_eq!(self.admin.execute(aged, &[&job.0, &step]).await.unwrap(), 1, "step {step} is not due");
    }
}

pub fn policy() -> Policy {
    Policy::new(3, Duration::from_secs(60))
}

pub fn reason(code: &str) -> FailureReason {
    FailureReason::new(code, "a test says so")
}

pub fn report(step: &Claimed, conclusion: Conclusion, produced: Produced) -> StepReport {
    StepReport { job_id: step.job_id, step_no: step.step_no, epoch: step.epoch, conclusion, produced }
}

/// What a planning step leaves behind.
pub fn planning(steps: Vec<PlannedStep>) -> Produced {
    let sizes = steps
        .iter()
        .filter_map(|step| {
            Some(CollectionSize { collection: step.collection.clone()?, rows: step.rows_planned })
        })
        .collect();
    let cutoff = "2026-11-21T12:00:00Z".parse().unwrap();
    Produced { plan: Some(Plan { cutoff, steps, sizes, scopes: Vec::new() }), ..Produced::default() }
}

/// A planned step over one collection.
pub fn collection(phase: i32, name: &str) -> PlannedStep {
    let (kind, rows_planned) = (StepKind::ExportCollection, 10);
    PlannedStep { phase: Phase(phase), kind, collection: Some(name.to_owned()), part_no: None, rows_planned }
}

/// So many planned steps, each over a collection of its own.
pub fn collections(phase: i32, count: usize) -> Vec<PlannedStep> {
    (0..count).map(|number| collection(phase, &format!("shop.c{number:03}"))).collect()
}

/// A planned step of an erasure.
pub fn erasing(phase: i32, kind: StepKind, collection: Option<&str>) -> PlannedStep {
    let collection = collection.map(str::to_owned);
    PlannedStep { phase: Phase(phase), kind, collection, part_no: None, rows_planned: 0 }
}

/// A planned step that assembles.
pub fn assembly(phase: i32) -> PlannedStep {
    PlannedStep {
        phase: Phase(phase),
        kind: StepKind::AssembleArchive,
        collection: None,
        part_no: None,
        rows_planned: 0,
    }
}

/// A planned step over everything.
pub fn whole(phase: i32) -> PlannedStep {
    PlannedStep {
        phase: Phase(phase),
        kind: StepKind::ExportWhole,
        collection: None,
        part_no: None,
        rows_planned: 0,
    }
}
