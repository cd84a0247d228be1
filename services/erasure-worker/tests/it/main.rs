//! Erasures carried out step by step on real databases, without a broker.

mod organisation;
mod world;
