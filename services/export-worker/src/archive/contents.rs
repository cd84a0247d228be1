//! What an archive is made of.

use domain::export::ExportResult;
use packages::{
    CollectionGuide, FileEntry, Footprint, JoinedFile, LaterEntry, Manifest, MediaSegment, MediaSummary,
    MissingObject, OmittedEntry, Part, PersonEntry, WithheldEntry,
};

/// What an archive is made of, beside what is written about it.
#[derive(Default)]
pub(crate) struct Contents {
    /// In the order of the archive: the files of the collections, then the media.
    pub items: Vec<Item>,
    pub guides: Vec<CollectionGuide>,
    pub omitted: Vec<OmittedEntry>,
    /// What was made after the cutoff.
    pub later: Vec<LaterEntry>,
    /// That it is one person's, and what was withheld of that person's rows.
    pub person: Option<PersonEntry>,
    /// What was found of the media; `None` when they were not asked for.
    pub media: Option<MediaFound>,
}

/// What the steps over media report.
#[derive(Default)]
pub(crate) struct MediaFound {
    pub segments: Vec<MediaSegment>,
    pub missing: Vec<MissingObject>,
}

/// Something that stays together in one volume.
pub(crate) enum Item {
    File(FileEntry, Body),
    Media(MediaSegment),
}

/// Where a file's bytes are.
pub(crate) enum Body {
    /// A part of this step, perhaps in memory.
    Part(Part),
    /// Parts that earlier steps stored.
    Joined(JoinedFile),
}

impl Contents {
    /// Adds what is withheld of the person's rows.
    pub(crate) fn withhold(&mut self, withheld: Vec<WithheldEntry>) {
        if let Some(person) = &mut self.person {
            person.withheld.extend(withheld);
        }
    }

    /// Tells the manifest of all of it.
    pub(crate) fn describe(&self, manifest: &mut Manifest) {
        manifest.files = self.items.iter().filter_map(Item::entry).cloned().collect();
        manifest.omitted.clone_from(&self.omitted);
        manifest.later.clone_from(&self.later);
        manifest.person.clone_from(&self.person);
        manifest.media = self.media.as_ref().map(|media| MediaSummary {
            missing: media.missing.clone(),
            ..MediaSummary::new(&media.segments)
        });
    }
}

/// What the manifest says, in numbers, for the job.
pub(super) fn result(manifest: &Manifest) -> ExportResult {
    let media = manifest.media.as_ref();
    let left_out = media.map_or(0, |media| media.missing.len());
    ExportResult {
        media_objects: media.map_or(0, |media| media.objects),
        media_left_out: u64::try_from(left_out).unwrap_or(u64::MAX),
        rows_withheld: manifest.person.as_ref().map_or(0, PersonEntry::withheld_rows),
    }
}

impl Item {
    pub(crate) fn entry(&self) -> Option<&FileEntry> {
        match self {
            Self::File(entry, _) => Some(entry),
            Self::Media(_) => None,
        }
    }

    pub(crate) fn path(&self) -> Option<String> {
        self.entry().map(|entry| entry.path.clone())
    }

    pub(crate) fn footprint(&self) -> Footprint {
        match self {
            Self::File(entry, body) => Footprint::entry(&entry.path, body.archived_bytes(), entry.size_bytes),
            Self::Media(segment) => segment.footprint,
        }
    }
}

impl Body {
    fn archived_bytes(&self) -> u64 {
        match self {
            Self::Part(part) => part.content().archived_bytes(),
            Self::Joined(file) => file.archived_bytes(),
        }
    }
}
