//! Erasures carried out step by step on real databases, without a broker.

mod company;
mod grace;
mod organisation;
mod person;
mod world;
