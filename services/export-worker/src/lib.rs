//! Runs the steps of exports.
//!
//! A job begins with `plan`: it checks the data map against the store, counts, and writes the
//! other steps down. A small export is then one step (`whole`); a large one is a step per
//! collection or key range of it (`collection`), one per collection with media (`media`), one per
//! collection that was cut (`join`), and one that puts the archive together (`assemble`). Rows
//! stream from COPY through the encoder into object storage; none of them enters the control
//! database.

mod archive;
mod assemble;
mod collection;
mod config;
mod encryption;
mod failure;
mod join;
mod media;
mod names;
mod objects;
mod organisation;
mod plan;
mod ranges;
mod read;
mod result;
mod sources;
mod subject;
mod whole;

use chassis::{Context, Service, StepError, StepProgress, StepRunner};
use connectors::beating;
use domain::job::{FailureReason, JobState, StepKind};
use messaging::EXPORT_STEPS;
use packages::PackageStore;
use store::{Claimed, Produced};

pub use config::{Config, PackageSettings};
pub use connectors::StoreSettings;

use encryption::{Passphrases, encryption_of};
use failure::{broken, package_failed};
use media::Buckets;
use sources::Sources;

/// The service.
pub struct ExportWorker;

impl Service for ExportWorker {
    const NAME: &'static str = "export-worker";
    const ABOUT: &'static str = "Plans and runs the steps of exports, and writes their packages";
    type Config = Config;

    fn check(config: &Config, context: &Context) -> anyhow::Result<()> {
        context.check_worker()?;
        Exports::open(config, context.store.clone()).map(drop)
    }

    async fn serve(config: Config, context: Context) -> anyhow::Result<()> {
        let exports = Exports::open(&config, context.store.clone())?;
        chassis::work(EXPORT_STEPS, exports, context).await
    }
}

/// What every step of an export works with.
pub struct Exports {
    sources: Sources,
    packages: PackageStore,
    passphrases: Passphrases,
    buckets: Buckets,
    parts: packages::PartOptions,
    package_validity: std::time::Duration,
    whole_rows: i64,
    part_rows: i64,
    volume_bytes: Option<u64>,
    max_archive_bytes: Option<u64>,
}

impl Exports {
    /// Reads the data map and prepares the connections; nothing is connected yet.
    ///
    /// # Errors
    /// When a setting, the data map or a store cannot be used.
    pub fn open(config: &Config, store: store::Store) -> anyhow::Result<Self> {
        let options = config.packages.exposed();
        Ok(Self {
            sources: Sources::open(config)?,
            packages: PackageStore::open(&config.packages.url, options)?,
            passphrases: Passphrases::open(config, store)?,
            buckets: Buckets::open(&config.buckets)?,
            parts: config.parts(),
            package_validity: config.package_validity,
            whole_rows: config.whole_export_rows,
            part_rows: config.part_rows.max(1),
            volume_bytes: config.volume_bytes,
            max_archive_bytes: config.max_archive_bytes,
        })
    }
}

impl Exports {
    async fn carry_out(&self, step: &Claimed, progress: &StepProgress) -> Result<Produced, StepError> {
        match step.kind {
            StepKind::PlanExport => Box::pin(plan::run(self, step, progress)).await,
            StepKind::ExportWhole => Box::pin(whole::run(self, step, progress)).await,
            StepKind::ExportCollection => Box::pin(collection::run(self, step, progress)).await,
            StepKind::AssembleArchive => Box::pin(assemble::run(self, step, progress)).await,
            StepKind::ExportMedia => Box::pin(media::run(self, step, progress)).await,
            StepKind::JoinCollection => Box::pin(join::run(self, step, progress)).await,
            other => {
                let detail = format!(
                    "the export-worker does not know steps of kind `{}`; is it older than the API?",
                    other.name()
                );
                Err(StepError::Permanent(FailureReason::new("unknown_step", detail)))
            }
        }
    }
}

impl StepRunner for Exports {
    async fn run(&self, step: &Claimed, progress: &StepProgress) -> Result<Produced, StepError> {
        // Before anything is read: what cannot be encrypted as asked is not exported at all.
        encryption_of(self, step).await?;
        beating(progress.beat(), self.carry_out(step, progress)).await
    }

    /// Once a job has its package, what was written on the way to it is removed. A crash before
    /// that leaves objects behind that nobody can be given, and that a sweep can find by the job.
    async fn ended(&self, step: &Claimed, produced: &Produced, job: &JobState) {
        let keep: Result<Vec<_>, _> =
            produced.packages.iter().map(|package| packages::ObjectKey::parse(&package.object_key)).collect();
        let (JobState::Completed { .. }, Ok(keep)) = (job, keep) else {
            return;
        };
        let folder = archive::job_folder(step);
        if let Err(error) = self.packages.sweep(folder.prefix(), &keep).await {
            let reason = package_failed(&error);
            tracing::warn!(job.id = %step.job_id, reason = %reason.reason(), "parts of a finished export were left behind");
        }
    }
}

/// The request that a step's job was made for.
pub(crate) fn request(step: &Claimed) -> Result<domain::export::ExportRequest, StepError> {
    serde_json::from_value(step.request.clone())
        .map_err(|_| broken("the job's request cannot be read by this version of the export-worker"))
}
