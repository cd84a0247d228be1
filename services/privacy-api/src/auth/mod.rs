//! Who is calling, and may they?
//!
//! The middleware [`authenticate`] turns a bearer token into a [`Caller`] before anything else of
//! a request is looked at; the stream of events also takes a ticket, which stands for one. A handler names the permission it needs by taking a [`Granted`]. The
//! organisation comes from the token's claim and from nowhere else.

mod bearer;
mod caller;
mod claims;
mod error;
mod fetch;
mod granted;
mod issuer;
mod key_file;
mod key_set;
mod recent;
mod remote_keys;
mod subject;
mod ticket;
mod verifier;

pub use bearer::authenticate;
pub use caller::Caller;
pub use error::{AuthConfigError, FetchError, TokenError};
pub use granted::{Granted, ManageHolds, Needs, Operate, ViewAudit, ViewJobs};
pub use recent::RecentlyAuthenticated;
pub use ticket::authenticate_or_ticket;
pub use verifier::Verifier;
