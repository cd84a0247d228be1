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

/// Why a comparison cannot be made, or could never be true. No value is repeated.
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
    /// The value is none that the column could hold.
    #[error("expected a value of type {sql_type}, as the store reads it")]
    Value {
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
        if !self.is_taken(&planned("NULL")).await.map_err(failed)? {
            return Ok(Some(Misfit::Column { sql_type: column.sql_type.clone(), sign }));
        }
        let read = self.is_taken(&planned(&value)).await.map_err(failed)?;
        // A value that the column's length cuts or a domain forbids is equal to none of the column's. And a type
        // that the statement names would be cut, or refused, when rows are met.
        let exact = match named || *operator == Operator::Equal {
            true => self.is_kept(column, &value).await.map_err(failed)?,
            false => true,
        };
        Ok((!read || !exact).then(|| Misfit::Value { sql_type: column.sql_type.clone() }))
    }

    /// Whether the server plans the statement.
    async fn is_taken(&self, sql: &str) -> Result<bool, StoreError> {
        self.execute("SAVEPOINT comparison").await?;
        let planned = self.execute(sql).await;
        self.unless_refused(planned.map(|()| true)).await
    }

    /// Whether a value is the same as one of the column's type, lengths and constraints included.
    async fn is_kept(&self, column: &LiveColumn, value: &str) -> Result<bool, StoreError> {
        self.execute("SAVEPOINT comparison").await?;
        let (equals, sql_type) = (sql::equality(column, column), &column.sql_type);
        let sql = format!("SELECT {value}::{sql_type} {equals} {value}");
        let asked = self.client()?.query_typed_one(&sql, &[]).await.and_then(|row| row.try_get(0));
        let same: Result<Option<bool>, _> = asked.map_err(|error| self.failed(error));
        self.unless_refused(same.map(|same| same.unwrap_or(true))).await
    }

    /// The answer; `false` when the server refused what is compared, after which others can be asked.
    async fn unless_refused(&self, answer: Result<bool, StoreError>) -> Result<bool, StoreError> {
        match answer {
            Err(error) if is_about_the_comparison(&error) => {
                self.execute("ROLLBACK TO SAVEPOINT comparison").await?;
                Ok(false)
            }
            answer => answer,
        }
    }
}

/// Whether the server refuses what is compared, rather than failing: data (22), constraints of domains (23),
/// features (0A), and names, types and operators (42).
fn is_about_the_comparison(error: &StoreError) -> bool {
    let class = error.sqlstate().and_then(|code| code.get(..2));
    error.kind() != StoreErrorKind::Permission && matches!(class, Some("22" | "23" | "0A" | "42"))
}
