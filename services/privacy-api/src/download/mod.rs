//! `/download/{package_id}`: hands a package to whoever has a signed link to it.
//!
//! Outside bearer authentication: the signature is the permission. Nothing is read from any store
//! before it was checked. A download is recorded, durably, before its first byte leaves.

mod content;
mod handler;
mod ledger;
mod range;
mod signed_link;

pub use handler::{__path_download, __path_head, download, head};
pub use ledger::Downloads;
pub use signed_link::SignedLink;
