//! The person that a command is about. Said once, sent once, and never printed.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use contracts::http::SecretText;
use secrecy::{ExposeSecret as _, SecretString};

use crate::failure::Failure;

/// How telephone numbers are called in data maps (Fideslang's name).
const PHONE: &str = "phone_number";

/// By what the person is found.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
#[command(next_help_heading = "Person")]
pub struct Person {
    /// Their e-mail address; case does not count.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<SecretString>,
    /// Their telephone number; what stands between its digits does not count.
    #[arg(long, value_name = "NUMBER")]
    phone: Option<SecretString>,
    /// Any identity that the data map names, as user_id=4711.
    #[arg(long, value_name = "TYPE=VALUE")]
    identity: Option<SecretString>,
    /// The same in a file of one line, or from standard input with -: so that it stands neither in the shell's
    /// history nor among the arguments of programs, which other users of this machine see.
    #[arg(long, value_name = "FILE")]
    identity_file: Option<PathBuf>,
}

/// A person by an identity.
#[derive(Debug, Clone)]
pub struct Named {
    /// The identity's type.
    pub(in crate::commands) identity_type: String,
    /// Its value.
    pub(in crate::commands) identity_value: SecretText,
}

impl Person {
    /// The person.
    ///
    /// # Errors
    /// When nobody is named, or the file cannot be read; what was given is not repeated.
    pub(super) fn named(&self) -> Result<Named, Failure> {
        match (&self.email, &self.phone, &self.identity, &self.identity_file) {
            (Some(value), ..) => of("email", value.expose_secret()),
            (_, Some(value), ..) => of(PHONE, value.expose_secret()),
            (_, _, Some(text), _) => named(text),
            (.., Some(file)) => named(&read(file)?),
            (None, None, None, None) => Err(Failure::usage("no person is named")),
        }
    }
}

/// The person that `TYPE=VALUE` names.
pub(in crate::commands) fn named(text: &SecretString) -> Result<Named, Failure> {
    match text.expose_secret().split_once('=') {
        Some((identity_type, value)) if !identity_type.trim().is_empty() => of(identity_type.trim(), value),
        _ => Err(Failure::usage("an identity must look like TYPE=VALUE")
            .next("write the type that the data map names, and = before the value: email=ada@example.org")),
    }
}

/// The one line of a file, or of standard input for `-`.
pub(in crate::commands) fn read(file: &Path) -> Result<SecretString, Failure> {
    let (place, text) = match file == Path::new("-") {
        true => ("standard input".to_owned(), io::read_to_string(io::stdin())),
        false => (file.display().to_string(), std::fs::read_to_string(file)),
    };
    let text = SecretString::from(
        text.map_err(|error| Failure::new(format!("{place} cannot be read")).because(error))?,
    );
    let line = text.expose_secret().trim_end_matches(['\r', '\n']);
    match line.contains('\n') {
        true => Err(Failure::usage(format!("{place} has more than one line"))
            .next("name one person in one line: TYPE=VALUE")),
        false => Ok(SecretString::from(line)),
    }
}

fn of(identity_type: &str, value: &str) -> Result<Named, Failure> {
    match value.trim().is_empty() {
        true => Err(Failure::usage("the identity is empty")),
        false => Ok(Named {
            identity_type: identity_type.to_owned(),
            identity_value: SecretText::new(SecretString::from(value)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Result<(String, String), String> {
        let named = named(&SecretString::from(text)).map_err(|error| error.to_string())?;
        Ok((named.identity_type, named.identity_value.secret().expose_secret().to_owned()))
    }

    #[test]
    fn a_value_may_have_any_sign_in_it() {
        assert_eq!(parts("user_id=a=b c").unwrap(), ("user_id".to_owned(), "a=b c".to_owned()));
        for wrong in ["ada@example.org", "=ada", "email=", "email= "] {
            let error = parts(wrong).unwrap_err();
            assert!(!error.contains("ada") || error.contains("email=ada@example.org"), "{error}");
        }
    }

    #[test]
    fn a_file_names_one_person() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "email=ada@example.org\r\n").unwrap();
        assert_eq!(read(file.path()).unwrap().expose_secret(), "email=ada@example.org");
        std::fs::write(file.path(), "email=ada@example.org\nemail=eve@example.org\n").unwrap();
        let error = read(file.path()).unwrap_err().to_string();
        assert!(error.contains("more than one line") && !error.contains("ada@"), "{error}");
    }
}
