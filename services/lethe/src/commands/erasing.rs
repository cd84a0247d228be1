//! What erasures have in common, whosever data they erase.

use chrono::Utc;
use clap::Args;
use contracts::http::{JobView, PlanView};
use domain::erasure::GracePeriod;
use domain::job::JobKind;
use serde::Serialize;

use super::idempotency::IdempotencyOption;
use super::naming::NamingOptions;
use crate::api::{Api, NewJob};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::{text, watch};

/// How far an erasure goes, and whether to wait for it.
#[derive(Debug, Args)]
pub struct ErasureOptions {
    /// Delete the media objects too that rows name.
    #[arg(long)]
    pub(super) delete_media: bool,
    /// End with the plan, and erase nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Show progress until the job has ended, its grace period included. The exit code is 3 when it ends without
    /// its result, and 4 when it is about a person and found nobody.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    idempotency: IdempotencyOption,
    #[command(flatten)]
    pub(super) naming: NamingOptions,
}

/// What is printed for programs.
#[derive(Serialize)]
struct Erased<'a> {
    #[serde(flatten)]
    job: &'a JobView,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a PlanView>,
}

/// The days as a grace period.
///
/// # Errors
/// When they are none; the parser of the command line has seen to that before.
pub(super) fn grace_period(days: i64) -> Result<GracePeriod, Failure> {
    GracePeriod::try_from(days).map_err(|error| Failure::usage("--grace-days cannot be used").because(error))
}

impl ErasureOptions {
    /// The key under which repetitions are one request.
    pub(super) fn idempotency_key(&self) -> Result<String, Failure> {
        self.idempotency.key()
    }

    /// Asks for the erasure, and waits for it if that is wanted.
    pub(super) async fn carry_out(
        &self,
        api: &Api,
        new: &NewJob<impl Serialize>,
        output: &mut Output,
    ) -> Result<Outcome, Failure> {
        let id = api.create(new).await?;
        if !self.wait {
            return print(&api.job_now(id).await?, None, output);
        }
        output.remark(format!("{} {id}", if self.dry_run { "plan" } else { "erasure" }));
        // It may be a long wait; who waits should know how long, and how not to.
        let accepted = api.job_now(id).await.ok();
        if let Some(job) = accepted
            && let Some(at) = job.summary.not_before
        {
            let begins = text::job::begins(&job.request, at, Utc::now());
            output.remark(format!("begins at {begins}; until then, to call it off: lethe jobs cancel {id}"));
        }
        let job = watch::until_ended(api, id, Some(JobKind::Erasure), output).await?;
        let planned = self.dry_run && watch::outcome(&job) != Outcome::JobWithoutResult;
        let plan = if planned { Some(api.plan(id).await?) } else { None };
        print(&job, plan.as_ref(), output)
    }
}

fn print(job: &JobView, plan: Option<&PlanView>, output: &mut Output) -> Result<Outcome, Failure> {
    output.result(&Erased { job, plan }, || {
        let job = text::job::job(job, Utc::now());
        match plan {
            Some(plan) => format!("{job}\n{}", text::plan::plan(plan)),
            None => job,
        }
    })?;
    Ok(watch::outcome(job))
}
