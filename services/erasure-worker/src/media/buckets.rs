//! The company's buckets, by the names that rows have, and what rows name that is not among them.

use std::collections::BTreeMap;

use chassis::StepError;
use connectors::erase::{DEFAULT_BUCKET, PageRow};
use domain::datamap::Media;
use domain::id::OrganisationId;
use packages::Bucket;
use secrecy::ExposeSecret as _;

use crate::config::BucketSettings;
use crate::failure::refused;

/// So many buckets are named in the reason of a failure.
const SHOWN: usize = 5;

/// The buckets that have settings.
pub(crate) struct Buckets(BTreeMap<String, Bucket>);

/// What a page of rows names.
#[derive(Default)]
pub(super) struct Named {
    /// The objects that may be the organisation's, each once.
    pub objects: Vec<(Bucket, String)>,
    /// How many rows name an object that the data map's prefix says is not.
    pub outside: i64,
}

impl Buckets {
    pub(crate) fn open(settings: &BTreeMap<String, BucketSettings>) -> anyhow::Result<Self> {
        use anyhow::Context as _;
        let open = |(name, settings): (&String, &BucketSettings)| {
            let options = settings.options.iter();
            let options = options.map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
            let bucket = Bucket::open(&settings.url, options.collect::<Vec<_>>());
            Ok((name.clone(), bucket.with_context(|| format!("service.buckets.{name}"))?))
        };
        settings.iter().map(open).collect::<anyhow::Result<_>>().map(Self)
    }

    /// What stands in the way of deleting any media.
    pub(crate) fn check(&self) -> Result<(), StepError> {
        let detail = "nothing was erased: media were to be deleted too, but the erasure-worker knows no bucket; \
                      name it under [service.buckets.default], or ask without delete_media";
        if self.0.is_empty() { Err(refused("media_not_configured", detail)) } else { Ok(()) }
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// The objects that rows name. A bucket without settings may have any of them: none is passed over.
    pub(super) fn named(
        &self,
        media: &Media,
        organisation: &OrganisationId,
        rows: Vec<PageRow>,
    ) -> Result<Named, StepError> {
        let (mut objects, mut outside, mut unknown) = (BTreeMap::new(), 0_i64, Vec::new());
        for row in rows {
            let mut values = row.values.into_iter().map(|value| value.filter(|value| !value.is_empty()));
            let Some(key) = values.next().flatten() else { continue };
            let name = values.next().flatten().unwrap_or_else(|| DEFAULT_BUCKET.to_owned());
            if !media.covers(organisation, &key) {
                outside = outside.saturating_add(1);
                continue;
            }
            match self.0.get(&name) {
                Some(bucket) => drop(objects.insert((name, key.clone()), (bucket.clone(), key))),
                None => unknown.push(name),
            }
        }
        if unknown.is_empty() {
            return Ok(Named { objects: objects.into_values().collect(), outside });
        }
        unknown.sort_unstable();
        unknown.dedup();
        let detail = format!("{}; then try the job again", without_settings(&unknown));
        Err(refused("media_bucket_unknown", detail))
    }
}

/// Names the buckets that have no settings, and which settings they want. What does not look like a
/// bucket's name may be a value of another kind, and is counted only.
pub(crate) fn without_settings(names: &[String]) -> String {
    let (plain, odd): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| is_plain(name));
    let shown: Vec<String> =
        plain.iter().take(SHOWN).map(|name| format!("[service.buckets.{}]", setting(name))).collect();
    let more = plain.len().saturating_sub(shown.len()).saturating_add(odd.len());
    let wanted = match (shown.is_empty(), more) {
        (false, 0) => format!("add {}", shown.join(" and ")),
        (false, more) => format!("add {} and {more} more", shown.join(" and ")),
        (true, more) => format!("{more} names are not those of buckets; put the rows right"),
    };
    format!("rows name buckets that the erasure-worker has no settings for: {wanted}")
}

/// As it is written in a file of settings.
fn setting(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

fn is_plain(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &[&str]) -> String {
        without_settings(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn settings_are_named_and_what_may_be_personal_is_not() {
        let said = "rows name buckets that the erasure-worker has no settings for: ";
        assert_eq!(told(&["photos"]), format!("{said}add [service.buckets.photos]"));
        assert_eq!(
            told(&["photos", "Jane Doe", "user.media"]),
            format!("{said}add [service.buckets.photos] and [service.buckets.\"user.media\"] and 1 more")
        );
        assert_eq!(
            told(&["jane@example.org", "x"]),
            format!("{said}2 names are not those of buckets; put the rows right")
        );
        let many: Vec<String> = (0..9).map(|number| format!("bucket-{number}")).collect();
        assert!(without_settings(&many).ends_with("[service.buckets.bucket-4] and 4 more"));
    }
}
