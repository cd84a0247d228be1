//! Values as log fields.

use std::error::Error;

/// An error as a log field: written with its sources, without a cast at every call.
#[must_use]
pub fn as_error(error: &(impl Error + 'static)) -> &(dyn Error + 'static) {
    error
}
