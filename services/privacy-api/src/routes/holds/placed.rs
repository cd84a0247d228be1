//! A body that places a hold, once for each key: held against the data map and the store, its values sealed.

use chrono::Utc;
use contracts::http::{FieldError, HoldBody, HoldScopeBody, RowsBody};
use domain::datamap::DataMap;
use domain::hold::{BadHold, HoldGround, HoldScope};
use domain::id::OrganisationId;
use packages::SealedFor;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use store::{Idempotency, NewHold, PlacedHold};
use uuid::Uuid;

use super::super::compared;
use super::super::organisation::sources;
use super::super::person::{Person, written};
use super::super::sealed;
use super::fitting;
use crate::auth::{Granted, ManageHolds};
use crate::error::ApiError;
use crate::extract::{JsonBody, OptionalKey};
use crate::state::ApiState;

/// The route as idempotency keys know it.
const ROUTE: &str = "POST /api/v1/privacy/holds";
/// The longest text that says who answers for a hold, in characters.
const LONGEST_OWNER: usize = 200;

/// What is sealed beside a hold on rows: one value for each comparison.
#[derive(Serialize)]
struct Values<'a> {
    values: Vec<&'a str>,
}

/// Places the hold, or finds the one that the same request placed before.
pub(super) async fn once(
    state: &ApiState,
    granted: &Granted<ManageHolds>,
    key: OptionalKey,
    body: &JsonBody<HoldBody>,
) -> Result<PlacedHold, ApiError> {
    let (organisation, origin) = (granted.organisation(), granted.origin());
    let Some(key) = key.0 else {
        let new = checked(state, organisation, &body.value).await?;
        let record = state.store.place_hold(&new, &origin).await?;
        return Ok(PlacedHold { record, replayed: false });
    };
    let key = Idempotency {
        client: granted.actor.subject.clone(),
        route: ROUTE.to_owned(),
        key: key.0,
        body_sha256: sealed::tag(state, organisation, &compared::of(&body.value)?)?,
        as_received: Some(sealed::tag(state, organisation, &body.sha256)?),
    };
    if let Some(record) = state.store.placed_before(organisation, &key).await? {
        return Ok(PlacedHold { record, replayed: true });
    }
    let new = checked(state, organisation, &body.value).await?;
    Ok(state.store.place_hold_once(&new, &key, &origin).await?)
}

/// The hold that the body asks for.
async fn checked(
    state: &ApiState,
    organisation: &OrganisationId,
    body: &HoldBody,
) -> Result<NewHold, ApiError> {
    let sources = sources(state)?;
    check_review(body)?;
    let scope = HoldScope::from(&body.scope);
    let secret = secret(sources.map(), &scope, &body.scope)?;
    let id = Uuid::now_v7();
    let target = SealedFor { organisation: organisation.as_str(), job_id: id };
    let sealed = match secret {
        Some(secret) => Some(sealed::keys(state)?.seal(target, &secret)?),
        None => None,
    };
    fitting::check(sources, &body.scope).await?;
    let unwritten =
        |error: serde_json::Error| ApiError::Internal("a scope cannot be written", Some(Box::new(error)));
    Ok(NewHold {
        id,
        organisation: organisation.clone(),
        scope: serde_json::to_value(&scope).map_err(unwritten)?,
        sealed,
        ground: HoldGround::from(body.ground).name().to_owned(),
        owner: body.owner.trim().to_owned(),
        review_on: body.review_on,
    })
}

/// Somebody answers for it, and looks at it again.
fn check_review(body: &HoldBody) -> Result<(), ApiError> {
    let owner = body.owner.trim();
    let length = owner.chars().count();
    if !(1..=LONGEST_OWNER).contains(&length) || owner.chars().any(char::is_control) {
        let detail = "expected who answers for it, in 1 to 200 characters of one line";
        return Err(wrong("/owner", detail));
    }
    if body.review_on < Utc::now().date_naive() {
        return Err(wrong("/review_on", "expected a day that is not over"));
    }
    Ok(())
}

/// By what the held rows are found, if not by names alone.
fn secret(map: &DataMap, scope: &HoldScope, body: &HoldScopeBody) -> Result<Option<SecretString>, ApiError> {
    match body {
        HoldScopeBody::Organisation(_) => Ok(None),
        HoldScopeBody::Subject(held) => {
            let named = (held.subject.identity_type.as_str(), &held.subject.identity_value);
            Person::parse(map, "/scope/subject", named)?.secret(None).map(Some)
        }
        HoldScopeBody::Collection(_) => {
            scope.check(map, 0).map_err(|bad| unfit(map, scope, bad))?;
            Ok(None)
        }
        HoldScopeBody::Rows(held) => {
            let RowsBody { comparisons, .. } = &held.rows;
            scope.check(map, comparisons.len()).map_err(|bad| unfit(map, scope, bad))?;
            let values: Vec<&str> =
                comparisons.iter().map(|comparison| comparison.value.secret().expose_secret()).collect();
            if let Some(at) = values.iter().position(|value| value.contains('\0')) {
                return Err(wrong(
                    &format!("/scope/rows/comparisons/{at}/value"),
                    "expected a text without NUL",
                ));
            }
            written(&Values { values }).map(Some)
        }
    }
}

/// What the data map lacks that the scope names, with the member that names it.
fn unfit(map: &DataMap, scope: &HoldScope, bad: BadHold) -> ApiError {
    match (scope, bad) {
        (HoldScope::Rows { comparisons, .. }, BadHold::NoColumn { collection, column }) => {
            let at = comparisons.iter().position(|compared| compared.column == column).unwrap_or_default();
            let known = map.collection(&collection).map(|known| &known.fields).into_iter().flatten();
            let names: Vec<&str> = known.map(|field| field.name.as_str()).collect();
            let detail =
                format!("the collection has no such field in the data map; it has `{}`", names.join("`, `"));
            wrong(&format!("/scope/rows/comparisons/{at}/column"), &detail)
        }
        (HoldScope::Rows { .. }, BadHold::NoComparison) => wrong(
            "/scope/rows/comparisons",
            "expected at least one comparison; to hold a whole collection, give `collection` in place of `rows`",
        ),
        (HoldScope::Rows { .. }, _) => wrong("/scope/rows/collection", NO_COLLECTION),
        (_, _) => wrong("/scope/collection", NO_COLLECTION),
    }
}

const NO_COLLECTION: &str = "the data map has no such collection; name one of it as `dataset.collection`";

fn wrong(pointer: &str, detail: &str) -> ApiError {
    ApiError::Values(vec![FieldError { pointer: pointer.to_owned(), detail: detail.to_owned() }])
}
