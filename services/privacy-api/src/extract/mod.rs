//! Requests become types before a handler sees them: a handler has nothing left to check.

mod body;
mod idempotency_key;
mod job_path;
mod parameters;

pub use body::JsonBody;
pub use idempotency_key::IdempotencyKey;
pub use job_path::JobPath;
pub use parameters::{LARGEST_PAGE, MOST_VOLUMES, Page, Parameters};
