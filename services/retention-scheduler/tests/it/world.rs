//! Jobs with objects in a package store, and the part of the scheduler that clears them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::id::{JobId, StepNo};
use domain::job::law::Conclusion;
use domain::job::{FailureReason, Phase, Policy, StepKind};
use domain::plan::PlannedStep;
use packages::{JobFolder, ObjectKey, PackageStore};
use retention_scheduler::{Folders, PackageSettings};
use store::{Accepted, Claim, Claimed, FolderPolicy, NewPackage, Plan, Produced, StepReport, Store};
use telemetry::metrics::Metrics;
use testkit::{ControlDatabase, new_export, worker};
use tokio_postgres::Client;
use uuid::Uuid;

const POLICY: FolderPolicy = FolderPolicy {
    sweep_after: Duration::from_secs(600),
    sweep_again_after: Duration::from_secs(86_400),
    hold: Duration::ZERO,
};

pub struct World {
    pub db: ControlDatabase,
    pub admin: Client,
    pub packages: PackageStore,
    pub metrics: Arc<Metrics>,
    settings: PackageSettings,
}

impl World {
    /// A world with a package store, as the workers open it.
    pub async fn new(url: &str, options: Vec<(String, String)>) -> Self {
        let db = ControlDatabase::create().await;
        let settings = serde_json::json!({
            "url": url,
            "options": options.iter().cloned().collect::<BTreeMap<_, _>>(),
        });
        Self {
            admin: db.client().await,
            packages: PackageStore::open(url, options).unwrap(),
            metrics: Arc::new(Metrics::new()),
            settings: serde_json::from_value(settings).unwrap(),
            db,
        }
    }

    pub fn folders(&self) -> Folders {
        let store = self.db.store_as("lethe_scheduler");
        Folders::open(&self.settings, POLICY, store, &self.metrics).unwrap()
    }

    pub async fn round(&self) -> usize {
        self.folders().round(&worker("retention-scheduler")).await.unwrap()
    }

    pub fn export(&self) -> Store {
        self.db.store_as("lethe_export")
    }

    /// A job that is planned, its one step claimed.
    pub async fn claimed(&self) -> Claimed {
        let created = self.db.store_as("lethe_api").create_export(&new_export("acme")).await.unwrap();
        let (Accepted::Created(job) | Accepted::Replayed(job)) = created;
        let planning = self.claim(job, 1).await;
        let whole = PlannedStep {
            phase: Phase(1),
            kind: StepKind::ExportWhole,
            collection: None,
            part_no: None,
            rows_planned: 0,
        };
        let plan =
            Plan { cutoff: chrono::Utc::now(), steps: vec![whole], sizes: Vec::new(), scopes: Vec::new() };
        let produced = Produced { plan: Some(plan), ..Produced::default() };
        self.conclude(&planning, Conclusion::Completed, produced).await;
        self.claim(job, 2).await
    }

    pub async fn claim(&self, job: JobId, step: i32) -> Claimed {
        let ours = ("test-worker", Duration::from_secs(600));
        let origin = worker("export-worker");
        let step = (job, StepNo(step));
        match self.export().claim_step(step, ours, &Policy::default(), &origin).await.unwrap() {
            Claim::Granted(claimed) => *claimed,
            other => panic!("{other:?}"),
        }
    }

    pub async fn conclude(&self, step: &Claimed, conclusion: Conclusion, produced: Produced) {
        let report = StepReport {
            job_id: step.job_id,
            step_no: step.step_no,
            epoch: step.epoch,
            conclusion,
            produced,
        };
        let origin = worker("export-worker");
        self.export().conclude_step(&report, &Policy::default(), &origin).await.unwrap();
    }

    /// Writes an object into the folder of an attempt.
    pub async fn write(&self, job: JobId, (step, epoch): (u32, u32), name: &str) -> ObjectKey {
        let folder = JobFolder::new("acme", job.0).attempt(step, epoch);
        let key = ObjectKey::parse(&format!("{}/{name}", folder.prefix())).unwrap();
        self.packages.put(&key, Bytes::from_static(b"personal")).await.unwrap();
        key
    }

    /// A completed job with a package, and a part beside it that should have been removed.
    pub async fn completed(&self) -> (JobId, ObjectKey) {
        let step = self.claimed().await;
        self.write(step.job_id, (2, 1), "part").await;
        let key = self.write(step.job_id, (2, 1), "package.zip").await;
        let package = NewPackage {
            id: Uuid::now_v7(),
            volume_no: 1,
            object_key: key.as_str().to_owned(),
            file_name: "export.zip".to_owned(),
            size_bytes: 8,
            sha256: "00".repeat(32),
        };
        let produced = Produced { packages: vec![package], ..Produced::default() };
        self.conclude(&step, Conclusion::Completed, produced).await;
        (step.job_id, key)
    }

    /// A job that failed, with what its step wrote.
    pub async fn failed(&self) -> (JobId, ObjectKey) {
        let step = self.claimed().await;
        let key = self.write(step.job_id, (2, 1), "part").await;
        let reason = FailureReason::new("broken", "a test says so");
        self.conclude(&step, Conclusion::Permanent(reason), Produced::default()).await;
        (step.job_id, key)
    }

    pub async fn objects(&self) -> Vec<String> {
        let listed = self.packages.list("organisations").await.unwrap();
        listed.into_iter().map(|object| object.key.as_str().to_owned()).collect()
    }

    pub async fn state(&self, job: JobId) -> String {
        let state = "SELECT state FROM privacy_jobs WHERE id = $1";
        self.admin.query_one(state, &[&job.0]).await.unwrap().get(0)
    }

    pub async fn packages_end(&self) {
        let ended = "UPDATE packages SET expires_at = clock_timestamp() - interval '1 second'";
        self.admin.batch_execute(ended).await.unwrap();
    }

    pub async fn time_passes(&self, interval: &str) {
        let aged = format!(
            "BEGIN; SET LOCAL session_replication_role = replica; \
             UPDATE privacy_jobs SET ended_at = ended_at - interval '{interval}'; COMMIT"
        );
        self.admin.batch_execute(&aged).await.unwrap();
    }
}
