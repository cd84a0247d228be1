//! How large collections are: counted while they are few rows, estimated once they are many.
//!
//! Counting is reading a second time, through the same joins, and to find few rows the server may have to
//! look at all rows of the company. What is planned by its size, key ranges and what people see progress
//! against, an estimate serves as well: ranges hold every row once whatever their number, and the plan is
//! put right by what was read.

use futures::future::try_join_all;
use serde_json::Value;

use crate::error::StoreError;
use crate::export::CollectionRead;
use crate::read::ReadTransaction;

impl ReadTransaction {
    /// How many rows each read would give, in their order. Each is counted that has at most
    /// `counted_rows`, and estimated by the server's planner where it has more, unless the one that is
    /// expected to be the largest has more: then the organisation is large, and all are estimated. So
    /// that an organisation is small never rests on statistics. An estimate is at least 1, and above
    /// `counted_rows` where so many are known to be there.
    ///
    /// All are asked for at once, so that they cost a round trip or three and the server is never idle
    /// between them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sizes(&self, reads: &[CollectionRead], counted_rows: i64) -> Result<Vec<i64>, StoreError> {
        let mut sizes = try_join_all(reads.iter().map(|read| self.estimate(read))).await?;
        let most = counted_rows.max(0).saturating_add(1);
        let ranked = reads.iter().zip(&mut sizes).enumerate();
        let Some((largest, (read, size))) = ranked.max_by_key(|(_, (_, size))| **size) else {
            return Ok(sizes);
        };
        let known = self.count_up_to(read, most).await?;
        if known == most {
            *size = most.max(*size);
            return Ok(sizes);
        }
        let sizes = reads.iter().zip(sizes).enumerate().map(async |(place, (read, estimate))| {
            let counted = if place == largest { known } else { self.count_up_to(read, most).await? };
            Ok(if counted == most { most.max(estimate) } else { counted })
        });
        try_join_all(sizes).await
    }

    /// How many rows there are, or `most` where there are more.
    async fn count_up_to(&self, read: &CollectionRead, most: i64) -> Result<i64, StoreError> {
        let sql = format!("SELECT pg_catalog.count(*) FROM (SELECT {} LIMIT {most}) counted", read.rows_sql);
        let row = self.client()?.query_typed_one(&sql, &[]).await;
        row.and_then(|row| row.try_get(0)).map_err(|error| self.failed(error).reading(read.tables()))
    }

    /// How many rows the planner expects, by the statistics that ANALYZE has left; 1 when it does not say.
    async fn estimate(&self, read: &CollectionRead) -> Result<i64, StoreError> {
        let sql = format!("EXPLAIN (FORMAT JSON) SELECT {}", read.rows_sql);
        let row = self.client()?.query_typed_one(&sql, &[]).await;
        let plan: Value =
            row.and_then(|row| row.try_get(0)).map_err(|error| self.failed(error).reading(read.tables()))?;
        Ok(plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_i64).unwrap_or(1).max(1))
    }
}
