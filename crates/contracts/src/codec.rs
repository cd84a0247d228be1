//! MessagePack with named fields, always.
//!
//! Positional encoding swaps two fields of one type silently after a reorder; named maps survive
//! reorders, additions and unknown fields in either direction. Decoding never panics: what cannot
//! be read is an error with a reason that holds none of the message's content.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::message::{Envelope, Message};

/// Why bytes are not the message that was expected.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// No envelope can be read from the bytes.
    #[error("not a message: no MessagePack map with id, kind, version, sent_at and body")]
    NotAnEnvelope,
    /// An envelope of another kind.
    #[error("expected a message of kind `{expected}`, found another")]
    Kind {
        /// The kind that this queue carries.
        expected: &'static str,
    },
    /// A version that this reader does not know.
    #[error("version {found} of `{kind}` is not supported; this reader knows up to {known}")]
    Version {
        /// The kind.
        kind: &'static str,
        /// What came.
        found: u16,
        /// The newest known version.
        known: u16,
    },
    /// The envelope is right but the body is not.
    #[error("the body is not a `{kind}` of version {version}")]
    Body {
        /// The kind.
        kind: &'static str,
        /// Its version.
        version: u16,
    },
}

#[derive(Deserialize)]
struct Header {
    id: uuid::Uuid,
    kind: String,
    version: u16,
    #[serde(rename = "body")]
    _body: IgnoredAny,
}

/// Encodes an envelope.
///
/// # Errors
/// Only when the body's own `Serialize` fails, which none of ours does.
pub fn encode<T: Message>(envelope: &Envelope<T>) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(envelope)
}

/// Decodes an envelope of the expected kind.
///
/// # Errors
/// [`DecodeError`], telling what is wrong without quoting the bytes.
pub fn decode<T: Message>(bytes: &[u8]) -> Result<Envelope<T>, DecodeError> {
    let header = header::<T>(bytes)?;
    if header.version == 0 || header.version > T::VERSION {
        return Err(DecodeError::Version { kind: T::KIND, found: header.version, known: T::VERSION });
    }
    rmp_serde::from_slice(bytes).map_err(|_| DecodeError::Body { kind: T::KIND, version: header.version })
}

/// The id of an envelope of the expected kind, of any version: for readers to whom a message is a
/// hint, and who take what it says from elsewhere.
///
/// # Errors
/// [`DecodeError`], as [`decode`].
pub fn named<T: Message>(bytes: &[u8]) -> Result<uuid::Uuid, DecodeError> {
    header::<T>(bytes).map(|header| header.id)
}

fn header<T: Message>(bytes: &[u8]) -> Result<Header, DecodeError> {
    let header: Header = rmp_serde::from_slice(bytes).map_err(|_| DecodeError::NotAnEnvelope)?;
    match header.kind == T::KIND {
        true => Ok(header),
        false => Err(DecodeError::Kind { expected: T::KIND }),
    }
}
