//! Tickets: an `EventSource` cannot send a header, so a caller with a token gets a short-lived word
//! for its address.
//!
//! A ticket is good for the stream of one job of one organisation, for a minute, and for nothing
//! else. It carries what the token said of organisation, roles and end, under a MAC, so that nothing
//! need be kept of it: any process with the same key can read it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::id::{JobId, OrganisationId};
use hmac::Mac as _;
use secrecy::SecretString;

use crate::auth::Caller;
use crate::derive::{KeyFailure, PurposeKey};

/// How long a stream can be opened with a ticket.
pub const TICKET_VALIDITY: TimeDelta = TimeDelta::seconds(60);

/// As many bytes of the MAC as a ticket carries: a forgery succeeds once in 2^128 tries.
const TAG_BYTES: usize = 16;
/// Who watches by a ticket; nothing that a ticket opens is audited under a name.
const SUBJECT: &str = "event-ticket";

/// Makes and reads tickets.
#[derive(Debug, Clone)]
pub struct Tickets(PurposeKey);

impl Tickets {
    /// Tickets under a key derived from `secret`.
    ///
    /// # Errors
    /// [`KeyFailure`], which cannot happen.
    pub fn new(secret: &SecretString) -> Result<Self, KeyFailure> {
        PurposeKey::derive(secret, "lethe event ticket v1").map(Self)
    }

    /// A ticket to the stream of a job for this caller, and until when it is good; `None` if it
    /// cannot be made.
    #[must_use]
    pub fn issue(&self, caller: &Caller, job: JobId, now: DateTime<Utc>) -> Option<(String, DateTime<Utc>)> {
        let end = now.checked_add_signed(TICKET_VALIDITY)?;
        let until = caller.until.unwrap_or(end);
        let end = end.min(until);
        let mut content = end.timestamp().to_be_bytes().to_vec();
        content.extend_from_slice(&until.timestamp().to_be_bytes());
        content.push(roles_byte(&caller.roles));
        content.extend_from_slice(caller.organisation.as_str().as_bytes());
        let tag = self.0.mac(&[job.0.as_bytes(), &content]).ok()?.finalize().into_bytes();
        let ticket = [tag.get(..TAG_BYTES)?, &content].concat();
        Some((URL_SAFE_NO_PAD.encode(ticket), DateTime::from_timestamp(end.timestamp(), 0)?))
    }

    /// The caller that a ticket to this job's stream was made for; `None` when it was made for
    /// another, was changed or has ended.
    #[must_use]
    pub fn caller(&self, ticket: &str, job: JobId, now: DateTime<Utc>) -> Option<Caller> {
        let bytes = URL_SAFE_NO_PAD.decode(ticket).ok()?;
        let (tag, content) = bytes.split_at_checked(TAG_BYTES)?;
        self.0.mac(&[job.0.as_bytes(), content]).ok()?.verify_truncated_left(tag).ok()?;
        let (end, rest) = content.split_at_checked(8)?;
        let (until, rest) = rest.split_at_checked(8)?;
        let (roles, organisation) = rest.split_first()?;
        let at = |bytes: &[u8]| DateTime::from_timestamp(i64::from_be_bytes(bytes.try_into().ok()?), 0);
        if now >= at(end)? {
            return None;
        }
        Some(Caller {
            organisation: OrganisationId::parse(std::str::from_utf8(organisation).ok()?).ok()?,
            subject: SUBJECT.to_owned(),
            roles: roles_of(*roles),
            until: Some(at(until)?),
            authenticated_at: None,
        })
    }
}

fn roles_byte(roles: &[Role]) -> u8 {
    let bits = Role::ALL.iter().zip(0_u32..);
    bits.filter(|(role, _)| roles.contains(role)).fold(0, |byte, (_, bit)| byte | 1_u8.wrapping_shl(bit))
}

fn roles_of(byte: u8) -> Vec<Role> {
    let bits = Role::ALL.into_iter().zip(0_u32..);
    bits.filter(|(_, bit)| byte & 1_u8.wrapping_shl(*bit) != 0).map(|(role, _)| role).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const JOB: JobId = JobId(Uuid::max());

    fn tickets() -> Tickets {
        Tickets::new(&SecretString::from("0123456789abcdef0123456789abcdef")).unwrap()
    }

    fn now() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn caller(roles: &[Role], until: Option<DateTime<Utc>>) -> Caller {
        let organisation = OrganisationId::parse("acme/\u{fc}").unwrap();
        Caller {
            organisation,
            subject: "u1".to_owned(),
            roles: roles.to_vec(),
            until,
            authenticated_at: None,
        }
    }

    #[test]
    fn a_ticket_leads_back_to_its_organisation_and_roles() {
        for roles in [vec![], vec![Role::Owner], vec![Role::Auditor, Role::Member], Role::ALL.to_vec()] {
            let until = now() + TimeDelta::hours(1);
            let (ticket, end) = tickets().issue(&caller(&roles, Some(until)), JOB, now()).unwrap();
            assert_eq!(end, now() + TICKET_VALIDITY);
            let read = tickets().caller(&ticket, JOB, now()).unwrap();
            assert_eq!((read.organisation.as_str(), read.until), ("acme/\u{fc}", Some(until)));
            let given: Vec<Role> = Role::ALL.into_iter().filter(|role| roles.contains(role)).collect();
            assert_eq!(read.roles, given);
        }
    }

    #[test]
    fn a_ticket_ends_with_its_minute_or_with_the_token() {
        let (ticket, end) = tickets().issue(&caller(&[Role::Owner], None), JOB, now()).unwrap();
        assert!(tickets().caller(&ticket, JOB, end - TimeDelta::seconds(1)).is_some());
        assert!(tickets().caller(&ticket, JOB, end).is_none());
        let until = now() + TimeDelta::seconds(5);
        let (_, end) = tickets().issue(&caller(&[Role::Owner], Some(until)), JOB, now()).unwrap();
        assert_eq!(end, until);
    }

    #[test]
    fn a_changed_ticket_and_one_to_another_job_open_nothing() {
        let (ticket, _) = tickets().issue(&caller(&[Role::Owner], None), JOB, now()).unwrap();
        assert!(tickets().caller(&ticket, JobId(Uuid::nil()), now()).is_none());
        for at in 0..ticket.len() {
            let mut bytes = ticket.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(tickets().caller(std::str::from_utf8(&bytes).unwrap(), JOB, now()).is_none(), "{at}");
        }
        let other = Tickets::new(&SecretString::from("another secret with 32 bytes and more")).unwrap();
        assert!(other.caller(&ticket, JOB, now()).is_none());
        for none in ["", "AAAA", "not base64!"] {
            assert!(tickets().caller(none, JOB, now()).is_none());
        }
    }
}
