//! Which volume this is, and what the others hold.

use maud::{Markup, html};

use super::text::{Words, listed};
use crate::manifest::{Manifest, OtherVolume};

/// The most files of another volume that the page names.
const FILES: usize = 40;

/// This volume among the others.
pub(super) fn section(manifest: &Manifest) -> Markup {
    html! {
        @if let Some(volume) = &manifest.volume {
            section aria-labelledby="volumes" {
                h2 #volumes { "Volumes" }
                p {
                    "This export comes in " (volume.of) " archives, and this is number " (volume.number)
                    ". Each of them is complete in itself and opens without the others; all of them together hold \
                     the whole export. They belong together by the mark " code { (volume.set_id) }
                    " in their manifests."
                }
                @if !manifest.other_volumes.is_empty() {
                    table.columns.volumes {
                        caption { "The other volumes" }
                        thead { tr { th scope="col" { "Archive" } th scope="col" { "Holds" } } }
                        tbody { @for other in &manifest.other_volumes { (row(other)) } }
                    }
                }
            }
        }
    }
}

fn row(other: &OtherVolume) -> Markup {
    let unlisted = other.files.len().saturating_sub(FILES);
    html! {
        tr {
            th scope="row" { (Words(&other.file_name)) }
            td {
                @if other.files.is_empty() {
                    "media"
                } @else {
                    (listed(other.files.iter().take(FILES).map(String::as_str)))
                    @if unlisted > 0 { " and " (unlisted) " more, named in manifest.json" }
                }
            }
        }
    }
}
