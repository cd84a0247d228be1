//! One collection: what it is, its files, its columns, its first rows.

use maud::{Markup, html};

use super::href::relative;
use super::list::{format_name, schema};
use super::rows;
use super::text::{Words, listed};
use crate::guide::categories;
use crate::guide::contents::{Shelf, sentence};
use crate::guide::figures::{count, counted, length, size};
use crate::guide::types;
use crate::manifest::ColumnEntry;

/// The section of a collection, with at most `most_rows` of its first rows.
pub(super) fn section(shelf: &Shelf<'_>, most_rows: usize, is_open: bool) -> Markup {
    let number = shelf.number;
    html! {
        section.collection #{ "c" (number) } aria-labelledby={ "c" (number) "-name" } {
            h3 #{ "c" (number) "-name" } { (Words(shelf.name)) }
            @if let Some(description) = shelf.guide.and_then(|guide| guide.description.as_deref()) {
                p.about { (Words(&sentence(description))) }
            }
            (holds(shelf))
            (files(shelf))
            (columns(shelf, is_open))
            (rows::first(shelf, most_rows, is_open))
            p.back { a href="#collections" { "Back to all collections" } }
        }
    }
}

/// The categories of the collection and of its columns.
fn holds(shelf: &Shelf<'_>) -> Markup {
    let of_columns = shelf.columns().iter().flat_map(|column| &column.data_categories);
    let of_rows = shelf.guide.iter().flat_map(|guide| &guide.data_categories);
    let categories: Vec<String> = of_rows.chain(of_columns).cloned().collect();
    let categories = categories::list(&categories);
    html! {
        @if !categories.is_empty() {
            p.holds { span.label { "Data categories" } " " (listed(categories.iter().map(String::as_str))) }
        }
    }
}

fn files(shelf: &Shelf<'_>) -> Markup {
    let changed = shelf.neutralised_cells();
    html! {
        ul.files {
            @for file in &shelf.files {
                li {
                    a href=(relative(&file.path)) { (Words(&file.path)) }
                    " " small { (format_name(file.format)) ", " (counted(file.rows, "record")) ", " (size(file.size_bytes)) }
                }
            }
            @if let Some(schema) = schema(shelf) {
                li { a href=(relative(&schema)) { (Words(&schema)) } " " small { "JSON Schema of the JSON file" } }
            }
        }
        @if !shelf.elsewhere.is_empty() {
            p.remark { "Further files of this collection are in other volumes: " (listed(shelf.elsewhere.iter().copied())) "." }
        }
        @if changed > 0 {
            p.remark {
                "In CSV " (count(changed)) " " (if changed == 1 { "cell has" } else { "cells have" })
                " a single quote in front, so that no spreadsheet runs them as formulas; see "
                a href="#reading" { "how to read the files" } "."
            }
        }
    }
}

fn columns(shelf: &Shelf<'_>, is_open: bool) -> Markup {
    let columns = shelf.columns();
    html! {
        @if !columns.is_empty() {
            details open[is_open] {
                summary { (counted(length(columns), "column")) }
                table.columns {
                    caption.unseen { "Columns of " (Words(shelf.name)) }
                    thead {
                        tr {
                            th scope="col" { "Column" }
                            th scope="col" { "What it is" }
                            th scope="col" { "Type" }
                            th scope="col" { "Data categories" }
                        }
                    }
                    tbody { @for column in columns { (row(column)) } }
                }
            }
        }
    }
}

fn row(column: &ColumnEntry) -> Markup {
    let (words, categories) =
        (types::words(&column.database_type), categories::list(&column.data_categories));
    html! {
        tr {
            th scope="row" { (Words(&column.name)) }
            td { @if let Some(description) = &column.description { (Words(description)) } }
            td {
                (words)
                // Where both say the same, once is enough.
                @if words != column.database_type { " " code { (Words(&column.database_type)) } }
            }
            td { (listed(categories.iter().map(String::as_str))) }
        }
    }
}
