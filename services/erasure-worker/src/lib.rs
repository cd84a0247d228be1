//! Runs the erasing steps of jobs.
//!
//! Planning decides everything once: which rows, by their keys; what is done to each; in which order.
//! What would stand in the way half-way is found then, and nothing is begun. The steps that follow carry
//! it out, batch by batch, each exactly once by the journal of the store whose rows it changes. At last
//! another role looks for what is left.

mod batches;
mod before;
mod computed;
mod config;
mod failure;
mod held;
mod holds;
mod mark;
mod media;
mod obeyed;
mod opened;
mod plan;
mod rows;
mod scope;
mod tokens;
mod usable;
mod verify;
mod way;

use std::collections::BTreeMap;

use anyhow::Context as _;
use chassis::{Context, Service, StepError, StepProgress, StepRunner};
use connectors::revoke::Revoker;
use connectors::{Schemas, Sources, StoreConfig, SubjectStore, beating};
use domain::datamap::{Collection, Dataset};
use domain::id::OrganisationId;
use domain::job::{FailureReason, StepKind};
use messaging::ERASURE_STEPS;
use packages::KeyRing;
use store::{Claimed, Produced, Store};
use zeroize::Zeroizing;

use failure::{broken, store_failed};
use media::Buckets;

pub use config::Config;

/// The service.
pub struct ErasureWorker;

impl Service for ErasureWorker {
    const NAME: &'static str = "erasure-worker";
    const ABOUT: &'static str = "Runs the erasing steps of jobs";
    type Config = Config;

    fn check(config: &Config, context: &Context) -> anyhow::Result<()> {
        context.check_worker()?;
        Erasures::open(config, context.store.clone()).map(drop)
    }

    async fn serve(config: Config, context: Context) -> anyhow::Result<()> {
        let erasures = Erasures::open(&config, context.store.clone())?;
        chassis::work(ERASURE_STEPS, erasures, context).await
    }
}

/// What the steps work with.
pub struct Erasures {
    sources: Sources,
    /// How the stores are reached to verify.
    verifiers: BTreeMap<String, StoreConfig>,
    control: Store,
    sealing: KeyRing,
    pseudonyms: KeyRing,
    buckets: Buckets,
    revoker: Revoker,
    batch_rows: u32,
    step_rows: u32,
}

impl Erasures {
    /// Reads the data map and prepares the connections; nothing is connected yet.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn open(config: &Config, control: Store) -> anyhow::Result<Self> {
        config.check()?;
        Ok(Self {
            sources: Sources::open(&config.data_map, &config.stores).context("service")?,
            verifiers: config.verifiers(),
            control,
            sealing: config.sealing.ring().context("service.sealing cannot be used")?,
            pseudonyms: config.pseudonyms.ring().context("service.pseudonyms cannot be used")?,
            buckets: Buckets::open(&config.buckets)?,
            revoker: Revoker::new(&config.providers).context("service.providers")?,
            batch_rows: config.batch_rows,
            step_rows: config.step_rows,
        })
    }

    fn find(&self, path: &str) -> Result<(&Dataset, &Collection), StepError> {
        self.sources.find(path).ok_or_else(|| {
            broken("the data map no longer has a collection that the job was planned for; put it back, then try the job again")
        })
    }

    fn store(&self, dataset: &Dataset) -> Result<&SubjectStore, StepError> {
        let store = self.sources.stores().get(&dataset.store);
        store.ok_or_else(|| broken("a dataset's store is not configured"))
    }

    async fn schemas(&self) -> Result<Schemas, StepError> {
        self.sources.schemas().await.map_err(|error| store_failed(&error))
    }

    async fn read_schemas(&self) -> Result<Schemas, StepError> {
        self.sources.read_schemas().await.map_err(|error| store_failed(&error))
    }

    fn pseudonym_key(&self, organisation: &OrganisationId) -> Result<Zeroizing<[u8; 32]>, StepError> {
        let key = self.pseudonyms.pseudonym_key(organisation.as_str());
        key.map_err(|_| broken("no key for pseudonyms can be derived"))
    }
}

impl StepRunner for Erasures {
    async fn run(&self, step: &Claimed, progress: &StepProgress) -> Result<Produced, StepError> {
        beating(progress.beat(), self.carry_out(step, progress)).await
    }
}

impl Erasures {
    async fn carry_out(&self, step: &Claimed, progress: &StepProgress) -> Result<Produced, StepError> {
        match step.kind {
            StepKind::SoftDelete => Box::pin(mark::set(self, step)).await,
            StepKind::Restore => Box::pin(mark::unset(self, step)).await,
            StepKind::PlanErasure => Box::pin(plan::run(self, step, progress)).await,
            StepKind::RevokeTokens => Box::pin(tokens::run(self, step, progress)).await,
            StepKind::DeleteMedia => Box::pin(media::run(self, step, progress)).await,
            StepKind::EraseRows => Box::pin(rows::run(self, step, progress)).await,
            StepKind::VerifyErasure => Box::pin(verify::run(self, step, progress)).await,
            other => {
                let detail = format!(
                    "the erasure-worker does not know steps of kind `{}`; is it older than the API?",
                    other.name()
                );
                Err(StepError::Permanent(FailureReason::new("unknown_step", detail)))
            }
        }
    }
}

/// The request that a step's job was made for.
pub(crate) fn request(step: &Claimed) -> Result<domain::erasure::ErasureRequest, StepError> {
    serde_json::from_value(step.request.clone())
        .map_err(|_| broken("the job's request cannot be read by this version of the erasure-worker"))
}
