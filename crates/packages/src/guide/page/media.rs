//! The media of the export, and those that could not be read.

use maud::{Markup, html};

use super::href::relative;
use super::text::Words;
use crate::guide::contents::sentence;
use crate::guide::figures::{count, counted, length, size};
use crate::manifest::{Manifest, MediaSummary, MissingObject};

/// The most missing objects that the page lists; the manifest has them all.
const MISSING: usize = 100;

/// What was copied, where the list of it is, and what is missing.
pub(super) fn section(manifest: &Manifest) -> Markup {
    html! {
        @if let Some(media) = &manifest.media {
            section aria-labelledby="media" {
                h2 #media { "Media" }
                p {
                    (counted(media.objects, "object"))
                    @if manifest.person.is_some() { " that the person's records name, " } @else { " of the organisation's storage, " }
                    (size(media.size_bytes))
                    " in all, " (if media.objects == 1 { "is" } else { "are" }) " part of this export. "
                    @if media.objects > 0 { (index(manifest, media)) }
                }
                (missing(&media.missing))
            }
        }
    }
}

fn index(manifest: &Manifest, media: &MediaSummary) -> Markup {
    html! {
        @if manifest.volume.is_some() {
            "Every volume with media has a list of its own, " code { (Words(&media.index)) } ", which says "
        } @else {
            a href=(relative(&media.index)) { (Words(&media.index)) } " says "
        }
        "of each where it lies, which collection refers to it, and its SHA-256."
    }
}

fn missing(missing: &[MissingObject]) -> Markup {
    let unlisted = missing.len().saturating_sub(MISSING);
    html! {
        @if !missing.is_empty() {
            table.columns.missing {
                caption { (counted(length(missing), "object")) " could not be read" }
                thead {
                    tr {
                        th scope="col" { "Object" }
                        th scope="col" { "Why it is missing" }
                        th scope="col" { "Collection that refers to it" }
                    }
                }
                tbody {
                    @for object in missing.iter().take(MISSING) {
                        tr {
                            th scope="row" { (Words(&object.key)) }
                            td { (Words(&sentence(&object.reason))) }
                            td { (Words(&object.collection)) }
                        }
                    }
                }
            }
            @if unlisted > 0 {
                p.remark { (count(u64::try_from(unlisted).unwrap_or(u64::MAX))) " more are listed in manifest.json." }
            }
        }
    }
}
