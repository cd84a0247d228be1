//! The table of collections.

use maud::{Markup, html};

use super::href::relative;
use super::text::Words;
use crate::encode::Format;
use crate::guide::contents::Shelf;
use crate::guide::figures::{count, counted, length, size};

/// Every collection with its records, size and files.
pub(super) fn section(shelves: &[Shelf<'_>]) -> Markup {
    html! {
        section aria-labelledby="collections" {
            h2 #collections { "Collections" }
            @if shelves.is_empty() {
                p { "The archive holds no records." }
            } @else {
                (table(shelves))
            }
        }
    }
}

fn table(shelves: &[Shelf<'_>]) -> Markup {
    html! {
        table.list {
            caption { (counted(length(shelves), "collection")) ", in the order of the archive" }
            thead {
                tr {
                    th scope="col" { "Collection" }
                    th.number scope="col" { "Records" }
                    th.number scope="col" { "Size" }
                    th.files scope="col" { "Files" }
                }
            }
            tbody {
                @for shelf in shelves {
                    tr {
                        th scope="row" { a href={ "#c" (shelf.number) } { (Words(shelf.name)) } }
                        td.number { (count(shelf.rows())) span.unit { @if shelf.rows() == 1 { " record" } @else { " records" } } }
                        td.number { (size(shelf.size_bytes())) }
                        td.files { (files(shelf)) }
                    }
                }
            }
        }
    }
}

fn files(shelf: &Shelf<'_>) -> Markup {
    html! {
        @for file in &shelf.files {
            a href=(relative(&file.path)) { (format_name(file.format)) span.unseen { " of " (Words(shelf.name)) } }
            " "
        }
        @if let Some(schema) = schema(shelf) {
            a href=(relative(&schema)) { "Schema" span.unseen { " of " (Words(shelf.name)) } }
        }
    }
}

/// The path of the collection's schema, where there is one.
pub(super) fn schema(shelf: &Shelf<'_>) -> Option<String> {
    let is_there = shelf.guide.is_some() && shelf.has(Format::Json);
    shelf.stem().filter(|_| is_there).map(|stem| stem.schema())
}

/// A format as people call it.
pub(super) const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Json => "JSON",
        Format::Csv => "CSV",
    }
}
