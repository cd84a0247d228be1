//! What people read: pure functions from values to text.

pub mod amount;
pub mod audit;
mod exported;
mod found;
pub mod hold;
pub mod job;
mod media;
mod plain;
pub mod plan;
pub mod progress_bar;
pub mod table;
pub mod time;
mod timeline;

pub use plain::plain;
