//! A control database, a vhost, and export workers that do as they are told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use chassis::{Context, Service, Settings, StepError, StepProgress, StepRunner, WorkerSettings};
use contracts::{Envelope, StepDue, encode};
use domain::id::{JobId, StepNo};
use domain::job::{FailureReason, Phase, StepKind};
use domain::plan::PlannedStep;
use messaging::{AmqpConfig, EXPORT_STEPS, declare_topology};
use secrecy::SecretString;
use serde::Deserialize;
use store::{Accepted, Claimed, Plan, Produced, Store, SweepConfig};
use testkit::{ControlDatabase, PATIENCE, Vhost, eventually, eventually_some, new_export, worker};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const QUEUE: &str = EXPORT_STEPS.name;

/// What a runner does with a step.
#[derive(Clone)]
pub enum Behaviour {
    /// Ends well and leaves this behind.
    Produce(Produced),
    Fail(StepError),
    Panic,
    /// Waits until released, then ends well.
    Wait,
}

type Decide = Arc<dyn Fn(&Claimed) -> Behaviour + Send + Sync>;

/// Runs steps as it is told and remembers them; clones share the memory.
#[derive(Clone)]
pub struct Runner {
    decide: Decide,
    /// The step and the attempt of each run, in order of their beginnings.
    runs: Arc<Mutex<Vec<(StepNo, u32)>>>,
    /// Runs that were begun and neither ended nor were dropped.
    busy: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Default for Runner {
    fn default() -> Self {
        Self::new(|_| Behaviour::Produce(Produced::default()))
    }
}

impl Runner {
    pub fn new(decide: impl Fn(&Claimed) -> Behaviour + Send + Sync + 'static) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        Self { decide: Arc::new(decide), runs: Arc::default(), busy: Arc::default(), gate }
    }

    pub fn runs(&self) -> Vec<(StepNo, u32)> {
        self.runs.lock().unwrap().clone()
    }

    pub fn busy(&self) -> usize {
        self.busy.load(Ordering::SeqCst)
    }

    /// Waits until so many steps are being run.
    pub async fn wait_until_busy(&self, count: usize) {
        eventually(PATIENCE, &format!("{count} steps are being run"), async || self.busy() == count).await;
    }

    /// Lets so many waiting steps end.
    pub fn release(&self, count: usize) {
        self.gate.add_permits(count);
    }
}

/// Counts down however a run ends.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl StepRunner for Runner {
    async fn run(&self, step: &Claimed, progress: &StepProgress) -> Result<Produced, StepError> {
        self.busy.fetch_add(1, Ordering::SeqCst);
        let _leaving = Leaving(&self.busy);
        self.runs.lock().unwrap().push((step.step_no, step.attempts));
        progress.pulse();
        match (self.decide)(step) {
            Behaviour::Produce(produced) => Ok(produced),
            Behaviour::Fail(error) => Err(error),
            Behaviour::Panic => panic!("told to"),
            Behaviour::Wait => {
                self.gate.acquire().await.unwrap().forget();
                Ok(Produced::default())
            }
        }
    }
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(skip)]
    runner: Runner,
    #[serde(skip)]
    context: Arc<OnceLock<Context>>,
}

struct ExportWorker;

impl Service for ExportWorker {
    const NAME: &'static str = "export-worker";
    const ABOUT: &'static str = "runs what a test tells it";
    type Config = Config;

    fn check(_: &Config, _: &Context) -> anyhow::Result<()> {
        Ok(())
    }

    async fn serve(config: Config, context: Context) -> anyhow::Result<()> {
        assert!(config.context.set(context.clone()).is_ok());
        chassis::work(EXPORT_STEPS, config.runner, context).await
    }
}

/// A running service.
pub struct Running {
    pub context: Context,
    stopping: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// What a counter without labels stands at.
    pub fn counter(&self, name: &str) -> f64 {
        let text = self.context.metrics.render().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// How many messages were settled that way: `acknowledged`, `requeued`, ….
    pub fn settled(&self, outcome: &str) -> f64 {
        self.counter(&format!("lethe_messages_consumed_total{{outcome=\"{outcome}\",queue=\"{QUEUE}\"}}"))
    }

    /// Tells the service to stop, as a signal does.
    pub fn tell_to_stop(&self) {
        self.stopping.cancel();
    }

    pub async fn stop(self) {
        self.stopping.cancel();
        let stopped = tokio::time::timeout(PATIENCE, self.task).await;
        stopped.expect("the service stops").unwrap().unwrap();
    }
}

/// A control database and a vhost with the topology.
pub struct World {
    pub db: ControlDatabase,
    pub vhost: Vhost,
    pub api: Store,
    pub scheduler: Store,
    pub admin: Client,
}

impl World {
    pub async fn new() -> Self {
        let (db, vhost) = tokio::join!(ControlDatabase::create(), Vhost::create());
        declare_topology(&AmqpConfig::new(SecretString::from(vhost.url().to_owned()), "test")).await.unwrap();
        let (api, scheduler) = (db.store_as("lethe_api"), db.store_as("lethe_scheduler"));
        let admin = db.client().await;
        Self { db, vhost, api, scheduler, admin }
    }

