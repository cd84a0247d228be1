//! Revoking OAuth tokens at the providers that issued them (RFC 7009).
//!
//! A [`Revoker`] tells a provider that a token is not to be used any more, before the token itself
//! is erased: afterwards nobody could. It never connects to an address that is not public, unless
//! the provider's settings allow it, and no token or secret enters an error or a log line.

mod answer;
mod credentials;
mod error;
mod guard;
mod provider;
mod resolve;
mod revoker;
mod settings;

pub use error::{RevokeConfigError, RevokeError, RevokeFailure};
pub use revoker::{Revoked, Revoker, TokenKind};
pub use settings::{ClientAuth, ProviderSettings};
