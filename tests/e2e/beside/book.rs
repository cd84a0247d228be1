//! What is known of jobs and holds while they go on, and what is done about them: a job that left something is
//! tried again, and one that waits for a hold gets it released.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contracts::http::JobView;
use reqwest::Method;
use tests::{Api, eventually};
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use super::holding::{self, Hold};
use super::oracle::Job;
use super::writer::connected;

/// Long enough for a loaded machine, and for servers that come back; nothing is timed.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// A job is tried again so often.
const PASSES: u32 = 25;

/// All of it.
pub struct Book {
    pub apis: BTreeMap<i32, Api>,
    /// The control database and the subject store.
    pub urls: (String, String),
    pub known: Mutex<Known>,
}

#[derive(Debug, Default)]
pub struct Known {
    pub holds: Vec<Hold>,
    /// Holds that were released, by their id.
    pub released: BTreeMap<Uuid, Hold>,
    pub jobs: BTreeMap<Uuid, Job>,
    /// For a job that came of a release: whose rows it erases, and the hold.
    pub of: BTreeMap<Uuid, (Uuid, Uuid)>,
    /// Jobs that have ended, and how.
    pub settled: BTreeMap<Uuid, bool>,
    pub passes: BTreeMap<Uuid, u32>,
    pub wrong: Vec<String>,
}

const LOOK: &str = "\
SELECT j.id, j.organisation_id, j.state, concat_ws(': ', j.failure_code, j.failure_detail),
       j.request -> 'deferred' ->> 'job', j.request -> 'deferred' ->> 'hold',
       EXISTS (SELECT FROM job_steps s WHERE s.job_id = j.id AND s.state = 'due' AND s.failure_code = 'hold_placed_late')
FROM privacy_jobs j WHERE j.kind = 'erasure' AND NOT (j.id = ANY ($1))";

impl Book {
    /// Goes on until every job has ended.
    pub async fn until_ended(&self) -> anyhow::Result<()> {
        let client = Mutex::new(None);
        eventually(PATIENCE, "every erasure ends", || async {
            let mut client = client.lock().await;
            let Some(client) = connected(&mut client, &self.urls.0).await else { return Ok(None) };
            let settled: Vec<Uuid> = self.known.lock().await.settled.keys().copied().collect();
            let Ok(rows) = client.query(LOOK, &[&settled]).await else { return Ok(None) };
            let mut open = false;
            for row in rows {
                open |= !self.look(&row).await?;
            }
            Ok((!open).then_some(()))
        })
        .await
    }

