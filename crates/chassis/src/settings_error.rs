//! Why settings cannot be used, without repeating a value: one of them may be a password.

use figment::error::{Actual, Kind};

/// Settings that cannot be used; the text names the setting and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("settings: {0}")]
pub struct SettingsError(String);

impl From<figment::Error> for SettingsError {
    fn from(error: figment::Error) -> Self {
        Self(error.into_iter().map(explain).collect::<Vec<_>>().join("; "))
    }
}

fn explain(mut error: figment::Error) -> String {
    error.kind = mute(error.kind);
    let mut text = error.to_string();
    if let Some(key) = error.path.last() {
        let variable = error.path.join("__").to_uppercase();
        text.push_str(&format!("; set `{key}` in the settings file, or LETHE_{variable} in the environment"));
    }
    text
}

/// The same without what was found.
fn mute(kind: Kind) -> Kind {
    match kind {
        Kind::InvalidType(found, expected) => Kind::InvalidType(mute_found(found), expected),
        Kind::InvalidValue(found, expected) => Kind::InvalidValue(mute_found(found), expected),
        Kind::Unsupported(found) => Kind::Unsupported(mute_found(found)),
        // A syntax error quotes the line it is in, with a number and a bar before it.
        Kind::Message(text) => {
            Kind::Message(text.lines().filter(|line| !line.contains('|')).collect::<Vec<_>>().join(": "))
        }
        other => other,
    }
}

fn mute_found(found: Actual) -> Actual {
    match found {
        Actual::Str(_) | Actual::Char(_) | Actual::Bytes(_) | Actual::Other(_) => {
            Actual::Other("a text".to_owned())
        }
        other => other,
    }
}
