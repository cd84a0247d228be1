//! `GET /jobs/{id}/plan`: what an erasure will do, before it does it.

use actix_web::{HttpResponse, web};
use contracts::http::{JobView, PlanView};
use domain::erasure::document::PlanDocument;
use domain::job::JobKind;

use super::view;
use crate::auth::{Granted, ViewJobs};
use crate::error::ApiError;
use crate::extract::JobPath;
use crate::openapi::{Guarded, JobParameters, OnePlan, PlanIsMissing};
use crate::state::ApiState;

/// Look at the plan of an erasure
///
/// What happens to the rows of each collection, how many they are, what the law calls the outcome for
/// each column, which rows stay and on which ground. It holds no value of a row. The plan of an erasure
/// that waits is made when its grace period ends; a dry run makes one at once. Of an erasure in several
/// passes it is the plan of the last one.
#[utoipa::path(
    get,
    path = "/api/v1/privacy/jobs/{id}/plan",
    operation_id = "getPlan",
    tag = "jobs",
    params(JobParameters),
    responses(OnePlan, PlanIsMissing, Guarded),
    security(("bearer" = [])),
)]
pub async fn plan(
    granted: Granted<ViewJobs>,
    path: JobPath,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let plan = state.store.job_plan(granted.organisation(), path.0).await?.ok_or(ApiError::NoSuchJob)?;
    let Some(plan) = plan else {
        let view = view::of(&state, &granted, path.0).await?;
        return Err(ApiError::PlanNotMade(when(&view)));
    };
    let unread =
        |error: serde_json::Error| ApiError::Internal("a plan cannot be read", Some(Box::new(error)));
    let document: PlanDocument = serde_json::from_value(plan.document).map_err(unread)?;
    let pass = (plan.pass > 1).then_some(plan.pass);
    Ok(HttpResponse::Ok().json(PlanView { pass, ..document.into() }))
}

/// When there will be a plan, or why there will be none.
fn when(view: &JobView) -> String {
    if view.summary.kind != JobKind::Erasure.name() {
        return format!("a job of the kind {} has no plan to look at; an erasure has", view.summary.kind);
    }
    match (view.summary.not_before, view.summary.ended_at) {
        (Some(ends), _) => format!(
            "the plan of a waiting erasure is made when its grace period ends, at {}; to see one now, ask for the same with `dry_run`",
            ends.format("%Y-%m-%dT%H:%M:%SZ")
        ),
        (None, None) => "the plan is being made; look again in a moment".to_owned(),
        (None, Some(_)) => {
            "the job ended before its plan was made; where it failed, its `failure` says why".to_owned()
        }
    }
}
