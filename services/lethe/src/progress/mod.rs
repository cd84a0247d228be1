//! How a long command comes along, for people who watch.

mod bars;
mod job;
mod lines;

pub use bars::byte_bar;
pub use job::JobProgress;

pub(crate) use bars::row_bar;
