//! Rows as they lie in the tables.

use chrono::{DateTime, Utc};
use domain::id::JobId;

use super::World;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    pub state: String,
    pub version: i64,
    pub failure_code: Option<String>,
    pub cutoff: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFacts {
    pub step_no: i32,
    pub phase: i32,
    pub state: String,
    pub attempts: i32,
    pub epoch: i64,
    pub not_before: Option<DateTime<Utc>>,
    pub announced_at: Option<DateTime<Utc>>,
    pub lease_owner: Option<String>,
    pub lease_expires_at: Option<DateTime<Utc>>,
    pub failure_code: Option<String>,
    pub result: Option<serde_json::Value>,
}

impl World {
    pub async fn job_facts(&self, job: JobId) -> JobFacts {
        let row = self
            .admin
            .query_one(
                "SELECT state, version, failure_code, cutoff, ended_at FROM privacy_jobs WHERE id = $1",
                &[&job.0],
            )
            .await
            .unwrap();
        JobFacts {
            state: row.get(0),
            version: row.get(1),
            failure_code: row.get(2),
            cutoff: row.get(3),
            ended_at: row.get(4),
        }
    }

    /// The job's steps in order.
    pub async fn steps(&self, job: JobId) -> Vec<StepFacts> {
        let rows = self
            .admin
            .query(
                "SELECT step_no, phase, state, attempts, epoch, not_before, announced_at, lease_owner, lease_expires_at, \
                     failure_code, result \
                 FROM job_steps WHERE job_id = $1 ORDER BY step_no",
                &[&job.0],
            )
            .await
            .unwrap();
        let step = |row: &tokio_postgres::Row| StepFacts {
            step_no: row.get(0),
            phase: row.get(1),
            state: row.get(2),
            attempts: row.get(3),
            epoch: row.get(4),
            not_before: row.get(5),
            announced_at: row.get(6),
            lease_owner: row.get(7),
            lease_expires_at: row.get(8),
            failure_code: row.get(9),
            result: row.get(10),
        };
        rows.iter().map(step).collect()
    }

    pub async fn step(&self, job: JobId, step: i32) -> StepFacts {
        self.steps(job).await.into_iter().find(|facts| facts.step_no == step).unwrap()
    }

    /// The states of the job's steps in order.
    pub async fn states(&self, job: JobId) -> Vec<String> {
        self.steps(job).await.into_iter().map(|step| step.state).collect()
    }

    /// The one number that a query answers.
    pub async fn count(&self, query: &str) -> i64 {
        self.admin.query_one(query, &[]).await.unwrap().get(0)
    }
}
