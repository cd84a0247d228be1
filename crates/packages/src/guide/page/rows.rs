//! The first rows of a collection, in a table that scrolls by itself.

use maud::{Markup, html};

use super::text::{Value, Words};
use crate::encode::ValueKind;
use crate::guide::contents::Shelf;
use crate::guide::figures::{count, counted};
use crate::guide::preview::{Preview, PreviewCell};

/// What all first rows together may take of the page.
const PAGE_BYTES: usize = 3 << 20;
/// The markup around a cell.
const CELL_BYTES: usize = 24;

/// How many rows of every collection are shown so that the page stays small.
pub(super) fn most_rows(shelves: &[Shelf<'_>]) -> usize {
    let previews: Vec<&Preview> =
        shelves.iter().filter_map(|shelf| shelf.guide.and_then(|guide| guide.preview.as_ref())).collect();
    let fits =
        |most: &usize| previews.iter().map(|preview| weight(preview, *most)).sum::<usize>() <= PAGE_BYTES;
    [20, 10, 5, 3, 1].into_iter().find(fits).unwrap_or_default()
}

fn weight(preview: &Preview, most: usize) -> usize {
    let cells = preview.rows.iter().take(most).flatten();
    cells.map(|cell| cell.weight() + CELL_BYTES).sum()
}

/// The first rows of a collection, at most so many.
pub(super) fn first(shelf: &Shelf<'_>, most: usize, is_open: bool) -> Markup {
    let Some(preview) = shelf.guide.and_then(|guide| guide.preview.as_ref()) else {
        return Markup::default();
    };
    let shown = preview.rows.len().min(most);
    html! {
        @if shown > 0 {
            details open[is_open] {
                summary { (caption(shown, shelf)) }
                div.scroll tabindex="0" role="region" aria-labelledby={ "c" (shelf.number) "-rows" } {
                    (table(shelf, preview, shown))
                }
            }
        } @else if preview.rows.is_empty() {
            p.remark { "The collection has no records." }
        } @else {
            p.remark { "The first records are not shown here, because the page would grow too large." }
        }
    }
}

fn caption(shown: usize, shelf: &Shelf<'_>) -> String {
    let shown = u64::try_from(shown).unwrap_or(u64::MAX);
    if !shelf.elsewhere.is_empty() {
        return format!("The first {}", counted(shown, "record"));
    }
    match (shown, shelf.rows()) {
        (1, 1) => "The one record".to_owned(),
        (shown, rows) if shown >= rows => format!("All {}", counted(rows, "record")),
        (1, rows) => format!("The first of {}", counted(rows, "record")),
        (shown, rows) => format!("The first {} of {}", count(shown), counted(rows, "record")),
    }
}

fn table(shelf: &Shelf<'_>, preview: &Preview, shown: usize) -> Markup {
    html! {
        table.rows {
            caption.unseen #{ "c" (shelf.number) "-rows" } {
                (caption(shown, shelf)) " of " (Words(shelf.name))
            }
            thead {
                tr {
                    th scope="col" { span.unseen { "Record" } }
                    @for column in &preview.columns {
                        th.number[column.kind == ValueKind::Number] scope="col" { (Words(&column.name)) }
                    }
                }
            }
            tbody {
                @for (at, row) in preview.rows.iter().take(shown).enumerate() {
                    tr {
                        th scope="row" { (at + 1) }
                        @for (cell, column) in row.iter().zip(&preview.columns) { (shown_cell(cell, column.kind)) }
                    }
                }
            }
        }
    }
}

fn shown_cell(cell: &PreviewCell, kind: ValueKind) -> Markup {
    match (cell, kind) {
        (PreviewCell::Null, _) => html! { td { i.none { "no value" } } },
        (PreviewCell::Text(text), _) if text.is_empty() => html! { td { i.none { "empty text" } } },
        (PreviewCell::Text(text), ValueKind::Number) => html! { td.number { (Value(text)) } },
        (PreviewCell::Text(text), _) => html! { td dir="auto" { (Value(text)) } },
        (PreviewCell::Cut { start, characters }, _) => html! {
            td dir="auto" { (Value(start)) "… " i.none { (counted(*characters, "character")) " in all" } }
        },
        (PreviewCell::Bytes { start, size_bytes }, _) => html! {
            td { code { (start) @if start.len() / 2 < usize::try_from(*size_bytes).unwrap_or(usize::MAX) { "…" } } " " i.none { (counted(*size_bytes, "byte")) } }
        },
    }
}
