//! The queries of a traversal: each is planned once, and asked with arrays of keys.

use std::pin::pin;

use chrono::{DateTime, Utc};
use domain::datamap::{Collection, DataMap};
use domain::erasure::subject::{Link, Seed};
use domain::erasure::{Guard, Identity, IdentityKind};
use domain::id::OrganisationId;
use domain::schema::{LiveColumn, LiveSchema, TableName};
use futures::TryStreamExt as _;
use tokio_postgres::types::{ToSql, Type};

use super::Key;
use super::candidates::candidates;
use crate::cutoff::Cutoff;
use crate::erase::keyed::{matches, primary_key, unnested};
use crate::error::StoreError;
use crate::export::{rows_of, tables_of};
use crate::session::Session;
use crate::sql::{self, PlanError};

/// Keys as the arrays that are bound: one for each column.
pub(super) type Columns = Vec<Vec<String>>;

/// A query for keys.
pub(super) struct Query {
    sql: String,
    /// How many columns the first keys have that are bound.
    pub(super) width: usize,
    /// How many columns each of the further keys has.
    pub(super) widths: Vec<usize>,
    /// How many columns of the answer are its key.
    key: usize,
    tables: Vec<TableName>,
}

/// Keys turned into columns.
pub(super) fn columns<'k>(keys: impl IntoIterator<Item = &'k Key>, width: usize) -> Columns {
    let mut columns = vec![Vec::new(); width];
    for key in keys {
        for (column, text) in columns.iter_mut().zip(key) {
            column.push(text.clone());
        }
    }
    columns
}

impl Query {
    /// The keys that answer it.
    pub(super) async fn keys(&self, session: &Session, keys: &[Columns]) -> Result<Vec<Key>, StoreError> {
        let mut bound: Vec<(&(dyn ToSql + Sync), Type)> = Vec::new();
        for column in keys.iter().flatten() {
            bound.push((column, Type::TEXT_ARRAY));
        }
        let rows = self.rows(session, &bound).await?;
        let read = |row: &tokio_postgres::Row| (0..self.key).map(|at| row.try_get(at)).collect();
        let keys: Result<Vec<Key>, tokio_postgres::Error> = rows.iter().map(read).collect();
        keys.map_err(|error| session.failed(error).reading(&self.tables))
    }

    /// The rows that hold the identity. Those that may are looked at one by one as they come: where many
    /// texts are not of ASCII, there may be as many as the organisation has.
    pub(super) async fn identified(
        &self,
        session: &Session,
        identity: &Identity,
    ) -> Result<Vec<Key>, StoreError> {
        let failed = |error| session.failed(error).reading(&self.tables);
        let (in_ascii, digits) = (identity.in_ascii(), identity.digits());
        let bound: [(&(dyn ToSql + Sync), Type); 2] = [(&in_ascii, Type::TEXT), (&digits, Type::TEXT)];
        let rows = session.client()?.query_typed_raw(&self.sql, bound).await.map_err(failed)?;
        let mut rows = pin!(rows);
        let mut keys = Vec::new();
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            if identity.is(row.try_get(self.key).map_err(failed)?) {
                let key: Result<Key, _> = (0..self.key).map(|at| row.try_get(at)).collect();
                keys.push(key.map_err(failed)?);
            }
        }
        Ok(keys)
    }

    async fn rows(
        &self,
        session: &Session,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let rows = session.client()?.query_typed(&self.sql, parameters).await;
        rows.map_err(|error| session.failed(error).reading(&self.tables))
    }
}

pub(super) struct Planner<'a> {
    pub(super) map: &'a DataMap,
    pub(super) schema: &'a LiveSchema,
    pub(super) store: &'a str,
    pub(super) organisation: &'a OrganisationId,
    /// Rows made later are left out; none where it is absent.
    pub(super) cutoff_at: Option<DateTime<Utc>>,
}

/// A collection with the columns of its key.
struct Keyed<'a> {
    collection: &'a Collection,
    key: Vec<&'a LiveColumn>,
}

