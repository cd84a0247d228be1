//! An address's network: /24 of version 4, /48 of version 6, which is what one site is given
//! (RFC 6177). A network that is larger already stays as large.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `None` when it is no address, with or without the length of its network.
pub(super) fn of(value: &str) -> Option<String> {
    let (address, length) = match value.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (value, None),
    };
    Some(match address.parse().ok()? {
        IpAddr::V4(address) => {
            let length = within(length, 32)?.min(24);
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            format!("{}/{length}", Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let length = within(length, 128)?.min(48);
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            format!("{}/{length}", Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    })
}

/// The length that is written, or that of a single address.
fn within(length: Option<u32>, most: u32) -> Option<u32> {
    Some(length.unwrap_or(most)).filter(|length| *length <= most)
}
