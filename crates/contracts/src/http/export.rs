//! The body that asks for an export.

use domain::export::{ExportEncryption, ExportFormat, ExportRequest};
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::EncryptionBody;

/// Asks for an export of everything that the data map names of the caller's organisation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportBody {
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

/// Reads a variant's name. JSON would also allow `{"json": null}`, which the published schema does not.
pub(super) fn plain_name<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let name = String::deserialize(deserializer)?;
    T::deserialize(IntoDeserializer::<D::Error>::into_deserializer(name))
}

/// A format of data files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON array per collection, one record a line.
    Json,
    /// One RFC 4180 file per collection.
    Csv,
    /// Both.
    Both,
}

impl From<&ExportBody> for ExportRequest {
    fn from(body: &ExportBody) -> Self {
        let format = match body.format {
            Format::Json => ExportFormat::Json,
            Format::Csv => ExportFormat::Csv,
            Format::Both => ExportFormat::Both,
        };
        let encryption = body.encryption.as_ref().map(|encryption| match encryption {
            EncryptionBody::ToRecipients(to) => ExportEncryption::Recipients(to.recipients.clone()),
            EncryptionBody::ByPassphrase(_) => ExportEncryption::Passphrase,
        });
        Self { include_media: body.include_media, format, encryption, subject: None }
    }
}
