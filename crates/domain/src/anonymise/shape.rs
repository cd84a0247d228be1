//! What a column's declared type says of the values that fit it.

use std::borrow::Cow;

use super::Misfit;
use crate::schema::{Equality, LiveColumn};

/// A column with its declared type taken apart.
pub(crate) struct Shape<'a> {
    pub column: &'a LiveColumn,
    /// The type without its modifiers: `numeric` of `numeric(10,2)`.
    pub base: String,
    /// The modifiers: 10 and 2.
    pub modifiers: Vec<i64>,
}

/// How much text a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// As much as one likes, or a domain, of which only the server knows how much.
    Unlimited,
    Chars(usize),
    Bytes(usize),
}

impl<'a> Shape<'a> {
    pub(crate) fn of(column: &'a LiveColumn) -> Self {
        let declared = column.sql_type.as_str();
        let (base, modifiers) = match declared.split_once('(') {
            Some((front, rest)) => {
                let (inside, back) = rest.split_once(')').unwrap_or((rest, ""));
                let numbers = inside.split(',').filter_map(|number| number.trim().parse().ok()).collect();
                (format!("{front}{back}"), numbers)
            }
            None => (declared.to_owned(), Vec::new()),
        };
        Self { column, base, modifiers }
    }

    pub(super) fn width(&self) -> Width {
        let declared = self.modifiers.first().and_then(|chars| usize::try_from(*chars).ok());
        match self.base.as_str() {
            "character varying" => declared.map_or(Width::Unlimited, Width::Chars),
            "character" => Width::Chars(declared.unwrap_or(1)),
            "name" => Width::Bytes(63),
            "\"char\"" => Width::Bytes(1),
            _ => Width::Unlimited,
        }
    }

    /// How many ASCII characters fit.
    pub(super) fn room(&self) -> usize {
        match self.width() {
            Width::Unlimited => usize::MAX,
            Width::Chars(room) | Width::Bytes(room) => room,
        }
    }

    /// Whether it is a numeric with a negative scale, whose last digits before the point are zeros.
    pub(super) fn rounds(&self) -> bool {
        self.modifiers.get(1).is_some_and(|scale| *scale < 0)
    }

    /// That this strategy does not apply, although it does to the column's family.
    pub(super) fn refused(&self) -> Misfit {
        let column = self.column;
        Misfit::Type { sql_type: column.sql_type.clone(), family: column.family.name() }
    }

    /// Whether the text fits without being cut. Blanks at the end of `char(n)` are padding.
    pub(super) fn holds(&self, text: &str) -> bool {
        match self.width() {
            Width::Unlimited => true,
            Width::Chars(room) => self.unpadded(text).chars().count() <= room,
            Width::Bytes(room) => text.len() <= room,
        }
    }

    /// One text for all that the column itself holds to be equal: `char(n)` ignores blanks at the
    /// end, `citext` case. What is keyed is keyed by this, so that what joined still joins.
    pub(super) fn canonical<'v>(&self, value: &'v str) -> Cow<'v, str> {
        let value = self.unpadded(value);
        match self.column.equality {
            Equality::WithoutCase => Cow::Owned(value.to_lowercase()),
            // What is equal by a collation is not known here; such columns are refused.
            Equality::Exact | Equality::ByCollation => Cow::Borrowed(value),
        }
    }

    /// The value without the blanks that fill up a `char(n)`.
    pub(super) fn unpadded<'v>(&self, value: &'v str) -> &'v str {
        if matches!(self.base.as_str(), "character" | "bpchar") { value.trim_end_matches(' ') } else { value }
    }
}
