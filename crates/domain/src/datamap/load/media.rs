//! Media: where objects are named, and which of them may be an organisation's.

use super::super::grammar::LetheMedia;
use super::super::media::{Media, ORGANISATION};
use super::{Report, at};

pub(super) fn read(raw: &LetheMedia, path: &str, report: &mut Report) -> Media {
    if let Some(prefix) = &raw.prefix
        && let Err(message) = check(&prefix.value)
    {
        report.add(at(prefix), path, message);
    }
    Media {
        key: raw.key.clone(),
        bucket_column: raw.bucket_column.clone(),
        prefix: raw.prefix.as_ref().map(|prefix| prefix.value.clone()),
    }
}

fn check(prefix: &str) -> Result<(), &'static str> {
    if prefix.is_empty() {
        return Err("`prefix` is empty; leave it out where every key may be read");
    }
    if prefix.replace(ORGANISATION, "").contains(['{', '}']) {
        return Err("`prefix` may hold {organisation} in braces and nothing else");
    }
    if prefix.ends_with(ORGANISATION) {
        return Err(
            "`prefix` ends with {organisation}, and the keys of an organisation whose id only begins like that would be within it; put what follows the id in the keys behind it, such as /",
        );
    }
    Ok(())
}
