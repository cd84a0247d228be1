//! From a verified token's claims to a caller.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::id::OrganisationId;
use serde_json::{Map, Value};

use super::caller::Caller;
use super::error::TokenError;
use super::issuer::LEEWAY_SECONDS;
use super::subject::Subjects;

/// The claims of one token.
pub(super) type Claims = Map<String, Value>;

/// Which claims say what.
#[derive(Debug, Clone)]
pub(super) struct ClaimNames {
    pub organisation: String,
    pub roles: Vec<String>,
}

impl ClaimNames {
    /// The caller that the claims describe.
    pub fn caller(&self, claims: &Claims, subjects: &Subjects) -> Result<Caller, TokenError> {
        let missing = |name: &str| TokenError::Claim(name.to_owned());
        let subject = claims.get("sub").and_then(Value::as_str).filter(|text| !text.is_empty());
        let organisation = find(claims, &self.organisation).and_then(identifier);
        let organisation = organisation.ok_or_else(|| missing(&self.organisation))?;
        Ok(Caller {
            subject: subjects.safe(subject.ok_or_else(|| missing("sub"))?)?,
            organisation: OrganisationId::parse(organisation).map_err(|_| missing(&self.organisation))?,
            roles: self.roles(claims),
            until: claims.get("exp").and_then(accepted_until),
            authenticated_at: claims.get("auth_time").and_then(seconds).and_then(at),
        })
    }

    fn roles(&self, claims: &Claims) -> Vec<Role> {
        let found = self.roles.iter().filter_map(|name| find(claims, name));
        let names = found.flat_map(|value| match value {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            other => Vec::from_iter(other.as_str()),
        });
        names.filter_map(Role::parse).collect()
    }
}

/// Clocks may differ.
fn accepted_until(exp: &Value) -> Option<DateTime<Utc>> {
    at(seconds(exp)?.checked_add(LEEWAY_SECONDS.try_into().ok()?)?)
}

/// Times are numbers of seconds, with a fraction or without (RFC 7519, 2).
fn seconds(time: &Value) -> Option<i64> {
    let fraction = || Duration::try_from_secs_f64(time.as_f64()?).ok()?.as_secs().try_into().ok();
    time.as_i64().or_else(fraction)
}

fn at(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}

/// The claim of that name, or behind that JSON pointer.
fn find<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    let Some(path) = name.strip_prefix('/') else {
        return claims.get(name);
    };
    let mut segments = path.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    let first = claims.get(&segments.next()?)?;
    segments.try_fold(first, |value, segment| value.get(segment))
}

/// An id is a text or a whole number: `3` and `"3"` are the same organisation.
fn identifier(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;

    fn caller(claims: Value, organisation: &str, roles: &[&str]) -> Result<Caller, TokenError> {
        let subjects = Subjects::new(&SecretString::from("0123456789abcdef0123456789abcdef")).unwrap();
        let roles = roles.iter().map(|&role| role.to_owned()).collect();
        let names = ClaimNames { organisation: organisation.to_owned(), roles };
        names.caller(claims.as_object().unwrap(), &subjects)
    }

    #[test]
    fn roles_come_as_text_or_list_from_any_of_the_claims() {
        let claims =
            json!({"sub": "u1", "organisation_id": "acme", "role": "owner", "roles": ["auditor", "root", 7]});
        let caller = caller(claims, "organisation_id", &["roles", "role"]).unwrap();
        assert_eq!(caller.roles, [Role::Auditor, Role::Owner]);
        assert_eq!((caller.organisation.as_str(), caller.subject.as_str()), ("acme", "u1"));
    }

    #[test]
    fn a_subject_that_may_name_a_person_is_not_kept() {
        let claims = json!({"sub": "jane@example.com", "organisation_id": "acme"});
        let caller = caller(claims, "organisation_id", &[]).unwrap();
        assert!(caller.subject.starts_with("sub:"), "{}", caller.subject);
    }

    #[test]
    fn a_token_is_accepted_a_little_longer_than_it_says() {
        let until = |exp: Value| {
            let claims = json!({"sub": "u1", "organisation_id": "acme", "exp": exp});
            caller(claims, "organisation_id", &[]).unwrap().until.map(|at| at.timestamp())
        };
        assert_eq!((until(json!(1_000)), until(json!(1_000.9))), (Some(1_060), Some(1_060)));
        assert_eq!((until(json!(1e300)), until(json!("soon")), until(Value::Null)), (None, None, None));
    }

    #[test]
    fn a_pointer_reaches_into_nested_claims() {
        let claims = json!({"sub": "u1", "realm_access": {"roles": ["member"]}, "org": {"a/b": 3}});
        let caller = caller(claims, "/org/a~1b", &["/realm_access/roles"]).unwrap();
        assert_eq!((caller.organisation.as_str(), caller.roles), ("3", vec![Role::Member]));
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = |claims: Value| caller(claims, "organisation_id", &["role"]).unwrap_err().to_string();
        for claims in [
            json!({"sub": "u1"}),
            json!({"sub": "u1", "organisation_id": ""}),
            json!({"sub": "u1", "organisation_id": null}),
            json!({"sub": "u1", "organisation_id": ["acme"]}),
            json!({"sub": "u1", "organisation_id": 1.5}),
            json!({"sub": "u1", "organisation_id": "a\u{0}b"}),
        ] {
            assert_eq!(without(claims), "the token has no usable claim `organisation_id`");
        }
        assert_eq!(without(json!({"organisation_id": "acme"})), "the token has no usable claim `sub`");
    }
}
