//! The query of a signed link.
//!
//! It holds all that the signature covers and the path does not: organisation, file name, key id
//! and end. So a forged link is refused without asking any store, and nobody learns from the
//! answer whether there is such a package.

use std::collections::BTreeMap;

use packages::{DownloadLink, LinkError, LinkTarget};
use store::PackageRecord;
use url::form_urlencoded::{self, Serializer};
use uuid::Uuid;

/// A link as it stands in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedLink {
    /// Whose package it is.
    pub organisation: String,
    /// The name under which the download is saved.
    pub file_name: String,
    /// The signature and what belongs to it.
    pub link: DownloadLink,
}

impl SignedLink {
    /// A link to a package, signed by `sign`.
    ///
    /// # Errors
    /// As `sign`.
    pub fn new(
        organisation: &str,
        package: &PackageRecord,
        sign: impl Fn(&LinkTarget<'_>) -> Result<DownloadLink, LinkError>,
    ) -> Result<Self, LinkError> {
        let target = LinkTarget { organisation, package_id: package.id, file_name: &package.file_name };
        Ok(Self {
            organisation: organisation.to_owned(),
            file_name: package.file_name.clone(),
            link: sign(&target)?,
        })
    }

    /// What the link claims to open.
    #[must_use]
    pub fn target(&self, package_id: Uuid) -> LinkTarget<'_> {
        LinkTarget { organisation: &self.organisation, package_id, file_name: &self.file_name }
    }

    /// The query, without the question mark.
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("organisation", &self.organisation).append_pair("file", &self.file_name);
        format!("{}&{}", query.finish(), self.link.to_query())
    }

    /// Reads a query; `None` when anything is missing, repeated, unknown or not as we write it. A link has
    /// one spelling: whoever compares or blocks links need know no other.
    #[must_use]
    pub fn parse(query: &str) -> Option<Self> {
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if values.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        let expires = values.remove("expires")?;
        let link = Self {
            organisation: values.remove("organisation")?,
            file_name: values.remove("file")?,
            link: DownloadLink {
                key_id: values.remove("kid")?,
                expires_at: expires.parse().ok().filter(|at: &i64| at.to_string() == expires)?,
                signature: values.remove("signature")?,
            },
        };
        (values.is_empty() && link.to_query() == query).then_some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_leads_back_to_its_link() {
        let link = SignedLink {
            organisation: "a&b=c \u{fc}/+".to_owned(),
            file_name: "export 1.zip".to_owned(),
            link: DownloadLink { key_id: "k1".to_owned(), expires_at: 1, signature: "a-_".to_owned() },
        };
        assert_eq!(SignedLink::parse(&link.to_query()), Some(link.clone()));
        let query = link.to_query();
        for wrong in [
            String::new(),
            format!("{query}&kid=k1"),
            format!("{query}&x=1"),
            query.replace("expires=1", "expires=01"),
            query.replace("expires=1", "expires=+1"),
            query.replace("file=", "fil="),
            query.replace("export+1.zip", "export%201.zip"),
            query.replace("export", "%65xport"),
            query.replace("%C3", "%c3"),
            query.replace("kid=k1&expires=1", "expires=1&kid=k1"),
            query.replace("&kid", "&&kid"),
            format!("{query}&"),
            format!("&{query}"),
        ] {
            assert_ne!(wrong, query);
            assert_eq!(SignedLink::parse(&wrong), None, "{wrong}");
        }
    }
}
