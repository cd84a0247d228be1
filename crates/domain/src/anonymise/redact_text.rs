//! `redact_text`: free text is replaced whole by a marker, cut to the column's length.
//!
//! Nothing of the text remains, not even whether it was empty. Redacting only the personal parts
//! needs a detector, and would be anonymous only as far as the detector is right.

use std::borrow::Cow;

use super::shape::Shape;
use super::{Keyed, Rule};
use crate::datamap::Effect;
use crate::schema::TypeFamily;

/// What stands in place of a text.
pub const MARKER: &str = "[redacted]";

pub(super) struct RedactText;

impl Rule for RedactText {
    fn effect(&self) -> Effect {
        Effect::Anonymised
    }

    fn accepts(&self, family: TypeFamily) -> bool {
        family == TypeFamily::Text
    }

    fn replace<'v>(&self, _: &'v str, shape: &Shape<'_>, _: &Keyed<'_>) -> Option<Option<Cow<'v, str>>> {
        Some(Some(Cow::Borrowed(MARKER.get(..shape.room()).unwrap_or(MARKER))))
    }
}
