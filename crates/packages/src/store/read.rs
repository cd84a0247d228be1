//! Reading an object as a stream.

use std::io::SeekFrom;
use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore as _};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::failure::{failed, from_io};
use super::open::PackageStore;
use crate::error::PackageError;
use crate::key::ObjectKey;

/// Large enough that handing a read to a blocking thread costs little beside the read itself.
const READ_BYTES: usize = 256 * 1024;

/// An object being read.
pub struct ObjectStream {
    /// The length of the whole object.
    pub size_bytes: u64,
    /// The bytes that the stream yields, end exclusive.
    pub range: Range<u64>,
    /// The content, in order.
    pub chunks: BoxStream<'static, Result<Bytes, PackageError>>,
}

impl PackageStore {
    /// Reads an object, or the bytes of `range` (end exclusive, cut to the object's length).
    ///
    /// # Errors
    /// [`PackageError::NotFound`] when there is no such object; when the store fails, also in the
    /// middle of the stream; when the range begins at or behind the end.
    pub async fn get(
        &self,
        key: &ObjectKey,
        range: Option<Range<u64>>,
    ) -> Result<ObjectStream, PackageError> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = match self.objects.get_opts(&key.path(), options).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(PackageError::NotFound(key.clone()));
            }
            Err(source) => return Err(failed("read", key.as_str(), source)),
        };
        let (size_bytes, range) = (found.meta.size, found.range.clone());
        let chunks = stream(found, key.clone());
        Ok(ObjectStream { size_bytes, range, chunks })
    }
}

fn stream(found: GetResult, key: ObjectKey) -> BoxStream<'static, Result<Bytes, PackageError>> {
    let range = found.range.clone();
    match found.payload {
        // The crate's own stream reads a file in pieces of 8 KiB, each on a thread of its own.
        GetResultPayload::File(file, _) => {
            let file = tokio::fs::File::from_std(file);
            let opened = async move { read_file(file, range).await };
            futures::stream::once(opened)
                .try_flatten()
                .map_err(move |error| unreadable(&key, from_io(error)))
                .boxed()
        }
        GetResultPayload::Stream(chunks) => chunks.map_err(move |error| unreadable(&key, error)).boxed(),
    }
}

async fn read_file(
    mut file: tokio::fs::File,
    range: Range<u64>,
) -> std::io::Result<BoxStream<'static, std::io::Result<Bytes>>> {
    file.set_max_buf_size(READ_BYTES);
    file.seek(SeekFrom::Start(range.start)).await?;
    let part = file.take(range.end - range.start);
    Ok(ReaderStream::with_capacity(part, READ_BYTES).boxed())
}

fn unreadable(key: &ObjectKey, source: object_store::Error) -> PackageError {
    failed("read", key.as_str(), source)
}
