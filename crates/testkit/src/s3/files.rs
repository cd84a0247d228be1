//! Objects as files, with keys as long as S3 allows, or in memory, with any key and all versions.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    GetObjectInput, GetObjectLegalHoldInput, GetObjectLegalHoldOutput, GetObjectOutput,
    GetObjectRetentionInput, GetObjectRetentionOutput, HeadObjectInput, HeadObjectOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsV2Input, ListObjectsV2Output,
    ObjectLockLegalHold, ObjectLockLegalHoldStatus, ObjectLockRetention, ObjectLockRetentionMode,
    PutObjectInput, PutObjectOutput, StreamingBlob, Timestamp, TimestampFormat, UploadPartInput,
    UploadPartOutput,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::BUCKET;
use super::versions::{Lock, Versions};

/// No object of a test is larger.
const LARGEST_BYTES: usize = 64 * 1024 * 1024;

/// The operations that a package store, and reading and deleting media, need. `s3s-fs` names a file after
/// key and id of an upload, and that name gets too long for a file system; so it is told a short
/// key, which it needs for nothing but this file. It takes keys for paths and knows no versions; a bucket
/// that is to be otherwise is in memory.
#[derive(Debug)]
pub(super) struct Files {
    files: FileSystem,
    versions: Option<Arc<Mutex<Versions>>>,
}

impl Files {
    pub fn new(root: &Path, versions: Option<Arc<Mutex<Versions>>>) -> Self {
        let files = FileSystem::new(root).expect("the root exists");
        Self { files, versions }
    }

    fn versions(&self) -> S3Result<MutexGuard<'_, Versions>> {
        match &self.versions {
            Some(versions) => Ok(versions.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Err(s3_error!(NotImplemented, "this bucket knows no versions")),
        }
    }

    /// What an object in memory holds.
    fn content(&self, bucket: &str, key: &str) -> S3Result<Vec<u8>> {
        ours(bucket)?;
        let versions = self.versions()?;
        versions.current(key).map(<[u8]>::to_vec).ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// A version that is asked about, and the lock on it.
    fn lock_of(&self, key: &str, id: Option<&str>) -> S3Result<Option<Lock>> {
        match self.versions()?.find(key, id) {
            Some(version) => Ok(version.lock),
            None => Err(s3_error!(NoSuchKey)),
        }
    }

    fn delete_version(&self, key: &str, id: Option<&str>) -> S3Result<()> {
        let mut versions = self.versions()?;
        match id {
            None => versions.hide(key),
            Some(id) if versions.find(key, Some(id)).is_some_and(|version| version.lock.is_some()) => {
                return Err(s3_error!(AccessDenied, "Access Denied"));
            }
            Some(id) => versions.remove(key, id),
        }
        Ok(())
    }
}

fn ours(bucket: &str) -> S3Result<()> {
    if bucket == BUCKET { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
}

fn tag() -> ETag {
    ETag::Strong("0".repeat(32))
}

fn modified() -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::DateTime, "2026-01-01T00:00:00.000Z").ok()
}

