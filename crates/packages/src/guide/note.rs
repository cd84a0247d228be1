//! `README.txt`: what the package is, in plain words, for whoever opens it with a text editor.

mod lines;

use self::lines::Lines;
use super::contents::{Shelf, omissions, sentence, shelves, withheld_by_reason};
use super::figures::{counted, length, moment, size};
use super::visible::plain;
use crate::encode::Format;
use crate::manifest::Manifest;

/// The cover note of an archive, to be put at `README.txt`: UTF-8, CRLF line ends, at most 78
/// columns.
#[must_use]
pub fn cover_note(manifest: &Manifest) -> Vec<u8> {
    let shelves = shelves(manifest, &[]);
    let mut note = Lines::default();
    note.title(if manifest.person.is_some() { "DATA EXPORT OF ONE PERSON" } else { "DATA EXPORT" });
    about(manifest, &shelves, &mut note);
    inside(manifest, &shelves, &mut note);
    opening(&mut note);
    volumes(manifest, &mut note);
    left_out(manifest, &mut note);
    checking(&mut note);
    rights(&mut note);
    missing(manifest, &mut note);
    note.into_bytes()
}

fn about(manifest: &Manifest, shelves: &[Shelf<'_>], note: &mut Lines) {
    let rows: u64 = shelves.iter().map(Shelf::rows).sum();
    let organisation = plain(manifest.organisation_title());
    if let Some(person) = &manifest.person {
        note.pair("Whose data", &format!("one person's, found by {}", plain(&person.identity_type)));
    }
    note.pair("Organisation", &organisation);
    note.pair("Complete up to", &moment(manifest.cutoff_at));
    note.pair("Put together", &moment(manifest.created_at));
    note.pair(
        "Contents",
        &format!("{} in {}", counted(rows, "record"), counted(length(shelves), "collection")),
    );
    note.pair("Export", &manifest.job_id.to_string());
    note.heading("What this is");
    let whose = match &manifest.person {
        Some(_) => format!(
            "This package holds the records of one person that were kept for the organisation {organisation}, and \
             no others of that organisation."
        ),
        None => {
            format!("This package holds the records that were kept for the organisation {organisation}.")
        }
    };
    note.paragraph(&format!(
        "{whose} It is complete up to {}: what was stored by then is here, apart from what is named below under \
         \"What was left out\". What was stored or changed later may be missing.",
        moment(manifest.cutoff_at)
    ));
    note.paragraph("Making this package changed and deleted nothing.");
}

fn inside(manifest: &Manifest, shelves: &[Shelf<'_>], note: &mut Lines) {
    note.heading("What is inside");
    note.entry("index.html", "An overview for people. Open it first, in any browser.");
    note.entry("data/", &data(shelves));
    if shelves.iter().any(|shelf| shelf.has(Format::Json)) {
        note.entry("schema/", "Descriptions of the JSON files for programs (JSON Schema).");
    }
    if let Some(media) = &manifest.media {
        let amount = format!("{}, {}", counted(media.objects, "object"), size(media.size_bytes));
        let whose =
            if manifest.person.is_some() { "that the person's records name" } else { "of the organisation" };
        note.entry("media/", &format!("Media {whose}: {amount} in all. {} lists them.", plain(&media.index)));
    }
    note.entry(
        "manifest.json",
        "The list of the data files, with columns, rules, fingerprints and what was left out.",
    );
    note.paragraph("The collections:");
    for shelf in shelves {
        let figures = format!("{}, {}", counted(shelf.rows(), "record"), size(shelf.size_bytes()));
        note.item(&format!("{}: {figures}", plain(shelf.name)));
    }
    if manifest.files.is_empty() {
        let whom = if manifest.person.is_some() { "person" } else { "organisation" };
        note.item(&format!("none; nothing was stored for the {whom}"));
    }
}

fn data(shelves: &[Shelf<'_>]) -> String {
    let has = |format| shelves.iter().any(|shelf| shelf.has(format));
    let formats = match (has(Format::Json), has(Format::Csv)) {
        (true, true) => "as JSON and as CSV; both hold the same records",
        (true, false) => "as JSON",
        (false, _) => "as CSV",
    };
    format!("The records, one file for each collection, {formats}.")
}

fn opening(note: &mut Lines) {
    note.heading("How to open it");
    note.paragraph(
        "Extract the whole archive to a folder first. On Windows: click the ZIP file with the right button and \
         choose \"Extract all\". On macOS: click it twice. Then open index.html in that folder. It works offline \
         and loads nothing from the internet.",
    );
    note.paragraph(
        "CSV files open in a spreadsheet. Import them rather than clicking them twice, and choose UTF-8 and the \
         comma, so that letters and long numbers stay as they are. Text that a spreadsheet could run as a formula \
         has a single quote in front. JSON files are for programs, and hold every value unchanged.",
    );
}

fn volumes(manifest: &Manifest, note: &mut Lines) {
    let Some(volume) = &manifest.volume else { return };
    note.heading("Volumes");
    note.paragraph(&format!(
        "The export comes in {} archives, and this is number {}. Each is complete in itself and opens without the \
         others; the records counted above are those of this one. The other archives:",
        volume.of, volume.number
    ));
    for other in &manifest.other_volumes {
        note.item(&plain(&other.file_name));
    }
}

fn left_out(manifest: &Manifest, note: &mut Lines) {
    note.heading("What was left out");
    note.paragraph(
        "Secrets are never part of a package: no passwords or their hashes, no access tokens, no keys. They \
         protect accounts, and would harm whoever they belong to if this package were lost.",
    );
    let omissions = omissions(&manifest.omitted);
    if manifest.lacks_nothing() {
        let what = if manifest.volume.is_some() { "export" } else { "package" };
        note.paragraph(&format!("Nothing was left out of this {what}."));
    }
    for omission in omissions {
        let places: Vec<String> = omission
            .collections
            .iter()
            .map(|collection| match collection.columns.as_slice() {
                [] => format!("the whole collection {}", plain(collection.name)),
                columns => {
                    let columns: Vec<_> = columns.iter().map(|column| plain(column)).collect();
                    format!("{} ({})", plain(collection.name), columns.join(", "))
                }
            })
            .collect();
        note.paragraph(&format!("{} Affected: {}.", plain(&sentence(omission.reason)), places.join("; ")));
    }
    for later in &manifest.later {
        note.paragraph(&format!(
            "{} of {} were made after the time up to which this package is complete. A new export has them.",
            counted(later.rows, "record"),
            plain(&later.collection)
        ));
    }
    withheld(manifest, note);
    let missing = manifest.media.iter().map(|media| length(&media.missing)).sum();
    if missing > 0 {
        let (these, are) = if missing == 1 { ("It", "is") } else { ("They", "are") };
        note.paragraph(&format!(
            "{} of the media could not be read. {these} {are} listed with the reason in index.html and in \
             manifest.json.",
            counted(missing, "object")
        ));
    }
}

fn withheld(manifest: &Manifest, note: &mut Lines) {
    let Some(person) = &manifest.person else { return };
    for (reason, entries) in withheld_by_reason(person) {
        let rows = entries.iter().map(|entry| entry.rows).sum();
        let places: Vec<String> = entries
            .iter()
            .map(|entry| format!("{} ({})", plain(&entry.collection), counted(entry.rows, "record")))
            .collect();
        let (were, reason) = (if rows == 1 { "was" } else { "were" }, plain(&sentence(reason)));
        note.paragraph(&format!(
            "{} that {} to do with the person {were} withheld. {reason} Affected: {}.",
            counted(rows, "record"),
            if rows == 1 { "has" } else { "have" },
            places.join("; ")
        ));
    }
}

fn checking(note: &mut Lines) {
    note.heading("How to check that nothing was changed");
    note.paragraph(
        "manifest.json holds the SHA-256 of every data file, a fingerprint of its content. When a file still has \
         that fingerprint, it was not changed. To print the fingerprint of a file:",
    );
    note.pair("Windows", "Get-FileHash -Algorithm SHA256 FILE   (PowerShell)");
    note.pair("macOS", "shasum -a 256 FILE");
    note.pair("Linux", "sha256sum FILE");
}

fn rights(note: &mut Lines) {
    note.heading("Which right it serves");
    note.paragraph(
        "The package is made to serve the right of access (Article 15) and the right to data portability \
         (Article 20) of the General Data Protection Regulation: the data, in formats that people and programs \
         can read, with descriptions. What else an answer to a request must contain, such as purposes, recipients \
         and storage periods, comes from whoever sent you this package. This note is not legal advice.",
    );
    note.paragraph(
        "The package holds personal data. Keep it where only those can read it who may, and delete it when it is \
         no longer needed.",
    );
}

fn missing(manifest: &Manifest, note: &mut Lines) {
    note.heading("If something seems to be missing");
    note.paragraph(
        "Look under \"What was left out\" first, and make sure that the whole archive was extracted. Records that \
         were made after the time above are not included; a new export has them. If something is missing still, \
         ask whoever sent you this package, and name the export:",
    );
    note.item(&manifest.job_id.to_string());
}

#[cfg(test)]
mod tests;
