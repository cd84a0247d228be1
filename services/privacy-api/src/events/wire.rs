//! Events as they are written (WHATWG HTML, 9.2.5).

use serde::Serialize;

use super::Position;

/// How long a client waits before it comes back: shorter than a person's patience, longer than a
/// restart's worst moment.
pub(super) const RETRY: &str = "retry: 2000\n\n";
/// Keeps proxies from taking a silent stream for a dead one.
pub(super) const HEARTBEAT: &str = ": still here\n\n";
/// The stream ends and its job does not: come back for the rest.
pub(super) const BYE: &str = ": bye\nretry: 2000\n\n";

/// Adds one event. JSON has no line end of its own, so that one `data` line holds it.
pub(super) fn push(
    text: &mut String,
    (name, id): (&str, Position),
    data: &impl Serialize,
) -> Result<(), serde_json::Error> {
    let data = serde_json::to_string(data)?;
    text.push_str(&format!("event: {name}\nid: {id}\ndata: {data}\n\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_one_line_of_data_whatever_is_in_it() {
        let mut text = String::new();
        push(&mut text, ("change", Position::default()), &"a\nb\r\u{2028}").unwrap();
        assert_eq!(text, "event: change\nid: 0.0\ndata: \"a\\nb\\r\u{2028}\"\n\n");
    }
}
