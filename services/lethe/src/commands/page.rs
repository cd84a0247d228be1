//! Reading lists page by page.

/// The largest page that the API hands out.
const LARGEST_PAGE: u32 = 200;

/// How many entries to ask for when `wanted` are still wanted.
pub(super) fn size(wanted: usize) -> u32 {
    u32::try_from(wanted).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE)
}

/// The parameters of the next page.
pub(super) fn parameters(
    filters: &[(&'static str, Option<String>)],
    wanted: usize,
    cursor: Option<String>,
) -> Vec<(&'static str, String)> {
    let mut parameters: Vec<(&'static str, String)> =
        filters.iter().filter_map(|(name, value)| Some((*name, value.clone()?))).collect();
    parameters.push(("limit", size(wanted).to_string()));
    parameters.extend(cursor.map(|cursor| ("cursor", cursor)));
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_sent() {
        let filters = [("state", Some("failed".to_owned())), ("kind", None)];
        let expected =
            [("state", "failed".to_owned()), ("limit", "200".to_owned()), ("cursor", "c".to_owned())];
        assert_eq!(parameters(&filters, 1_000, Some("c".to_owned())), expected);
        assert_eq!(parameters(&[], 7, None), [("limit", "7".to_owned())]);
    }
}
