//! The key under which repetitions of a request are one request.

use clap::Args;
use uuid::Uuid;

use crate::failure::Failure;

/// The option for it.
#[derive(Debug, Clone, Args)]
pub struct IdempotencyOption {
    /// The key under which repetitions are one request [default: a new one]
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl IdempotencyOption {
    /// The key; a new one unless it is given.
    ///
    /// # Errors
    /// When it cannot be written into a header.
    pub(super) fn key(&self) -> Result<String, Failure> {
        let key = self.idempotency_key.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        let plain = |letter: char| letter.is_ascii_graphic() && letter != '"' && letter != '\\';
        match !key.is_empty() && key.chars().all(plain) {
            true => Ok(key),
            false => {
                Err(Failure::usage("the idempotency key must be visible ASCII without spaces, \" and \\"))
            }
        }
    }
}
