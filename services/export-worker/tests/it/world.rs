//! A control database, a subject store, and a worker that runs what is due.

use std::path::PathBuf;

use chassis::{StepProgress, StepRunner as _};
use contracts::http::JobView;
use domain::erasure::SubjectRef;
use domain::id::{JobId, StepNo};
use domain::job::Policy;
use domain::job::law::Conclusion;
use export_worker::{Config, Exports};
use store::{Accepted, Claim, Produced, StepReport, Store};
use testkit::{ControlDatabase, Database, empty_database, new_export, organisation, worker};

/// Seals.
const KEY: &str = "0123456789abcdef0123456789abcdef";

pub struct World {
    control: ControlDatabase,
    api: Store,
    export: Store,
    _subjects: Database,
    worker: Exports,
    directory: tempfile::TempDir,
}

impl World {
    /// A subject store with these statements run in it, mapped by `map`.
    pub async fn new(sql: &str, map: &str) -> Self {
        let (control, subjects) = (ControlDatabase::create().await, empty_database().await);
        subjects.client().await.batch_execute(sql).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("datamap.yaml");
        std::fs::write(&file, map).unwrap();
        std::fs::create_dir(directory.path().join("packages")).unwrap();
        let store = domain::datamap::DataMap::parse(map).unwrap().stores()[0].to_owned();
        let config: Config = serde_json::from_value(serde_json::json!({
            "data_map": file,
            "stores": {&store: {"url": subjects.url()}},
            "packages": {"url": format!("file://{}", directory.path().join("packages").display())},
            "sealing": {"active": "k1", "keys": {"k1": KEY}},
        }))
        .unwrap();
        let export = control.store_as("lethe_export");
        Self {
            api: control.store_as("lethe_api"),
            worker: Exports::open(&config, export.clone()).unwrap(),
            export,
            control,
            _subjects: subjects,
            directory,
        }
    }

    /// Asks for the export of one person, as the API does, and runs it to its end.
    pub async fn export_person(&self, of: &str, identity_type: &str, value: &str) -> JobView {
        let mut new = new_export(of);
        let job_id = uuid::Uuid::now_v7();
        let ring = packages::KeyRing::new("k1", [("k1".to_owned(), KEY.into())]).unwrap();
        let sealed = serde_json::json!({"identity_value": value}).to_string();
        let target = packages::SealedFor { organisation: of, job_id };
        let sealed = ring.seal(target, &sealed.into()).unwrap();
        new.secret = Some(store::JobSecret { job_id: JobId(job_id), sealed });
        let identity_type = identity_type.to_owned();
        new.request.subject = Some(SubjectRef { identity_type, tag: "00ff".to_owned() });
        let Accepted::Created(job) = self.api.create_export(&new).await.unwrap() else {
            panic!("it is new");
        };
        while let Some(step) = self.due(job).await {
            self.step(job, step).await;
        }
        self.api.job_view(&organisation(of), job).await.unwrap().unwrap()
    }

    async fn due(&self, job: JobId) -> Option<i32> {
        let due =
            "SELECT step_no FROM job_steps WHERE job_id = $1 AND state = 'due' ORDER BY step_no LIMIT 1";
        self.control.client().await.query_opt(due, &[&job.0]).await.unwrap().map(|row| row.get(0))
    }

    /// Runs a step, and fails the test when it does not end well.
    async fn step(&self, job: JobId, step: i32) {
        let (ours, policy) = (("test-worker", std::time::Duration::from_secs(600)), Policy::default());
        let origin = worker("export-worker");
        let claimed = self.export.claim_step((job, StepNo(step)), ours, &policy, &origin).await.unwrap();
        let Claim::Granted(claimed) = claimed else { panic!("step {step} was not granted: {claimed:?}") };
        let produced: Produced = self.worker.run(&claimed, &StepProgress::default()).await.unwrap();
        let (step_no, epoch, conclusion) = (claimed.step_no, claimed.epoch, Conclusion::Completed);
        let report = StepReport { job_id: job, step_no, epoch, conclusion, produced };
        self.export.conclude_step(&report, &policy, &origin).await.unwrap();
    }

    /// Every object that was written.
    pub fn objects(&self) -> Vec<PathBuf> {
        let (mut folders, mut files) = (vec![self.directory.path().join("packages")], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() { folders.push(entry) } else { files.push(entry) }
            }
        }
        files
    }
}
