//! Runs the erasing steps of jobs.
//!
//! No kind of job has erasing steps yet. The service holds its place: it claims what is announced
//! on its queue, and its role on the control database lets it see no export.

use chassis::{Context, Service, StepError, StepProgress, StepRunner};
use domain::job::FailureReason;
use messaging::ERASURE_STEPS;
use serde::Deserialize;
use store::{Claimed, Produced};

/// The service.
pub struct ErasureWorker;

/// Its settings; there are none yet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {}

struct Steps;

impl StepRunner for Steps {
    async fn run(&self, step: &Claimed, _: &StepProgress) -> Result<Produced, StepError> {
        let detail = format!(
            "the erasure-worker does not know steps of kind `{}`; is it older than the API?",
            step.kind.name()
        );
        Err(StepError::Permanent(FailureReason::new("unknown_step", detail)))
    }
}

impl Service for ErasureWorker {
    const NAME: &'static str = "erasure-worker";
    const ABOUT: &'static str = "Runs the erasing steps of jobs";
    type Config = Config;

    async fn serve(_: Config, context: Context) -> anyhow::Result<()> {
        chassis::work(ERASURE_STEPS, Steps, context).await
    }
}
