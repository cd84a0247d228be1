//! What a development token says.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::http::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER};
use domain::id::OrganisationId;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use uuid::Uuid;

use super::key::DevelopmentKey;
use crate::failure::Failure;

/// The claims of RFC 7519, and ours.
#[derive(Debug, Serialize)]
pub(super) struct Claims {
    pub(super) iss: &'static str,
    pub(super) aud: &'static str,
    pub(super) sub: String,
    pub(super) organisation_id: String,
    pub(super) roles: Vec<String>,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// When the holder signed in (OpenID Connect Core 1.0, 2), for what needs a recent sign-in.
    auth_time: i64,
    jti: Uuid,
    #[serde(skip)]
    pub(super) expires_at: DateTime<Utc>,
    #[serde(skip)]
    pub(super) authenticated_at: DateTime<Utc>,
}

impl Claims {
    /// Claims of a token that is good from `now` on for `life`, of a holder who signed in `auth_age` before.
    pub(super) fn new(
        organisation: &OrganisationId,
        roles: &[String],
        subject: &str,
        (now, life, auth_age): (DateTime<Utc>, Duration, Duration),
    ) -> Self {
        let expires_at = now + TimeDelta::from_std(life).unwrap_or_default();
        let authenticated_at = now - TimeDelta::from_std(auth_age).unwrap_or_default();
        Self {
            iss: DEVELOPMENT_ISSUER,
            aud: DEVELOPMENT_AUDIENCE,
            sub: subject.to_owned(),
            organisation_id: organisation.as_str().to_owned(),
            roles: roles.to_vec(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: expires_at.timestamp(),
            auth_time: authenticated_at.timestamp(),
            jti: Uuid::new_v4(),
            expires_at,
            authenticated_at,
        }
    }

    /// The token.
    pub(super) fn sign(&self, key: &DevelopmentKey) -> Result<String, Failure> {
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, self, &EncodingKey::from_ed_der(key.pkcs8.as_ref())).map_err(|error| {
            Failure::new(format!("the key in {} cannot sign", key.private_file.display())).because(error)
        })
    }
}
