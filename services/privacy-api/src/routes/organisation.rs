//! Whether the caller means the organisation: its name, to the letter, as its own table has it.

use connectors::{OrganisationRead, Sources, StoreErrorKind};
use contracts::http::{FieldError, SecretText};
use domain::erasure::confirms;
use domain::id::OrganisationId;
use secrecy::ExposeSecret as _;

use crate::error::ApiError;
use crate::state::ApiState;

/// The data map and the stores.
///
/// # Errors
/// [`ApiError::ErasureNotConfigured`] naming the setting.
pub(super) fn sources(state: &ApiState) -> Result<&Sources, ApiError> {
    state.sources.as_deref().ok_or(ApiError::ErasureNotConfigured(
        "this service does not know where the data is; set `service.erasure.data_map` and `service.erasure.stores`",
    ))
}

/// Lets through whoever has typed the organisation's name.
///
/// # Errors
/// [`ApiError::Values`] for `/confirm_org_name`, which never repeats the name that is stored.
pub(super) async fn must_be_confirmed(
    sources: &Sources,
    organisation: &OrganisationId,
    typed: &SecretText,
) -> Result<(), ApiError> {
    let map = sources.map();
    let named = map.organisation().filter(|(_, root)| root.name.is_some());
    let Some((dataset, _)) = named else {
        return Err(ApiError::ErasureNotConfigured(
            "no name could be confirmed: in the file `service.erasure.data_map`, a dataset must say where organisations have their names, as `lethe: {organisation: {collection: …, key: …, name: …}}`",
        ));
    };
    let schemas = sources.schemas().await?;
    let found = schemas.get(&dataset.store).zip(sources.stores().get(&dataset.store));
    let (schema, store) = found.ok_or(ApiError::Internal("a store of the data map is not open", None))?;
    let read = OrganisationRead::plan(map, schema, organisation)?;
    let transaction = store.begin_read().await?;
    let found = match transaction.organisation(&read).await {
        // An id that the key's type cannot have is nobody's.
        Err(error) if error.kind() == StoreErrorKind::BadOrganisation => return Err(wrong(UNKNOWN)),
        found => found?,
    };
    transaction.finish().await?;
    let found = found.ok_or_else(|| wrong(UNKNOWN))?;
    let name =
        found.name.ok_or_else(|| wrong("the organisation has no name in its own table; give it one"))?;
    match confirms(typed.secret().expose_secret(), &name) {
        true => Ok(()),
        false => {
            Err(wrong("expected the organisation's own name, to the letter: case, spaces and accents count"))
        }
    }
}

const UNKNOWN: &str = "the subject store has no organisation with the id that the token names";

fn wrong(detail: &str) -> ApiError {
    ApiError::Values(vec![FieldError { pointer: "/confirm_org_name".to_owned(), detail: detail.to_owned() }])
}
