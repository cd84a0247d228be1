//! What the tests share.

mod app;
mod client;
mod database;
mod fixtures;
mod identity_provider;
mod logs;
mod shop;
mod signer;
mod watcher;

pub use app::{TestApp, config};
pub use client::{Answer, Call};
pub use database::TestDatabase;
pub use identity_provider::IdentityProvider;
pub use logs::{capture, captured};
pub use shop::Shop;
pub use signer::{Claims, Signer};
pub use watcher::{Watcher, versions};

/// Waits for something to become true.
pub async fn until(what: &str, mut met: impl FnMut() -> bool) {
    let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while !met() {
        assert!(tokio::time::Instant::now() < limit, "never happened: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
