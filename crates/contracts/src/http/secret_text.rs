//! Texts in bodies that nobody but their receiver is to see.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is a secret or says who somebody is. Mute in `Debug`; written out only where a
/// request is sent.
#[derive(Debug, Clone)]
pub struct SecretText(SecretString);

impl SecretText {
    /// A text that was typed or read.
    #[must_use]
    pub const fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub const fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

/// A member that is there has a value; `null` is none.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
