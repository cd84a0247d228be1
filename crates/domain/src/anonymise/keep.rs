//! `keep`: the value stays as it is.

use std::borrow::Cow;

use super::shape::Shape;
use super::{Keyed, Rule};
use crate::datamap::Effect;
use crate::schema::TypeFamily;

pub(super) struct Keep;

impl Rule for Keep {
    fn effect(&self) -> Effect {
        Effect::Kept
    }

    fn accepts(&self, _family: TypeFamily) -> bool {
        true
    }

    fn keeps_distinct(&self, _family: TypeFamily) -> bool {
        true
    }

    fn writes(&self) -> bool {
        false
    }

    fn replace<'v>(&self, value: &'v str, _: &Shape<'_>, _: &Keyed<'_>) -> Option<Option<Cow<'v, str>>> {
        Some(Some(Cow::Borrowed(value)))
    }
}
