//! The bodies of requests about one person of an organisation.

use domain::erasure::{ErasureRequest, GracePeriod, SubjectRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::erasure::grace_period;
use super::export::plain_name;
use super::{EncryptionBody, ExportBody, Format, SecretText};

/// Asks for the erasure of one person's data (Art. 17).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectErasureBody {
    /// By what the person is found: a type of identity that the data map names, as `email`.
    pub identity_type: String,
    /// The person's own, in any spelling that people use. Kept sealed, and never shown again.
    #[schema(value_type = String, min_length = 1, write_only)]
    pub identity_value: SecretText,
    /// Whether the media objects that rows name are deleted too.
    #[serde(default)]
    pub delete_media: bool,
    /// How many days of 24 hours it waits before it begins. Until then it can be cancelled.
    #[serde(default = "at_once", deserialize_with = "grace_period")]
    #[schema(value_type = i64, minimum = 0, maximum = 30, default = 0)]
    pub grace_period_days: GracePeriod,
    /// Whether it ends with its plan, and erases nothing.
    #[serde(default)]
    pub dry_run: bool,
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

fn at_once() -> GracePeriod {
    GracePeriod::NONE
}

impl SubjectErasureBody {
    /// What is asked for, of the person that `subject` stands for.
    #[must_use]
    pub fn request(&self, subject: SubjectRef) -> ErasureRequest {
        ErasureRequest {
            subject: Some(subject),
            delete_media: self.delete_media,
            grace_period_days: self.grace_period_days,
            dry_run: self.dry_run,
            deferred: None,
            after_export: None,
        }
    }
}

/// Asks for an export of one person's data (Art. 15, 20).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectExportBody {
    /// By what the person is found: a type of identity that the data map names, as `email`.
    pub identity_type: String,
    /// The person's own, in any spelling that people use. Kept sealed, and never shown again.
    #[schema(value_type = String, min_length = 1, write_only)]
    pub identity_value: SecretText,
    /// Whether media objects are wanted beside the rows.
    #[serde(default)]
    pub include_media: bool,
    /// The format of the data files.
    #[serde(deserialize_with = "plain_name")]
    pub format: Format,
    /// How the package is to be encrypted; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<EncryptionBody>,
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

impl SubjectExportBody {
    /// The package that is asked for, whosever data it holds.
    #[must_use]
    pub fn package(&self) -> ExportBody {
        let Self { include_media, format, encryption, label, external_reference, .. } = self;
        ExportBody {
            include_media: *include_media,
            format: *format,
            encryption: encryption.clone(),
            label: label.clone(),
            external_reference: external_reference.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_persons_erasure_begins_at_once_unless_said_otherwise() {
        let json = r#"{"identity_type":"email","identity_value":"ada@example.org"}"#;
        let body: SubjectErasureBody = serde_json::from_str(json).unwrap();
        assert_eq!(body.grace_period_days, GracePeriod::NONE);
        assert!(!format!("{body:?}").contains("ada"));
    }
}
