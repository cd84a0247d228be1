//! One page of the answer to `ListObjectVersions`, or to `ListObjectsV2`.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// What a page of `ListObjectsV2` begins with.
const ROOT: &[u8] = b"<ListBucketResult";

/// A version, or a marker that the object was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub key: String,
    /// Its name in the bucket; `null` for what was written while the bucket kept no versions.
    pub id: String,
    pub is_marker: bool,
}

/// Where the next page begins: after this version of this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub key: String,
    pub version: String,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    /// By key, and the newest of a key first.
    pub versions: Vec<Version>,
    pub next: Option<Place>,
}

/// As the store writes it. Versions and markers come in one order, mixed.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "$value", default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
enum Part {
    Version(Entry),
    DeleteMarker(Entry),
    EncodingType(String),
    IsTruncated(bool),
    NextKeyMarker(String),
    NextVersionIdMarker(String),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    version_id: String,
}

impl Listing {
    /// Reads a page; `None` when it is none, or does not say where it goes on.
    pub fn read(body: &[u8]) -> Option<Self> {
        let answer: Answer = quick_xml::de::from_reader(body).ok()?;
        // A store that does not know the encoding does not name it, and writes keys as they are.
        let encoded =
            answer.parts.iter().any(|part| matches!(part, Part::EncodingType(name) if name == "url"));
        let version = |entry: Entry, is_marker| {
            Some(Version { key: decoded(entry.key, encoded)?, id: entry.version_id, is_marker })
        };
        let (mut versions, mut truncated, mut key, mut id) = (Vec::new(), false, None, None);
        for part in answer.parts {
            match part {
                Part::Version(entry) => versions.push(version(entry, false)?),
                Part::DeleteMarker(entry) => versions.push(version(entry, true)?),
                Part::IsTruncated(more) => truncated = more,
                Part::NextKeyMarker(next) => key = Some(decoded(next, encoded)?),
                Part::NextVersionIdMarker(next) => id = Some(next),
                Part::EncodingType(_) | Part::Other => {}
            }
        }
        let next = match truncated {
            true => Some(Place { key: key?, version: id? }),
            false => None,
        };
        Some(Self { versions, next })
    }
}

