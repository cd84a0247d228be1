//! Deleting what is over: packages at the end of their time, and what jobs left beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use packages::{JobFolder, ObjectKey, PackageError, PackageStore};
use secrecy::ExposeSecret as _;
use store::{FolderPolicy, FolderToExpire, FolderToSweep, Origin, Store, StoreError};
use telemetry::metrics::{IntCounterVec, Metrics};

use crate::config::PackageSettings;

/// Folders taken at a time.
const BATCH: i64 = 20;
/// After so many failures in a row the store is left alone until the next round.
const GIVE_UP_AFTER: u32 = 3;

/// The folders of jobs in the package store.
pub struct Folders {
    store: Store,
    packages: PackageStore,
    policy: FolderPolicy,
    counted: IntCounterVec,
    /// Failures since the last success; the first is told.
    failures: u32,
}

impl Folders {
    /// Opens the package store.
    ///
    /// # Errors
    /// When its settings cannot be used.
    pub fn open(
        settings: &PackageSettings,
        policy: FolderPolicy,
        store: Store,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let options: BTreeMap<String, String> = settings
            .options
            .iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect();
        let packages = PackageStore::open(&settings.url, options)?;
        let help = "folders of jobs in the package store that were cleared, by what came of it";
        let counted = metrics.counter_vec("privacy_folders_total", help, &["outcome"])?;
        Ok(Self { store, packages, policy, counted, failures: 0 })
    }

    /// Clears what is due, and answers how many jobs expired by it.
    ///
    /// # Errors
    /// When the control database fails. Objects that cannot be deleted are no error: their folders
    /// are tried again later.
    pub async fn round(&mut self, origin: &Origin) -> Result<usize, StoreError> {
        let mut expired = 0;
        let given_up = self.failures.saturating_add(GIVE_UP_AFTER);
        for folder in self.store.take_expired_folders(&self.policy, BATCH).await? {
            let cleared = self.clear(&folder).await;
            if self.succeeded(cleared, "expired") {
                expired += usize::from(self.store.expire_job(folder.job_id, origin).await?);
            } else if self.failures >= given_up {
                return Ok(expired);
            }
        }
        for folder in self.store.take_folders_to_sweep(&self.policy, BATCH).await? {
            let cleared = self.sweep(&folder).await;
            if self.succeeded(cleared, "swept") {
                self.store.folder_swept(&folder).await?;
            } else if self.failures >= given_up {
                return Ok(expired);
            }
        }
        Ok(expired)
    }

    async fn clear(&self, folder: &FolderToExpire) -> Result<(), PackageError> {
        let job = JobFolder::new(folder.organisation.as_str(), folder.job_id.0);
        self.packages.sweep(job.prefix(), &[]).await.map(drop)
    }

    async fn sweep(&self, folder: &FolderToSweep) -> Result<(), PackageError> {
        let job = JobFolder::new(folder.organisation.as_str(), folder.job_id.0);
        let (prefix, folder) = (job.prefix().to_owned(), folder.clone());
        let swept = self.packages.sweep_where(&prefix, move |key| may_go(&job, &folder, key)).await?;
        if swept.objects > 0 {
            tracing::info!(objects = swept.objects, bytes = swept.size_bytes, "swept what a job left behind");
        }
        Ok(())
    }

    /// Counts how it went. The first failure is told, the others only counted until one succeeds.
    fn succeeded(&mut self, cleared: Result<(), PackageError>, outcome: &str) -> bool {
        match cleared {
            Ok(()) => {
                self.failures = 0;
                self.counted.with_label_values(&[outcome]).inc();
                true
            }
            Err(error) => {
                if self.failures == 0 {
                    let error = telemetry::as_error(&error);
                    tracing::warn!(error, "objects cannot be deleted; it is tried again until they can");
                }
                self.failures = self.failures.saturating_add(1);
                self.counted.with_label_values(&["failed"]).inc();
                false
            }
        }
    }
}

fn may_go(job: &JobFolder, folder: &FolderToSweep, key: &ObjectKey) -> bool {
    let covered = job.attempt_of(key).is_some_and(|(step_no, epoch)| {
        i32::try_from(step_no).is_ok_and(|step_no| folder.covers(step_no, i64::from(epoch)))
    });
    covered && !folder.packages.iter().any(|package| package == key.as_str())
}
