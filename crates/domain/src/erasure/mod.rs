//! Erasure (Art. 17): what it does to each collection, in which order, and what must hold before
//! the first write.
//!
//! [`plan::plan`] puts the data map beside the live schema and the [`facts`] of its stores. It
//! answers either a plan that can be carried out to its end, or everything that stands in its way.
//! Nothing that would fail half-way is begun, since an erasure cannot be taken back.

mod change;
mod decided;
pub mod document;
pub mod facts;
pub mod guard;
pub mod identity;
mod kept;
mod keys;
mod map_keys;
mod media_result;
pub mod obstacle;
mod order;
pub mod plan;
mod preflight;
pub mod request;
pub mod soft_delete;
pub mod steps;
pub mod subject;
mod tokens;
mod unindexed;
mod unreached;

#[cfg(test)]
mod tests;

pub use change::FieldChange;
pub use guard::{Aside, Guard};
pub use identity::{Identity, IdentityKind, NoIdentity};
pub use kept::{KeptColumns, kept};
pub use obstacle::{Obstacle, ObstacleKind};
pub use plan::{CollectionErasure, ErasurePlan, RowAction, plan};
pub use request::{Deferred, ErasureRequest, GracePeriod, NoGracePeriod, SubjectRef, confirms};
pub use soft_delete::{Mark, SoftDelete, soft_delete};
pub use subject::{SubjectErasurePlan, Traversal, plan_subject, traversal};
pub use unindexed::{Unindexed, unindexed};
pub use unreached::unreached;
