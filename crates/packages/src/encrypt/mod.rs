//! Encrypting packages, in the format of `age` (age-encryption.org/v1), and sealing the passphrases
//! that requests come with.
//!
//! An archive is encrypted while it is written: what lies in the store was never there in the clear
//! under the same key. The format knows truncation, so an object whose end is missing opens nowhere.

mod encryption;
mod error;
mod recipient;
mod seal;
mod stream;

pub use encryption::{ENCRYPTED_SUFFIX, Encryption, MOST_RECIPIENTS, SHORTEST_PASSPHRASE, media_type};
pub use error::EncryptionError;
pub use seal::{SealError, SealedFor};
pub(crate) use stream::EncryptedStream;
