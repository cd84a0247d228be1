//! For whom the package of an export is encrypted, from the options of the command line.
//!
//! A passphrase never stands on the command line, where every process of the machine could read it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use contracts::http::{ByPassphrase, EncryptionBody, Passphrase, ToRecipients};
use secrecy::{ExposeSecret as _, SecretString};

use super::ask;
use crate::failure::Failure;

/// For whom the package is encrypted; for nobody when nothing is set.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Encryption")]
pub struct EncryptTo {
    /// Encrypt the package to the holder of this public key of age; may be given several times.
    #[arg(long = "encrypt-to", value_name = "AGE-KEY", conflicts_with_all = ["passphrase", "passphrase_file"])]
    recipients: Vec<String>,
    /// Encrypt it to the public keys in this file, one a line; # begins a comment.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["passphrase", "passphrase_file"])]
    recipients_file: Option<PathBuf>,
    /// Encrypt it by a passphrase, which is asked for on the terminal.
    #[arg(long, conflicts_with = "passphrase_file")]
    passphrase: bool,
    /// Encrypt it by the passphrase in this file; a line end behind it does not count.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl EncryptTo {
    /// What the request says of it.
    pub(super) fn body(&self) -> Result<Option<EncryptionBody>, Failure> {
        if let Some(passphrase) = self.read_passphrase()? {
            let passphrase = Passphrase::new(passphrase);
            return Ok(Some(EncryptionBody::ByPassphrase(ByPassphrase { passphrase })));
        }
        let mut recipients = self.recipients.clone();
        if let Some(file) = &self.recipients_file {
            let found = recipients_in(&read(file)?);
            if found.is_empty() {
                return Err(Failure::usage(format!("{} names no recipient", file.display()))
                    .next("write one public key of age a line, as `age-keygen -y` prints it"));
            }
            recipients.extend(found);
        }
        let to = |recipients| EncryptionBody::ToRecipients(ToRecipients { recipients });
        Ok((!recipients.is_empty()).then(|| to(recipients)))
    }

    fn read_passphrase(&self) -> Result<Option<SecretString>, Failure> {
        if let Some(file) = &self.passphrase_file {
            let text = SecretString::from(read(file)?);
            return Ok(Some(SecretString::from(text.expose_secret().trim_end_matches(['\r', '\n']))));
        }
        if self.passphrase { ask_twice().map(Some) } else { Ok(None) }
    }
}

/// Asks twice, without showing what is typed.
fn ask_twice() -> Result<SecretString, Failure> {
    let otherwise = "write it into a file that only you can read, and name that with --passphrase-file";
    let terminal = ask::terminal("the passphrase", otherwise)?;
    let line = |question: &str| {
        let typed = terminal.write_str(question).and_then(|()| terminal.read_secure_line());
        typed
            .map(SecretString::from)
            .map_err(|error| Failure::new("the passphrase cannot be read from the terminal").because(error))
    };
    let (first, again) = (line("Passphrase for the package: ")?, line("The same again: ")?);
    match first.expose_secret() == again.expose_secret() {
        true => Ok(first),
        false => Err(Failure::usage("the two passphrases are not the same")),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file)
        .map_err(|error| Failure::new(format!("{} cannot be read", file.display())).because(error))
}

/// As `age --recipients-file` reads it.
fn recipients_in(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_no_recipients() {
        assert_eq!(recipients_in("# Ada\nage1a\n\n  age1b  \r\n#age1c"), ["age1a", "age1b"]);
    }

    #[test]
    fn a_passphrase_file_is_taken_without_its_line_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "correct horse \n").unwrap();
        let to = EncryptTo { passphrase_file: Some(file.path().to_owned()), ..EncryptTo::default() };
        let body = serde_json::to_string(&to.body().unwrap()).unwrap();
        assert_eq!(body, r#"{"passphrase":"correct horse "}"#);
        assert!(!format!("{:?}", to.body().unwrap()).contains("horse"));
    }

    #[test]
    fn nothing_set_is_no_encryption_and_an_empty_file_is_a_mistake() {
        assert!(EncryptTo::default().body().unwrap().is_none());
        let file = tempfile::NamedTempFile::new().unwrap();
        let to = EncryptTo { recipients_file: Some(file.path().to_owned()), ..EncryptTo::default() };
        assert!(to.body().unwrap_err().to_string().contains("names no recipient"));
    }
}
