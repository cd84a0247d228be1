//! A control database, a subject store, and a worker that runs what is due.

use std::collections::BTreeMap;
use std::io::Read as _;

use chassis::{StepProgress, StepRunner as _};
use contracts::http::JobView;
use domain::erasure::SubjectRef;
use domain::id::{JobId, StepNo};
use domain::job::Policy;
use domain::job::law::Conclusion;
use export_worker::{Config, Exports};
use futures::TryStreamExt as _;
use packages::{KeyRing, ObjectKey, PackageStore, SealedFor};
use serde_json::{Value, json};
use store::{Accepted, Claim, Concluded, JobSecret, NewExport, StepReport, Store};
use testkit::{ControlDatabase, Database, empty_database, new_export, organisation, worker};
use tokio_postgres::Client;

/// Seals.
const KEY: &str = "0123456789abcdef0123456789abcdef";

pub struct World {
    _control: ControlDatabase,
    pub api: Store,
    export: Store,
    /// A superuser of the control database.
    pub admin: Client,
    _subjects: Database,
    /// A superuser of the subject store.
    pub client: Client,
    worker: Exports,
    packages: PackageStore,
    _directory: tempfile::TempDir,
}

/// A finished export: the job, and the files of its package by name.
pub struct Exported {
    pub view: JobView,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Exported {
    pub fn text(&self, path: &str) -> String {
        let file = self.files.get(path).unwrap_or_else(|| panic!("no {path}: {:?}", self.files.keys()));
        String::from_utf8(file.clone()).unwrap()
    }

    /// The cover note without its line ends.
    pub fn note(&self) -> String {
        self.text("README.txt").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub fn manifest(&self) -> Value {
        serde_json::from_str(&self.text("manifest.json")).unwrap()
    }
}

impl World {
    /// A subject store with these statements run in it, mapped by `map`, with these settings beside what
    /// every worker has.
    pub async fn new(sql: &str, map: &str, settings: Value) -> Self {
        let (control, subjects) = (ControlDatabase::create().await, empty_database().await);
        let client = subjects.client().await;
        client.batch_execute(sql).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("datamap.yaml");
        std::fs::write(&file, map).unwrap();
        let store = domain::datamap::DataMap::parse(map).unwrap().stores()[0].to_owned();
        let url = format!("file://{}", directory.path().join("packages").display());
        let mut config = json!({
            "data_map": file,
            "stores": {&store: {"url": subjects.url()}},
            "packages": {"url": url},
            "sealing": {"active": "k1", "keys": {"k1": KEY}},
        });
        config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let config: Config = serde_json::from_value(config).unwrap();
        let export = control.store_as("lethe_export");
        Self {
            api: control.store_as("lethe_api"),
            worker: Exports::open(&config, export.clone()).unwrap(),
            export,
            admin: control.client().await,
            _control: control,
            _subjects: subjects,
            client,
            packages: PackageStore::open(&url, []).unwrap(),
            _directory: directory,
        }
    }

    /// A request for the export of one person of organisation 1, as the API makes it.
    pub fn person(&self, identity_type: &str, value: &str) -> NewExport {
        let mut new = new_export("1");
        let (job_id, keys) = (uuid::Uuid::now_v7(), [("k1".to_owned(), KEY.into())]);
        let ring = KeyRing::new("k1", keys).unwrap();
        let sealed = json!({"identity_value": value, "passphrase": null}).to_string();
        let sealed = ring.seal(SealedFor { organisation: "1", job_id }, &sealed.into()).unwrap();
        let tag = ring.tag("1", format!("{identity_type}\0{value}").as_bytes()).unwrap();
        new.request.subject = Some(SubjectRef {
            identity_type: identity_type.to_owned(),
            tag: tag.iter().map(|byte| format!("{byte:02x}")).collect(),
        });
        new.secret = Some(JobSecret { job_id: JobId(job_id), sealed });
        new
    }

    /// Runs a request to its end, which is a good one.
    pub async fn run(&self, new: &NewExport) -> Exported {
        let (Accepted::Created(job) | Accepted::Replayed(job)) = self.api.create_export(new).await.unwrap();
        while let Some(step) = self.due(job).await {
            self.step(job, step).await;
        }
        let view = self.api.job_view(&organisation("1"), job).await.unwrap().unwrap();
        assert_eq!((view.summary.state.as_str(), view.failure.as_ref()), ("completed", None));
        Exported { files: self.files(job).await, view }
    }

    async fn due(&self, job: JobId) -> Option<i32> {
        let due =
            "SELECT step_no FROM job_steps WHERE job_id = $1 AND state = 'due' ORDER BY step_no LIMIT 1";
        self.admin.query_opt(due, &[&job.0]).await.unwrap().map(|row| row.get(0))
    }

    async fn step(&self, job: JobId, step: i32) {
        let ours = ("test-worker", std::time::Duration::from_secs(600));
        let (policy, origin) = (Policy::new(3, std::time::Duration::from_secs(1)), worker("export-worker"));
        let claim = self.export.claim_step((job, StepNo(step)), ours, &policy, &origin).await.unwrap();
        let Claim::Granted(claimed) = claim else { panic!("step {step} was not granted: {claim:?}") };
        let (conclusion, produced) = match self.worker.run(&claimed, &StepProgress::default()).await {
            Ok(produced) => (Conclusion::Completed, produced),
            Err(error) => panic!("{error:?}"),
        };
        let report =
            StepReport { job_id: job, step_no: StepNo(step), epoch: claimed.epoch, conclusion, produced };
        let concluded = self.export.conclude_step(&report, &policy, &origin).await.unwrap();
        assert!(matches!(concluded, Concluded::Written { .. }));
    }

    /// The files of all volumes of a job's package.
    async fn files(&self, job: JobId) -> BTreeMap<String, Vec<u8>> {
        let keys = "SELECT object_key FROM packages WHERE job_id = $1 ORDER BY volume_no";
        let mut files = BTreeMap::new();
        for row in self.admin.query(keys, &[&job.0]).await.unwrap() {
            let key = ObjectKey::parse(row.get(0)).unwrap();
            let chunks: Vec<_> =
                self.packages.get(&key, None).await.unwrap().chunks.try_collect().await.unwrap();
            files.extend(unzip(&chunks.concat()));
        }
        files
    }
}

fn unzip(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = rawzip::ZipArchive::from_slice(archive).unwrap();
    let mut entries = archive.entries();
    let mut read = Vec::new();
    while let Some(entry) = entries.next_entry().unwrap() {
        let path = entry.file_path().try_normalize().unwrap().as_ref().to_owned();
        let found = archive.get_entry(entry.wayfinder()).unwrap();
        let mut content = Vec::new();
        if entry.compression_method() == rawzip::CompressionMethod::DEFLATE {
            let inflated = flate2::bufread::DeflateDecoder::new(found.data());
            found.verifying_reader(inflated).read_to_end(&mut content).unwrap();
        } else {
            found.verifying_reader(found.data()).read_to_end(&mut content).unwrap();
        }
        read.push((path, content));
    }
    read
}
