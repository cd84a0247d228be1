//! What is left, and why: one query for the rows of a collection, that shares nothing with what erased.
//!
//! It begins at the organisation, not at what was planned to be erased: rows that came meanwhile are
//! counted, and so is what a legal hold keeps as long as it still stands. Where the new value looks like
//! what was there, no query over values can decide; there the row itself tells whether the job was the
//! last to write it ([`Writers`]).

use domain::datamap::Collection;
use domain::erasure::FieldChange;
use domain::schema::{LiveSchema, TableName};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::erase::journal::Writers;
use crate::erase::keyed::{Parameters, Selected, primary_key};
use crate::erase::look::Looked;
use crate::erase::pseudonym::PseudonymKey;
use crate::erase::scope::{self, EraseScope};
use crate::erase::statement::Rows;
use crate::erase::strategy;
use crate::error::StoreError;
use crate::export::tables_of;
use crate::session::Session;
use crate::sql::{self, PlanError};

/// What should have become of the rows.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// They are gone.
    Deleted,
    /// Their columns were changed.
    Anonymised {
        /// By which strategies.
        changes: &'a [FieldChange],
        /// The organisation's key for pseudonyms.
        key: &'a PseudonymKey,
    },
    /// These columns are NULL.
    Unlinked(&'a [String]),
}

/// The verification of the rows of one collection.
pub struct Verification<'k> {
    sql: String,
    keys_sql: Option<String>,
    parameters: Parameters<'k>,
    /// What of the answer counts values that are left, in which column; rows where there is none.
    pub(super) values: Vec<Option<String>>,
    /// The columns of which only the row can tell whether the job wrote it.
    pub(super) unverifiable: Vec<String>,
    pub(super) holds: Vec<Uuid>,
    pub(super) tables: Vec<TableName>,
}

/// What is left of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remainder {
    /// The table.
    pub table: TableName,
    /// The column that still holds values; `None` when whole rows are left.
    pub column: Option<String>,
    /// In how many rows.
    pub rows: i64,
}

