//! How an export is to be encrypted, in the body that asks for it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::SecretText;
use super::secret_text::present;

/// How the package is to be encrypted, in the format of age (age-encryption.org/v1): to the holders
/// of public keys, or by a passphrase.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum EncryptionBody {
    /// To the holders of public keys.
    ToRecipients(ToRecipients),
    /// By a passphrase.
    ByPassphrase(ByPassphrase),
}

/// Encryption to the holders of public keys; each of them opens the package alone.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToRecipients {
    /// X25519 public keys as `age-keygen` prints them, none twice.
    #[schema(min_items = 1, max_items = 20)]
    pub recipients: Vec<String>,
}

/// Encryption by a passphrase. It is never shown again, and kept, sealed, only until the job has ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ByPassphrase {
    /// 12 characters and more, taken as they are, without line ends and other control characters.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 1024, write_only)]
    pub passphrase: Passphrase,
}

/// A passphrase.
pub type Passphrase = SecretText;

/// Both members, of which one is expected: so that an error can name the member it is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "expected an object with `recipients` or `passphrase`")]
struct Members {
    #[serde(default, deserialize_with = "present")]
    recipients: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    passphrase: Option<Passphrase>,
}

impl<'de> Deserialize<'de> for EncryptionBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Members::deserialize(deserializer)? {
            Members { recipients: Some(recipients), passphrase: None } => {
                Ok(Self::ToRecipients(ToRecipients { recipients }))
            }
            Members { recipients: None, passphrase: Some(passphrase) } => {
                Ok(Self::ByPassphrase(ByPassphrase { passphrase }))
            }
            _ => Err(D::Error::custom("expected either `recipients` or `passphrase`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_two_is_read_and_written() {
        for json in [r#"{"recipients":["age1x"]}"#, r#"{"passphrase":"correct horse battery"}"#] {
            let body: EncryptionBody = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&body).unwrap(), json);
            assert!(!format!("{body:?}").contains("horse"));
        }
    }

    #[test]
    fn anything_else_is_refused_without_quoting_a_passphrase() {
        for json in [
            "{}",
            r#"{"recipients":["age1x"],"passphrase":"correct horse"}"#,
            r#"{"recipients":null,"passphrase":"correct horse"}"#,
            r#"{"passphrase":{"horse":1}}"#,
            r#"{"passphrase":"correct horse","hint":"horse"}"#,
        ] {
            let error = serde_json::from_str::<EncryptionBody>(json).unwrap_err().to_string();
            assert!(error.contains("expected") && !error.contains("horse"), "{error}");
        }
    }
}
