//! Paths inside the archive that every tool can extract and none can be tricked by.

use crate::encode::Format;

/// The path of a collection's file: `data/<collection>.json` or `.csv`.
///
/// What could climb out of the directory, or what some file system does not take, is written as
/// `%` and two hexadecimal digits per byte, so that different collections keep different paths.
#[must_use]
pub fn entry_name(collection: &str, format: Format) -> String {
    let mut name = stem(collection);
    name.push('.');
    name.push_str(format.extension());
    name
}

/// The path of one of several files that a collection had to be cut into, counted from 1:
/// `data/<collection>/001.json`. Never that of another collection's file.
#[must_use]
pub fn piece_name(collection: &str, format: Format, number: usize) -> String {
    let mut directory = stem(collection);
    if collection.is_empty() {
        directory.push('%');
    }
    // A directory that looks like a file could be in the way of one.
    for ending in [".json", ".csv"] {
        if let Some(bare) = directory.strip_suffix(ending) {
            directory = format!("{bare}%2E{}", ending.trim_start_matches('.'));
        }
    }
    format!("{directory}/{number:03}.{}", format.extension())
}

fn stem(collection: &str) -> String {
    let mut name = String::with_capacity(collection.len() + 16);
    name.push_str("data/");
    for (at, letter) in collection.char_indices() {
        let leading_dot = at == 0 && letter == '.';
        match letter {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%' => push_encoded(letter, &mut name),
            _ if leading_dot || letter.is_control() => push_encoded(letter, &mut name),
            _ => name.push(letter),
        }
    }
    name
}

fn push_encoded(letter: char, name: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
        name.extend(['%', digit(byte >> 4), digit(byte & 0x0f)]);
    }
}

/// Why `path` cannot be an entry, if it cannot.
pub(super) fn objection(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.len() > usize::from(u16::MAX) {
        return Some("it must have 1 to 65,535 bytes");
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return Some("backslashes and control characters are not allowed");
    }
    let climbs = |segment: &str| matches!(segment, "" | "." | "..");
    path.split('/').any(climbs).then_some("it must be relative and without '.' and '..'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_ordinary_names_and_encodes_the_rest() {
        for (collection, expected) in [
            ("messages", "data/messages.json"),
            ("public.Order Items", "data/public.Order Items.json"),
            ("Größe", "data/Größe.json"),
            ("../../etc/passwd", "data/%2E.%2F..%2Fetc%2Fpasswd.json"),
            ("a%2Fb", "data/a%252Fb.json"),
            ("tab\t", "data/tab%09.json"),
            ("", "data/.json"),
        ] {
            assert_eq!(entry_name(collection, Format::Json), expected);
        }
        assert_eq!(entry_name("a", Format::Csv), "data/a.csv");
        assert_eq!(piece_name("a", Format::Csv, 12), "data/a/012.csv");
        assert_eq!(piece_name("a.csv", Format::Json, 1), "data/a%2Ecsv/001.json");
    }

    proptest! {
        #[test]
        fn any_collection_gets_a_usable_path_of_its_own(a in any::<String>(), b in any::<String>()) {
            let (first, second) = (entry_name(&a, Format::Csv), entry_name(&b, Format::Csv));
            prop_assert_eq!(objection(&first), None);
            prop_assert_eq!(a == b, first == second);
            let (first_piece, second_piece) = (piece_name(&a, Format::Csv, 2), piece_name(&b, Format::Csv, 2));
            prop_assert_eq!(objection(&first_piece), None);
            prop_assert_eq!(a == b, first_piece == second_piece);
            let is_below = first_piece.strip_prefix(&second).is_some_and(|rest| rest.starts_with('/'));
            prop_assert!(!is_below, "{:?} needs a directory where {:?} is", first_piece, second);
        }
    }

    #[test]
    fn refuses_paths_that_climb() {
        for path in ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\\b", "a\nb"] {
            assert!(objection(path).is_some(), "{path:?}");
        }
    }
}
