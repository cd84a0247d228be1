//! A hold as the caller sees it.

use contracts::http::{HoldScopeView, HoldView};
use domain::hold::{HoldGround, HoldScope};
use store::HoldRecord;

use crate::error::ApiError;
use crate::state::ApiState;

/// The hold with its links, for somebody who may release holds or may not.
pub(super) fn of(state: &ApiState, record: HoldRecord, manages: bool) -> Result<HoldView, ApiError> {
    let unread = || ApiError::Internal("a legal hold cannot be read", None);
    let scope: HoldScope = serde_json::from_value(record.scope).map_err(|_| unread())?;
    let ground = HoldGround::parse(&record.ground).ok_or_else(unread)?;
    let path = state.links.hold(record.id);
    let release =
        (manages && record.released_at.is_none()).then(|| ("release".to_owned(), format!("{path}/release")));
    let links = [("self".to_owned(), path)].into_iter().chain(release).collect();
    Ok(HoldView {
        id: record.id,
        scope: HoldScopeView::from(scope),
        ground: ground.into(),
        owner: record.owner,
        review_on: record.review_on,
        placed_at: record.placed_at,
        placed_by: record.placed_by,
        released_at: record.released_at,
        released_by: record.released_by,
        links,
    })
}
