//! How a long command comes along, for people who watch.

mod bars;
mod job;
mod lines;
mod seen;

pub use bars::byte_bar;
pub use job::JobProgress;
pub use seen::Seen;

pub(crate) use bars::row_bar;
