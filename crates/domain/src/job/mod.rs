//! Jobs, their steps, and the one law that moves them.
//!
//! A job is one request. It is planned once into steps, bounded units of work grouped in phases
//! that run one after another; the steps of a phase run side by side on as many workers as there
//! are. [`state::JobState::apply`] and [`step::StepState::apply`] are the only places where a state
//! becomes another; [`law`] says what one event means for both at once.

pub mod about;
pub mod kind;
pub mod law;
pub mod names;
pub mod outcome;
pub mod pass;
pub mod policy;
pub mod reason;
pub mod skip;
pub mod state;
pub mod step;

pub use about::{JobAbout, JobScope, Whose};
pub use kind::{JobKind, Phase, StepKind};
pub use names::{BadName, JobName, JobNames};
pub use outcome::JobOutcome;
pub use policy::Policy;
pub use reason::FailureReason;
pub use skip::SkipReason;
pub use state::{JobCommand, JobState, PublicStatus};
pub use step::{Lease, Pause, StepCommand, StepState};