impl<'k> Verification<'k> {
    /// Plans the verification of the rows of a scope. Guards count: what they spare is no remainder.
    ///
    /// # Errors
    /// When the live schema has not what the map needs.
    pub fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        expected: Expected<'k>,
    ) -> Result<Self, PlanError> {
        let mut parameters = Parameters::default();
        let standing = Standing::of(collection, schema, expected, &mut parameters)?;
        let row = scope::Row::of(collection, schema, scope, rows, &mut parameters)?;
        // The last two parameters are the job's transactions, which are known when it is asked.
        let next = parameters.typed().len().saturating_add(1);
        let written = Written { ids: format!("${next}"), first: format!("${}", next.saturating_add(1)) };
        let writers = (!standing.unverifiable.is_empty()).then_some(&written);
        let counts = standing.counts(&row, writers).join(", ");
        let source = row.source.as_ref().map(|source| format!(", {source}")).unwrap_or_default();
        let from = format!("FROM {} t0{source} WHERE {}", sql::relation(&collection.table), row.ours);
        let keys_sql = primary_key(collection, schema).ok().map(|key| {
            let key: Vec<String> =
                key.iter().map(|column| format!("t0.{}", sql::identifier(&column.name))).collect();
            let texts: Vec<String> = key.iter().map(|column| format!("{column}::pg_catalog.text")).collect();
            let left = standing.left(&row, writers);
            format!("SELECT {} {from} AND {left} ORDER BY {} LIMIT ", texts.join(", "), key.join(", "))
        });
        Ok(Self {
            sql: format!("SELECT {counts} {from}"),
            keys_sql,
            parameters,
            values: standing.values.into_iter().map(|(column, _)| column).collect(),
            unverifiable: standing.unverifiable,
            holds: scope.holds.iter().map(|hold| hold.id).collect(),
            tables: tables_of(collection),
        })
    }

    /// Plans to count the rows to be deleted to which rows refer that stay, by a key of their own table.
    ///
    /// # Errors
    /// When the live schema has not what the map needs.
    pub fn of_threads(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
    ) -> Result<Self, PlanError> {
        let mut planned = Self::plan(collection, schema, scope, rows, Expected::Deleted)?;
        planned.parameters = Parameters::default();
        let Selected { source, conditions, .. } =
            Selected::of(collection, schema, scope, rows, &mut planned.parameters)?;
        let mut threaded = Vec::new();
        for thread in scope.threads {
            threaded.push(scope::threaded(&collection.table, schema, (thread, &conditions))?);
        }
        let threaded = if threaded.is_empty() { "FALSE".to_owned() } else { threaded.join(" OR ") };
        let source = source.map(|source| format!(", {source}")).unwrap_or_default();
        let relation = sql::relation(&collection.table);
        (planned.keys_sql, planned.holds) = (None, Vec::new());
        planned.sql = format!(
            "SELECT 0::pg_catalog.int8, 0::pg_catalog.int8, 0::pg_catalog.int8, pg_catalog.count(*) \
             FROM {relation} t0{source} WHERE {conditions} AND ({threaded})"
        );
        Ok(planned)
    }

    /// The columns of which no query can tell by the values whether they were replaced, because what
    /// replaces them looks like what was there.
    #[must_use]
    pub fn unverifiable(&self) -> &[String] {
        &self.unverifiable
    }

    /// Asks, in a transaction that is open.
    pub(crate) async fn look(&self, session: &Session, writers: &Writers) -> Result<Looked, StoreError> {
        let failed = |error| session.failed(error).reading(&self.tables);
        let (ids, first) = self.writers(writers);
        let parameters = self.bound((&ids, &first));
        let row = session.client()?.query_typed_one(&self.sql, &parameters).await.map_err(failed)?;
        Looked::read(self, &row, writers.complete).map_err(failed)
    }

    /// The keys of up to so many rows in which something is left.
    pub(crate) async fn keys(
        &self,
        session: &Session,
        (writers, most): (&Writers, u32),
    ) -> Result<Option<Vec<Vec<String>>>, StoreError> {
        let Some(sql) = &self.keys_sql else { return Ok(None) };
        let failed = |error| session.failed(error).reading(&self.tables);
        let (ids, first) = self.writers(writers);
        let (sql, parameters) = (format!("{sql}{most}"), self.bound((&ids, &first)));
        let rows = session.client()?.query_typed(&sql, &parameters).await.map_err(failed)?;
        let key = |row: &tokio_postgres::Row| (0..row.len()).map(|at| row.try_get(at)).collect();
        rows.iter().map(key).collect::<Result<_, _>>().map(Some).map_err(failed)
    }

    /// Has the server plan the query, and check what the role may do.
    pub(crate) async fn explain(&self, session: &Session) -> Result<(), StoreError> {
        let (ids, first) = self.writers(&Writers::default());
        let (sql, parameters) = (format!("EXPLAIN {}", self.sql), self.bound((&ids, &first)));
        let planned = session.client()?.query_typed(&sql, &parameters).await;
        planned.map(drop).map_err(|error| session.failed(error).reading(&self.tables))
    }

    /// The table whose rows it is about.
    pub(super) fn table(&self) -> Option<&TableName> {
        self.tables.first()
    }

    /// The ids of the job's transactions, and the first of them. Before its first one a job has written
    /// nothing, and nothing is older than that.
    fn writers(&self, writers: &Writers) -> (Vec<String>, Option<String>) {
        (writers.ids.clone(), writers.ids.first().cloned().filter(|_| writers.complete))
    }

    fn bound<'p>(
        &'p self,
        (ids, first): (&'p Vec<String>, &'p Option<String>),
    ) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
        let mut parameters = self.parameters.typed();
        if !self.unverifiable.is_empty() {
            parameters.push((ids, Type::TEXT_ARRAY));
            parameters.push((first, Type::TEXT));
        }
        parameters
    }
}

