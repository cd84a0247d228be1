//! Erasing in a real PostgreSQL.

mod batches;
mod facts;
mod failings;
mod holds;
mod interrupted;
mod keys;
mod marks;
mod organisation;
mod person;
mod ranges;
mod records;
mod spared;
mod strategies;
mod subject;
mod support;
mod survey;
mod tokens;
mod typed;
mod verifying;
