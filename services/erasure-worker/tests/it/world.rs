//! A control database, a subject store, and a worker that runs what is due.

use std::collections::BTreeMap;

use chassis::{StepProgress, StepRunner as _};
use connectors::erase::journal_ddl;
use domain::erasure::document::PlanDocument;
use domain::id::{JobId, StepNo};
use domain::job::law::Conclusion;
use domain::job::{JobState, Policy};
use erasure_worker::{Config, Erasures};
use store::{Accepted, Claim, Claimed, Concluded, NewErasure, Produced, StepReport, Store};
use testkit::{ControlDatabase, Database, Provider, empty_database, new_erasure, worker};
use tokio_postgres::Client;

/// Seals and makes pseudonyms.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";

pub struct World {
    pub control: ControlDatabase,
    pub api: Store,
    pub erasure: Store,
    /// A superuser of the control database.
    pub admin: Client,
    subjects: Database,
    /// A superuser of the subject store.
    pub client: Client,
    pub worker: Erasures,
    /// Where every token is revoked.
    pub provider: Provider,
    _directory: tempfile::TempDir,
}

/// How a job ended.
#[derive(Debug)]
pub struct Ended {
    pub job: JobId,
    pub state: String,
    /// Why it failed.
    pub failure: Option<String>,
    pub view: contracts::http::JobView,
}

impl World {
    /// A subject store with these statements run in it, mapped by `map`, erased as `eraser` and verified
    /// as `reader`, or as the superuser where there are no such roles.
    pub async fn new(sql: &str, map: &str, roles: Option<(&str, &str)>) -> Self {
        Self::with_buckets(sql, map, roles, &serde_json::json!({})).await
    }

    /// The same with these buckets, by the names that rows have.
    pub async fn with_buckets(
        sql: &str,
        map: &str,
        roles: Option<(&str, &str)>,
        buckets: &serde_json::Value,
    ) -> Self {
        let (control, subjects) = (ControlDatabase::create().await, empty_database().await);
        let client = subjects.client().await;
        client.batch_execute(sql).await.unwrap();
        client.batch_execute(&journal_ddl(roles.map_or("postgres", |(eraser, _)| eraser))).await.unwrap();
        let provider = Provider::start().await;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("datamap.yaml");
        std::fs::write(&file, map).unwrap();
        let as_role = |role: Option<&str>| match role {
            Some(role) => format!("{}?options=-c%20role%3D{role}", subjects.url()),
            None => subjects.url().to_owned(),
        };
        let store = domain::datamap::DataMap::parse(map).unwrap().stores()[0].to_owned();
        let keys = serde_json::json!({"active": "k1", "keys": {"k1": KEY}});
        let settings =
            serde_json::json!({"endpoint": provider.endpoint(), "auth": "none", "allow_private": true});
        let providers: BTreeMap<_, _> =
            ["calendar", "drive", "crm", "mail"].into_iter().map(|name| (name, settings.clone())).collect();
        let config: Config = serde_json::from_value(serde_json::json!({
            "data_map": file,
            "stores": {&store: {"url": as_role(roles.map(|roles| roles.0))}},
            // A replica that nobody can reach: whoever verifies by it fails.
            "verify": {&store: {"url": as_role(roles.map(|roles| roles.1)), "replica_url": "postgresql://nobody@127.0.0.1:1/none"}},
            "sealing": keys,
            "pseudonyms": keys,
            "providers": providers,
            "buckets": buckets,
            "batch_rows": 500,
            "step_rows": 1_500,
        }))
        .unwrap();
        let erasure = control.store_as("lethe_erasure");
        Self {
            api: control.store_as("lethe_api"),
            worker: Erasures::open(&config, erasure.clone()).unwrap(),
            erasure,
            admin: control.client().await,
            control,
            subjects,
            client,
            provider,
            _directory: directory,
        }
    }