impl<'a> Planner<'a> {
    fn keyed(&self, path: &str) -> Result<Keyed<'a>, PlanError> {
        let collection = self.map.collection(path).ok_or_else(|| PlanError::NoCollection(path.to_owned()))?;
        Ok(Keyed { collection, key: primary_key(collection, self.schema)? })
    }

    /// `SELECT key FROM table t0 WHERE` it is the organisation's.
    fn select(&self, from: &Keyed<'_>, more: &str, join: &str) -> Result<String, PlanError> {
        let cutoff = self.cutoff_at.map(Cutoff::of_erasure);
        let rows = rows_of(from.collection, self.schema, self.organisation, cutoff)?;
        let key: Vec<String> = from
            .key
            .iter()
            .map(|column| format!("t0.{}::pg_catalog.text", sql::identifier(&column.name)))
            .collect();
        let relation = sql::relation(&from.collection.table);
        Ok(format!("SELECT {}{more} FROM {relation} t0{join} WHERE {rows}", key.join(", ")))
    }

    /// The rows whose column may hold the identity, with its value.
    pub(super) fn seed(&self, seed: &Seed, identity_type: &str) -> Result<Query, PlanError> {
        let from = self.keyed(&seed.collection)?;
        let column = sql::live_column(self.schema, &from.collection.table, &seed.column)?;
        let value = format!("t0.{}::pg_catalog.text", sql::identifier(&column.name));
        let may_be = candidates(&value, IdentityKind::of(identity_type));
        let sql = format!("{} AND {may_be}", self.select(&from, &format!(", {value}"), "")?);
        Ok(query(sql, &from, 0, Vec::new()))
    }

    /// The rows that are reached from rows with the keys bound.
    pub(super) fn reached(&self, link: &Link) -> Result<Query, PlanError> {
        let (from, to) = (self.keyed(&link.from)?, self.keyed(&link.to)?);
        let joined = self.joined(&from, (&link.columns, 1), (&to, &link.target_columns))?;
        let sql = format!("{} AND {joined}", self.select(&to, "", "")?);
        Ok(query(sql, &to, from.key.len(), Vec::new()))
    }

    /// The values by which the rows with the keys bound lead; none where one of them is NULL, which leads
    /// nowhere.
    pub(super) fn values(&self, link: &Link) -> Result<Query, PlanError> {
        let from = self.keyed(&link.from)?;
        let table = &from.collection.table;
        let mut texts = Vec::new();
        for name in &link.columns {
            let column = sql::live_column(self.schema, table, name)?;
            texts.push(format!("t0.{}", sql::identifier(&column.name)));
        }
        let given: Vec<String> = texts.iter().map(|text| format!("{text} IS NOT NULL")).collect();
        let texts: Vec<String> = texts.iter().map(|text| format!("{text}::pg_catalog.text")).collect();
        let sql = format!(
            "SELECT DISTINCT {} FROM {} t0{} WHERE {} AND {}",
            texts.join(", "),
            sql::relation(table),
            listed(&from, 1, "v"),
            matches(&from.key, "t0", "v"),
            given.join(" AND ")
        );
        let tables = tables_of(from.collection);
        Ok(Query { sql, width: from.key.len(), widths: Vec::new(), key: texts.len(), tables })
    }

    /// The rows that hold the values bound.
    pub(super) fn holding(&self, link: &Link) -> Result<Query, PlanError> {
        let to = self.keyed(&link.to)?;
        let column = |name: &String| sql::live_column(self.schema, &to.collection.table, name);
        let columns = link.target_columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("${place}")).collect();
        let (values, holds) = (unnested(&columns, &places, "w"), matches(&columns, "t0", "w"));
        let sql = format!("{} AND EXISTS (SELECT FROM {values} WHERE {holds})", self.select(&to, "", "")?);
        Ok(query(sql, &to, columns.len(), Vec::new()))
    }

    /// Those among the rows with the keys bound first that refer to rows with the keys bound then.
    pub(super) fn referring(&self, link: &Link) -> Result<Query, PlanError> {
        let (from, to) = (self.keyed(&link.from)?, self.keyed(&link.to)?);
        let width = from.key.len();
        let joined = self.joined(&to, (&link.target_columns, width + 1), (&from, &link.columns))?;
        let sql = format!(
            "{} AND {} AND {joined}",
            self.select(&from, "", &listed(&from, 1, "v"))?,
            matches(&from.key, "t0", "v")
        );
        Ok(query(sql, &from, width, vec![to.key.len()]))
    }

    /// Those among the rows with the keys bound first to which only rows of the person refer: of
    /// each collection that is named, those with the keys bound then.
    pub(super) fn decision(&self, path: &str, others: &[Guard]) -> Result<(Query, Vec<String>), PlanError> {
        let target = self.keyed(path)?;
        let mut sql = format!(
            "{} AND {}",
            self.select(&target, "", &listed(&target, 1, "v"))?,
            matches(&target.key, "t0", "v")
        );
        let (mut own, mut widths, mut next) = (Vec::new(), Vec::new(), target.key.len() + 1);
        for guard in others {
            let relation = sql::relation(&guard.table);
            let refers = self.equal(
                (&guard.table, &guard.columns, "e"),
                (&target.collection.table, &guard.target_columns, "t0"),
            )?;
            let mut counts = String::new();
            if guard.table == target.collection.table {
                counts.push_str(&format!(" AND NOT ({})", same(&target.key)));
            }
            if let Some(path) = self.mapped(&guard.table)
                && let Ok(referring) = self.keyed(&path)
            {
                let (listed, is) = (listed_alone(&referring, next, "f"), matches(&referring.key, "e", "f"));
                counts.push_str(&format!(" AND NOT EXISTS (SELECT FROM {listed} WHERE {is})"));
                next += referring.key.len();
                widths.push(referring.key.len());
                own.push(path);
            }
            sql.push_str(&format!(" AND NOT EXISTS (SELECT FROM {relation} e WHERE {refers}{counts})"));
        }
        Ok((query(sql, &target, target.key.len(), widths), own))
    }

    /// The collection of a table, as far as the map has one and does not leave it out.
    fn mapped(&self, table: &TableName) -> Option<String> {
        let datasets = self.map.datasets.iter().filter(|dataset| dataset.store == self.store);
        let mut collections =
            datasets.flat_map(|dataset| dataset.collections.iter().map(move |c| (dataset, c)));
        let found = collections.find(|(_, collection)| collection.table == *table && !collection.skipped);
        found.map(|(dataset, collection)| format!("{}.{}", dataset.key, collection.name))
    }

    /// That the row `t0` holds the values of a row of `from` whose key is bound at this place.
    fn joined(
        &self,
        from: &Keyed<'_>,
        (columns, first): (&[String], usize),
        (to, target_columns): (&Keyed<'_>, &[String]),
    ) -> Result<String, PlanError> {
        let relation = sql::relation(&from.collection.table);
        let equal =
            self.equal((&from.collection.table, columns, "d"), (&to.collection.table, target_columns, "t0"))?;
        let (listed, is) = (listed_alone(from, first, "w"), matches(&from.key, "d", "w"));
        Ok(format!("EXISTS (SELECT FROM {listed} JOIN {relation} d ON {is} WHERE {equal})"))
    }

    fn equal(
        &self,
        (table, columns, row): (&TableName, &[String], &str),
        (target, target_columns, other): (&TableName, &[String], &str),
    ) -> Result<String, PlanError> {
        let mut equal = Vec::new();
        for (column, target_column) in columns.iter().zip(target_columns) {
            let one = sql::live_column(self.schema, table, column)?;
            let equals = sql::equality(one, sql::live_column(self.schema, target, target_column)?);
            let (column, target_column) = (sql::identifier(column), sql::identifier(target_column));
            equal.push(format!("{row}.{column} {equals} {other}.{target_column}"));
        }
        Ok(equal.join(" AND "))
    }
}

fn query(sql: String, answer: &Keyed<'_>, width: usize, widths: Vec<usize>) -> Query {
    Query { sql, width, widths, key: answer.key.len(), tables: tables_of(answer.collection) }
}

/// The keys bound from this place on, as rows to join with.
fn listed_alone(keyed: &Keyed<'_>, first: usize, alias: &str) -> String {
    let places: Vec<String> = (first..first + keyed.key.len()).map(|place| format!("${place}")).collect();
    unnested(&keyed.key, &places, alias)
}

fn listed(keyed: &Keyed<'_>, first: usize, alias: &str) -> String {
    format!(", {}", listed_alone(keyed, first, alias))
}

/// That a referring row `e` is the row `t0` itself.
fn same(key: &[&LiveColumn]) -> String {
    let pair = |column: &&LiveColumn| {
        let name = sql::identifier(&column.name);
        format!("e.{name} {} t0.{name}", sql::equality(column, column))
    };
    key.iter().map(pair).collect::<Vec<_>>().join(" AND ")
}