macro_rules! operations {
    ($($name:ident: $input:ty => $output:ty),+ $(,)?) => {
        #[async_trait::async_trait]
        impl S3 for Files {
            $(
                async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    self.files.$name(request).await
                }
            )+

            async fn create_multipart_upload(
                &self,
                mut request: S3Request<CreateMultipartUploadInput>,
            ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
                if self.versions.is_some() {
                    return Err(s3_error!(NotImplemented, "objects of this bucket are written whole"));
                }
                let key = std::mem::replace(&mut request.input.key, "upload".to_owned());
                let mut response = self.files.create_multipart_upload(request).await?;
                response.output.key = Some(key);
                Ok(response)
            }

            async fn put_object(
                &self,
                mut request: S3Request<PutObjectInput>,
            ) -> S3Result<S3Response<PutObjectOutput>> {
                if self.versions.is_none() {
                    return self.files.put_object(request).await;
                }
                let key = request.input.key.clone();
                let mut body = request.input.body.take().map(Body::from).unwrap_or_default();
                let content = body.store_all_limited(LARGEST_BYTES).await;
                let content = content.map_err(|_| s3_error!(EntityTooLarge))?;
                self.versions()?.put(&key, content.into());
                Ok(S3Response::new(PutObjectOutput { e_tag: Some(tag()), ..PutObjectOutput::default() }))
            }

            async fn get_object(
                &self,
                request: S3Request<GetObjectInput>,
            ) -> S3Result<S3Response<GetObjectOutput>> {
                if self.versions.is_none() {
                    return self.files.get_object(request).await;
                }
                let content = self.content(&request.input.bucket, &request.input.key)?;
                Ok(S3Response::new(GetObjectOutput {
                    content_length: i64::try_from(content.len()).ok(),
                    body: Some(StreamingBlob::from(Body::from(content))),
                    last_modified: modified(),
                    e_tag: Some(tag()),
                    ..GetObjectOutput::default()
                }))
            }

            async fn head_object(
                &self,
                request: S3Request<HeadObjectInput>,
            ) -> S3Result<S3Response<HeadObjectOutput>> {
                if self.versions.is_none() {
                    return self.files.head_object(request).await;
                }
                let content = self.content(&request.input.bucket, &request.input.key)?;
                Ok(S3Response::new(HeadObjectOutput {
                    content_length: i64::try_from(content.len()).ok(),
                    last_modified: modified(),
                    e_tag: Some(tag()),
                    ..HeadObjectOutput::default()
                }))
            }

            async fn list_objects_v2(
                &self,
                request: S3Request<ListObjectsV2Input>,
            ) -> S3Result<S3Response<ListObjectsV2Output>> {
                if self.versions.is_none() {
                    return self.files.list_objects_v2(request).await;
                }
                ours(&request.input.bucket)?;
                Ok(S3Response::new(self.versions()?.list_objects(&request.input)))
            }

            async fn delete_object(
                &self,
                request: S3Request<DeleteObjectInput>,
            ) -> S3Result<S3Response<DeleteObjectOutput>> {
                if self.versions.is_none() {
                    return self.files.delete_object(request).await;
                }
                self.delete_version(&request.input.key, request.input.version_id.as_deref())?;
                Ok(S3Response::new(DeleteObjectOutput::default()))
            }

            async fn delete_objects(
                &self,
                request: S3Request<DeleteObjectsInput>,
            ) -> S3Result<S3Response<DeleteObjectsOutput>> {
                if self.versions.is_none() {
                    return self.files.delete_objects(request).await;
                }
                let mut deleted = Vec::new();
                for object in request.input.delete.objects {
                    self.delete_version(&object.key, object.version_id.as_deref())?;
                    deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() });
                }
                let deleted = Some(deleted);
                Ok(S3Response::new(DeleteObjectsOutput { deleted, ..DeleteObjectsOutput::default() }))
            }

            async fn list_object_versions(
                &self,
                request: S3Request<ListObjectVersionsInput>,
            ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
                ours(&request.input.bucket)?;
                let versions = self.versions()?;
                match versions.lists {
                    true => Ok(S3Response::new(versions.list(&request.input))),
                    false => Err(s3_error!(NotImplemented, "this bucket knows no versions")),
                }
            }

            async fn get_object_retention(
                &self,
                request: S3Request<GetObjectRetentionInput>,
            ) -> S3Result<S3Response<GetObjectRetentionOutput>> {
                let input = request.input;
                if self.lock_of(&input.key, input.version_id.as_deref())? != Some(Lock::Retention) {
                    return Err(s3_error!(NoSuchObjectLockConfiguration));
                }
                let until = Timestamp::parse(TimestampFormat::DateTime, "2099-01-01T00:00:00.000Z");
                let retention = ObjectLockRetention {
                    mode: Some(ObjectLockRetentionMode::from_static(ObjectLockRetentionMode::COMPLIANCE)),
                    retain_until_date: until.ok(),
                };
                Ok(S3Response::new(GetObjectRetentionOutput { retention: Some(retention) }))
            }

            async fn get_object_legal_hold(
                &self,
                request: S3Request<GetObjectLegalHoldInput>,
            ) -> S3Result<S3Response<GetObjectLegalHoldOutput>> {
                let input = request.input;
                let status = match self.lock_of(&input.key, input.version_id.as_deref())? {
                    Some(Lock::LegalHold) => ObjectLockLegalHoldStatus::ON,
                    _ => ObjectLockLegalHoldStatus::OFF,
                };
                let status = Some(ObjectLockLegalHoldStatus::from_static(status));
                let legal_hold = Some(ObjectLockLegalHold { status });
                Ok(S3Response::new(GetObjectLegalHoldOutput { legal_hold }))
            }
        }
    };
}

operations! {
    upload_part: UploadPartInput => UploadPartOutput,
    complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
    abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
}
