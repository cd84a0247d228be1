//! What a table is, and its rows in the order in which they are loaded.

use crate::copy_text::CopyText;
use crate::scale::OrganisationSize;
use crate::world::{Tenant, World};

use super::Row;

/// A table of the sample.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns that are written, in the order of the cells.
    pub(crate) columns: &'static [&'static str],
    /// Rows that are written for a tenant.
    pub(crate) rows: fn(&Tenant) -> u64,
    /// Rows that belong to an organisation of that size, its guests included.
    pub(crate) exported: fn(&OrganisationSize) -> u64,
    /// Writes the cells of a row.
    pub(crate) write: fn(&mut Row<'_>, &mut CopyText),
    /// Whether keys are taken from a sequence.
    pub(crate) counted: bool,
}

impl Table {
    /// The command that loads the table. `FREEZE` needs a table emptied in the same transaction.
    pub(crate) fn copy_command(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        format!("COPY {} ({}) FROM STDIN WITH (FREEZE)", self.quoted_name(), columns.join(", "))
    }

    /// The table's name as SQL.
    pub(crate) fn quoted_name(&self) -> String {
        quoted(self.name)
    }

    /// Rows of the table, over all tenants.
    pub(crate) fn total(&self, world: &World) -> u64 {
        world.tenants.iter().map(self.rows).sum()
    }
}

/// An identifier in double quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The rows of one table: first the first row of every tenant, then the second of each, as years of use by all of them
/// would have left them on disk.
pub(crate) struct Rows<'a> {
    world: &'a World,
    table: &'a Table,
    place: u64,
    number: u64,
    /// Tenants that have more rows, with their counts.
    active: Vec<(&'a Tenant, u64)>,
}

impl<'a> Rows<'a> {
    /// The rows of `table`, which is number `place` of all tables.
    pub(crate) fn new(world: &'a World, table: &'a Table, place: u64) -> Self {
        let mut rows = Self { world, table, place, number: 0, active: Vec::new() };
        rows.active = world.tenants.iter().map(|tenant| (tenant, (table.rows)(tenant))).collect();
        rows.retire();
        rows
    }

    /// Writes rows until `out` holds `size_bytes` or there are no more, and counts them. 0 means that all are written.
    pub(crate) fn fill(&mut self, out: &mut CopyText, size_bytes: usize) -> u64 {
        let mut written = 0;
        while !self.active.is_empty() && out.size_bytes() < size_bytes {
            for (tenant, _) in &self.active {
                (self.table.write)(&mut Row::new(self.world, self.place, tenant, self.number), out);
                out.end();
                written += 1;
            }
            self.number += 1;
            self.retire();
        }
        written
    }

    fn retire(&mut self) {
        self.active.retain(|(_, rows)| self.number < *rows);
    }
}
