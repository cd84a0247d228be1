//! What a bucket in memory has under each key: versions, markers, and the locks on them. Keys are what
//! they are on S3, any text.

use std::collections::BTreeMap;

use s3s::dto::{
    DeleteMarkerEntry, EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, ObjectVersion,
};
use uuid::Uuid;

/// What keeps a version from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Until 2099.
    Retention,
    /// Until somebody lifts it.
    LegalHold,
}

#[derive(Debug)]
pub(super) struct Version {
    pub id: String,
    /// None for a delete marker.
    pub content: Option<Vec<u8>>,
    pub lock: Option<Lock>,
}

/// All versions by key, the newest of each first. While `keeps` is false the bucket is as one in
/// which versioning was never turned on: each key has one version, `null`.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub keeps: bool,
    /// Whether it can be asked for versions.
    pub lists: bool,
    /// At most so many entries on a page.
    pub page: usize,
    pub keys: BTreeMap<String, Vec<Version>>,
}

impl Versions {
    /// A new content; the id of its version.
    pub fn put(&mut self, key: &str, content: Vec<u8>) {
        self.push(key, Some(content));
    }

    /// A deletion that names no version.
    pub fn hide(&mut self, key: &str) {
        if self.keeps {
            self.push(key, None);
        } else if let Some(versions) = self.keys.get_mut(key) {
            versions.retain(|version| version.id != "null");
        }
    }

    fn push(&mut self, key: &str, content: Option<Vec<u8>>) {
        let id = if self.keeps { Uuid::new_v4().simple().to_string() } else { "null".to_owned() };
        let versions = self.keys.entry(key.to_owned()).or_default();
        versions.retain(|version| version.id != id);
        versions.insert(0, Version { id, content, lock: None });
    }

    pub fn find(&self, key: &str, id: Option<&str>) -> Option<&Version> {
        let mut versions = self.keys.get(key)?.iter();
        match id {
            None => versions.next(),
            Some(id) => versions.find(|version| version.id == id),
        }
    }

    pub fn remove(&mut self, key: &str, id: &str) {
        if let Some(versions) = self.keys.get_mut(key) {
            versions.retain(|version| version.id != id);
        }
    }

    /// What `GET` of the key gives.
    pub fn current(&self, key: &str) -> Option<&[u8]> {
        self.find(key, None)?.content.as_deref()
    }

    /// A page of the list, in the order of keys.
    pub fn list(&self, input: &ListObjectVersionsInput) -> ListObjectVersionsOutput {
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let mut entries: Vec<(&String, &Version)> = self
            .keys
            .iter()
            .flat_map(|(key, versions)| versions.iter().map(move |version| (key, version)))
            .collect();
        entries.retain(|(key, _)| key.starts_with(prefix));
        let marker = |key: &str| input.key_marker.as_deref().is_some_and(|marker| key <= marker);
        let begin = match &input.version_id_marker {
            None => entries.iter().position(|(key, _)| !marker(key)),
            Some(id) => entries
                .iter()
                .position(|(key, version)| Some(*key) == input.key_marker.as_ref() && version.id == *id)
                .map(|place| place + 1),
        };
        let rest = entries.split_off(begin.unwrap_or(entries.len()));
        let asked = input.max_keys.and_then(|most| usize::try_from(most).ok()).unwrap_or(1000);
        let page: Vec<_> = rest.iter().take(asked.min(self.page)).collect();
        let last = page.last().filter(|_| page.len() < rest.len());
        let encoded = |key: &str| encoded(key, input.encoding_type.as_ref());
        let mut output = ListObjectVersionsOutput {
            encoding_type: input.encoding_type.clone(),
            is_truncated: Some(last.is_some()),
            next_key_marker: last.map(|(key, _)| encoded(key)),
            next_version_id_marker: last.map(|(_, version)| version.id.clone()),
            ..ListObjectVersionsOutput::default()
        };
        for (key, version) in page {
            let (key, version_id) = (Some(encoded(key)), Some(version.id.clone()));
            match &version.content {
                Some(_) => output.versions.get_or_insert_default().push(ObjectVersion {
                    key,
                    version_id,
                    ..ObjectVersion::default()
                }),
                None => output.delete_markers.get_or_insert_default().push(DeleteMarkerEntry {
                    key,
                    version_id,
                    ..DeleteMarkerEntry::default()
                }),
            }
        }
        output
    }

    /// The keys that have content now, in their order.
    pub fn objects(&self) -> impl Iterator<Item = (&String, &[u8])> {
        self.keys.keys().filter_map(|key| Some((key, self.current(key)?)))
    }

    /// A page of the list of objects, in the order of keys. There is only the first.
    pub fn list_objects(&self, input: &ListObjectsV2Input) -> ListObjectsV2Output {
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let most = input.max_keys.and_then(|most| usize::try_from(most).ok()).unwrap_or(1000);
        let object = |(key, content): (&String, &[u8])| Object {
            key: Some(encoded(key, input.encoding_type.as_ref())),
            size: i64::try_from(content.len()).ok(),
            ..Object::default()
        };
        let mut objects = self.objects().filter(|(key, _)| key.starts_with(prefix));
        let contents: Vec<Object> = objects.by_ref().take(most).map(object).collect();
        ListObjectsV2Output {
            key_count: i32::try_from(contents.len()).ok(),
            contents: Some(contents),
            encoding_type: input.encoding_type.clone(),
            is_truncated: Some(objects.next().is_some()),
            ..ListObjectsV2Output::default()
        }
    }
}

fn encoded(key: &str, encoding: Option<&EncodingType>) -> String {
    match encoding {
        Some(_) => url::form_urlencoded::byte_serialize(key.as_bytes()).collect(),
        None => key.to_owned(),
    }
}