/// Places of the parameters that tell which transactions are the job's.
struct Written {
    ids: String,
    first: String,
}

impl Written {
    /// That somebody else wrote the row `t0` last.
    fn by_others(&self) -> String {
        format!(
            "(t0.xmin OPERATOR(pg_catalog.=) ANY ({}::pg_catalog.text[]::pg_catalog.xid[])) IS NOT TRUE",
            self.ids
        )
    }

    /// That this was before the job wrote anything: it never wrote the row.
    fn before(&self) -> String {
        format!(
            "COALESCE(pg_catalog.age(t0.xmin) OPERATOR(pg_catalog.>) pg_catalog.age({}::pg_catalog.text::pg_catalog.xid), FALSE)",
            self.first
        )
    }
}

/// What is so of a row in which something is left.
struct Standing {
    /// By column, the condition under which its value is still there; one without a column where the row
    /// itself should be gone.
    values: Vec<(Option<String>, String)>,
    unverifiable: Vec<String>,
}

impl Standing {
    fn of<'k>(
        collection: &Collection,
        schema: &LiveSchema,
        expected: Expected<'k>,
        _parameters: &mut Parameters<'k>,
    ) -> Result<Self, PlanError> {
        let table = &collection.table;
        let (mut values, mut unverifiable) = (Vec::new(), Vec::new());
        match expected {
            Expected::Deleted => values.push((None, "TRUE".to_owned())),
            Expected::Unlinked(columns) => {
                for name in columns {
                    let column = sql::identifier(&sql::live_column(schema, table, name)?.name);
                    values.push((Some(name.clone()), format!("t0.{column} IS NOT NULL")));
                }
            }
            Expected::Anonymised { changes, key: _ } => {
                for FieldChange { column: name, strategy } in changes {
                    let column = sql::live_column(schema, table, name)?;
                    match strategy::residual(column, strategy) {
                        Some(residual) => values.push((Some(name.clone()), residual)),
                        None => unverifiable.push(name.clone()),
                    }
                }
            }
        }
        Ok(Self { values, unverifiable })
    }

    /// That anything is left in a row that is to be erased.
    fn left(&self, row: &scope::Row, writers: Option<&Written>) -> String {
        let mut any: Vec<String> = self.values.iter().map(|(_, value)| format!("({value})")).collect();
        any.extend(writers.map(|written| format!("({} AND {})", written.by_others(), written.before())));
        let any = if any.is_empty() { "FALSE".to_owned() } else { any.join(" OR ") };
        format!("{} AND ({any})", row.erased())
    }

    /// That a hold still keeps anything in a row.
    fn stands(&self, writers: Option<&Written>) -> String {
        let mut any: Vec<String> = self.values.iter().map(|(_, value)| format!("({value})")).collect();
        any.extend(writers.map(Written::by_others));
        if any.is_empty() { "FALSE".to_owned() } else { format!("({})", any.join(" OR ")) }
    }

    /// What is counted, in the order in which [`Looked`] reads it.
    fn counts(&self, row: &scope::Row, writers: Option<&Written>) -> Vec<String> {
        let count = |condition: &str| format!("pg_catalog.count(*) FILTER (WHERE {condition})");
        let erased = row.erased();
        let mut counts = vec![count(&row.later()), count(&row.shared()), count(&row.guarded())];
        let stands = self.stands(writers);
        counts.extend(row.kept().iter().map(|kept| count(&format!("{kept} AND {stands}"))));
        counts.extend(self.values.iter().map(|(_, value)| count(&format!("{erased} AND ({value})"))));
        if let Some(written) = writers {
            let (others, before) = (written.by_others(), written.before());
            counts.push(count(&format!("{erased} AND {others} AND {before}")));
            counts.push(count(&format!("{erased} AND {others} AND NOT {before}")));
        }
        counts
    }
}
