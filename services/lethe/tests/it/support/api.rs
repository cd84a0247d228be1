//! The API, as far as the program can tell.

use serde_json::{Value, json};

use super::program::Lethe;
use super::server::{Answer, Asked, Server};

/// The job of these tests.
pub const JOB: &str = "0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f";
/// The token that the API expects.
pub const TOKEN: &str = "a.good.token";

/// A server that answers as the API does, and fails the program for a wrong token.
pub struct FakeApi(pub Server);

impl FakeApi {
    pub async fn start(answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let bearer = format!("Bearer {TOKEN}");
        Self(
            Server::start(move |asked, number| match asked.header("authorization") == Some(&bearer) {
                true => answer(asked, number),
                false => problem(401, "not authenticated", json!({})),
            })
            .await,
        )
    }

    /// `lethe ARGUMENTS` against this API.
    pub fn lethe(&self, arguments: &[&str]) -> Lethe {
        Lethe::with(arguments).env("LETHE_API_URL", &self.0.url).env("LETHE_TOKEN", TOKEN)
    }
}

/// A path of the API.
pub fn path(rest: &str) -> String {
    format!("/api/v1/privacy/{rest}")
}

/// A problem document; `more` may replace members.
pub fn problem(status: u16, title: &str, more: Value) -> Answer {
    let mut problem = json!({
        "type": "urn:lethe:problem:some", "title": title, "status": status, "detail": "this is why",
        "instance": "/x", "request_id": "r-77",
    });
    problem.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Answer::json(status, &problem)
}

/// The job in this state, with `more` members.
pub fn job(state: &str, more: Value) -> Value {
    let ended = ["completed", "failed", "cancelled", "expired"].contains(&state);
    let status = match state {
        "completed" | "expired" => "completed",
        "failed" | "cancelled" | "pending" => state,
        _ => "in_progress",
    };
    let mut job = json!({
        "id": JOB, "kind": "export", "state": state, "status": status, "version": 3,
        "created_at": "2026-11-21T10:00:00Z", "updated_at": "2026-11-21T10:00:02Z",
        "ended_at": ended.then_some("2026-11-21T10:00:04Z"),
        "request": {"format": "json", "include_media": false}, "cutoff": null, "failure": null,
        "progress": {"rows_done": 50, "rows_planned": 100, "bytes_done": 2048, "collections": [
            {"collection": "shop.orders", "rows_done": 50, "rows_planned": 100, "bytes_done": 2048},
        ]},
        "steps": [], "package": null, "links": {"self": path(&format!("jobs/{JOB}"))},
        "timeline": [{"version": 1, "action": "job.created", "outcome": "success", "step_no": null,
            "actor": "owner-1", "occurred_at": "2026-11-21T10:00:00Z"}],
    });
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job
}

/// An erasure in this state, with `more` members.
pub fn erasure(state: &str, more: Value) -> Value {
    let mut erasure = job(
        state,
        json!({
            "kind": "erasure",
            "request": {"delete_media": false, "dry_run": false, "grace_period_days": 0},
            "links": {"self": path(&format!("jobs/{JOB}")), "plan": path(&format!("jobs/{JOB}/plan"))},
        }),
    );
    erasure.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    erasure
}

/// The plan of an erasure.
pub fn plan() -> Value {
    json!({
        "nobody_found": false, "tokens": [], "media": [{"collection": "shop.photos", "count": 3}],
        "collections": [{"collection": "shop.people", "store": "shop", "table": "public.people",
            "action": "anonymise", "rows": 60, "shared": 0, "referred": 1, "later": 0,
            "fields": [{"column": "email", "strategy": "pseudonymise", "effect": "pseudonymised",
                "samples": ["xxx@xxxxxxx.xxx"]}],
            "retained": [{"hold": JOB, "ground": "legal_claims", "rows": 7}]}],
        "plan_hash": "5f2c77",
    })
}
