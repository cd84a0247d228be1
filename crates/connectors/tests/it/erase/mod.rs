//! Erasing in a real PostgreSQL.

mod batches;
mod facts;
mod interrupted;
mod keys;
mod strategies;
mod support;
mod typed;
mod verifying;
