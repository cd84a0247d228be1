//! A bar made of letters, for texts that stand still.

use super::amount::{natural, per_cent};

/// Letters of a whole bar.
const WIDTH: usize = 20;

/// How much of `all` is done, as a bar of 20 letters.
#[must_use]
pub fn progress_bar(done: i64, all: i64) -> String {
    let filled = usize::try_from(natural(per_cent(done, all))).unwrap_or(0) * WIDTH / 100;
    format!("{}{}", "█".repeat(filled), "░".repeat(WIDTH.saturating_sub(filled)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        assert_eq!(progress_bar(0, 10), "░".repeat(20));
        assert_eq!(progress_bar(999, 1_000), format!("{}░", "█".repeat(19)));
        assert_eq!(progress_bar(10, 10), "█".repeat(20));
    }
}
