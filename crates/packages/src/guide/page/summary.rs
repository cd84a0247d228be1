//! Whose data it is, as of when, and how much.

use maud::{Markup, html};

use super::omitted;
use super::text::Words;
use crate::guide::contents::Shelf;
use crate::guide::figures::{count, counted, length, machine_moment, moment, size};
use crate::manifest::{Manifest, PersonEntry};

/// The head of the page.
pub(super) fn header(manifest: &Manifest, shelves: &[Shelf<'_>]) -> Markup {
    let rows: u64 = shelves.iter().map(Shelf::rows).sum();
    html! {
        header.top {
            p.kicker { @if manifest.person.is_some() { "Data export of one person" } @else { "Data export" } }
            h1 { (Words(manifest.organisation_title())) }
            p.lead {
                @if let Some(person) = &manifest.person {
                    "The records of one person, found by " (Words(&person.identity_type))
                    ", that were kept for this organisation, complete up to "
                } @else {
                    "The records kept for this organisation, complete up to "
                }
                time datetime=(machine_moment(manifest.cutoff_at)) { (moment(manifest.cutoff_at)) }
                ": " (counted(rows, "record")) " in " (counted(length(shelves), "collection")) ". "
                @if let Some(volume) = &manifest.volume {
                    "This is " a href="#volumes" { "volume " (volume.number) " of " (volume.of) } "; the figures are its own. "
                }
                (left_out(manifest))
            }
            (facts(manifest, shelves))
            p.note {
                strong { "Opening the files. " }
                "The links on this page lead to files that lie beside it. They work once the archive is \
                 unpacked: if you opened this page from inside the ZIP file, extract the whole archive to a \
                 folder first, and open index.html there. The page itself works offline and loads nothing \
                 from anywhere."
            }
        }
    }
}

fn left_out(manifest: &Manifest) -> Markup {
    html! {
        @if manifest.lacks_nothing() {
            "Nothing was left out on purpose."
        } @else if omitted::says_something(manifest) {
            a href="#omitted" { "What was left out" }
            " is listed with its reasons."
        } @else if manifest.media.iter().any(|media| !media.missing.is_empty()) {
            a href="#media" { "Media that could not be read" }
            " are listed with the reasons."
        }
        @for later in &manifest.later {
            " " (counted(later.rows, "record")) " of " (Words(&later.collection)) " made after that time "
            @if later.rows == 1 { "is" } @else { "are" } " not included."
        }
    }
}

fn facts(manifest: &Manifest, shelves: &[Shelf<'_>]) -> Markup {
    let rows: u64 = shelves.iter().map(Shelf::rows).sum();
    let size_bytes: u64 = shelves.iter().map(Shelf::size_bytes).sum();
    // Four columns: media take half of the second row, the times the rest.
    let is_wide = manifest.media.is_none();
    html! {
        dl.facts {
            div { dt { "Records" } dd { (count(rows)) } }
            div { dt { "Collections" } dd { (count(length(shelves))) } }
            div {
                dt { "Data files" }
                dd { (count(length(&manifest.files))) " " small { (size(size_bytes)) } }
            }
            div { dt { "Left out" } dd { (amounts(manifest)) } }
            @if let Some(media) = &manifest.media {
                div.wide { dt { "Media" } dd { (count(media.objects)) " " small { (size(media.size_bytes)) } } }
            }
            div.wide[is_wide] {
                dt { "Complete up to" }
                dd { time datetime=(machine_moment(manifest.cutoff_at)) { (moment(manifest.cutoff_at)) } }
            }
            div.wide[is_wide] {
                dt { "Put together" }
                dd { time datetime=(machine_moment(manifest.created_at)) { (moment(manifest.created_at)) } }
            }
        }
    }
}

fn amounts(manifest: &Manifest) -> String {
    let whole = manifest.omitted.iter().filter(|entry| entry.column.is_none()).count();
    let columns = manifest.omitted.len() - whole;
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let withheld = manifest.person.iter().map(PersonEntry::withheld_rows).sum();
    let missing = manifest.media.iter().map(|media| length(&media.missing)).sum();
    let amounts = [
        (number(whole), "collection"),
        (number(columns), "column"),
        (withheld, "record"),
        (missing, "object"),
    ];
    let told: Vec<String> =
        amounts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(*count, what)).collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
}

/// Links to the parts of the page.
pub(super) fn navigation(manifest: &Manifest) -> Markup {
    html! {
        nav aria-label="On this page" {
            ul {
                li { a href="#collections" { "Collections" } }
                @if omitted::says_something(manifest) { li { a href="#omitted" { "What was left out" } } }
                @if manifest.media.is_some() { li { a href="#media" { "Media" } } }
                @if manifest.volume.is_some() { li { a href="#volumes" { "Volumes" } } }
                li { a href="#reading" { "How to read the files" } }
                li { a href="#checking" { "How to check them" } }
            }
        }
    }
}

/// Where the page comes from.
pub(super) fn footer(manifest: &Manifest) -> Markup {
    html! {
        footer {
            p {
                "Export " code { (manifest.job_id) } ", written by Lethe " (Words(&manifest.lethe_version))
                ", package format " (manifest.format_version) ". "
                a href="README.txt" { "README.txt" } " says the same in plain text, "
                a href="manifest.json" { "manifest.json" } " for programs."
            }
        }
    }
}
