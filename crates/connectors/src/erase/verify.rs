//! What is left, and why: one query for the rows of a collection, that shares nothing with what erased.
//!
//! It begins at the organisation, not at what was planned to be erased: rows that came meanwhile are
//! counted, and so is what a legal hold keeps as long as it still stands. Where the new value looks like
//! what was there, no query over values can decide; there the row itself tells whether the job was the
//! last to write it ([`Writers`]).

use domain::datamap::Collection;
use domain::hold::HeldRows;
use domain::schema::{LiveColumn, LiveSchema, TableName};
use uuid::Uuid;

use crate::erase::cost::expected;
use crate::erase::journal::Writers;
use crate::erase::keyed::{Parameters, Selected, primary_key};
use crate::erase::look::Looked;
use crate::erase::row::Row;
use crate::erase::scope::{self, EraseScope};
use crate::erase::standing::{Expected, Standing, Written};
use crate::erase::statement::Rows;
use crate::error::StoreError;
use crate::export::tables_of;
use crate::session::Session;
use crate::sql::{self, PlanError};

/// The verification of the rows of one collection.
pub struct Verification {
    row: Row,
    standing: Standing,
    /// `FROM … WHERE …`.
    from: String,
    /// The columns of the primary key, if there is one.
    key: Vec<String>,
    parameters: Parameters<'static>,
    /// The whole question, where it is not about what is left.
    other: Option<String>,
    pub(super) holds: Vec<Uuid>,
    /// For each hold, whether it lists its rows.
    listed: Vec<bool>,
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

impl Verification {
    /// Plans the verification of the rows of a scope. Guards count: what they spare is no remainder.
    ///
    /// # Errors
    /// When the live schema has not what the map needs.
    pub fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        expected: Expected<'_>,
    ) -> Result<Self, PlanError> {
        let mut parameters = Parameters::default();
        let standing = Standing::plan(collection, schema, expected, &mut parameters)?;
        let row = Row::plan(collection, schema, scope, rows, &mut parameters)?;
        let from = format!("FROM {} t0{} WHERE {}", sql::relation(&collection.table), row.joined, row.ours);
        let name = |column: &&LiveColumn| format!("t0.{}", sql::identifier(&column.name));
        let key = primary_key(collection, schema).map(|key| key.iter().map(name).collect());
        Ok(Self {
            row,
            standing,
            from,
            key: key.unwrap_or_default(),
            parameters,
            other: None,
            holds: scope.holds.iter().map(|hold| hold.id).collect(),
            listed: scope.holds.iter().map(|hold| matches!(hold.rows, HeldRows::Keys(_))).collect(),
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
        let Selected { source, conditions, alone, .. } =
            Selected::of(collection, schema, scope, rows, &mut planned.parameters)?;
        let mut threaded = Vec::new();
        for thread in scope.threads {
            threaded.push(scope::threaded(&collection.table, schema, (thread, &alone))?);
        }
        let threaded = if threaded.is_empty() { "FALSE".to_owned() } else { threaded.join(" OR ") };
        let source = source.map(|source| format!(", {source}")).unwrap_or_default();
        let relation = sql::relation(&collection.table);
        (planned.key, planned.holds) = (Vec::new(), Vec::new());
        planned.other = Some(format!(
            "SELECT 0::pg_catalog.int8, 0::pg_catalog.int8, 0::pg_catalog.int8, pg_catalog.count(*) \
             FROM {relation} t0{source} WHERE {conditions} AND ({threaded})"
        ));
        Ok(planned)
    }

    /// The columns of which no query can tell for certain whether their values were replaced, because what
    /// replaces them looks like what was there. What certainly was not replaced is counted all the same.
    #[must_use]
    pub fn unverifiable(&self) -> &[String] {
        &self.standing.unverifiable
    }

    /// The columns whose values are counted, in the order of the answer; none where rows are.
    pub(super) fn values(&self) -> impl Iterator<Item = &Option<String>> {
        self.standing.values.iter().map(|(column, _)| column)
    }

    /// The table whose rows it is about.
    pub(super) fn table(&self) -> Option<&TableName> {
        self.tables.first()
    }

    /// Asks, in a transaction that is open.
    pub(crate) async fn look(&self, session: &Session, writers: &Writers) -> Result<Looked, StoreError> {
        let failed = |error| session.failed(error).reading(&self.tables);
        let (sql, parameters) = (self.counting(writers), self.parameters.typed());
        let row = session.client()?.query_typed_one(&sql, &parameters).await.map_err(failed)?;
        Looked::read(self, &row).map_err(failed)
    }

    /// The keys of up to `most` rows in which something is left; `None` without a primary key.
    pub(crate) async fn keys(
        &self,
        session: &Session,
        (writers, most): (&Writers, u32),
    ) -> Result<Option<Vec<Vec<String>>>, StoreError> {
        self.keys_where(session, &self.standing.left(&self.row, &Written::by(writers)), most).await
    }

    /// Puts the keys of the held rows beside their counts: of holds that list their rows, and up to `most` of
    /// others; none at all where `most` is 0.
    pub(crate) async fn name_held(
        &self,
        session: &Session,
        (writers, most): (&Writers, u32),
        looked: &mut Looked,
    ) -> Result<(), StoreError> {
        let stands = self.standing.stands(&Written::by(writers));
        for ((hold, listed), kept) in self.holds.iter().zip(&self.listed).zip(self.row.kept()) {
            let rows = looked.held.get(hold).copied().unwrap_or(0);
            if rows == 0 || most == 0 || (rows > i64::from(most) && !listed) {
                continue;
            }
            let most = u32::try_from(rows).unwrap_or(u32::MAX);
            if let Some(keys) = self.keys_where(session, &format!("{kept} AND {stands}"), most).await? {
                looked.keys.entry(*hold).or_default().0.extend(keys);
            }
        }
        Ok(())
    }

    /// The keys of up to `most` rows that meet the condition.
    async fn keys_where(
        &self,
        session: &Session,
        condition: &str,
        most: u32,
    ) -> Result<Option<Vec<Vec<String>>>, StoreError> {
        if self.key.is_empty() {
            return Ok(None);
        }
        let texts: Vec<String> = self.key.iter().map(|column| format!("{column}::pg_catalog.text")).collect();
        let (texts, order) = (texts.join(", "), self.key.join(", "));
        let sql = format!("SELECT {texts} {} AND {condition} ORDER BY {order} LIMIT {most}", self.from);
        let failed = |error| session.failed(error).reading(&self.tables);
        let rows = session.client()?.query_typed(&sql, &self.parameters.typed()).await.map_err(failed)?;
        let key = |row: &tokio_postgres::Row| (0..row.len()).map(|at| row.try_get(at)).collect();
        rows.iter().map(key).collect::<Result<_, _>>().map(Some).map_err(failed)
    }

    /// Has the server plan the query, and check what the role may do.
    pub(crate) async fn explain(&self, session: &Session) -> Result<(), StoreError> {
        let (sql, parameters) =
            (format!("EXPLAIN {}", self.counting(&Writers::default())), self.parameters.typed());
        let failed = |error| session.failed(error).reading(&self.tables);
        session.client()?.query_typed(&sql, &parameters).await.map_err(failed)?;
        if self.key.is_empty() {
            return Ok(());
        }
        // What is left is named by its keys.
        let sql = format!("EXPLAIN SELECT {} {}", self.key.join(", "), self.from);
        session.client()?.query_typed(&sql, &parameters).await.map(drop).map_err(failed)
    }

    /// What the server expects the question to cost, in its own unit, if it says so.
    pub(crate) async fn cost(&self, session: &Session, writers: &Writers) -> Result<Option<f64>, StoreError> {
        expected(session, (&self.counting(writers), &self.parameters.typed()), &self.tables).await
    }

    fn counting(&self, writers: &Writers) -> String {
        let counts = || self.standing.counts(&self.row, &Written::by(writers)).join(", ");
        self.other.clone().unwrap_or_else(|| format!("SELECT {} {}", counts(), self.from))
    }
}

impl Standing {
    /// That anything is left in a row that is to be erased.
    fn left(&self, row: &Row, written: &Written) -> String {
        let mut any: Vec<String> = self.values.iter().map(|(_, value)| format!("({value})")).collect();
        if !self.unverifiable.is_empty() {
            any.push(format!("({} AND {})", written.by_others(), written.before));
        }
        format!(
            "{} AND ({})",
            row.erased(),
            if any.is_empty() { "FALSE".to_owned() } else { any.join(" OR ") }
        )
    }

    /// What is counted, in the order in which [`Looked`] reads it.
    fn counts(&self, row: &Row, written: &Written) -> Vec<String> {
        let count = |condition: &str| format!("pg_catalog.count(*) FILTER (WHERE {condition})");
        let erased = row.erased();
        let mut counts = vec![count(&row.later()), count(&row.shared()), count(&row.guarded())];
        let stands = self.stands(written);
        counts.extend(row.kept().iter().map(|kept| count(&format!("{kept} AND {stands}"))));
        counts.extend(self.values.iter().map(|(_, value)| count(&format!("{erased} AND ({value})"))));
        if !self.unverifiable.is_empty() {
            let (others, before) = (written.by_others(), &written.before);
            counts.push(count(&format!("{erased} AND {others} AND {before}")));
            counts.push(count(&format!("{erased} AND {others} AND NOT ({before})")));
        }
        counts
    }
}
