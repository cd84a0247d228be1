//! Why a package cannot be encrypted as asked.

use thiserror::Error;

use super::encryption::{MOST_RECIPIENTS, SHORTEST_PASSPHRASE};

/// Why a package cannot be encrypted as asked. Never holds what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncryptionError {
    /// Nobody could open the package.
    #[error("there is no recipient; expected at least one")]
    NoRecipient,
    /// Every recipient costs work and room in the header of each volume.
    #[error("there are more than {MOST_RECIPIENTS} recipients; expected {MOST_RECIPIENTS} at most")]
    TooManyRecipients,
    /// An entry is no recipient that can be used.
    #[error("recipient {} {reason}", index + 1)]
    Recipient {
        /// Which one, counted from 0.
        index: usize,
        /// What is wrong and what would be right.
        reason: &'static str,
    },
    /// The passphrase is too short to withstand guessing.
    #[error("the passphrase is too short; expected {SHORTEST_PASSPHRASE} characters and more")]
    ShortPassphrase,
    /// The passphrase is longer than anybody can mean.
    #[error("the passphrase is too long; expected 1024 bytes at most")]
    LongPassphrase,
    /// The passphrase could not be typed where the package is opened.
    #[error("the passphrase holds a line end or another control character; expected none")]
    ControlCharacter,
}

impl EncryptionError {
    /// The entry that is wrong, counted from 0, when it is one of the recipients.
    #[must_use]
    pub const fn recipient_index(&self) -> Option<usize> {
        match self {
            Self::Recipient { index, .. } => Some(*index),
            _ => None,
        }
    }
}
