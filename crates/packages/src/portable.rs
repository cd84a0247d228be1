//! What file systems make of names: which of them they take for the same, and which they keep for themselves.

use unicode_normalization::UnicodeNormalization as _;

use crate::digest::Sha256Digest;

/// Names that Windows keeps for devices, whatever the ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
/// So many digits of a hash tell names apart.
pub(crate) const HASH_DIGITS: usize = 20;

/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>
pub(crate) fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let numbered = |device: &str| {
        let number = stem.strip_prefix(device).map(|rest| rest.chars().collect::<Vec<_>>());
        matches!(number.as_deref(), Some(['0'..='9' | '¹' | '²' | '³']))
    };
    DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

/// The same for all names that some file system takes for one: it may ignore case, and how letters are
/// composed.
pub(crate) fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// What tells a name from others that look like it.
pub(crate) fn short_hash(name: &str) -> String {
    let digest = Sha256Digest::of(name.as_bytes()).to_string();
    digest.get(..HASH_DIGITS).unwrap_or_default().to_owned()
}
