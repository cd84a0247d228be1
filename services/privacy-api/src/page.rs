//! Pages of a list: one entry more than asked is read, to know whether another page follows.

use url::form_urlencoded::Serializer;

use crate::cursor::{Cursors, ListOf};
use crate::error::ApiError;
use crate::extract::Page;

/// The position that a cursor stands for.
///
/// # Errors
/// [`ApiError::NoSuchPage`] when the cursor leads nowhere in this list.
pub fn position<T>(
    cursors: &Cursors,
    (list, page): (&ListOf<'_>, &Page),
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    let Some(cursor) = page.cursor.as_deref() else {
        return Ok(None);
    };
    let position = cursors.read(list, cursor).ok().and_then(|bytes| read(&bytes));
    position.map(Some).ok_or(ApiError::NoSuchPage)
}

/// The entries of the page, and the cursor of the next if there is one.
pub fn cut<T>(
    mut entries: Vec<T>,
    page: &Page,
    cursor: impl Fn(&T) -> Option<String>,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).and_then(cursor);
    (entries, next)
}

/// The query of the next page.
pub fn next_query(page: &Page, filters: &[(&str, Option<&str>)], cursor: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &page.limit.to_string());
    for (name, value) in filters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.append_pair("cursor", cursor);
    query.finish()
}

/// A `Link` header (RFC 8288) to the next page.
pub fn next_link(path: &str) -> String {
    format!("<{path}>; rel=\"next\"")
}
