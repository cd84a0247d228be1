//! Giving the store's errors the object's name.

use std::io;

use crate::error::PackageError;

pub(super) fn failed(action: &'static str, key: &str, source: object_store::Error) -> PackageError {
    PackageError::Object { action, key: key.to_owned(), source }
}

/// The store's own error, where `object_store` has wrapped it to fit an I/O trait.
pub(super) fn from_io(error: io::Error) -> object_store::Error {
    error.downcast().unwrap_or_else(|error| object_store::Error::Generic {
        store: "package store",
        source: Box::new(error),
    })
}
