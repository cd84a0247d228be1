//! Object storage for packages: one directory, bucket or prefix of a bucket.

mod bucket;
mod cloud;
mod delete;
mod disposition;
mod failure;
mod local;
mod object;
mod open;
mod presign;
mod read;
mod s3;
mod settings;
mod upload;

pub use bucket::{Bucket, MediaReadError};
pub use delete::{Deleted, MediaDeleteError, MediaDeletion, delete_media};
pub use disposition::attachment;
pub use object::{StoredObject, Swept};
pub use open::PackageStore;
pub use read::ObjectStream;
pub(crate) use upload::Upload;
