//! Media objects: which columns name them, and which keys may be an organisation's.

use crate::id::OrganisationId;

/// What stands for the organisation's id in a prefix.
pub(super) const ORGANISATION: &str = "{organisation}";

/// Columns that name media objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// The column with the object's key.
    pub key: String,
    /// The column with the bucket, when there are several.
    pub bucket_column: Option<String>,
    /// What the keys of an organisation's objects begin with; `{organisation}` stands for its id.
    /// `None` where every key that its rows name may be read.
    pub prefix: Option<String>,
}

impl Media {
    /// Whether an object of that key may be the organisation's.
    ///
    /// A row can be made to name anything, also the object of somebody else; what does not begin
    /// with the prefix is reported and never read. A key is what it is, to the byte: in a bucket
    /// `media/7/../8/x` is no other name of `media/8/x`, and a directory has no such key.
    #[must_use]
    pub fn covers(&self, organisation: &OrganisationId, key: &str) -> bool {
        self.prefix_of(organisation).is_none_or(|prefix| key.starts_with(&prefix))
    }

    /// What the keys of the organisation's objects begin with, if the map says so.
    #[must_use]
    pub fn prefix_of(&self, organisation: &OrganisationId) -> Option<String> {
        self.prefix.as_ref().map(|prefix| prefix.replace(ORGANISATION, organisation.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(prefix: Option<&str>, organisation: &str, key: &str) -> bool {
        let (prefix, column) = (prefix.map(str::to_owned), "key".to_owned());
        let media = Media { key: column, bucket_column: None, prefix };
        media.covers(&OrganisationId::parse(organisation).unwrap(), key)
    }

    #[test]
    fn a_key_is_within_the_prefix_of_its_own_organisation_only() {
        let prefix = Some("media/{organisation}/");
        for (organisation, key, within) in [
            ("7", "media/7/a.png", true),
            ("7", "media/7/", true),
            ("7", "media/7/.../a..b/..c", true),
            ("7", "media/71/a.png", false),
            ("7", "media/8/a.png", false),
            ("7", "other/media/7/a.png", false),
            ("7", "MEDIA/7/a.png", false),
            ("7", "media/7/../8/a.png", true),
            ("7", "media/8/../7/a.png", false),
            ("7", "media//7/a.png", false),
            ("7", "/media/7/a.png", false),
            ("7", "media/{organisation}/a.png", false),
            ("{organisation}", "media/{organisation}/a.png", true),
            ("Łódź %", "media/Łódź %/ä.png", true),
        ] {
            assert_eq!(covers(prefix, organisation, key), within, "{key} of {organisation}");
        }
    }

    #[test]
    fn the_id_may_stand_more_than_once_or_not_at_all() {
        assert!(covers(Some("{organisation}/of-{organisation}/"), "7", "7/of-7/x"));
        assert!(!covers(Some("{organisation}/of-{organisation}/"), "7", "7/of-8/x"));
        assert!(covers(Some("uploads/"), "7", "uploads/x"));
        assert!(!covers(Some("uploads/"), "7", "x"));
        assert!(covers(None, "7", "anything at all"));
    }
}
