//! What a request for erasure asks for, and what it must confirm.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::JobId;

/// What a request for erasure asks for, as it is kept with its job. Equal requests of one organisation
/// are not open twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// The person; the whole organisation when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectRef>,
    /// Whether the media objects that rows name are deleted too.
    pub delete_media: bool,
    /// How long it waits before it begins.
    pub grace_period_days: GracePeriod,
    /// Whether it ends with its plan, and erases nothing.
    pub dry_run: bool,
    /// Whose deferred rows it erases, after a legal hold was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred: Option<Deferred>,
    /// An export of the same organisation that has to be complete before anything is erased. A program
    /// that does not know this member refuses the request, and so never erases what was not exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_export: Option<JobId>,
}

/// One person, named without saying who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectRef {
    /// The type of the identity, as the data map names it.
    pub identity_type: String,
    /// A keyed digest of type and normalised value in hexadecimal digits: equal for equal persons of
    /// one organisation, and of no use to anybody without the key.
    pub tag: String,
}

/// What an erasure left because of a legal hold, to be erased now that the hold is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deferred {
    /// The hold.
    pub hold: Uuid,
    /// The job that left the rows.
    pub job: Uuid,
}

/// How long an accepted erasure waits before it begins: whole days of 24 hours, from 0 to 30.
///
/// Days are counted in UTC, where each has 24 hours, so no change of the clocks moves the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct GracePeriod(i64);

/// A number of days that is no grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("grace_period_days is a whole number from 0 to {}", GracePeriod::LONGEST)]
pub struct NoGracePeriod;

impl GracePeriod {
    /// The longest, in days.
    pub const LONGEST: i64 = 30;

    /// No grace: the erasure begins at once.
    pub const NONE: Self = Self(0);

    /// When the period that begins at `now` is over; from then on, not before, the erasure may begin.
    #[must_use]
    pub fn ends(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now.checked_add_signed(TimeDelta::days(self.0)).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl Default for GracePeriod {
    fn default() -> Self {
        Self(7)
    }
}

impl TryFrom<i64> for GracePeriod {
    type Error = NoGracePeriod;

    fn try_from(days: i64) -> Result<Self, NoGracePeriod> {
        (0..=Self::LONGEST).contains(&days).then_some(Self(days)).ok_or(NoGracePeriod)
    }
}

impl From<GracePeriod> for i64 {
    fn from(period: GracePeriod) -> Self {
        period.0
    }
}

/// Whether the typed name is the organisation's own, to the letter: case, spaces and accents count.
/// A confirmation that forgives is none.
#[must_use]
pub fn confirms(typed: &str, name: &str) -> bool {
    typed == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_comes_first_is_kept_and_none_leaves_no_trace() {
        let without = r#"{"delete_media":false,"grace_period_days":7,"dry_run":false}"#;
        let mut request: ErasureRequest = serde_json::from_str(without).unwrap();
        assert_eq!(request.after_export, None);
        assert_eq!(serde_json::to_string(&request).unwrap(), without, "older programs read it too");
        request.after_export = Some(JobId(Uuid::nil()));
        let with = serde_json::to_value(&request).unwrap();
        assert_eq!(with["after_export"], "00000000-0000-0000-0000-000000000000");
        assert_eq!(serde_json::from_value::<ErasureRequest>(with).unwrap(), request);
    }

    #[test]
    fn a_grace_period_has_0_to_30_days() {
        for (json, days) in [("0", Some(0)), ("7", Some(7)), ("30", Some(30)), ("31", None), ("-1", None)] {
            let read = serde_json::from_str::<GracePeriod>(json);
            assert_eq!(read.as_ref().ok().map(|period| period.0), days);
            if let Err(error) = read {
                assert_eq!(error.to_string(), "grace_period_days is a whole number from 0 to 30");
            }
        }
        assert!(serde_json::from_str::<GracePeriod>("1.5").is_err());
        assert_eq!(serde_json::to_string(&GracePeriod::default()).unwrap(), "7");
    }

    #[test]
    fn it_ends_to_the_second_whatever_the_clocks_do_meanwhile() {
        // Summer time ends in Europe on 2026-10-25.
        let now: DateTime<Utc> = "2026-10-24T22:59:59.5Z".parse().unwrap();
        assert_eq!(GracePeriod(1).ends(now).to_rfc3339(), "2026-10-25T22:59:59.500+00:00");
        assert_eq!(GracePeriod(0).ends(now), now);
        assert_eq!(GracePeriod(30).ends(DateTime::<Utc>::MAX_UTC), DateTime::<Utc>::MAX_UTC);
    }

    #[test]
    fn a_name_is_confirmed_to_the_letter() {
        assert!(confirms("O'Hara & Søn", "O'Hara & Søn"));
        for typed in ["o'hara & søn", "O'Hara & Søn ", "O'Hara & Son", "O’Hara & Søn", ""] {
            assert!(!confirms(typed, "O'Hara & Søn"), "{typed:?}");
        }
    }
}
