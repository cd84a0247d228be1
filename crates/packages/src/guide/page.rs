//! `index.html`: one file that opens offline and shows what the archive holds.
//!
//! It loads nothing and runs nothing: its content security policy allows only its own style sheet,
//! named by its SHA-256. Navigation is by anchors, folding by `<details>`.

mod collection;
mod href;
mod list;
mod media;
mod omitted;
mod reading;
mod rows;
mod summary;
mod text;
mod volumes;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::text::Line;
use super::collection::CollectionGuide;
use super::contents::{Shelf, shelves};
use crate::digest::Sha256Digest;
use crate::manifest::Manifest;

const STYLE: &str = include_str!("page/style.css");
/// Up to so many collections their columns and rows are unfolded from the start.
const UNFOLDED: usize = 24;

/// The page of an archive, to be put at `index.html` beside `manifest.json`.
///
/// Collections appear in the order of the manifest's files; a guide without files is not shown.
/// Where a guide is given and JSON was written, the page links the schema at
/// [`FileStem::schema`](crate::FileStem::schema). In a very large export fewer than the rows kept are shown,
/// so that the page stays within a few megabytes.
#[must_use]
pub fn index_html(manifest: &Manifest, guides: &[CollectionGuide]) -> Vec<u8> {
    let shelves = shelves(manifest, guides);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(manifest))
            body {
                a.skip href="#contents" { "Skip to the contents" }
                (summary::header(manifest, &shelves))
                (summary::navigation(manifest))
                main #contents tabindex="-1" {
                    (list::section(&shelves))
                    (collections(&shelves))
                    (omitted::section(manifest))
                    (media::section(manifest))
                    (volumes::section(manifest))
                    (reading::rules(&manifest.rules))
                    (reading::marks())
                    (reading::checking())
                }
                (summary::footer(manifest))
            }
        }
    };
    page.into_string().into_bytes()
}

fn head(manifest: &Manifest) -> Markup {
    let hash = STANDARD.encode(Sha256Digest::of(STYLE.as_bytes()).as_bytes());
    let policy =
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            meta name="robots" content="noindex";
            title {
                @if manifest.person.is_some() { "Data export of one person, kept for " } @else { "Data export of " }
                (Line(manifest.organisation_title()))
            }
            style { (PreEscaped(STYLE)) }
        }
    }
}

fn collections(shelves: &[Shelf<'_>]) -> Markup {
    let is_open = shelves.len() <= UNFOLDED;
    let most_rows = rows::most_rows(shelves);
    html! {
        @if !shelves.is_empty() {
            section aria-labelledby="each" {
                h2 #each { "Collection by collection" }
                @for shelf in shelves {
                    (collection::section(shelf, most_rows, is_open))
                }
            }
        }
    }
}