    /// Places a hold of organisation 1, with what is sealed beside it.
    pub async fn hold(&self, scope: serde_json::Value, sealed: serde_json::Value) -> uuid::Uuid {
        let id = uuid::Uuid::now_v7();
        let ring = packages::KeyRing::new("k1", [("k1".to_owned(), KEY.into())]).unwrap();
        let target = packages::SealedFor { organisation: "1", job_id: id };
        let new = store::NewHold {
            id,
            organisation: testkit::organisation("1"),
            scope,
            sealed: Some(ring.seal(target, &sealed.to_string().into()).unwrap()),
            ground: "legal_claims".to_owned(),
            owner: "legal department".to_owned(),
            review_on: "2027-01-31".parse().unwrap(),
        };
        self.api.place_hold(&new, &testkit::owner("officer-1")).await.unwrap().id
    }

    /// Waits until the holds bind that were placed, as whoever has placed one does.
    pub async fn bind(&self) -> connectors::erase::Bound {
        let config = connectors::StoreConfig {
            name: "shop".to_owned(),
            url: self.subjects.url().into(),
            replica_url: None,
            max_connections: 1,
            statement_timeout: std::time::Duration::ZERO,
            lock_timeout: std::time::Duration::ZERO,
        };
        let store = connectors::SubjectStore::connect(&config).unwrap();
        store.bind_holds(&testkit::organisation("1"), std::time::Duration::from_secs(30)).await.unwrap()
    }

    /// Another connection to the subject store.
    pub async fn another(&self) -> Client {
        self.subjects.client().await
    }

    /// Waits until so many connections to the subject store wait for a lock.
    pub async fn blocked(&self, count: i64) {
        let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                       WHERE a.datname = current_database() AND NOT l.granted";
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while self.client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < count {
            assert!(std::time::Instant::now() < until, "nobody waits");
            tokio::task::yield_now().await;
        }
    }

    /// A request for the erasure of organisation 1 that has been planned, and no more.
    pub async fn planned(&self) -> JobId {
        let mut new = new_erasure("1");
        new.request.grace_period_days = 0.try_into().unwrap();
        new.soft_deletes = false;
        let job = self.accepted(&new).await;
        self.step(&self.claim(job, 1).await).await;
        job
    }

