//! The name under which a browser saves a download.

use std::fmt::Write as _;

/// The `Content-Disposition` of a download saved as `file_name` (RFC 6266, 4.1): a name that every
/// system can save and that cannot leave its quotes, and the whole name beside it where they differ
/// (RFC 8187, 3.2).
#[must_use]
pub fn attachment(file_name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_. ".contains(character);
    let plain: String =
        file_name.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
    let mut disposition = format!("attachment; filename=\"{plain}\"");
    if plain != file_name {
        disposition.push_str("; filename*=UTF-8''");
        for byte in file_name.bytes() {
            match byte {
                b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                    disposition.push(char::from(byte));
                }
                // Writing to a text cannot fail.
                _ => write!(disposition, "%{byte:02X}").unwrap_or_default(),
            }
        }
    }
    disposition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_quotes_and_is_given_whole_beside_them() {
        assert_eq!(attachment("export 1.zip"), "attachment; filename=\"export 1.zip\"");
        assert_eq!(
            attachment("a\"; b/\u{fc}\r\n.zip"),
            "attachment; filename=\"a__ b____.zip\"; filename*=UTF-8''a%22%3B%20b%2F%C3%BC%0D%0A.zip"
        );
    }
}
