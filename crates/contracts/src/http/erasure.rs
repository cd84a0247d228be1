//! The bodies that ask for the erasure of an organisation, and that do without a step of it.

use domain::erasure::{ErasureRequest, GracePeriod};
use domain::id::JobId;
use domain::job;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::SecretText;
use super::export::plain_name;

/// Asks for the erasure of everything that the data map names of the caller's organisation (Art. 17).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteBody {
    /// The organisation's name, to the letter, as its own table has it.
    #[schema(value_type = String, write_only)]
    pub confirm_org_name: SecretText,
    /// Whether the media objects that rows name are deleted too.
    #[serde(default)]
    pub delete_media: bool,
    /// How many days of 24 hours it waits before it begins. Until then it can be cancelled.
    #[serde(default, deserialize_with = "grace_period")]
    #[schema(value_type = i64, minimum = 0, maximum = 30, default = 7)]
    pub grace_period_days: GracePeriod,
    /// Whether it ends with its plan, and erases nothing. The plan is made at once.
    #[serde(default)]
    pub dry_run: bool,
    /// An export of the same organisation that must be complete before anything is erased. The erasure
    /// waits for its end, beyond the grace period if need be, and erases nothing when it ended without
    /// its package. A dry run does not wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "job_id")]
    #[schema(value_type = Option<Uuid>)]
    pub after_export: Option<Uuid>,
    /// For people who look at a list: 1 to 80 letters (A to Z), digits, spaces and `. _ : / # -`. Kept in the
    /// clear, so it says nothing of anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80, pattern = r"^[A-Za-z0-9]([A-Za-z0-9 ._:/#-]{0,78}[A-Za-z0-9])?$")]
    pub label: Option<String>,
    /// The request's name in another system, of the same form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80, pattern = r"^[A-Za-z0-9]([A-Za-z0-9 ._:/#-]{0,78}[A-Za-z0-9])?$")]
    pub external_reference: Option<String>,
}

/// Reads a grace period, so that an error says which numbers are one. `7.0` is the same whole number as
/// `7` (JSON Schema 2020-12, validation, 6.1.1), and some clients write it so.
pub(super) fn grace_period<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GracePeriod, D::Error> {
    let number = f64::deserialize(deserializer).ok();
    let days = (0..=u8::MAX).find(|days| number == Some(f64::from(*days)));
    days.and_then(|days| GracePeriod::try_from(i64::from(days)).ok()).ok_or_else(|| {
        D::Error::custom(format_args!("expected a whole number from 0 to {}", GracePeriod::LONGEST))
    })
}

/// Reads a job's id, so that an error says what is one and repeats nothing of what is not.
fn job_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    Option::deserialize(deserializer).map_err(|_| D::Error::custom("expected the id of a job, a UUID"))
}

impl From<&DeleteBody> for ErasureRequest {
    fn from(body: &DeleteBody) -> Self {
        Self {
            subject: None,
            delete_media: body.delete_media,
            grace_period_days: body.grace_period_days,
            dry_run: body.dry_run,
            deferred: None,
            after_export: body.after_export.map(JobId),
        }
    }
}

/// Does without a step that waits for others, or without what a verification waits for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipBody {
    /// Why. It enters the audit log. For a step that revokes tokens one of `provider_closed`, `tokens_expired`,
    /// `revoked_elsewhere`, `risk_accepted`; for a verification `risk_accepted` or `transaction_harmless`.
    #[serde(deserialize_with = "plain_name")]
    pub reason: SkipReason,
}

/// Why an owner does without a step, or without what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The provider has closed its service.
    ProviderClosed,
    /// The tokens have expired by themselves.
    TokensExpired,
    /// The tokens were revoked by other means.
    RevokedElsewhere,
    /// The erasure cannot wait, and the risk is accepted.
    RiskAccepted,
    /// The open transactions cannot write rows that the erasure is about, as a backup's.
    TransactionHarmless,
}

impl From<SkipReason> for job::SkipReason {
    fn from(reason: SkipReason) -> Self {
        match reason {
            SkipReason::ProviderClosed => Self::ProviderClosed,
            SkipReason::TokensExpired => Self::TokensExpired,
            SkipReason::RevokedElsewhere => Self::RevokedElsewhere,
            SkipReason::RiskAccepted => Self::RiskAccepted,
            SkipReason::TransactionHarmless => Self::TransactionHarmless,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_of_an_erasure_is_the_careful_choice() {
        let body: DeleteBody = serde_json::from_str(r#"{"confirm_org_name":"Acme"}"#).unwrap();
        let request = ErasureRequest::from(&body);
        assert_eq!(
            (request.delete_media, request.dry_run, request.grace_period_days),
            (false, false, GracePeriod::default())
        );
        assert_eq!(request.after_export, None);
        assert!(!format!("{body:?}").contains("Acme"));
    }

    #[test]
    fn an_export_that_comes_first_is_named_by_its_id() {
        let id = "0190a5c4-0000-7000-8000-000000000001";
        let body = format!(r#"{{"confirm_org_name":"Acme","after_export":"{id}"}}"#);
        let body: DeleteBody = serde_json::from_str(&body).unwrap();
        assert_eq!(ErasureRequest::from(&body).after_export.unwrap().to_string(), id);
        for wrong in ["\"\"", "7", "\"last\"", "[]"] {
            let body = format!(r#"{{"confirm_org_name":"Acme","after_export":{wrong}}}"#);
            let error = serde_json::from_str::<DeleteBody>(&body).unwrap_err().to_string();
            assert!(error.starts_with("expected the id of a job, a UUID"), "{error}");
        }
    }

    #[test]
    fn a_grace_period_is_a_whole_number_from_0_to_30() {
        for days in ["31", "-1", "1.5", "\"7\"", "null", "1e3", "99999999999999999999"] {
            let body = format!(r#"{{"confirm_org_name":"Acme","grace_period_days":{days}}}"#);
            let error = serde_json::from_str::<DeleteBody>(&body).unwrap_err().to_string();
            assert!(error.starts_with("expected a whole number from 0 to 30"), "{error}");
        }
        for days in ["0", "0.0", "30", "30.0", "3e1"] {
            let body = format!(r#"{{"confirm_org_name":"Acme","grace_period_days":{days}}}"#);
            serde_json::from_str::<DeleteBody>(&body).unwrap();
        }
    }

    #[test]
    fn reasons_have_the_names_of_the_domain() {
        for reason in job::SkipReason::ALL {
            let body = format!(r#"{{"reason":"{}"}}"#, reason.name());
            let body: SkipBody = serde_json::from_str(&body).unwrap();
            assert_eq!(job::SkipReason::from(body.reason), reason);
        }
        assert!(serde_json::from_str::<SkipBody>(r#"{"reason":{"risk_accepted":null}}"#).is_err());
    }
}
