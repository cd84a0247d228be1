//! From when on a hold binds: when every erasure that is under way has to have read it.

use connectors::SubjectStore;
use connectors::erase::Bound;
use domain::id::{JobId, OrganisationId};
use futures::future::join_all;
use uuid::Uuid;

use super::super::organisation::sources;
use crate::error::ApiError;
use crate::state::ApiState;

/// Waits until a hold that was placed binds. Without an erasure that may be at work, no store is asked.
///
/// # Errors
/// [`ApiError::HoldNotBinding`] with the hold, which is stored all the same.
pub(super) async fn wait(
    state: &ApiState,
    organisation: &OrganisationId,
    hold: Uuid,
) -> Result<(), ApiError> {
    let not_binding = |job: Option<JobId>| ApiError::HoldNotBinding {
        hold: state.links.hold(hold),
        job: job.map(|job| state.links.job(job.0)),
    };
    // The hold is committed. What begins after this answer reads it by itself.
    let jobs = state.store.erasures_in_the_way(organisation).await.map_err(|error| {
        tracing::warn!(error = telemetry::as_error(&error), "what a hold has to wait for cannot be found");
        not_binding(None)
    })?;
    let Some(first) = jobs.first() else { return Ok(()) };
    let stores = sources(state)?.stores().values();
    let bound = join_all(stores.map(|store| binds(state, organisation, store))).await;
    if bound.into_iter().all(|bound| bound) { Ok(()) } else { Err(not_binding(Some(*first))) }
}

async fn binds(state: &ApiState, organisation: &OrganisationId, store: &SubjectStore) -> bool {
    match store.bind_holds(organisation, state.hold_binds_within).await {
        Ok(bound) => bound == Bound::Yes,
        Err(error) => {
            let store = store.name();
            tracing::warn!(store, error = telemetry::as_error(&error), "no hold can be made to bind there");
            false
        }
    }
}
