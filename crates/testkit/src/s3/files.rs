//! Objects as files, with keys as long as S3 allows, and their versions in memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
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

/// The operations that a package store and the deletion of media need. `s3s-fs` names a file after
/// key and id of an upload, and that name gets too long for a file system; so it is told a short
/// key, which it needs for nothing but this file. It knows no versions; where a bucket has them, its
/// file is what the newest one holds.
#[derive(Debug)]
pub(super) struct Files {
    files: FileSystem,
    bucket: PathBuf,
    versions: Option<Arc<Mutex<Versions>>>,
}

impl Files {
    pub fn new(root: &Path, versions: Option<Arc<Mutex<Versions>>>) -> Self {
        let files = FileSystem::new(root).expect("the root exists");
        Self { files, bucket: root.join(BUCKET), versions }
    }

    fn versions(&self) -> S3Result<MutexGuard<'_, Versions>> {
        match &self.versions {
            Some(versions) => Ok(versions.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Err(s3_error!(NotImplemented, "this bucket knows no versions")),
        }
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
        let file = self.bucket.join(key);
        match versions.current(key) {
            Some(content) => std::fs::write(file, content).expect("the bucket can be written"),
            None if file.is_file() => std::fs::remove_file(file).expect("the bucket can be written"),
            None => {}
        }
        Ok(())
    }
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
                request.input.body = Some(StreamingBlob::from(Body::from(content.clone())));
                let response = self.files.put_object(request).await?;
                self.versions()?.put(&key, content.into());
                Ok(response)
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
                let versions = self.versions()?;
                match request.input.bucket == BUCKET {
                    true => Ok(S3Response::new(versions.list(&request.input))),
                    false => Err(s3_error!(NoSuchBucket)),
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
    get_object: GetObjectInput => GetObjectOutput,
    head_object: HeadObjectInput => HeadObjectOutput,
    list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
    upload_part: UploadPartInput => UploadPartOutput,
    complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
    abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
}
