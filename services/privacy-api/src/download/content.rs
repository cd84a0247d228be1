//! What is said of a package before its bytes.

use actix_web::HttpResponseBuilder;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The representation that a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub size_bytes: u64,
    pub etag: String,
    pub digest: Option<String>,
    pub disposition: String,
    pub media_type: &'static str,
}

impl Content {
    /// A package of that size, SHA-256 in hex, and name.
    pub fn new(size_bytes: u64, sha256: &str, file_name: &str) -> Self {
        Self {
            size_bytes,
            etag: format!("\"{sha256}\""),
            digest: bytes_of(sha256).map(|bytes| format!("sha-256=:{}:", STANDARD.encode(bytes))),
            disposition: packages::attachment(file_name),
            media_type: packages::media_type(file_name),
        }
    }

    /// Adds the headers. The digest is that of the whole package, also beside a part of it
    /// (RFC 9530, 3).
    pub fn describe(&self, response: &mut HttpResponseBuilder) {
        response
            .content_type(self.media_type)
            .insert_header((header::ETAG, self.etag.clone()))
            .insert_header((header::ACCEPT_RANGES, "bytes"))
            .insert_header((header::CONTENT_DISPOSITION, self.disposition.clone()));
        if let Some(digest) = &self.digest {
            response.insert_header(("Repr-Digest", digest.clone()));
        }
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let pairs = (0..hex.len()).step_by(2).map(|at| hex.get(at..at.saturating_add(2)));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_the_standard_has_it_and_a_name_stays_in_its_quotes() {
        let content = Content::new(
            0,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "a\"; b/\u{fc}.zip",
        );
        assert_eq!(content.digest.unwrap(), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
        assert!(content.disposition.starts_with("attachment; filename=\"a__ b__.zip\"; "));
        assert_eq!(Content::new(0, "not hex", "a").digest, None);
    }
}
