//! Paths inside the archive that no tool can be tricked by.

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

    #[test]
    fn refuses_paths_that_climb() {
        for path in ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\\b", "a\nb"] {
            assert!(objection(path).is_some(), "{path:?}");
        }
    }
}
