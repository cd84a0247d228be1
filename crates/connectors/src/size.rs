//! How large collections are: small ones counted, large ones estimated.
//!
//! Counting a large collection is reading it a second time, through the same joins. What is planned
//! by its size, key ranges and what people see progress against, an estimate serves as well: ranges
//! hold every row once whatever their number, and the plan is put right by what was read.

use futures::future::try_join_all;
use serde_json::Value;

use crate::error::StoreError;
use crate::export::CollectionRead;
use crate::read::ReadTransaction;

impl ReadTransaction {
    /// How many rows each read would give, in their order: counted where there are at most
    /// `counted_rows`, estimated by the server's planner where there are more. An estimate is always
    /// above `counted_rows`, so whatever is not is exact.
    ///
    /// All are asked for at once, so that they cost a round trip or two and the server is never idle
    /// between them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sizes(&self, reads: &[CollectionRead], counted_rows: i64) -> Result<Vec<i64>, StoreError> {
        try_join_all(reads.iter().map(|read| self.size(read, counted_rows))).await
    }

    async fn size(&self, read: &CollectionRead, counted_rows: i64) -> Result<i64, StoreError> {
        let enough = counted_rows.max(0).saturating_add(1);
        let sql =
            format!("SELECT pg_catalog.count(*) FROM (SELECT {} LIMIT {enough}) counted", read.rows_sql);
        let row = self.client()?.query_typed_one(&sql, &[]).await;
        let counted: i64 =
            row.and_then(|row| row.try_get(0)).map_err(|error| self.failed(error).reading(read.tables()))?;
        if counted < enough { Ok(counted) } else { Ok(self.estimate(read).await?.max(counted)) }
    }

    /// How many rows the planner expects, by the statistics that ANALYZE has left; 0 when it does not say.
    async fn estimate(&self, read: &CollectionRead) -> Result<i64, StoreError> {
        let sql = format!("EXPLAIN (FORMAT JSON) SELECT {}", read.rows_sql);
        let row = self.client()?.query_typed_one(&sql, &[]).await;
        let plan: Value =
            row.and_then(|row| row.try_get(0)).map_err(|error| self.failed(error).reading(read.tables()))?;
        Ok(plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_i64).unwrap_or(0))
    }
}
