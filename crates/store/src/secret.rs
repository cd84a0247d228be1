//! Secrets that the steps of a job need, sealed: nothing here can open them.
//!
//! The API leaves one with the job that it accepts and cannot read it back; the export worker reads
//! it. The database removes it when the job ends for good, and the sweep a while after a failure.

use std::fmt;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::id::{JobId, OrganisationId};

use crate::error::StoreError;
use crate::pool::Store;
use crate::schema::job_secrets;

/// A sealed secret, made for one job before that job exists.
#[derive(Clone, PartialEq, Eq)]
pub struct JobSecret {
    /// The id that the job gets.
    pub job_id: JobId,
    /// The secret, sealed for this job.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for JobSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobSecret").field("job_id", &self.job_id).finish_non_exhaustive()
    }
}

pub(crate) async fn insert(
    conn: &mut AsyncPgConnection,
    organisation: &OrganisationId,
    secret: &JobSecret,
) -> Result<(), StoreError> {
    diesel::insert_into(job_secrets::table)
        .values((
            job_secrets::job_id.eq(secret.job_id.0),
            job_secrets::organisation_id.eq(organisation.as_str()),
            job_secrets::sealed.eq(&secret.sealed),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

impl Store {
    /// The sealed secret of a job, while it is kept.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or refuses: only the export worker may ask.
    pub async fn job_secret(&self, job: JobId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut conn = self.conn().await?;
        let sealed = job_secrets::table.find(job.0).select(job_secrets::sealed).first(&mut conn).await;
        Ok(sealed.optional()?)
    }
}
