//! No request to the broker waits for ever: a blocked or frozen broker does not answer, and does not fail.

use std::future::Future;
use std::time::Duration;

use crate::MessagingError;

/// Awaits a request to the broker for at most `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    operation: &'static str,
    request: impl Future<Output = lapin::Result<T>>,
) -> Result<T, MessagingError> {
    match tokio::time::timeout(limit, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(MessagingError::Operation { operation, source }),
        Err(_elapsed) => Err(MessagingError::Timeout { operation, after: limit }),
    }
}