    /// Looks at one job; whether it has ended.
    async fn look(&self, row: &tokio_postgres::Row) -> anyhow::Result<bool> {
        let (id, organisation): (Uuid, String) = (row.get(0), row.get(1));
        let (state, failure): (String, String) = (row.get(2), row.get(3));
        let organisation: i32 = organisation.parse()?;
        self.meet(id, organisation, (row.get(4), row.get(5))).await?;
        if row.get(6) || state == "on_hold" {
            self.release_all(organisation).await?;
            return Ok(false);
        }
        let mut known = self.known.lock().await;
        match state.as_str() {
            "completed" => drop(known.settled.insert(id, true)),
            "failed" if failure.starts_with("not_erased: ") => {
                let passes = known.passes.entry(id).or_default();
                *passes += 1;
                if *passes > PASSES {
                    known.wrong.push(format!("job {id} came to no end after {PASSES} passes: {failure}"));
                    known.settled.insert(id, false);
                    return Ok(true);
                }
                drop(known);
                // Whatever comes of it is seen at the next look.
                let api = self.api(organisation);
                drop(api.send(Method::POST, &format!("/jobs/{id}/retry"), None).await);
                return Ok(false);
            }
            "failed" | "cancelled" => {
                known.wrong.push(format!("job {id} of organisation {organisation} {state}: {failure}"));
                known.settled.insert(id, false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Notes a job that came of the release of a hold: it is about the same as an earlier one.
    async fn meet(
        &self,
        id: Uuid,
        organisation: i32,
        (of, hold): (Option<String>, Option<String>),
    ) -> anyhow::Result<()> {
        let mut known = self.known.lock().await;
        let (Some(of), Some(hold), false) = (of, hold, known.jobs.contains_key(&id)) else { return Ok(()) };
        let of: Uuid = of.parse()?;
        let person = known.jobs.get(&of).and_then(|job| job.person);
        known.jobs.insert(id, Job { id, organisation, person, deferred: true });
        known.of.insert(id, (of, hold.parse()?));
        Ok(())
    }

    pub fn api(&self, organisation: i32) -> &Api {
        &self.apis[&organisation]
    }

    /// Places a hold, and keeps how the rows are that it holds.
    pub async fn place(&self, organisation: i32, scope: holding::Scope) -> anyhow::Result<Hold> {
        let hold = holding::place(self.api(organisation), organisation, scope).await?;
        let client = Mutex::new(None);
        eventually(PATIENCE, "held rows are looked at", || async {
            let mut client = client.lock().await;
            let Some(client) = connected(&mut client, &self.urls.1).await else { return Ok(None) };
            Ok(holding::keep(client, &hold).await.ok())
        })
        .await?;
        self.known.lock().await.holds.push(hold.clone());
        Ok(hold)
    }

    /// Releases a hold, having looked whether it held.
    pub async fn release(&self, hold: &Hold) -> anyhow::Result<()> {
        {
            // One of those who would release it: whoever looks after the other would look too late.
            let mut known = self.known.lock().await;
            if !known.holds.iter().any(|other| other.id == hold.id) {
                return Ok(());
            }
            known.holds.retain(|other| other.id != hold.id);
            known.released.insert(hold.id, hold.clone());
        }
        let client = Mutex::new(None);
        let broken = eventually(PATIENCE, "held rows are looked at", || async {
            let mut client = client.lock().await;
            let Some(client) = connected(&mut client, &self.urls.1).await else { return Ok(None) };
            Ok(holding::broken(client, hold).await.ok())
        })
        .await?;
        holding::release(self.api(hold.organisation), hold).await?;
        let mut known = self.known.lock().await;
        known.wrong.extend(broken);
        Ok(())
    }

    /// Releases all holds of an organisation.
    pub async fn release_all(&self, organisation: i32) -> anyhow::Result<()> {
        let all = self.known.lock().await.holds.clone();
        for hold in all.iter().filter(|hold| hold.organisation == organisation) {
            self.release(hold).await?;
        }
        Ok(())
    }

    /// The views of these jobs.
    pub async fn views(&self, ids: &BTreeSet<Uuid>) -> anyhow::Result<Vec<(Job, JobView)>> {
        let mut views = Vec::new();
        for id in ids {
            let job = self.known.lock().await.jobs[id].clone();
            let view = self.api(job.organisation).wait(*id, &["completed", "failed"], PATIENCE).await?;
            views.push((job, view));
        }
        Ok(views)
    }
}

/// Waits until the journal has so many batches more; false when everything has ended before.
pub async fn grown(url: &str, by: i64, ended: &watch::Receiver<bool>) -> anyhow::Result<bool> {
    let seen = Mutex::new((None, None));
    eventually(PATIENCE, "the erasures go on", || async {
        if *ended.borrow() {
            return Ok(Some(false));
        }
        let mut seen = seen.lock().await;
        let (client, wanted) = &mut *seen;
        let Some(client) = connected(client, url).await else { return Ok(None) };
        let counted = client.query_one("SELECT count(*) FROM lethe.journal", &[]).await;
        let Ok(now) = counted.and_then(|row| row.try_get::<_, i64>(0)) else { return Ok(None) };
        Ok((now >= *wanted.get_or_insert(now + by)).then_some(true))
    })
    .await
}
