//! Anonymisation: what each strategy of a data map makes of a value.
//!
//! A value is the text form in which PostgreSQL prints it (`DateStyle` ISO, which every connection
//! of ours sets), or NULL. These functions are the reference: where a strategy is carried out by a
//! statement in SQL, the statement is tested against them. Nothing here draws a random number or
//! knows a key; the keyed digest is handed in.
//!
//! One strategy is one file and one line in `rule`. The laws that every one of them keeps are in
//! `laws`, and run over the whole list by themselves.

mod constant;
mod format_preserving;
mod generalise;
mod keep;
mod literal;
mod mask;
mod misfit;
mod null;
mod outline;
mod pseudonymise;
mod redact_text;
mod shape;
mod token;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use misfit::{Misfit, Unreadable};
pub use outline::{OUTLINE_LENGTH, outline};
pub use pseudonymise::ERASED_DOMAIN;
pub use redact_text::MARKER;
pub use token::{Digests, Mac, TokenForm};

use crate::datamap::{Effect, Strategy};
use crate::schema::{Equality, LiveColumn, TypeFamily};
use shape::Shape;
pub(crate) use token::Keyed;

/// A strategy bound to a column that it fits.
pub struct Anonymiser<'a> {
    rule: Box<dyn Rule + 'a>,
    shape: Shape<'a>,
    form: TokenForm,
}

impl<'a> Anonymiser<'a> {
    /// Binds a strategy to a column; `distinct` tells whether its values must stay as distinct as they
    /// are ([`Table::must_stay_distinct`](crate::schema::Table::must_stay_distinct)).
    ///
    /// # Errors
    /// Why the strategy cannot apply to the column.
    pub fn new(strategy: &'a Strategy, column: &'a LiveColumn, distinct: bool) -> Result<Self, Misfit> {
        let (rule, shape) = (rule(strategy), Shape::of(column));
        fits(rule.as_ref(), &shape, distinct)?;
        Ok(Self { rule, shape, form: TokenForm::default() })
    }

    /// The same with tokens of this form.
    #[must_use]
    pub fn giving(self, form: TokenForm) -> Self {
        Self { form, ..self }
    }

    /// What takes the place of the value of the row with this primary key, a text for each of its columns.
    /// Only strategies whose effect is [`Effect::Pseudonymised`] ask for the digests, and only
    /// [`TokenForm::CheckedByRow`] for the row.
    ///
    /// # Errors
    /// When the value cannot be read as one of the column's type, which never happens to what the
    /// server printed itself. The error does not hold the value.
    pub fn apply<'v>(
        &self,
        value: Option<&'v str>,
        digests: Digests<'_>,
        row: &[String],
    ) -> Result<Option<Cow<'v, str>>, Unreadable> {
        let keyed = Keyed { digests, form: self.form, row };
        self.rule.apply(value, &self.shape, &keyed).ok_or_else(|| Unreadable::of(self.shape.column))
    }
}

/// Why a strategy cannot apply to a column, as far as can be told without asking the server.
///
/// # Errors
/// The first reason found.
pub fn check(strategy: &Strategy, column: &LiveColumn, distinct: bool) -> Result<(), Misfit> {
    fits(rule(strategy).as_ref(), &Shape::of(column), distinct)
}

/// Why values that are equal to the server would not be afterwards. Asked when an erasure is planned; one that
/// was planned before ends as it was.
///
/// # Errors
/// When only the server knows which values are equal, and the strategy depends on them.
pub fn keeps_equal(strategy: &Strategy, column: &LiveColumn) -> Result<(), Misfit> {
    match (rule(strategy).effect(), column.equality) {
        (Effect::Pseudonymised, Equality::ByCollation) => Err(Misfit::Collation),
        (Effect::Pseudonymised, Equality::Exact | Equality::WithoutCase)
        | (Effect::Anonymised | Effect::Kept, _) => Ok(()),
    }
}

/// Whether of every value of the column it can be told whether the strategy has given it, because it gives
/// tokens of this form, and the column has room for their check.
#[must_use]
pub fn tells_tokens(strategy: &Strategy, column: &LiveColumn, form: TokenForm) -> bool {
    rule(strategy).tells_tokens(&Shape::of(column), form)
}

/// The rule of each strategy: the list.
pub(crate) fn rule(strategy: &Strategy) -> Box<dyn Rule + '_> {
    match strategy {
        Strategy::Null => Box::new(null::Null),
        Strategy::Constant { value } => Box::new(constant::Constant(value)),
        Strategy::Mask => Box::new(mask::Mask),
        Strategy::RedactText => Box::new(redact_text::RedactText),
        Strategy::Pseudonymise => Box::new(pseudonymise::Pseudonymise),
        Strategy::FormatPreserving => Box::new(format_preserving::FormatPreserving),
        Strategy::Generalise => Box::new(generalise::Generalise),
        Strategy::Keep => Box::new(keep::Keep),
    }
}

/// What a strategy promises and does.
pub(crate) trait Rule: Send + Sync {
    /// What it may claim in the certificate.
    fn effect(&self) -> Effect;

    /// Whether it has a meaning for columns of this family.
    fn accepts(&self, family: TypeFamily) -> bool;

    /// Whether distinct values of such a column stay distinct, so that UNIQUE holds.
    fn keeps_distinct(&self, _family: TypeFamily) -> bool {
        false
    }

    /// Whether it writes at all; one that does not fits every column.
    fn writes(&self) -> bool {
        true
    }

    /// What else must hold of a column of an accepted family.
    fn fits(&self, _shape: &Shape<'_>) -> Result<(), Misfit> {
        Ok(())
    }

    /// Whether what it gives for such a column are tokens that can be told from every other value.
    fn tells_tokens(&self, _shape: &Shape<'_>, _form: TokenForm) -> bool {
        false
    }

    /// What takes the place of a value that is not NULL; `None` outside when it cannot be read.
    fn replace<'v>(
        &self,
        value: &'v str,
        shape: &Shape<'_>,
        keyed: &Keyed<'_>,
    ) -> Option<Option<Cow<'v, str>>>;

    /// What takes the place of any value. NULL stays NULL: where nothing was, nothing is to erase,
    /// and a filler would say that something had been there.
    fn apply<'v>(
        &self,
        value: Option<&'v str>,
        shape: &Shape<'_>,
        keyed: &Keyed<'_>,
    ) -> Option<Option<Cow<'v, str>>> {
        value.map_or(Some(None), |value| self.replace(value, shape, keyed))
    }
}

fn fits(rule: &dyn Rule, shape: &Shape<'_>, distinct: bool) -> Result<(), Misfit> {
    let column = shape.column;
    if !rule.writes() {
        return Ok(());
    }
    if column.generated {
        return Err(Misfit::Generated);
    }
    if !rule.accepts(column.family) {
        return Err(shape.refused());
    }
    if distinct && !rule.keeps_distinct(column.family) {
        return Err(Misfit::Unique);
    }
    rule.fits(shape)
}
