//! Tables that inherit from each other. A query on one reads the rows of those below it, and a key of one
//! says nothing of theirs: two rows may have the same primary key, and be of two persons.

use super::{Blocks, Checker};
use crate::schema::{Table, TableName};

impl Checker<'_> {
    /// Reports the collection's own table.
    pub(super) fn inheritance(&mut self, table: &Table) {
        let name = self.collection.table.clone();
        self.inherited(&name, table, "");
    }

    /// Reports a table through which rows lead to their organisation, unless that is done where the map has
    /// it as a collection.
    pub(super) fn inheritance_on_the_way(&mut self, name: &TableName) {
        if let Some(table) = self.schema.tables.get(name).filter(|_| !self.checked.contains(name)) {
            self.inherited(name, table, "its tenant leads through ");
        }
    }

    fn inherited(&mut self, name: &TableName, table: &Table, lead: &str) {
        let pairs = table.inherited_by.iter().map(|child| (child, name));
        let pairs: Vec<_> = pairs.chain(table.inherits.iter().map(|parent| (name, parent))).collect();
        for (child, parent) in pairs {
            let message = format!(
                "{lead}{name}: {child} inherits from {parent} (INHERITS), so that a query on {parent} reads the rows of \
                 both, and keys of one say nothing of the other: rows of others could be taken for these; make {child} \
                 a partition, or end it with ALTER TABLE {child} NO INHERIT {parent} and name each of the tables in \
                 the data map (queries with `FROM ONLY` are not made)"
            );
            self.report(Blocks::Everything, message);
        }
    }
}
