//! `mask`: stars, which tell how long the value was, roughly.
//!
//! The number of stars is the length rounded down to a power of two, at most 16. So five classes of
//! length remain (and whether the text was empty), enough to tell a short name from an address and
//! too few to tell two names apart. No character of the value remains, neither punctuation: the
//! hyphen of a double name is telling.

use std::borrow::Cow;

use super::shape::Shape;
use super::{Keyed, Rule};
use crate::datamap::Effect;
use crate::schema::TypeFamily;

/// The most stars.
const MOST: usize = 16;

pub(super) struct Mask;

impl Rule for Mask {
    fn effect(&self) -> Effect {
        Effect::Anonymised
    }

    fn accepts(&self, family: TypeFamily) -> bool {
        family == TypeFamily::Text
    }

    fn replace<'v>(&self, value: &'v str, shape: &Shape<'_>, _: &Keyed<'_>) -> Option<Option<Cow<'v, str>>> {
        let length = shape.unpadded(value).chars().count().min(shape.room());
        let stars = length.checked_ilog2().map_or(0, |power| 1_usize << power).min(MOST);
        Some(Some(Cow::Owned("*".repeat(stars))))
    }
}
