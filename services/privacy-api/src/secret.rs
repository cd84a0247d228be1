//! A secret in the settings: from the environment, or from a mounted file.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

/// A secret, or where it lies. Mute in `Debug`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// The secret itself, from an environment variable.
    Itself(SecretString),
    /// A file that holds nothing else; a line end behind it does not count.
    In {
        /// The file.
        file: PathBuf,
    },
}

/// A secret's file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: the secret's file `{file}` cannot be read")]
pub struct SecretError {
    setting: String,
    file: String,
    #[source]
    source: std::io::Error,
}

impl Secret {
    /// The secret.
    ///
    /// # Errors
    /// [`SecretError`] naming `setting` when its file cannot be read.
    pub fn read(&self, setting: &str) -> Result<SecretString, SecretError> {
        match self {
            Self::Itself(secret) => Ok(secret.clone()),
            Self::In { file } => match std::fs::read_to_string(file) {
                Ok(text) => Ok(SecretString::from(text.trim_end_matches(['\r', '\n']))),
                Err(source) => {
                    Err(SecretError { setting: setting.to_owned(), file: file.display().to_string(), source })
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_file_is_read_without_its_line_end_and_nothing_shows_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        std::fs::write(&file, "a secret\n").unwrap();
        let secret: Secret = serde_json::from_value(serde_json::json!({ "file": file })).unwrap();
        let read = secret.read("x").unwrap();
        assert_eq!(read.expose_secret(), "a secret");
        let inline: Secret = serde_json::from_value("a secret".into()).unwrap();
        assert!(!format!("{inline:?}{read:?}").contains("a secret"));
    }

    #[test]
    fn a_missing_file_is_named_with_its_setting() {
        let secret = Secret::In { file: "/nowhere/key".into() };
        let error = secret.read("packages.link_keys.k1").unwrap_err().to_string();
        assert_eq!(error, "packages.link_keys.k1: the secret's file `/nowhere/key` cannot be read");
    }
}
