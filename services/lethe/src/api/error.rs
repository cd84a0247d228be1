//! Why the API did not do what it was asked.

use std::time::Duration;

use contracts::http::Problem;

use crate::failure::Failure;

/// Why a request had no success.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody answered, or not to the end.
    #[error("no answer from {origin}")]
    Unreachable {
        /// Scheme, host and port.
        origin: String,
        /// What the HTTP client says, without the URL: its query may be a signature.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is no.
    #[error("{origin} answers {status}")]
    Refused {
        /// Scheme, host and port.
        origin: String,
        /// The HTTP status.
        status: u16,
        /// What it says about it, if it is our API that answers.
        problem: Option<Box<Problem>>,
        /// When to ask again.
        retry_after: Option<Duration>,
    },
    /// The answer is none of our API's.
    #[error("the answer of {origin} cannot be understood: {expected} was expected")]
    Unreadable {
        /// Scheme, host and port.
        origin: String,
        /// What the answer should have been.
        expected: &'static str,
        /// What the decoder says.
        #[source]
        source: Option<serde_json::Error>,
    },
}

impl ApiError {
    /// Whether the same request may succeed in a moment: the service is being restarted, or something that it needs.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => !source.is_builder(),
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Unreadable { .. } => false,
        }
    }

    /// Whether nothing listens there: the request was not even heard.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if source.is_connect())
    }

    /// Whether it is not known what became of the request: somebody may have heard it, and nobody has answered.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Unreachable { .. }) && self.is_passing() && !self.is_unheard()
    }

    /// The hold that the API has stored and that does not bind yet, with the job that it waits for; by their ids.
    #[must_use]
    pub fn not_binding(&self) -> Option<(&str, Option<&str>)> {
        let Self::Refused { problem: Some(problem), .. } = self else { return None };
        let hold = problem.hold.as_deref().and_then(|path| path.rsplit('/').next())?;
        Some((hold, problem.job.as_deref().and_then(|path| path.rsplit('/').next())))
    }

    /// How long the other side asks us to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Unreachable { .. } | Self::Unreadable { .. } => None,
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        match error {
            ApiError::Unreachable { source, .. } => Self::new(text)
                .because(source)
                .next("see whether the API runs there; --api or LETHE_API_URL name another address"),
            ApiError::Refused { status, problem: Some(problem), .. } => refused(status, *problem),
            ApiError::Refused { problem: None, .. } => {
                Self::new(text).next("see whether --api names the API itself, and whether it is healthy")
            }
            ApiError::Unreadable { source, .. } => {
                let failure = Self::new(text)
                    .next("see whether --api names the API, and whether it is as new as this program");
                match source {
                    Some(source) => failure.because(source),
                    None => failure,
                }
            }
        }
    }
}

/// A problem as people read it.
fn refused(status: u16, problem: Problem) -> Failure {
    let mut failure = Failure::new(format!("{} ({status})", problem.title)).detail(&problem.detail);
    for wrong in &problem.errors {
        failure = failure.detail(format!("{}: {}", wrong.pointer, wrong.detail));
    }
    failure = failure.detail(format!("request {}", problem.request_id));
    if let Some(next) = next(status, &problem) {
        failure = failure.next(next);
    }
    failure.problem(problem)
}

fn next(status: u16, problem: &Problem) -> Option<String> {
    // The job's id is the last part of its path.
    if let Some(job) = problem.job.as_deref().and_then(|path| path.rsplit('/').next()) {
        return Some(format!("look at that job: lethe jobs show {job}"));
    }
    let kind = problem.type_uri.rsplit(':').next().unwrap_or_default();
    match status {
        // RFC 9470: the token is good, and what is asked for needs a fresh sign-in all the same.
        401 if kind == "insufficient-user-authentication" => Some(
            "sign in again and set LETHE_TOKEN to the new token; on a developer's machine \
             `lethe token --organisation ID --role owner` makes one of a fresh sign-in"
                .to_owned(),
        ),
        401 => Some(
            "get a new token and set LETHE_TOKEN; on a developer's machine \
             `lethe token --organisation ID --role owner` makes one"
                .to_owned(),
        ),
        // No waiting helps; the detail names the setting.
        503 if kind.ends_with("-not-configured") => None,
        429 | 503 => Some("try again in a moment".to_owned()),
        500.. => Some("look for the request's id in the service's log".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use contracts::http::FieldError;

    use super::*;

    fn problem() -> Problem {
        Problem {
            type_uri: "urn:lethe:problem:invalid-body".into(),
            title: "invalid body".into(),
            status: 400,
            detail: "the body is not what is expected; see `errors`".into(),
            instance: "/api/v1/privacy/export".into(),
            errors: vec![FieldError {
                pointer: "/format".into(),
                detail: "expected json, csv or both".into(),
            }],
            request_id: "r-1".into(),
            trace_id: None,
            job: None,
            hold: None,
        }
    }

    #[test]
    fn a_problem_is_shown_with_its_fields_and_its_request() {
        let expected = "invalid body (400)\n  the body is not what is expected; see `errors`\n  \
                        /format: expected json, csv or both\n  request r-1";
        assert_eq!(refused(400, problem()).to_string(), expected);
        assert_eq!(refused(400, problem()).to_json()["error"]["problem"]["errors"][0]["pointer"], "/format");
    }

    #[test]
    fn the_job_in_the_way_is_named() {
        let path = "/lethe/api/v1/privacy/jobs/00000000-0000-0000-0000-000000000001";
        let open = Problem { job: Some(path.into()), ..problem() };
        let next = next(409, &open).unwrap();
        assert_eq!(next, "look at that job: lethe jobs show 00000000-0000-0000-0000-000000000001");
    }

    #[test]
    fn who_signed_in_too_long_ago_is_told_to_sign_in_again() {
        let of = |kind: &str| Problem { type_uri: format!("urn:lethe:problem:{kind}"), ..problem() };
        let stale = next(401, &of("insufficient-user-authentication")).unwrap();
        assert!(stale.starts_with("sign in again"), "{stale}");
        assert!(next(401, &of("invalid-token")).unwrap().starts_with("get a new token"));
        assert_eq!(next(503, &of("erasure-not-configured")), None);
        assert_eq!(next(503, &of("unavailable")).unwrap(), "try again in a moment");
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let refused = |status| ApiError::Refused {
            origin: "http://x".into(),
            status,
            problem: None,
            retry_after: None,
        };
        assert!([429, 500, 502, 503, 504].into_iter().all(|status| refused(status).is_passing()));
        assert!(![400, 401, 403, 404, 409, 410, 422].into_iter().any(|status| refused(status).is_passing()));
    }
}
