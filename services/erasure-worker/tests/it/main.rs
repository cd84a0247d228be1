//! Erasures carried out step by step on real databases, without a broker.

mod grace;
mod organisation;
mod world;
