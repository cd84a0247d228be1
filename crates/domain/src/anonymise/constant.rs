//! `constant`: one text for all values, which the server reads as a value of the column's type.

use std::borrow::Cow;

use super::shape::Shape;
use super::{Keyed, Misfit, Rule, literal};
use crate::datamap::Effect;
use crate::schema::TypeFamily;

pub(super) struct Constant<'a>(pub &'a str);

impl Rule for Constant<'_> {
    fn effect(&self) -> Effect {
        Effect::Anonymised
    }

    fn accepts(&self, _family: TypeFamily) -> bool {
        true
    }

    fn fits(&self, shape: &Shape<'_>) -> Result<(), Misfit> {
        let sql_type = || shape.column.sql_type.clone();
        if !shape.holds(self.0) {
            return Err(Misfit::ConstantTooLong { sql_type: sql_type() });
        }
        literal::check(self.0, shape)
            .map_err(|expected| Misfit::ConstantOfAnotherType { sql_type: sql_type(), expected })
    }

    fn replace<'v>(&self, _: &'v str, _: &Shape<'_>, _: &Keyed<'_>) -> Option<Option<Cow<'v, str>>> {
        Some(Some(Cow::Owned(self.0.to_owned())))
    }
}
