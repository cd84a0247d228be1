//! Whether the rows that a hold is on can be found by its comparisons: the server is asked, comparison by
//! comparison, before anything rests on them.

use domain::datamap::Collection;
use domain::hold::{Comparison, Operator};
use domain::schema::{LiveColumn, LiveSchema, TableName};

use crate::error::{StoreError, StoreErrorKind};
use crate::pool::SubjectStore;
use crate::range;
use crate::read::ReadTransaction;
use crate::sql::{self, PlanError};

/// Why a comparison cannot be made, or finds other rows than it says. No value is repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The schema has not the column.
    #[error(transparent)]
    Missing(PlanError),
    /// The server cannot compare columns of this type so.
    #[error("the store cannot compare columns of type {sql_type} by {sign}; name another column")]
    Column {
        /// The column's type.
        sql_type: String,
        /// The operator.
        sign: &'static str,
    },
    /// The value is none of the column's type.
    #[error("expected a value of type {sql_type}, as the store reads it")]
    Value {
        /// The column's type.
        sql_type: String,
    },
    /// The server compares the value, but no row can hold it: it is too long, too fine, or forbidden.
    #[error("expected a value that a column of type {sql_type} can hold, as it stands")]
    Unheld {
        /// The column's type.
        sql_type: String,
    },
}

impl SubjectStore {
    /// Which of the comparisons with rows of a collection the server cannot make, by their numbers. Nothing is
    /// read: the server plans what an erasure would ask, and reads the values as it would then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn misfits(
        &self,
        collection: &Collection,
        schema: &LiveSchema,
        comparisons: &[Comparison],
    ) -> Result<Vec<(usize, Misfit)>, StoreError> {
        let transaction = self.begin_read().await?;
        let mut misfits = Vec::new();
        for (at, comparison) in comparisons.iter().enumerate() {
            let misfit = match sql::live_column(schema, &collection.table, &comparison.column) {
                Ok(column) => transaction.misfit(&collection.table, column, comparison).await?,
                Err(missing) => Some(Misfit::Missing(missing)),
            };
            misfits.extend(misfit.map(|misfit| (at, misfit)));
        }
        transaction.finish().await?;
        Ok(misfits)
    }
}

impl ReadTransaction {
    async fn misfit(
        &self,
        table: &TableName,
        column: &LiveColumn,
        Comparison { operator, value, .. }: &Comparison,
    ) -> Result<Option<Misfit>, StoreError> {
        let sign = operator.sign();
        let by_sign = range::operator_of(sql::by_name(column), sign);
        let (value, named) = (sql::literal(value), range::is_named(column));
        let typed = |literal: &str| match named {
            true => format!("{literal}::{}", column.sql_type),
            false => literal.to_owned(),
        };
        // NULL is a value of every type: what is refused here, the column is to blame for.
        let planned = |literal: &str| {
            let (relation, name) = (sql::relation(table), sql::identifier(&column.name));
            format!("EXPLAIN SELECT FROM {relation} t0 WHERE t0.{name} {by_sign} {}", typed(literal))
        };
        let failed = |error: StoreError| error.reading(std::slice::from_ref(table));
        let sql_type = || column.sql_type.clone();
        if self.planned(&planned("NULL")).await.map_err(failed)?.is_none() {
            return Ok(Some(Misfit::Column { sql_type: sql_type(), sign }));
        }
        if self.planned(&planned(&value)).await.map_err(failed)?.is_none() {
            return Ok(Some(Misfit::Value { sql_type: sql_type() }));
        }
        // What a length cuts, or a domain forbids, is equal to no value of the column. Where the statement names
        // the type, the value would be cut or refused, whatever it is compared by, when rows are met.
        if !named && *operator != Operator::Equal {
            return Ok(None);
        }
        Ok(match self.same(column, &value).await.map_err(failed)? {
            Some(true) => None,
            None if named => Some(Misfit::Value { sql_type: sql_type() }),
            Some(false) | None => Some(Misfit::Unheld { sql_type: sql_type() }),
        })
    }

    /// Has the server plan a statement; `None` when it refuses what is compared.
    async fn planned(&self, sql: &str) -> Result<Option<()>, StoreError> {
        self.execute("SAVEPOINT comparison").await?;
        let planned = self.execute(sql).await;
        self.unless_refused(planned).await
    }

    /// Whether a value is the same as one of the column's type, lengths and constraints included.
    async fn same(&self, column: &LiveColumn, value: &str) -> Result<Option<bool>, StoreError> {
        self.execute("SAVEPOINT comparison").await?;
        let (equals, sql_type) = (sql::equality(column, column), &column.sql_type);
        let sql = format!("SELECT ({value}::{sql_type} {equals} {value}) IS NOT FALSE");
        let asked = self.client()?.query_typed_one(&sql, &[]).await.and_then(|row| row.try_get(0));
        self.unless_refused(asked.map_err(|error| self.failed(error))).await
    }

    /// The answer; `None` when the server refused what is compared, after which others can be asked.
    async fn unless_refused<T>(&self, answer: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match answer {
            Err(error) if is_about_the_comparison(&error) => {
                self.execute("ROLLBACK TO SAVEPOINT comparison").await?;
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }
}

/// Whether the server refuses what is compared, rather than failing: data (22), constraints of domains (23),
/// features (0A), and names, types and operators (42).
fn is_about_the_comparison(error: &StoreError) -> bool {
    let class = error.sqlstate().and_then(|code| code.get(..2));
    error.kind() != StoreErrorKind::Permission && matches!(class, Some("22" | "23" | "0A" | "42"))
}
