//! The manifest by collection, as people look at it.

use std::collections::HashMap;

use super::collection::CollectionGuide;
use crate::archive::FileStem;
use crate::encode::Format;
use crate::manifest::{ColumnEntry, FileEntry, Manifest, OmittedEntry, PersonEntry, WithheldEntry};

/// A collection with its files.
pub(super) struct Shelf<'a> {
    /// Its place among the collections, from 1.
    pub number: usize,
    pub name: &'a str,
    pub files: Vec<&'a FileEntry>,
    pub guide: Option<&'a CollectionGuide>,
    /// The other volumes, by file name, that hold files of it too.
    pub elsewhere: Vec<&'a str>,
}

impl Shelf<'_> {
    /// The name of its files.
    pub fn stem(&self) -> Option<FileStem> {
        self.files.first().and_then(|file| FileStem::of_path(&file.path))
    }

    /// How many records it has; every format holds all of them.
    pub fn rows(&self) -> u64 {
        let of = |format| self.of(format).map(|file| file.rows).sum::<u64>();
        of(Format::Json).max(of(Format::Csv))
    }

    /// The length of its files, uncompressed.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    /// Its columns; the files agree on them.
    pub fn columns(&self) -> &[ColumnEntry] {
        self.files.first().map_or(&[], |file| file.columns.as_slice())
    }

    /// How many cells of its CSV got a single quote in front.
    pub fn neutralised_cells(&self) -> u64 {
        self.files.iter().flat_map(|file| file.neutralised_cells.values()).sum()
    }

    /// Whether it has a file in this format.
    pub fn has(&self, format: Format) -> bool {
        self.of(format).next().is_some()
    }

    fn of(&self, format: Format) -> impl Iterator<Item = &FileEntry> {
        self.files.iter().copied().filter(move |file| file.format == format)
    }
}

/// The collections in the order of the archive.
pub(super) fn shelves<'a>(manifest: &'a Manifest, guides: &'a [CollectionGuide]) -> Vec<Shelf<'a>> {
    let guides: HashMap<&str, &CollectionGuide> =
        guides.iter().map(|guide| (guide.collection.as_str(), guide)).collect();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut shelves: Vec<Shelf<'a>> = Vec::new();
    for file in &manifest.files {
        let name = file.collection.as_str();
        let place = *places.entry(name).or_insert(shelves.len());
        match shelves.get_mut(place) {
            Some(shelf) => shelf.files.push(file),
            None => {
                let (guide, elsewhere) = (guides.get(name).copied(), elsewhere(manifest, file));
                shelves.push(Shelf { number: place + 1, name, files: vec![file], guide, elsewhere });
            }
        }
    }
    shelves
}

/// The other volumes that hold files of the collection that this file is of: whole ones, or pieces.
fn elsewhere<'a>(manifest: &'a Manifest, file: &FileEntry) -> Vec<&'a str> {
    let Some(stem) = FileStem::of_path(&file.path).filter(|_| !manifest.other_volumes.is_empty()) else {
        return Vec::new();
    };
    let belongs = |path: &String| FileStem::of_path(path).as_ref() == Some(&stem);
    let others = manifest.other_volumes.iter().filter(|volume| volume.files.iter().any(belongs));
    others.map(|volume| volume.file_name.as_str()).collect()
}

/// Everything that was left out for one reason.
pub(super) struct Omission<'a> {
    pub reason: &'a str,
    pub collections: Vec<OmittedCollection<'a>>,
}

/// What was left out of one collection: some columns, or all of it when there are none.
pub(super) struct OmittedCollection<'a> {
    pub name: &'a str,
    pub columns: Vec<&'a str>,
}

/// What was left out, by reason and by collection, in the order of the manifest.
pub(super) fn omissions(omitted: &[OmittedEntry]) -> Vec<Omission<'_>> {
    let mut by_reason: Vec<Omission<'_>> = Vec::new();
    let mut reasons: HashMap<&str, usize> = HashMap::new();
    let mut places: HashMap<(&str, &str, bool), usize> = HashMap::new();
    for entry in omitted {
        let (reason, name) = (entry.reason.as_str(), entry.collection.as_str());
        let at = *reasons.entry(reason).or_insert(by_reason.len());
        if at == by_reason.len() {
            by_reason.push(Omission { reason, collections: Vec::new() });
        }
        let Some(omission) = by_reason.get_mut(at) else { continue };
        // A collection that is left out as a whole is not one with columns left out.
        let place =
            places.entry((reason, name, entry.column.is_some())).or_insert(omission.collections.len());
        if *place == omission.collections.len() {
            omission.collections.push(OmittedCollection { name, columns: Vec::new() });
        }
        if let Some(collection) = omission.collections.get_mut(*place) {
            collection.columns.extend(entry.column.as_deref());
        }
    }
    by_reason
}

/// What was withheld of a person's rows, by reason, in the order of the manifest.
pub(super) fn withheld_by_reason(person: &PersonEntry) -> Vec<(&str, Vec<&WithheldEntry>)> {
    let mut by_reason: Vec<(&str, Vec<&WithheldEntry>)> = Vec::new();
    for entry in &person.withheld {
        match by_reason.iter_mut().find(|(reason, _)| *reason == entry.reason) {
            Some((_, entries)) => entries.push(entry),
            None => by_reason.push((&entry.reason, vec![entry])),
        }
    }
    by_reason
}

/// A reason as a sentence: a capital first, a full stop last.
pub(super) fn sentence(reason: &str) -> String {
    let reason = reason.trim();
    let mut letters = reason.chars();
    let mut sentence: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    sentence.push_str(letters.as_str());
    if !sentence.is_empty() && !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(collection: &str, column: Option<&str>, reason: &str) -> OmittedEntry {
        OmittedEntry {
            collection: collection.into(),
            column: column.map(str::to_owned),
            reason: reason.into(),
        }
    }

    #[test]
    fn omissions_are_grouped_by_reason_and_collection() {
        let omitted = [
            entry("users", Some("password_hash"), "secret"),
            entry("logs", None, "skipped"),
            entry("users", Some("totp"), "secret"),
            entry("keys", Some("token"), "secret"),
            entry("users", Some("x"), "skipped"),
        ];
        let grouped = omissions(&omitted);
        let shown: Vec<_> = grouped
            .iter()
            .map(|omission| {
                let of = |c: &OmittedCollection<'_>| format!("{}({})", c.name, c.columns.join(","));
                let collections: Vec<_> = omission.collections.iter().map(of).collect();
                format!("{}: {}", omission.reason, collections.join(" "))
            })
            .collect();
        assert_eq!(shown, ["secret: users(password_hash,totp) keys(token)", "skipped: logs() users(x)"]);
    }

    #[test]
    fn reasons_become_sentences() {
        for (reason, expected) in
            [("not named", "Not named."), ("It is so.", "It is so."), ("", ""), (" über ", "Über.")]
        {
            assert_eq!(sentence(reason), expected);
        }
    }
}
