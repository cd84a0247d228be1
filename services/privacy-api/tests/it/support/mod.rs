//! What the tests share.

mod app;
mod client;
mod database;
mod fixtures;
mod identity_provider;
mod logs;
mod signer;

pub use app::{TestApp, config};
pub use client::{Answer, Call};
pub use database::TestDatabase;
pub use identity_provider::IdentityProvider;
pub use logs::{capture, captured};
pub use signer::{Claims, Signer};
