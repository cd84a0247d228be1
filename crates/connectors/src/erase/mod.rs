//! Erasing: what is known of a store before it, and one batch of rows at a time.
//!
//! [`SubjectStore::facts`](crate::SubjectStore::facts) tells the planner what a write would set off.
//! An [`EraseStatement`] changes or deletes the rows of one batch, set-based; [`run_batch`] executes
//! it in one transaction with its entry in the journal of the same database, so that a batch that
//! is delivered twice takes effect once. [`verify`] looks for what is left, over a connection of its
//! own. Every statement carries the tenant's predicate beside the keys, whatever selected them.
//!
//! ```text
//! BEGIN -> is the batch in lethe.journal? -> UPDATE or DELETE -> INSERT INTO lethe.journal
//!             yes: ROLLBACK, "already done"        more rows than planned: ROLLBACK
//!       -> what waits for the end -> did anything else change? -> COMMIT
//!             does not hold: ROLLBACK    yes: ROLLBACK
//! ```

mod batch;
mod binding;
mod comparable;
mod constraints;
mod cost;
mod dangling;
mod effects;
mod facts;
mod journal;
mod keyed;
mod later;
mod lock;
mod look;
mod media_names;
mod open_transactions;
mod outside;
mod page;
mod pseudonym;
mod ranges;
mod rehearse;
mod row;
mod sample;
mod scope;
mod soft_delete;
mod standing;
mod statement;
mod strategy;
mod subject;
mod survey;
mod token;
mod verify;
mod write;

pub use batch::{Batch, Begun, EraseError, Erased, OpenBatch, run_batch};
pub use binding::Bound;
pub use comparable::Misfit;
pub use dangling::{DanglingRead, dangling};
pub(crate) use keyed::listed_in_text;

pub use journal::{BatchId, StepTotal, Writers, journal_ddl};
pub use later::LaterRead;
pub use lock::RowLock;
pub use look::{Looked, RowKeys, can_verify, look, look_and_name, look_for_keys, verify};
pub use open_transactions::OpenTransaction;

pub use constraints::{About, Asked, Constraints, Question, Writes};
pub use effects::{Changed, Effects, Unplanned};
pub use media_names::{BucketsRead, DEFAULT_BUCKET};
pub use outside::Outside;
pub use page::{Page, PageRead, PageRow};
pub use pseudonym::PseudonymKey;
pub use ranges::RangeRead;
pub use rehearse::{Objection, Trial, rehearse};
pub use sample::{SampleError, SampledPart, Sampling, Unsampled, sample};
pub use scope::EraseScope;
pub use soft_delete::{BegunRestoring, MarkHeld, Restoring};
pub use standing::{DoneBy, Expected};
pub use statement::{EraseStatement, Rows};
pub use strategy::in_statement;
pub use subject::{Led, LedBy, SubjectRead, SubjectRows, led_column};
pub use survey::{Part, Survey, Surveyed};
pub use verify::{Remainder, Verification};
pub use write::EraseTransaction;
