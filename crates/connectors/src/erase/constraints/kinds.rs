//! The kinds of constraints, with what it takes to ask them.

use std::collections::BTreeSet;

use domain::schema::TableName;

/// What constrains the rows of a table when some of its columns change.
#[derive(Debug, Clone, Default)]
pub struct Constraints {
    pub(super) columns: Vec<Column>,
    pub(super) constraints: Vec<Constraint>,
}

/// A column, beyond what the live schema tells.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its type, or the one under all its domains, for casts.
    pub(super) base: String,
    /// Its collation, when it is not that of the type.
    pub(super) collation: Option<String>,
    /// What the server computes it from, where it does.
    pub(super) generated: Option<String>,
    /// Of these columns.
    pub(super) computed_from: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Constraint {
    pub(super) table: TableName,
    /// In words.
    pub(super) name: String,
    pub(super) rule: Rule,
    /// Every column that it reads.
    pub(super) reads: Vec<String>,
    /// The partitions for which alone it holds, by their numbers in the catalogue.
    pub(super) only: Option<Vec<u32>>,
    /// Whether rows may break it as they are, so that any change of such a row is refused.
    pub(super) in_doubt: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// This must not be false.
    Check(String),
    /// No two rows may agree in all keys.
    Unique { keys: Vec<Key>, predicate: Option<String>, nulls_distinct: bool },
    /// For no two rows may all operators hold.
    Exclude { keys: Vec<Key>, operators: Vec<String>, predicate: Option<String> },
    /// This must not be false of `VALUE`.
    Domain(String),
    /// The text has room for so many characters.
    Length(i32),
    /// A row stays in its partition as long as this holds, partition by partition.
    Partitions(Vec<(u32, String)>),
    /// It reads more than columns by their names.
    Unreadable,
}

/// A part of a key: a column, or what is computed.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) expression: String,
    pub(super) column: Option<String>,
}

impl Constraints {
    /// Forgets what no change of these columns touches.
    pub(super) fn keep_what_bites(&mut self, changed: &BTreeSet<&str>) {
        let (columns, constraints) = (&self.columns, &mut self.constraints);
        constraints.retain(|constraint| {
            constraint.in_doubt
                || matches!(constraint.rule, Rule::Unreadable)
                || constraint
                    .reads
                    .iter()
                    .any(|name| changes(columns, name, |column| changed.contains(column)))
        });
    }
}

/// Whether the column changes when those do of which this is so: by itself, or because the server computes
/// it anew.
pub(super) fn changes(columns: &[Column], name: &str, changed: impl Fn(&str) -> bool) -> bool {
    let mut computed =
        columns.iter().filter(|column| column.name == name).flat_map(|column| &column.computed_from);
    changed(name) || computed.any(|from| changed(from))
}
