//! Erasing in a real PostgreSQL.

mod batches;
mod binding;
mod buckets;
mod comparable;
mod constraints;
mod effects;
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
mod refusals;
mod sample;
mod spared;
mod standby;
mod strategies;
mod subject;
mod support;
mod survey;
mod typed;
mod verifying;
