//! The published language of Lethe: what services say to each other and to the outside.
//!
//! Messages carry ids and closed vocabularies, never personal data and never rows: whoever reads a
//! queue learns that step 7 of a job is due, and no more. `proto/` holds golden files of every
//! message and the rules under which they may change.

pub mod codec;
pub mod http;
pub mod message;

pub use codec::{DecodeError, decode, encode, named};
pub use message::{AuditEvent, Envelope, Message, StepDue};
