//! What an export request asks for.

mod result;

use serde::{Deserialize, Serialize};

use crate::erasure::SubjectRef;

pub use result::ExportResult;

/// The file formats of an export package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One JSON array per collection, one record a line.
    Json,
    /// One RFC 4180 file per collection.
    Csv,
    /// Both of them.
    Both,
}

impl ExportFormat {
    /// Whether JSON files are wanted.
    #[must_use]
    pub fn json(self) -> bool {
        matches!(self, Self::Json | Self::Both)
    }

    /// Whether CSV files are wanted.
    #[must_use]
    pub fn csv(self) -> bool {
        matches!(self, Self::Csv | Self::Both)
    }
}

/// An export of all that the data map names of one organisation (GDPR Art. 15 and 20).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Whether media objects are asked for beside the rows.
    pub include_media: bool,
    /// The formats of the data files.
    pub format: ExportFormat,
    /// How the package is encrypted, if it is. A program that does not know this member refuses the
    /// request, and so never writes in the clear what was to be encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<ExportEncryption>,
    /// The person it is of; everybody in the organisation when absent. A program that does not know
    /// this member refuses the request, and so never hands out more than was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectRef>,
}

/// How a package is encrypted. Holds nothing secret: it is kept with the job and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportEncryption {
    /// To the holders of these public keys.
    Recipients(Vec<String>),
    /// By a passphrase, which is kept elsewhere, sealed, and only until the job has ended.
    Passphrase,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_from_before_encryption_are_equal_to_those_without() {
        let plain = r#"{"include_media":false,"format":"json"}"#;
        let request: ExportRequest = serde_json::from_str(plain).unwrap();
        assert_eq!((&request.encryption, &request.subject), (&None, &None));
        assert_eq!(serde_json::to_string(&request).unwrap(), plain);
    }

    #[test]
    fn the_mode_is_kept_and_no_passphrase() {
        for (encryption, json) in [
            (ExportEncryption::Passphrase, r#""passphrase""#),
            (ExportEncryption::Recipients(vec!["age1x".to_owned()]), r#"{"recipients":["age1x"]}"#),
        ] {
            assert_eq!(serde_json::to_string(&encryption).unwrap(), json);
            assert_eq!(serde_json::from_str::<ExportEncryption>(json).unwrap(), encryption);
        }
        assert!(serde_json::from_str::<ExportEncryption>(r#"{"passphrase":"secret"}"#).is_err());
    }
}
