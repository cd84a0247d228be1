//! What a job is, as lists, summaries and the audit log say it: enough to tell it from every other.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::kind::JobKind;
use super::names::JobNames;

/// Whose data a job is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Everybody's in the organisation.
    Organisation,
    /// One person's.
    Person,
}

impl Whose {
    /// The name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Person => "person",
        }
    }
}

/// How much of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobScope {
    /// The type of the identity by which the person is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_type: Option<String>,
    /// Whether the media objects that rows name are exported or deleted too.
    #[serde(default)]
    pub media: bool,
    /// The hold whose release it follows: it is about the rows that the hold had kept, and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_hold: Option<Uuid>,
}

/// What a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobAbout {
    /// Its kind.
    pub kind: JobKind,
    /// Whose data.
    pub whose: Whose,
    /// Whether it ends with its plan, and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// How much.
    #[serde(default)]
    pub scope: JobScope,
    /// What the caller calls it.
    #[serde(default)]
    pub names: JobNames,
}

impl JobAbout {
    /// What a job of that kind is by the request that is kept with it, whichever version has written that.
    #[must_use]
    pub fn of(kind: JobKind, request: &Value, names: JobNames) -> Self {
        let says = |member: &str| request.get(member).and_then(Value::as_bool).unwrap_or_default();
        let subject = request.get("subject").filter(|subject| !subject.is_null());
        let identity_type = subject.and_then(|subject| subject.get("identity_type")?.as_str());
        let hold = request.get("deferred").and_then(|deferred| deferred.get("hold")?.as_str());
        let media = match kind {
            JobKind::Export => says("include_media"),
            JobKind::Erasure => says("delete_media"),
        };
        Self {
            kind,
            whose: if subject.is_some() { Whose::Person } else { Whose::Organisation },
            dry_run: says("dry_run"),
            scope: JobScope {
                identity_type: identity_type.map(str::to_owned),
                media,
                after_hold: hold.and_then(|hold| Uuid::try_parse(hold).ok()),
            },
            names,
        }
    }

    /// The job in a few words. What only plans is called a plan, and never looks like what it plans.
    #[must_use]
    pub fn title(&self) -> &'static str {
        let rest = self.scope.after_hold.is_some();
        match (self.kind, self.whose, self.dry_run, rest) {
            (JobKind::Export, Whose::Organisation, ..) => "export of the organisation",
            (JobKind::Export, Whose::Person, ..) => "export of one person",
            (JobKind::Erasure, Whose::Organisation, true, _) => "plan for an erasure of the organisation",
            (JobKind::Erasure, Whose::Person, true, _) => "plan for an erasure of one person",
            (JobKind::Erasure, Whose::Organisation, false, false) => "erasure of the organisation",
            (JobKind::Erasure, Whose::Person, false, false) => "erasure of one person",
            (JobKind::Erasure, Whose::Organisation, false, true) => {
                "erasure of what a hold had kept of the organisation"
            }
            (JobKind::Erasure, Whose::Person, false, true) => "erasure of what a hold had kept of one person",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn about(kind: JobKind, request: &Value) -> JobAbout {
        JobAbout::of(kind, request, JobNames::default())
    }

    #[test]
    fn requests_of_every_version_say_what_they_are() {
        let plain = about(JobKind::Export, &json!({"include_media": true, "format": "json"}));
        assert_eq!((plain.title(), plain.scope.media), ("export of the organisation", true));
        let subject = json!({"identity_type": "email", "tag": "00ff"});
        let dry = json!({"subject": subject, "delete_media": false, "dry_run": true, "grace_period_days": 0});
        let plan = about(JobKind::Erasure, &dry);
        assert_eq!(plan.title(), "plan for an erasure of one person");
        assert_eq!((plan.whose, plan.scope.identity_type.as_deref()), (Whose::Person, Some("email")));
        let none = about(JobKind::Erasure, &json!({}));
        assert_eq!((none.title(), none.dry_run), ("erasure of the organisation", false));
        let hold = Uuid::from_u128(7);
        let rest = json!({"deferred": {"hold": hold, "job": Uuid::nil()}, "subject": null, "dry_run": false});
        let rest = about(JobKind::Erasure, &rest);
        assert_eq!(rest.scope.after_hold, Some(hold));
        assert_eq!(rest.title(), "erasure of what a hold had kept of the organisation");
    }

    #[test]
    fn a_plan_never_looks_like_an_erasure() {
        for subject in [Value::Null, json!({"identity_type": "email", "tag": "00ff"})] {
            for dry_run in [true, false] {
                let about = about(JobKind::Erasure, &json!({"subject": subject, "dry_run": dry_run}));
                assert_eq!(about.title().starts_with("plan"), dry_run, "{}", about.title());
            }
        }
    }

    #[test]
    fn it_is_read_with_less_than_is_written() {
        let names = JobNames { label: super::super::JobName::parse("DSR-7").ok(), external_reference: None };
        let about = JobAbout::of(JobKind::Export, &json!({}), names);
        let text = serde_json::to_string(&about).unwrap();
        let expected = r#"{"kind":"export","whose":"organisation","dry_run":false,"scope":{"media":false},"names":{"label":"DSR-7"}}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<JobAbout>(&text).unwrap(), about);
        let least = serde_json::from_str::<JobAbout>(r#"{"kind":"export","whose":"person"}"#).unwrap();
        assert_eq!((least.dry_run, least.names), (false, JobNames::default()));
    }
}