/// The answer to `ListObjectsV2`, as far as it is of use.
#[derive(Deserialize)]
#[serde(rename = "ListBucketResult")]
struct Objects {
    #[serde(rename = "EncodingType")]
    encoding: Option<String>,
    #[serde(rename = "Contents", default)]
    contents: Vec<Object>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Object {
    key: String,
}

/// The first key of a page of `ListObjectsV2`, if it has any; `None` when it is no such page.
pub(super) fn first_key(body: &[u8]) -> Option<Option<String>> {
    // Any other document would read as a page without objects.
    if !body.windows(ROOT.len()).any(|window| window == ROOT) {
        return None;
    }
    let Objects { encoding, contents } = quick_xml::de::from_reader(body).ok()?;
    let encoded = encoding.as_deref() == Some("url");
    let first = contents.into_iter().next();
    first.map(|object| decoded(object.key, encoded)).map_or(Some(None), |key| key.map(Some))
}

/// A key as it is. In the encoding of forms, a plus is a space.
fn decoded(key: String, encoded: bool) -> Option<String> {
    match encoded {
        true => Some(percent_decode_str(&key.replace('+', " ")).decode_utf8().ok()?.into_owned()),
        false => Some(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the words of the documentation of the interface.
    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>bucket</Name>
  <Prefix>a+b</Prefix>
  <KeyMarker/>
  <VersionIdMarker/>
  <MaxKeys>3</MaxKeys>
  <EncodingType>url</EncodingType>
  <IsTruncated>true</IsTruncated>
  <NextKeyMarker>a+b%2Bc%26%0A.jpg</NextKeyMarker>
  <NextVersionIdMarker>QUpfdndhfd8438MNFDN93jdnJFkdmqnh893</NextVersionIdMarker>
  <Version>
    <Key>a+b</Key>
    <VersionId>3/L4kqtJl40Nr8X8gdRQBpUMLUo</VersionId>
    <IsLatest>true</IsLatest>
    <LastModified>2009-10-12T17:50:30.000Z</LastModified>
    <ETag>"fba9dede5f27731c9771645a39863328"</ETag>
    <Size>434234</Size>
    <StorageClass>STANDARD</StorageClass>
    <Owner><ID>75aa57f0</ID><DisplayName>mtd@amazon.com</DisplayName></Owner>
  </Version>
  <DeleteMarker>
    <Key>a+b%2Bc%26%0A.jpg</Key>
    <VersionId>03jpff543dhffds434rfdsFDN943fdsFkdmqnh892</VersionId>
    <IsLatest>true</IsLatest>
    <LastModified>2009-11-12T17:50:30.000Z</LastModified>
    <Owner><ID>75aa57f0</ID></Owner>
  </DeleteMarker>
  <Version>
    <Key>a+b%2Bc%26%0A.jpg</Key>
    <VersionId>QUpfdndhfd8438MNFDN93jdnJFkdmqnh893</VersionId>
    <IsLatest>false</IsLatest>
  </Version>
</ListVersionsResult>"#;

    #[test]
    fn versions_and_markers_are_read_in_their_order() {
        let page = Listing::read(PAGE.as_bytes()).unwrap();
        let read: Vec<_> = page.versions.iter().map(|v| (v.key.as_str(), v.is_marker)).collect();
        assert_eq!(read, [("a b", false), ("a b+c&\n.jpg", true), ("a b+c&\n.jpg", false)]);
        assert_eq!(page.versions[0].id, "3/L4kqtJl40Nr8X8gdRQBpUMLUo");
        let next = page.next.unwrap();
        assert_eq!(next.key, "a b+c&\n.jpg");
        assert_eq!(next.version, "QUpfdndhfd8438MNFDN93jdnJFkdmqnh893");
    }

    #[test]
    fn the_first_key_of_a_page_is_read() {
        let page = |inner: &str| {
            format!(
                "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <Name>bucket</Name><KeyCount>2</KeyCount>{inner}</ListBucketResult>"
            )
        };
        let key = |key: &str| format!("<Contents><Key>{key}</Key><Size>3</Size></Contents>");
        let two = format!("{}<EncodingType>url</EncodingType>{}", key("a%2F..%2Fx+%09"), key("b"));
        assert_eq!(first_key(page(&two).as_bytes()), Some(Some("a/../x \t".to_owned())));
        assert_eq!(first_key(page(&key("a+%2F")).as_bytes()), Some(Some("a+%2F".to_owned())));
        assert_eq!(first_key(page("").as_bytes()), Some(None));
        for text in ["", "ok", "<Error><Code>NoSuchBucket</Code></Error>", "<ListBucketResult><Contents>"] {
            assert_eq!(first_key(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_store_that_does_not_encode_is_taken_at_its_word() {
        let text = "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>a+%2B &amp;</Key>\
                    <VersionId>null</VersionId></Version></ListVersionsResult>";
        let page = Listing::read(text.as_bytes()).unwrap();
        assert_eq!((page.versions[0].key.as_str(), page.next), ("a+%2B &", None));
        let empty = Listing::read(b"<ListVersionsResult/>").unwrap();
        assert_eq!(empty, Listing { versions: Vec::new(), next: None });
    }

    #[test]
    fn what_is_no_page_or_does_not_go_on_is_not_taken_for_an_empty_one() {
        for text in [
            "",
            "ok",
            "<ListVersionsResult><Version><Key>a</Key></Version></ListVersionsResult>",
            "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>",
            "<ListVersionsResult><Version><Key>a",
        ] {
            assert_eq!(Listing::read(text.as_bytes()), None, "{text}");
        }
    }
}
