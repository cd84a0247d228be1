//! Why S3 did not do what it was asked to.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// An answer that asking again will not change.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    status: u16,
    code: String,
    message: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    code: String,
    message: String,
}

/// The answer to `GetObjectRetention` or `GetObjectLegalHold`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Lock {
    status: Option<String>,
    retain_until_date: Option<DateTime<Utc>>,
}

impl Refusal {
    /// Reads an answer other than 2xx; `None` when it may be another one later.
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        let Answer { code, message } = quick_xml::de::from_reader(body).unwrap_or_default();
        let passes = match status {
            501 => false,
            408 | 409 | 429 | 500.. => true,
            _ => code == "RequestTimeout",
        };
        (!passes).then_some(Self { status, code, message })
    }

    /// The store does not know the operation.
    pub fn is_not_implemented(&self) -> bool {
        matches!(self.status, 405 | 501)
    }

    pub fn is_missing_bucket(&self) -> bool {
        self.code == "NoSuchBucket"
    }

    /// The store says that none of its objects can have that key. `MinIO` keeps objects in files, and takes
    /// no key that is no path.
    pub fn names_no_key(&self) -> bool {
        matches!(self.code.as_str(), "XMinioInvalidObjectName" | "KeyTooLongError")
    }

    /// The object or the version is gone.
    pub fn is_missing_object(&self) -> bool {
        matches!(self.code.as_str(), "NoSuchKey" | "NoSuchVersion")
    }

    /// What was asked for is not there: an object, or where it should be.
    pub fn is_missing(&self) -> bool {
        self.status == 404
    }

    /// The credentials do not suffice.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// The store says by itself that a lock is the reason: Amazon and Ceph, or `MinIO`.
    pub fn names_a_lock(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        message.contains("object lock") || message.contains("worm protected")
    }
}

/// Whether such a lock keeps a version at this time.
pub(super) fn keeps(lock: &[u8], now: DateTime<Utc>) -> bool {
    let Ok(lock) = quick_xml::de::from_reader::<_, Lock>(lock) else {
        return false;
    };
    lock.status.as_deref() == Some("ON") || lock.retain_until_date.is_some_and(|until| until > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str) -> String {
        format!(
            "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
        )
    }

    #[test]
    fn what_may_pass_is_no_refusal() {
        for (status, code) in [
            (503, "SlowDown"),
            (500, "InternalError"),
            (409, "OperationAborted"),
            (400, "RequestTimeout"),
            (429, ""),
        ] {
            assert!(Refusal::read(status, error(code, "").as_bytes()).is_none(), "{status} {code}");
        }
        assert!(Refusal::read(502, b"<html>bad gateway").is_none());
        let unknown = Refusal::read(501, error("NotImplemented", "").as_bytes()).unwrap();
        assert!(unknown.is_not_implemented() && !unknown.is_missing_bucket());
        assert!(Refusal::read(404, error("NoSuchBucket", "").as_bytes()).unwrap().is_missing_bucket());
        let bare = Refusal::read(404, b"not found").unwrap();
        assert!(!bare.is_missing_object() && !bare.is_missing_bucket());
    }

    #[test]
    fn stores_that_cannot_have_a_key_are_believed() {
        let read = |code| Refusal::read(400, error(code, "").as_bytes()).unwrap();
        assert!(
            ["XMinioInvalidObjectName", "KeyTooLongError"].into_iter().all(|code| read(code).names_no_key())
        );
        assert!(!read("InvalidArgument").names_no_key());
    }

    #[test]
    fn stores_that_name_the_lock_are_understood() {
        let read = |status, code, message| Refusal::read(status, error(code, message).as_bytes()).unwrap();
        let amazon = "Access Denied because object protected by object lock.";
        assert!(read(403, "AccessDenied", amazon).names_a_lock());
        let minio = "Object is WORM protected and cannot be overwritten";
        assert!(read(400, "InvalidRequest", minio).names_a_lock());
        assert!(!read(403, "AccessDenied", "Access Denied").names_a_lock());
    }

    #[test]
    fn a_lock_keeps_until_its_time_and_a_hold_always() {
        let now = DateTime::parse_from_rfc3339("2026-03-01T12:00:00Z").unwrap().to_utc();
        let retention = |until: &str| {
            format!(
                "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>GOVERNANCE</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
            )
        };
        assert!(keeps(retention("2026-03-01T12:00:01.000Z").as_bytes(), now));
        assert!(!keeps(retention("2026-03-01T11:59:59Z").as_bytes(), now));
        assert!(keeps(b"<LegalHold><Status>ON</Status></LegalHold>", now));
        assert!(!keeps(b"<LegalHold><Status>OFF</Status></LegalHold>", now));
        assert!(!keeps(b"not xml", now));
    }
}