    /// What a job has retained: holds and rows.
    pub async fn retained(&self, job: JobId) -> Vec<(uuid::Uuid, i64)> {
        let sql = "SELECT hold_id, sum(rows)::int8 FROM job_retained WHERE job_id = $1 GROUP BY 1 ORDER BY 1";
        let rows = self.admin.query(sql, &[&job.0]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// What the last look of a job has found.
    pub async fn verified(&self, job: JobId) -> serde_json::Value {
        let sql = "SELECT result FROM job_steps WHERE job_id = $1 AND kind = 'verify_erasure' AND state = 'completed'";
        self.admin.query_one(sql, &[&job.0]).await.unwrap().get(0)
    }

    /// Asks for an erasure and runs it to its end.
    pub async fn erase(&self, organisation: &str) -> Ended {
        let mut new = new_erasure(organisation);
        new.request.grace_period_days = 0.try_into().unwrap();
        new.soft_deletes = false;
        self.run(&new).await
    }

    /// A request for the erasure of one person, as the API makes it.
    pub fn person(&self, organisation: &str, identity_type: &str, value: &str) -> NewErasure {
        let mut new = new_erasure(organisation);
        let (job_id, keys) = (uuid::Uuid::now_v7(), [("k1".to_owned(), KEY.into())]);
        let ring = packages::KeyRing::new("k1", keys).unwrap();
        let sealed = serde_json::json!({"identity_value": value}).to_string();
        let sealed = ring.seal(packages::SealedFor { organisation, job_id }, &sealed.into()).unwrap();
        let tag = ring.tag(organisation, format!("{identity_type}\0{value}").as_bytes()).unwrap();
        new.request.grace_period_days = 0.try_into().unwrap();
        new.soft_deletes = false;
        new.request.subject = Some(domain::erasure::SubjectRef {
            identity_type: identity_type.to_owned(),
            tag: tag.iter().map(|byte| format!("{byte:02x}")).collect(),
        });
        new.secret = Some(store::JobSecret { job_id: JobId(job_id), sealed });
        new
    }

    /// Erases one person.
    pub async fn erase_person(&self, organisation: &str, identity_type: &str, value: &str) -> Ended {
        self.run(&self.person(organisation, identity_type, value)).await
    }

    /// Runs a request to its end.
    pub async fn run(&self, new: &NewErasure) -> Ended {
        let job = self.accepted(new).await;
        self.finish(job, &new.organisation).await
    }

    /// Has a request accepted, and no more.
    pub async fn accepted(&self, new: &NewErasure) -> JobId {
        match self.api.create_erasure(new).await.unwrap() {
            Accepted::Created(job) | Accepted::Replayed(job) => job,
        }
    }

    /// Runs whatever is due until the job has ended.
    pub async fn finish(&self, job: JobId, organisation: &domain::id::OrganisationId) -> Ended {
        for _ in 0..1_000 {
            let Some(step) = self.due(job).await else { break };
            let claimed = self.claim(job, step).await;
            self.step(&claimed).await;
        }
        let view = self.api.job_view(organisation, job).await.unwrap().unwrap();
        let failure = view.failure.as_ref().map(|failure| format!("{}: {}", failure.code, failure.detail));
        Ended { job, state: view.summary.state.clone(), failure, view }
    }

    /// A step that is due, whenever it would be tried again.
    pub async fn due(&self, job: JobId) -> Option<i32> {
        let hurry = "UPDATE job_steps SET not_before = clock_timestamp() WHERE job_id = $1 AND state = 'due'";
        self.admin.execute(hurry, &[&job.0]).await.unwrap();
        let due =
            "SELECT step_no FROM job_steps WHERE job_id = $1 AND state = 'due' ORDER BY step_no LIMIT 1";
        self.admin.query_opt(due, &[&job.0]).await.unwrap().map(|row| row.get(0))
    }

    pub async fn claim(&self, job: JobId, step: i32) -> Claimed {
        let ours = ("test-worker", std::time::Duration::from_secs(600));
        let origin = worker("erasure-worker");
        match self.erasure.claim_step((job, StepNo(step)), ours, &policy(), &origin).await.unwrap() {
            Claim::Granted(claimed) => *claimed,
            other => panic!("step {step} was not granted: {other:?}"),
        }
    }

    /// Runs a step that was claimed, and reports how it ended.
    pub async fn step(&self, step: &Claimed) -> JobState {
        let (conclusion, produced) = match self.worker.run(step, &StepProgress::default()).await {
            Ok(produced) => (Conclusion::Completed, produced),
            Err(error) => (error.into(), Produced::default()),
        };
        let (job_id, step_no, epoch) = (step.job_id, step.step_no, step.epoch);
        let report = StepReport { job_id, step_no, epoch, conclusion, produced };
        match self.erasure.conclude_step(&report, &policy(), &worker("erasure-worker")).await.unwrap() {
            Concluded::Written { job, .. } => job,
            Concluded::Fenced => panic!("the step was lost"),
        }
    }

    /// Runs a step that may have been lost meanwhile, and reports nothing.
    pub async fn run_anyway(&self, step: &Claimed) {
        drop(self.worker.run(step, &StepProgress::default()).await);
    }

    /// The plan as its owner sees it.
    pub async fn plan(&self, ended: &Ended, organisation: &str) -> PlanDocument {
        let plan = self.api.job_plan(&testkit::organisation(organisation), ended.job).await.unwrap();
        serde_json::from_value(plan.unwrap().unwrap().document).unwrap()
    }

    /// A digest of every table of the subject store, of all rows.
    pub async fn digests(&self) -> BTreeMap<String, String> {
        let tables = "SELECT quote_ident(table_name) FROM information_schema.tables \
                      WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";
        let mut digests = BTreeMap::new();
        for row in self.client.query(tables, &[]).await.unwrap() {
            let table: String = row.get(0);
            let sql =
                format!("SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t");
            digests.insert(table, self.client.query_one(&sql, &[]).await.unwrap().get(0));
        }
        digests
    }

    /// What a query answers, as text.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        let sql = format!("SELECT coalesce(t::text, '') FROM ({sql}) t");
        self.client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// What the journal of the subject store has of a job.
    pub async fn journalled(&self, job: JobId) -> i64 {
        let sql = "SELECT coalesce(sum(rows), 0)::int8 FROM lethe.journal WHERE job_id = $1";
        self.client.query_one(sql, &[&job.0]).await.unwrap().get(0)
    }
}

pub fn policy() -> Policy {
    Policy::new(3, std::time::Duration::from_secs(1))
}
