//! Object storage for packages: one directory, bucket or prefix of a bucket.

mod failure;
mod local;
mod open;
mod read;
mod upload;

pub use open::{PackageStore, StoredObject, Swept};
pub use read::ObjectStream;
pub(crate) use upload::Upload;
