//! Links to files of the archive.

/// A path of the archive as a relative link. Whatever has a meaning in an address is encoded, so
/// that no path can name another scheme, host or page.
pub(super) fn relative(path: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
    let segments = path.split('/').filter(|segment| !matches!(*segment, "" | "." | ".."));
    let mut link = String::with_capacity(path.len() + 16);
    for segment in segments {
        if !link.is_empty() {
            link.push('/');
        }
        for byte in segment.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    link.push(char::from(byte));
                }
                _ => link.extend(['%', digit(byte >> 4), digit(byte & 0x0f)]),
            }
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_a_path() {
        for (path, link) in [
            ("data/users.json", "data/users.json"),
            ("data/%2E.%2Fx.json", "data/%252E.%252Fx.json"),
            ("data/Order Items ü.csv", "data/Order%20Items%20%C3%BC.csv"),
            ("javascript:alert(1)", "javascript%3Aalert%281%29"),
            ("//host/x?y#z", "host/x%3Fy%23z"),
            ("../up/./x", "up/x"),
            ("a\"><b", "a%22%3E%3Cb"),
        ] {
            assert_eq!(relative(path), link);
        }
    }
}
