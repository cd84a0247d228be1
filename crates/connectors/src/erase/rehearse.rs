//! Trying a batch on the server, and undoing it.

use crate::erase::journal::BatchId;
use crate::erase::statement::EraseStatement;
use crate::error::StoreError;
use crate::pool::SubjectStore;

/// Executes the statements in one transaction with an entry in the journal, checks what the server would
/// check at its end, and rolls all of it back. What no catalogue tells, a CHECK above all, is found so.
///
/// # Errors
/// When the server refuses one of them, or fails.
pub async fn rehearse(
    store: &SubjectStore,
    batch: &BatchId,
    statements: &[EraseStatement<'_>],
) -> Result<(), StoreError> {
    let transaction = store.begin_erase().await?;
    transaction.done(batch).await?;
    transaction.enter(batch, 0).await?;
    for statement in statements {
        transaction.execute(statement).await?;
    }
    transaction.check_constraints().await?;
    transaction.rollback().await
}
