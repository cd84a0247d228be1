//! Requests become types before a handler sees them: a handler has nothing left to check.

mod body;
mod idempotency_key;
mod ids;
mod parameters;

pub use body::JsonBody;
pub use idempotency_key::{IdempotencyKey, OptionalKey};
pub use ids::{HoldPath, JobPath, StepPath};
pub use parameters::{LARGEST_PAGE, MOST_VOLUMES, Page, Parameters};
