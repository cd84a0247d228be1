//! Who is calling.

use chrono::{DateTime, Utc};
use domain::access::{Permission, Role};
use domain::id::OrganisationId;
use store::Actor;

/// The holder of a good token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The organisation that the token speaks for.
    pub organisation: OrganisationId,
    /// The token's subject, or a pseudonym of it if it could name a person.
    pub subject: String,
    /// The roles that we know; a name that we do not know grants nothing.
    pub roles: Vec<Role>,
    /// Until when the token is accepted; `None` when it does not say.
    pub until: Option<DateTime<Utc>>,
    /// When the caller last authenticated (`auth_time`, OpenID Connect Core 2); `None` when the token
    /// does not say.
    pub authenticated_at: Option<DateTime<Utc>>,
}

impl Caller {
    /// The caller in the role that grants the permission, for the audit log; `None` without one.
    #[must_use]
    pub fn acting(&self, permission: Permission) -> Option<Actor> {
        let role = Role::ALL.into_iter().find(|role| self.roles.contains(role) && role.grants(permission))?;
        Some(Actor { subject: self.subject.clone(), role: role.name().to_owned() })
    }
}
