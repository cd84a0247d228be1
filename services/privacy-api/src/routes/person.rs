//! One person of an organisation, as a request names them: known here, and nowhere behind here in clear.

use contracts::http::{FieldError, Passphrase, SecretText};
use domain::datamap::DataMap;
use domain::erasure::{Identity, SubjectRef};
use domain::id::OrganisationId;
use domain::job::JobNames;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::{names, sealed};
use crate::error::ApiError;
use crate::state::ApiState;

/// A person by an identity of a type that the data map names. `Debug` shows no value.
#[derive(Debug)]
pub(super) struct Person {
    identity_type: String,
    identity: Identity,
}

/// What is sealed for the workers.
#[derive(Serialize)]
struct Secret<'a> {
    identity_value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase: Option<&'a str>,
}

impl Person {
    /// The person that two members of a body, below the pointer `within`, name.
    ///
    /// # Errors
    /// [`ApiError::Values`] naming the member that is wrong; no value is repeated.
    pub fn parse(
        map: &DataMap,
        within: &str,
        (identity_type, value): (&str, &SecretText),
    ) -> Result<Self, ApiError> {
        let wrong = |member: &str, detail: String| {
            ApiError::Values(vec![FieldError { pointer: format!("{within}/{member}"), detail }])
        };
        let known = map.identity_types();
        if !known.contains(&identity_type) {
            let detail = format!("no field of the data map has this identity; expected {}", names(&known));
            return Err(wrong("identity_type", detail));
        }
        let identity = Identity::parse(identity_type, value.secret().expose_secret())
            .map_err(|error| wrong("identity_value", error.to_string()))?;
        // No store could hold it, and no worker ask for it.
        if identity.value().contains('\0') {
            return Err(wrong("identity_value", "expected a text without NUL".to_owned()));
        }
        Ok(Self { identity_type: identity_type.to_owned(), identity })
    }

    /// The person's stand-in where requests are kept and compared.
    pub fn reference(&self, state: &ApiState, organisation: &OrganisationId) -> Result<SubjectRef, ApiError> {
        let content = format!("{}\0{}", self.identity_type, self.identity.value());
        let tag = sealed::keys(state)?.tag(organisation.as_str(), content.as_bytes())?;
        let tag = tag.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Ok(SubjectRef { identity_type: self.identity_type.clone(), tag })
    }

    /// What the caller calls the job about this person.
    ///
    /// # Errors
    /// [`ApiError::Values`] naming the member that is wrong, or that says who the person is.
    pub fn names(&self, label: Option<&str>, external_reference: Option<&str>) -> Result<JobNames, ApiError> {
        let names = names::parse(label, external_reference)?;
        names::must_not_tell(&names, self.identity.value())?;
        Ok(names)
    }

    /// What is sealed beside the request, or beside a hold: who the person is, and the passphrase of
    /// the package.
    pub fn secret(&self, passphrase: Option<&Passphrase>) -> Result<SecretString, ApiError> {
        let secret = Secret {
            identity_value: self.identity.value(),
            passphrase: passphrase.map(|passphrase| passphrase.secret().expose_secret()),
        };
        written(&secret)
    }
}

/// A secret as JSON.
pub(super) fn written(secret: &impl Serialize) -> Result<SecretString, ApiError> {
    let text = serde_json::to_string(secret);
    // Without the library's error: it could quote what it writes.
    text.map(SecretString::from).map_err(|_| ApiError::Internal("a secret cannot be written", None))
}

fn names(known: &[&str]) -> String {
    match known {
        [] => "one that the data map names, and it names none (`fides_meta: {identity: …}`)".to_owned(),
        [one] => format!("`{one}`"),
        several => format!("one of `{}`", several.join("`, `")),
    }
}
