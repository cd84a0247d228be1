//! Looking up a host, once, and keeping what is public.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

use super::guard::is_public;

/// A host has addresses, and none of them is public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the host has no public address")]
pub(super) struct NotPublic;

/// The addresses that it gives are those that are connected to: there is no second look-up that
/// could be answered differently.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Addrs = Box::new(keep_public(found)?.into_iter());
            Ok(public)
        })
    }
}

fn keep_public(found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, NotPublic> {
    let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
    match public.is_empty() {
        true => Err(NotPublic),
        false => Ok(public),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_mixed_addresses_the_public_ones_remain() {
        let of = |addresses: &[&str]| {
            keep_public(addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)))
        };
        let kept = of(&["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111"]).unwrap();
        assert_eq!(kept, ["1.1.1.1:0".parse().unwrap(), "[2606:4700::1111]:0".parse().unwrap()]);
        assert_eq!(of(&["10.0.0.1", "fd00::1"]), Err(NotPublic));
    }
}
