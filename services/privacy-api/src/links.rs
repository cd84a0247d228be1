//! The addresses of this service's own resources, seen from outside.

use url::Url;
use uuid::Uuid;

/// Where the routes begin.
pub const BASE: &str = "/api/v1/privacy";

/// Makes links.
///
/// Most are paths, which work through any proxy that keeps them; a signed link is a whole URL,
/// since it is handed on to people and other programs.
#[derive(Debug, Clone)]
pub struct Links {
    /// `https://host`, without a path.
    origin: String,
    /// The path under which a proxy serves this service; empty mostly. No slash at its end.
    prefix: String,
}

impl Links {
    /// Links below `public_url`.
    #[must_use]
    pub fn new(public_url: &Url) -> Self {
        Self {
            origin: public_url.origin().ascii_serialization(),
            prefix: public_url.path().trim_end_matches('/').to_owned(),
        }
    }

    /// Whether callers come through TLS.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// A job.
    #[must_use]
    pub fn job(&self, id: Uuid) -> String {
        format!("{}{BASE}/jobs/{id}", self.prefix)
    }

    /// Something to do with a job: `cancel`, `retry`, `plan` or `download`.
    #[must_use]
    pub fn job_action(&self, id: Uuid, action: &str) -> String {
        format!("{}/{action}", self.job(id))
    }

    /// Something to do with a step: `retry` or `skip`.
    #[must_use]
    pub fn step_action(&self, job: Uuid, step_no: i32, action: &str) -> String {
        format!("{}/steps/{step_no}/{action}", self.job(job))
    }

    /// A legal hold.
    #[must_use]
    pub fn hold(&self, id: Uuid) -> String {
        format!("{}{BASE}/holds/{id}", self.prefix)
    }

    /// A list, with its query.
    #[must_use]
    pub fn list(&self, name: &str, query: &str) -> String {
        format!("{}{BASE}/{name}?{query}", self.prefix)
    }

    /// A package, with the signature in its query.
    #[must_use]
    pub fn package(&self, id: Uuid, query: &str) -> String {
        format!("{}{}/download/{id}?{query}", self.origin, self.prefix)
    }

    /// A path of this service.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_path_is_kept() {
        let links = Links::new(&Url::parse("https://example.com/lethe/").unwrap());
        assert!(links.secure());
        assert_eq!(
            links.job_action(Uuid::nil(), "cancel"),
            "/lethe/api/v1/privacy/jobs/00000000-0000-0000-0000-000000000000/cancel"
        );
        let package = links.package(Uuid::nil(), "a=1");
        assert_eq!(package, "https://example.com/lethe/download/00000000-0000-0000-0000-000000000000?a=1");
        let plain = Links::new(&Url::parse("http://127.0.0.1:8080").unwrap());
        assert!(!plain.secure());
        assert_eq!(plain.path("/docs/"), "/docs/");
    }
}
