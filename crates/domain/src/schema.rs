//! The live schema of a subject store, as far as the data map must agree with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The tables of one subject store, keyed by schema and table name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveSchema {
    /// Tables, partitioned tables, views and materialised views that the role may see.
    pub tables: BTreeMap<TableName, Table>,
    /// Those of the time zones that the data map names which the server does not know.
    pub unknown_zones: BTreeSet<String>,
    /// Whether the database does not know in which encoding its text is (`SQL_ASCII`).
    pub without_encoding: bool,
}

/// A table's name with its schema, both exactly as stored in the catalogue (unquoted).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The schema, `public` unless the data map says otherwise.
    pub schema: String,
    /// The table.
    pub table: String,
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Columns in their order.
    pub columns: Vec<LiveColumn>,
    /// The primary key's columns in key order; empty when there is none.
    pub primary_key: Vec<String>,
    /// Columns of each unique constraint or unique index besides the primary key.
    pub unique: Vec<Vec<String>>,
    /// Columns that are read together by each unique index which holds for some rows only or computes
    /// what it compares, and by each exclusion constraint.
    pub unique_in_part: Vec<Vec<String>>,
    /// Columns with which an index begins, so that rows with a value of theirs are found without reading all.
    pub indexed: BTreeSet<String>,
    /// Tables that inherit from it and are no partitions of it: a query on it reads their rows along.
    pub inherited_by: Vec<TableName>,
    /// Tables from which it inherits and of which it is no partition.
    pub inherits: Vec<TableName>,
}

impl Table {
    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&LiveColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether rows with given values of these columns are found by an index. Nothing can be said of what has
    /// no key, as a view has none.
    #[must_use]
    pub fn finds(&self, columns: &[String]) -> bool {
        self.primary_key.is_empty() || columns.iter().any(|column| self.indexed.contains(column))
    }

    /// Whether the column alone is unique (primary key, constraint or index).
    #[must_use]
    pub fn unique_alone(&self, name: &str) -> bool {
        self.unique
            .iter()
            .chain(std::iter::once(&self.primary_key))
            .any(|columns| matches!(columns.as_slice(), [only] if only == name))
    }

    /// Whether rows may be told apart by this column: if its values became equal, a key of which it is a
    /// part could hold twice. Not so where the rest of that key is a key by itself.
    #[must_use]
    pub fn must_stay_distinct(&self, name: &str) -> bool {
        let keys = || self.unique.iter().chain(std::iter::once(&self.primary_key));
        let rest_is_key = |columns: &[String]| {
            keys().any(|key| !key.is_empty() && key.iter().all(|part| part != name && columns.contains(part)))
        };
        let has = |columns: &[String]| columns.iter().any(|part| part == name);
        keys().any(|columns| has(columns) && !rest_is_key(columns))
            // What else it reads need not be among what it compares.
            || self.unique_in_part.iter().any(|columns| has(columns))
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveColumn {
    /// Its name, as stored.
    pub name: String,
    /// Its declared type as PostgreSQL prints it, for casts: `uuid`, `character varying(20)`, `public.mood`.
    pub sql_type: String,
    /// What kind of values it holds, domains resolved to their base type.
    pub family: TypeFamily,
    /// Whether NULL is refused (also by a domain).
    pub not_null: bool,
    /// Whether the server computes it (generated column), so that nobody can write it.
    pub generated: bool,
    /// Which of its texts are equal.
    pub equality: Equality,
}

/// When a server holds two texts of a column to be equal, domains resolved to their base type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Equality {
    /// When they are the same to the byte, but for the blanks that fill up a `char(n)`.
    #[default]
    Exact,
    /// `citext`: when they are the same in lower case.
    WithoutCase,
    /// When a collation says so that is not deterministic, by rules that only the server has.
    ByCollation,
}

/// Families of PostgreSQL types that behave alike for encoding and for anonymisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeFamily {
    /// `text`, `varchar`, `char`, `name`, `citext`.
    Text,
    /// `smallint`, `integer`, `bigint`, `numeric`, `real`, `double precision`.
    Number,
    /// `boolean`.
    Boolean,
    /// `json`, `jsonb`.
    Json,
    /// `timestamp without time zone`.
    Timestamp,
    /// `timestamp with time zone`.
    TimestampTz,
    /// `date`.
    Date,
    /// `time`, `timetz`, `interval`.
    Time,
    /// `uuid`.
    Uuid,
    /// `inet`, `cidr`.
    Network,
    /// `bytea`.
    Bytes,
    /// An enumeration type.
    Enum,
    /// Any array.
    Array,
    /// A row type, a range, or a type of an extension: rendered by the server.
    Other,
}

impl TypeFamily {
    /// The family's name in error messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Json => "json",
            Self::Timestamp | Self::TimestampTz => "timestamp",
            Self::Date => "date",
            Self::Time => "time",
            Self::Uuid => "uuid",
            Self::Network => "network address",
            Self::Bytes => "bytes",
            Self::Enum => "enum",
            Self::Array => "array",
            Self::Other => "other",
        }
    }
}
