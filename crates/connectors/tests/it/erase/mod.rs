//! Erasing in a real PostgreSQL.

mod batches;
mod facts;
mod holds;
mod interrupted;
mod keys;
mod marks;
mod organisation;
mod ranges;
mod spared;
mod strategies;
mod subject;
mod support;
mod survey;
mod typed;
mod verifying;
