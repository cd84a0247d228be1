//! What stands in the way of an erasure, found before the first write.

use serde::Serialize;

use crate::schema::TableName;

/// One reason why an erasure is refused whole. It holds names of tables, columns and constraints,
/// never a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Obstacle {
    /// The table.
    pub table: TableName,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// What kind of obstacle it is.
    pub kind: ObstacleKind,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

/// The kinds of obstacles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObstacleKind {
    /// The table is not there, or not a table that can be written.
    Table,
    /// The column is not there.
    Column,
    /// No field has such an identity, or the field cannot be one.
    Identity,
    /// The table has no primary key, by which the rows of one person could be addressed.
    PrimaryKey,
    /// The role may not do what the plan needs.
    Privilege,
    /// Row-level security would hide rows from the role.
    RowSecurity,
    /// The company's own trigger would run.
    Trigger,
    /// The server does not count what a transaction changes.
    Counts,
    /// The strategy does not fit the column's type, NOT NULL, UNIQUE or key.
    Strategy,
    /// Rows with the new values would break a constraint.
    Constraint,
    /// A row to be deleted is referred to by rows that stay, or that the server would change along; or
    /// a reference of the data map leads nowhere.
    Reference,
    /// The collections wait for each other in a circle.
    Circle,
}

impl Obstacle {
    pub(super) fn new(
        kind: ObstacleKind,
        (table, column): (&TableName, Option<&str>),
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (table, column) = (table.clone(), column.map(str::to_owned));
        Self { table, column, kind, what: what.into(), remedy: remedy.into() }
    }
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.table)?;
        if let Some(column) = &self.column {
            write!(f, ".{column}")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}
