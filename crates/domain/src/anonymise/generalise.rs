//! `generalise`: the value with less precision. A time becomes the first day of its year, a network
//! address its /24 (version 4) or /48 (version 6), a number its leading digit.
//!
//! The server prints some outputs another way (`-100` of a `numeric(10,2)` as `-100.00`): they are
//! equal as values. Its `date_trunc('year', …)` is equal too, except in 4714 BC, whose first day it
//! cannot represent, and for dates beyond the range of its timestamps; it refuses both.

mod bucket;
mod network;
mod year;

use std::borrow::Cow;

use super::shape::Shape;
use super::{Keyed, Misfit, Rule};
use crate::datamap::Effect;
use crate::schema::TypeFamily;

pub(super) struct Generalise;

impl Rule for Generalise {
    fn effect(&self) -> Effect {
        Effect::Anonymised
    }

    fn accepts(&self, family: TypeFamily) -> bool {
        use TypeFamily::{Date, Network, Number, Timestamp, TimestampTz};
        matches!(family, Number | Timestamp | TimestampTz | Date | Network)
    }

    /// A numeric with a negative scale may have no digits but the leading one, and would stay as it is.
    fn fits(&self, shape: &Shape<'_>) -> Result<(), Misfit> {
        if shape.rounds() { Err(shape.refused()) } else { Ok(()) }
    }

    fn replace<'v>(&self, value: &'v str, shape: &Shape<'_>, _: &Keyed<'_>) -> Option<Option<Cow<'v, str>>> {
        let coarse = match shape.column.family {
            TypeFamily::Number => bucket::of(value)?,
            TypeFamily::Network => network::of(value)?,
            family => year::of(value, family)?,
        };
        Some(Some(Cow::Owned(coarse)))
    }
}
