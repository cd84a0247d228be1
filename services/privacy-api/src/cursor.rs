//! Where a page begins: opaque to callers, and refused when anything about it was changed.
//!
//! A cursor is good for the list, the organisation and the filters it was made for. It holds a
//! position and nothing else, and it never ends: positions do not go stale.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::Mac as _;
use secrecy::SecretString;
use uuid::Uuid;

use crate::derive::{KeyFailure, PurposeKey};

/// As many bytes of the MAC as a cursor carries: a forgery succeeds once in 2^128 tries.
const TAG_BYTES: usize = 16;

/// What a cursor belongs to.
#[derive(Debug, Clone, Copy)]
pub struct ListOf<'a> {
    /// The list's name.
    pub list: &'static str,
    /// The organisation that reads it.
    pub organisation: &'a str,
    /// The filters, in a fixed order.
    pub filters: &'a [Option<&'a str>],
}

/// Makes and reads cursors.
#[derive(Debug, Clone)]
pub struct Cursors(PurposeKey);

/// A text that is no cursor of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCursor;

impl Cursors {
    /// Cursors under a key derived from `secret`.
    ///
    /// # Errors
    /// [`KeyFailure`], which cannot happen.
    pub fn new(secret: &SecretString) -> Result<Self, KeyFailure> {
        PurposeKey::derive(secret, "lethe page cursor v1").map(Self)
    }

    /// The cursor that begins behind `position`; `None` if it cannot be made.
    #[must_use]
    pub fn write(&self, of: &ListOf<'_>, position: &[u8]) -> Option<String> {
        let tag = self.mac(of, position)?.finalize().into_bytes();
        let mut bytes = tag.get(..TAG_BYTES)?.to_vec();
        bytes.extend_from_slice(position);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The position in a cursor.
    ///
    /// # Errors
    /// [`NoCursor`] when it was not made for this list, or was changed.
    pub fn read(&self, of: &ListOf<'_>, text: &str) -> Result<Vec<u8>, NoCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NoCursor)?;
        let (tag, position) = bytes.split_at_checked(TAG_BYTES).ok_or(NoCursor)?;
        let mac = self.mac(of, position).ok_or(NoCursor)?;
        mac.verify_truncated_left(tag).map_err(|_| NoCursor)?;
        Ok(position.to_vec())
    }

    fn mac(&self, of: &ListOf<'_>, position: &[u8]) -> Option<hmac::Hmac<sha2::Sha256>> {
        let filters: Vec<&[u8]> = of.filters.iter().flat_map(|filter| parts(*filter)).collect();
        let mut all: Vec<&[u8]> = vec![of.list.as_bytes(), of.organisation.as_bytes()];
        all.extend(filters);
        all.push(position);
        self.0.mac(&all).ok()
    }
}

/// An absent filter is not an empty one.
fn parts(filter: Option<&str>) -> [&[u8]; 2] {
    match filter {
        None => [b"0", b""],
        Some(value) => [b"1", value.as_bytes()],
    }
}

/// A position among jobs or holds: time in microseconds, and id.
#[must_use]
pub fn position(at: DateTime<Utc>, id: Uuid) -> Vec<u8> {
    let mut bytes = at.timestamp_micros().to_be_bytes().to_vec();
    bytes.extend_from_slice(id.as_bytes());
    bytes
}

/// The reverse of [`position`].
#[must_use]
pub fn read_position(bytes: &[u8]) -> Option<(DateTime<Utc>, Uuid)> {
    let (micros, id) = bytes.split_at_checked(8)?;
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(micros.try_into().ok()?))?;
    Some((at, Uuid::from_slice(id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: ListOf<'_> = ListOf { list: "jobs", organisation: "acme", filters: &[None, Some("export")] };

    fn cursors() -> Cursors {
        Cursors::new(&SecretString::from("0123456789abcdef0123456789abcdef")).unwrap()
    }

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        let now = DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        let text = cursors().write(&OF, &position(now, Uuid::max())).unwrap();
        let read = cursors().read(&OF, &text).unwrap();
        assert_eq!(read_position(&read), Some((now, Uuid::max())));
    }

    #[test]
    fn a_changed_cursor_is_none() {
        let text = cursors().write(&OF, b"position").unwrap();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(cursors().read(&OF, std::str::from_utf8(&bytes).unwrap()), Err(NoCursor), "{at}");
        }
        for none in ["", "AAAA", "not base64!"] {
            assert_eq!(cursors().read(&OF, none), Err(NoCursor));
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_list_organisation_and_filters_only() {
        let text = cursors().write(&OF, b"position").unwrap();
        let others = [
            ListOf { list: "audit", ..OF },
            ListOf { organisation: "acm", ..OF },
            ListOf { filters: &[Some("export"), None], ..OF },
            ListOf { filters: &[Some(""), Some("export")], ..OF },
        ];
        for other in others {
            assert_eq!(cursors().read(&other, &text), Err(NoCursor));
        }
    }
}
