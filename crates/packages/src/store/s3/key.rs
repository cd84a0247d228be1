//! Keys of Amazon S3, which are bytes and no paths.

use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest key of an object; a longer one is refused when it is written.
const LONGEST_BYTES: usize = 1024;
/// All that a signature wants encoded in a path: everything but unreserved characters and the slash.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The key of an object as the bucket has it: the row's behind the prefix of the bucket's URL. No
/// `Debug`: it can hold personal data.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// Puts the row's key behind the prefix; `None` when no object can have it.
    pub fn of(prefix: &Path, key: &str) -> Option<Self> {
        let whole = match prefix.as_ref() {
            "" => key.to_owned(),
            prefix => format!("{prefix}/{key}"),
        };
        (!key.is_empty() && whole.len() <= LONGEST_BYTES).then_some(Self(whole))
    }

    /// As it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it stands in the path of a URL.
    pub fn encoded(&self) -> String {
        utf8_percent_encode(&self.0, &ENCODED).to_string()
    }

    /// Whether it has a segment that means a place to whoever takes it for a path: `.` or `..`.
    pub fn has_dots(&self) -> bool {
        self.0.split('/').any(|segment| matches!(segment, "." | ".."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_key_is_kept() {
        for (key, encoded) in [
            ("uploads//x", "exports/uploads//x"),
            ("/x", "exports//x"),
            ("x/", "exports/x/"),
            ("a/../x", "exports/a/../x"),
            ("./x", "exports/./x"),
            ("a\tb\n", "exports/a%09b%0A"),
            ("\u{fc} 100%25+&=?#", "exports/%C3%BC%20100%2525%2B%26%3D%3F%23"),
            ("a-b_c.d~e", "exports/a-b_c.d~e"),
        ] {
            let whole = Key::of(&Path::from("exports"), key).unwrap();
            assert_eq!((whole.as_str(), whole.encoded()), (&*format!("exports/{key}"), encoded.to_owned()));
        }
        assert_eq!(Key::of(&Path::ROOT, "/x").unwrap().encoded(), "/x");
    }

    #[test]
    fn a_key_that_no_object_has_is_none() {
        let longest = "k".repeat(LONGEST_BYTES - "p/".len());
        assert!(Key::of(&Path::from("p"), &longest).is_some());
        assert!(Key::of(&Path::from("p"), &format!("{longest}k")).is_none());
        assert!(Key::of(&Path::from("p"), "").is_none());
        // It is bytes that are counted.
        assert!(Key::of(&Path::ROOT, &"\u{fc}".repeat(LONGEST_BYTES / 2 + 1)).is_none());
    }

    #[test]
    fn dots_are_told_from_names_that_begin_with_them() {
        let has_dots = |key: &str| Key::of(&Path::ROOT, key).unwrap().has_dots();
        assert!(["a/../x", "./x", "..", "x/."].into_iter().all(has_dots));
        assert!(!["a/..b/x", ".x", "a..", "...", "%2e%2e/x"].into_iter().any(has_dots));
    }
}
