//! Packages that outlive an erasure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The package of an export from before an erasure ended. It may hold what was erased, and can be had until
/// it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LivePackageView {
    /// The job that made it.
    pub job: Uuid,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it is deleted, and links to it open nothing any more.
    pub expires_at: DateTime<Utc>,
}
