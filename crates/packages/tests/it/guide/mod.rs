//! The guide: its files as they are published, and what hostile values can do to them: nothing.

mod escaping;
mod golden;
mod markup;
mod sample;
mod size;
