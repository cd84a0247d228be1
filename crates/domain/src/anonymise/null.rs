//! `null`: nothing is left.

use std::borrow::Cow;

use super::shape::Shape;
use super::{Keyed, Misfit, Rule};
use crate::datamap::Effect;
use crate::schema::TypeFamily;

pub(super) struct Null;

impl Rule for Null {
    fn effect(&self) -> Effect {
        Effect::Anonymised
    }

    fn accepts(&self, _family: TypeFamily) -> bool {
        true
    }

    /// For UNIQUE no NULL equals another.
    fn keeps_distinct(&self, _family: TypeFamily) -> bool {
        true
    }

    fn fits(&self, shape: &Shape<'_>) -> Result<(), Misfit> {
        if shape.column.not_null { Err(Misfit::NotNull) } else { Ok(()) }
    }

    fn replace<'v>(&self, _: &'v str, _: &Shape<'_>, _: &Keyed<'_>) -> Option<Option<Cow<'v, str>>> {
        Some(None)
    }
}
