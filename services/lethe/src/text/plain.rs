//! Text that came from elsewhere, made safe for a terminal.

use std::borrow::Cow;

/// The text without control characters, line ends excepted: what came from elsewhere must not move
/// the cursor, change colours or rename the window.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    let commands = |letter: char| letter.is_control() && letter != '\n';
    match text.contains(commands) {
        true => Cow::Owned(text.replace(commands, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}
