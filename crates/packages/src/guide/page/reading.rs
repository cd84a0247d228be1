//! How to read the files, and how to check them.

use maud::{Markup, html};

use super::text::Words;
use crate::manifest::Rules;

/// The rules of the manifest, each under a name.
pub(super) fn rules(rules: &Rules) -> Markup {
    let named = [
        ("Characters and lines", &rules.encoding),
        ("Missing values", &rules.missing_values),
        ("Numbers", &rules.numbers),
        ("Dates and times", &rules.times),
        ("Lists and nested data", &rules.nested_values),
        ("Formulas in CSV", &rules.formulas),
    ];
    html! {
        section aria-labelledby="reading" {
            h2 #reading { "How to read the files" }
            p {
                "JSON files suit programs, and keep lists and nested data whole. CSV files open in a \
                 spreadsheet; choose UTF-8 and the comma when it asks. Both hold the same records."
            }
            dl.rules {
                @for (name, rule) in named {
                    div { dt { (name) } dd { (Words(rule)) } }
                }
            }
        }
    }
}

/// How this page, unlike the files, shows values.
pub(super) fn marks() -> Markup {
    html! {
        section aria-labelledby="marks" {
            h2 #marks { "How this page shows values" }
            p {
                "First records are excerpts: long values are cut and say how long they are. "
                i.none { "no value" } " is a missing value and " i.none { "empty text" }
                " is text without a character. Characters that cannot be seen, such as line ends or marks that \
                 turn the direction of writing, appear as " i.mark { "↵" } " or with their number, as "
                i.mark { "U+202E" } ". The files hold every value unchanged and whole."
            }
        }
    }
}

/// How to make sure that no file was changed.
pub(super) fn checking() -> Markup {
    html! {
        section aria-labelledby="checking" {
            h2 #checking { "How to check that nothing was changed" }
            p {
                a href="manifest.json" { "manifest.json" }
                " lists every data file with its length and its SHA-256, a fingerprint of its content. A file \
                 whose fingerprint is the same has not changed. These commands print it:"
            }
            dl.commands {
                div { dt { "Windows (PowerShell)" } dd { code { "Get-FileHash -Algorithm SHA256 FILE" } } }
                div { dt { "macOS" } dd { code { "shasum -a 256 FILE" } } }
                div { dt { "Linux" } dd { code { "sha256sum FILE" } } }
            }
        }
    }
}
