//! The planned rows as they will be, as a subquery whose columns have their own names.

use domain::datamap::Strategy;
use domain::erasure::FieldChange;

use super::Writes;
use super::kinds::{Column, changes};
use crate::erase::keyed::{Parameters, Selected};
use crate::erase::statement::fitting;
use crate::erase::strategy;
use crate::erase::token::Pads;
use crate::sql::{self, PlanError};

/// Where a row lies, beside its columns: two names that no column of the company's has.
pub(super) const PLACE: [&str; 2] = ["\"lethe: row\"", "\"lethe: table\""];

pub(super) struct NewRows<'w, 'a> {
    pub(super) writes: &'w Writes<'a>,
    columns: &'w [Column],
    pub(super) parameters: Parameters<'a>,
    pub(super) pads: Option<Pads>,
    source: Option<String>,
    conditions: String,
}

impl<'w, 'a> NewRows<'w, 'a> {
    pub(super) fn of(writes: &'w Writes<'a>, columns: &'w [Column]) -> Result<Self, PlanError> {
        let mut parameters = Parameters::default();
        let Writes { collection, schema, scope, rows, .. } = writes;
        let keyed = writes.changes.iter().any(|change| change.strategy == Strategy::Pseudonymise);
        let key = writes.key;
        let pads = keyed
            .then(|| Pads::bind(key, (collection, schema), writes.changes, &mut parameters))
            .transpose()?;
        let Selected { source, conditions, .. } =
            Selected::of(collection, schema, scope, rows, &mut parameters)?;
        Ok(Self { writes, columns, parameters, pads, source, conditions })
    }

    pub(super) fn change(&self, name: &str) -> Option<&'w FieldChange> {
        let changed = |change: &&FieldChange| change.column == name && change.strategy != Strategy::Keep;
        self.writes.changes.iter().find(changed)
    }

    /// Whether the new value of a column is another than the old one may be.
    pub(super) fn is_touched(&self, name: &str) -> bool {
        changes(self.columns, name, |column| self.change(column).is_some())
    }

    pub(super) fn relation(&self) -> String {
        sql::relation(&self.writes.collection.table)
    }

    fn column(&self, name: &str) -> Option<&'w Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A value as the type under all domains of the column, so that the domain's own constraints keep still.
    pub(super) fn typed(&self, name: &str, value: &str) -> String {
        let Some(Column { base, collation, .. }) = self.column(name) else { return value.to_owned() };
        let collated = collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default();
        format!("(({value})::{base}{collated})")
    }

    /// The value that a column of the row `t0` will have, unless the server computes it.
    pub(super) fn value(&self, name: &str) -> Result<String, PlanError> {
        let value = self.uncut(name)?;
        Ok(if self.change(name).is_some() { self.typed(name, &value) } else { value })
    }

    /// The same before it has the column's type.
    pub(super) fn uncut(&self, name: &str) -> Result<String, PlanError> {
        let table = &self.writes.collection.table;
        let column = sql::live_column(self.writes.schema, table, name)?;
        let Some(change) = self.change(name) else {
            return Ok(format!("t0.{}", sql::identifier(name)));
        };
        let pads = self.pads.as_ref();
        fitting(table, column, &change.strategy, |_| strategy::replacement(column, change, pads))
    }

    /// The rows, with these columns; `placed`: with where they lie.
    pub(super) fn with(
        &self,
        names: &[String],
        only: Option<&[u32]>,
        placed: bool,
    ) -> Result<String, PlanError> {
        let computed = |name: &&String| {
            self.is_touched(name) && self.column(name).is_some_and(|column| column.generated.is_some())
        };
        let (anew, mut plain): (Vec<&String>, Vec<&String>) = names.iter().partition(computed);
        let inputs =
            anew.iter().filter_map(|name| self.column(name)).flat_map(|column| &column.computed_from);
        plain.extend(inputs);
        plain.sort_unstable();
        plain.dedup();
        let mut values = Vec::new();
        for name in plain {
            values.push(format!("{} AS {}", self.value(name)?, sql::identifier(name)));
        }
        if placed {
            let [row, table] = PLACE;
            values.extend([format!("t0.ctid AS {row}"), format!("t0.tableoid AS {table}")]);
        }
        let rows = self.selected(&values.join(", "), only);
        let one = |name: &String| {
            let column = self.column(name)?;
            let value = self.typed(name, column.generated.as_deref()?);
            Some(format!(", {value} AS {}", sql::identifier(name)))
        };
        let anew: String = anew.into_iter().filter_map(one).collect();
        Ok(if anew.is_empty() { rows } else { format!("SELECT l.*{anew} FROM ({rows}) l") })
    }

    /// These values of the planned rows `t0`.
    pub(super) fn selected(&self, values: &str, only: Option<&[u32]>) -> String {
        let from = self.source.as_ref().map(|source| format!(", {source}")).unwrap_or_default();
        let within = only.map(|oids| format!(" AND {}", within(oids))).unwrap_or_default();
        format!("SELECT {values} FROM {} t0{from} WHERE {}{within}", self.relation(), self.conditions)
    }
}

/// That the row `t0` is of one of these partitions.
pub(super) fn within(oids: &[u32]) -> String {
    let oids: Vec<String> = oids.iter().map(ToString::to_string).collect();
    format!("t0.tableoid = ANY ('{{{}}}'::pg_catalog.oid[])", oids.join(","))
}
