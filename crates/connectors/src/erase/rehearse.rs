//! Trying statements on the server, and undoing them.

use crate::erase::statement::EraseStatement;
use crate::error::StoreError;
use crate::pool::SubjectStore;

/// Executes the statements in one transaction, checks what the server would check at its end, and rolls
/// all of it back. What no catalogue tells, a CHECK above all, is found so.
///
/// # Errors
/// When the server refuses one of them, or fails.
pub async fn rehearse(store: &SubjectStore, statements: &[EraseStatement<'_>]) -> Result<(), StoreError> {
    let transaction = store.begin_erase().await?;
    for statement in statements {
        transaction.execute(statement).await?;
    }
    transaction.check_constraints().await?;
    transaction.rollback().await
}
