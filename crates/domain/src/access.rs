//! Who may do what.

use serde::{Deserialize, Serialize};

/// A role inside an organisation, taken from the caller's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the organisation: the only role that may start, cancel, retry, skip or download.
    Owner,
    /// Works in the organisation; has no part in privacy operations.
    Member,
    /// Oversees: sees jobs and the audit log, places and releases legal holds.
    PrivacyOfficer,
    /// Checks: sees the audit log and jobs, changes nothing.
    Auditor,
}

/// Something a caller asks to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Start, cancel or retry a job, do without a step of it, or take its package.
    Operate,
    /// Place and release legal holds.
    ManageHolds,
    /// See jobs and their progress.
    ViewJobs,
    /// Read the audit log.
    ViewAudit,
}

impl Role {
    /// Every role, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Member, Self::PrivacyOfficer, Self::Auditor];

    /// The name used in tokens and in the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
            Self::PrivacyOfficer => "privacy_officer",
            Self::Auditor => "auditor",
        }
    }

    /// The role of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether this role grants the permission. Denied unless listed.
    #[must_use]
    pub fn grants(self, permission: Permission) -> bool {
        match permission {
            Permission::Operate => matches!(self, Self::Owner),
            Permission::ManageHolds => matches!(self, Self::Owner | Self::PrivacyOfficer),
            Permission::ViewJobs | Permission::ViewAudit => {
                matches!(self, Self::Owner | Self::PrivacyOfficer | Self::Auditor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_owner_operates_and_a_member_sees_nothing() {
        for role in Role::ALL {
            assert_eq!(role.grants(Permission::Operate), role == Role::Owner);
            assert_eq!(role.grants(Permission::ViewJobs), role != Role::Member);
            assert_eq!(
                role.grants(Permission::ManageHolds),
                matches!(role, Role::Owner | Role::PrivacyOfficer)
            );
            assert_eq!(Role::parse(role.name()), Some(role));
        }
        assert_eq!(Role::parse("root"), None);
    }
}
