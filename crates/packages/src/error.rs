//! What can go wrong while a package is written or read.

use std::error::Error as StdError;
use std::io;

use thiserror::Error;

use crate::encode::EncodeError;
use crate::key::{KeyError, ObjectKey};

/// Why a package could not be written, read or removed. Carries keys, never content.
#[derive(Debug, Error)]
pub enum PackageError {
    /// A row of the subject store could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A name cannot be an object key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store's URL or one of its options is wrong.
    #[error(
        "package store is not usable; expected a url such as file:///directory or s3://bucket/prefix, and the options of that store"
    )]
    StoreUrl(#[source] Box<dyn StdError + Send + Sync>),
    /// The object store failed; worth trying again later unless the object is missing.
    #[error("could not {action} object {key}")]
    Object {
        /// What was tried: `read`, `write`, `delete`, `list` or `sign a link to`.
        action: &'static str,
        /// The object, or the prefix for a list.
        key: String,
        /// The store's own words.
        #[source]
        source: object_store::Error,
    },
    /// There is no such object.
    #[error("object {0} does not exist")]
    NotFound(ObjectKey),
    /// A stored part is not as long as the step that wrote it recorded.
    #[error("part {key} holds {found} bytes where {expected} were recorded")]
    PartLength {
        /// The part.
        key: ObjectKey,
        /// Its length in bytes.
        found: u64,
        /// The length recorded, in bytes.
        expected: u64,
    },
    /// A stored object is as long as recorded, and yet not what was written.
    #[error("object {key} {reason}")]
    Damaged {
        /// The object.
        key: ObjectKey,
        /// How it differs.
        reason: &'static str,
    },
    /// A path cannot be used inside an archive: empty, absolute, climbing, taken or too long.
    #[error("{path:?} cannot be the path of an archive entry: {reason}")]
    EntryPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The compressor failed or was cut off by the end of the program.
    #[error("compression was interrupted")]
    Compression(#[source] Box<dyn StdError + Send + Sync>),
    /// The archive could not be encrypted. Nothing of it is visible then.
    #[error("encryption was interrupted")]
    Encryption(#[source] Box<dyn StdError + Send + Sync>),
    /// The manifest could not be written as JSON.
    #[error("the manifest could not be written as json")]
    Manifest(#[source] serde_json::Error),
    /// The schema of a collection could not be written as JSON.
    #[error("the schema of a collection could not be written as json")]
    Schema(#[source] serde_json::Error),
}

impl PackageError {
    /// Whether the object is not there, or no longer.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::NotFound(_) | Self::Object { source: object_store::Error::NotFound { .. }, .. })
    }

    /// Whether there is no room left where the package should go: a directory's disk or quota is used
    /// up. It passes when somebody makes room.
    #[must_use]
    pub fn is_storage_full(&self) -> bool {
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
                return true;
            }
            cause = error.source();
        }
        false
    }

    /// Whether the same work may succeed when done again later: the store was unreachable or
    /// refused for a moment. What rows, names or settings cause will not pass by itself.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            // An upload can be gone that its store gave up on; the next one begins anew.
            Self::Object { action: "write", source: object_store::Error::NotFound { .. }, .. } => true,
            Self::Object { source, .. } => !matches!(
                source,
                object_store::Error::NotFound { .. }
                    | object_store::Error::InvalidPath { .. }
                    | object_store::Error::NotSupported { .. }
                    | object_store::Error::UnknownConfigurationKey { .. }
            ),
            Self::Compression(_) | Self::Encryption(_) => true,
            Self::Encode(_)
            | Self::Key(_)
            | Self::StoreUrl(_)
            | Self::NotFound(_)
            | Self::PartLength { .. }
            | Self::Damaged { .. }
            | Self::EntryPath { .. }
            | Self::Manifest(_)
            | Self::Schema(_) => false,
        }
    }
}