    /// Starts a worker and waits until it knows itself.
    pub async fn start(&self, runner: &Runner, worker: WorkerSettings) -> Running {
        let toml = format!(
            "[control]\nurl = '{}'\n[amqp]\nurl = '{}'\n[admin]\nlisten = '127.0.0.1:0'\n[service]\n",
            self.db.url_as("lethe_export"),
            self.vhost.url(),
        );
        let mut settings = Settings::<Config>::parse(&toml).unwrap();
        settings.worker = worker;
        let context = Arc::new(OnceLock::new());
        settings.service = Config { runner: runner.clone(), context: Arc::clone(&context) };
        let stopping = CancellationToken::new();
        let task = tokio::spawn(chassis::serve::<ExportWorker>(settings, stopping.clone()));
        let context = eventually_some(PATIENCE, "the service serves", async || context.get().cloned()).await;
        Running { context, stopping, task }
    }

    pub async fn job(&self, organisation: &str) -> JobId {
        match self.api.create_export(&new_export(organisation)).await.unwrap() {
            Accepted::Created(job) => job,
            Accepted::Replayed(job) => panic!("{job} is not new"),
        }
    }

    /// A step's state, attempts and failure code.
    pub async fn step(&self, job: JobId, step: i32) -> (String, i32, Option<String>) {
        let query = "SELECT state, attempts, failure_code FROM job_steps WHERE job_id = $1 AND step_no = $2";
        let row = self.admin.query_one(query, &[&job.0, &step]).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    }

    pub async fn job_state(&self, job: JobId) -> String {
        let query = "SELECT state FROM privacy_jobs WHERE id = $1";
        self.admin.query_one(query, &[&job.0]).await.unwrap().get(0)
    }

    pub async fn wait_for_job(&self, job: JobId, state: &str) {
        eventually(PATIENCE, &format!("the job is {state}"), async || self.job_state(job).await == state)
            .await;
    }

    /// Sweeps as the scheduler does until the job is in that state.
    pub async fn sweep_until_job(&self, job: JobId, state: &str) {
        eventually(PATIENCE, &format!("the job is {state}"), async || {
            self.sweep().await;
            self.job_state(job).await == state
        })
        .await;
    }

    pub async fn sweep(&self) -> store::Swept {
        let policy = settings().policy();
        self.scheduler.sweep(&SweepConfig::default(), &policy, &worker("retention-scheduler")).await.unwrap()
    }

    /// Lets a step's lease have ended, as if its worker had been silent for long. Its heartbeat may
    /// come between the two statements, and is then too late the next time.
    pub async fn lapse(&self, job: JobId, step: i32) {
        let aged = "UPDATE job_steps SET lease_expires_at = clock_timestamp() - interval '1 second' \
                    WHERE job_id = $1 AND step_no = $2 AND state = 'running'";
        eventually(PATIENCE, "the lease lapses", async || {
            assert_eq!(self.admin.execute(aged, &[&job.0, &step]).await.unwrap(), 1);
            self.sweep().await.lapsed == 1
        })
        .await;
    }
}

/// Settings under which a failed step is due again soon.
pub fn settings() -> WorkerSettings {
    WorkerSettings {
        concurrency: 4,
        backoff: Duration::from_millis(100),
        finish_within: Duration::from_millis(300),
        ..WorkerSettings::default()
    }
}

pub fn reason(code: &str) -> FailureReason {
    FailureReason::new(code, "a test says so")
}

/// An announcement, as the relay sends it.
pub fn due(job: JobId, step: i32) -> Vec<u8> {
    let body = StepDue { job_id: job, step_no: StepNo(step) };
    let sent_at = "2026-11-21T12:00:00Z".parse().unwrap();
    encode(&Envelope::new(Uuid::now_v7(), sent_at, body)).unwrap()
}

/// What planning leaves behind for so many steps in one phase and one after them.
pub fn planning(count: usize) -> Produced {
    let step = |phase, kind, number: Option<usize>| PlannedStep {
        phase: Phase(phase),
        kind,
        collection: number.map(|number| format!("shop.c{number:03}")),
        part_no: None,
        rows_planned: 0,
    };
    let mut steps: Vec<PlannedStep> =
        (0..count).map(|number| step(1, StepKind::ExportCollection, Some(number))).collect();
    steps.push(step(2, StepKind::AssembleArchive, None));
    let cutoff = "2026-11-21T12:00:00Z".parse().unwrap();
    Produced {
        plan: Some(Plan { cutoff, steps, sizes: Vec::new(), scopes: Vec::new() }),
        ..Produced::default()
    }
}

/// How often each step was run.
pub fn times(runner: &Runner) -> BTreeMap<i32, usize> {
    let mut times = BTreeMap::new();
    for (StepNo(step), _) in runner.runs() {
        *times.entry(step).or_default() += 1;
    }
    times
}
