//! Finished packages.

use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::http::PackageView;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};
use uuid::Uuid;

use crate::error::StoreError;
use crate::pool::{Store, act_for};
use crate::schema::{packages, privacy_jobs};

/// A package that a worker has written to object storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPackage {
    /// Its id, part of its links.
    pub id: Uuid,
    /// Which volume it is, from 1 on.
    pub volume_no: i32,
    /// Where the object is.
    pub object_key: String,
    /// The name it is saved under.
    pub file_name: String,
    /// Its size in bytes.
    pub size_bytes: i64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// A package that can be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRecord {
    /// Its id.
    pub id: Uuid,
    /// The job that made it.
    pub job_id: JobId,
    /// Where the object is.
    pub object_key: String,
    /// The name it is saved under.
    pub file_name: String,
    /// Its size in bytes.
    pub size_bytes: i64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Which volume it is, from 1 on.
    pub volume_no: i32,
    /// When it is deleted; it is not handed out from then on.
    pub expires_at: DateTime<Utc>,
}

/// How long a package can be had when nothing else is said.
pub(crate) const VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = packages)]
pub(crate) struct PackageRow {
    pub id: Uuid,
    pub job_id: Uuid,
    pub object_key: String,
    pub file_name: String,
    pub size_bytes: i64,
    pub sha256: String,
    pub created_at: DateTime<Utc>,
    pub volume_no: i32,
    pub expires_at: DateTime<Utc>,
}

impl From<PackageRow> for PackageView {
    fn from(row: PackageRow) -> Self {
        Self {
            volume_no: row.volume_no,
            file_name: row.file_name,
            size_bytes: row.size_bytes,
            sha256: row.sha256,
            created_at: row.created_at,
            expires_at: Some(row.expires_at),
        }
    }
}

pub(crate) async fn insert(
    conn: &mut AsyncPgConnection,
    (organisation, job): (&str, Uuid),
    package: &NewPackage,
    (now, valid_for): (DateTime<Utc>, Duration),
) -> Result<(), StoreError> {
    diesel::insert_into(packages::table)
        .values((
            packages::id.eq(package.id),
            packages::organisation_id.eq(organisation),
            packages::job_id.eq(job),
            packages::object_key.eq(&package.object_key),
            packages::file_name.eq(&package.file_name),
            packages::size_bytes.eq(package.size_bytes),
            packages::sha256.eq(&package.sha256),
            packages::volume_no.eq(package.volume_no),
            packages::expires_at.eq(now + valid_for),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// How a package is asked for.
enum Which {
    OfJob(Uuid, i32),
    Id(Uuid),
}

impl Store {
    /// A volume of the package of a completed job of the organisation, found by the job's id.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn package_of(
        &self,
        organisation: &OrganisationId,
        job: JobId,
        volume_no: i32,
    ) -> Result<Option<PackageRecord>, StoreError> {
        self.find_package(organisation, Which::OfJob(job.0, volume_no)).await
    }

    /// The same, found by the package's own id.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn package(
        &self,
        organisation: &OrganisationId,
        id: Uuid,
    ) -> Result<Option<PackageRecord>, StoreError> {
        self.find_package(organisation, Which::Id(id)).await
    }

    async fn find_package(
        &self,
        organisation: &OrganisationId,
        which: Which,
    ) -> Result<Option<PackageRecord>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            act_for(conn, organisation).await?;
            let query = packages::table
                .inner_join(privacy_jobs::table.on(packages::job_id.eq(privacy_jobs::id)))
                .filter(packages::organisation_id.eq(organisation.as_str()))
                .filter(privacy_jobs::state.eq("completed"))
                .select(PackageRow::as_select())
                .into_boxed();
            let query = match which {
                Which::OfJob(job, volume_no) => {
                    query.filter(packages::job_id.eq(job)).filter(packages::volume_no.eq(volume_no))
                }
                Which::Id(id) => query.filter(packages::id.eq(id)),
            };
            let row: Option<PackageRow> = query.first(conn).await.optional()?;
            Ok(row.map(|row| PackageRecord {
                id: row.id,
                job_id: JobId(row.job_id),
                object_key: row.object_key,
                file_name: row.file_name,
                size_bytes: row.size_bytes,
                sha256: row.sha256,
                volume_no: row.volume_no,
                expires_at: row.expires_at,
            }))
        })
        .await
    }
}
