//! What is not in the archive, and why.

use maud::{Markup, html};

use super::text::{Words, listed};
use crate::guide::contents::{Omission, omissions, sentence, withheld_by_reason};
use crate::guide::figures::counted;
use crate::manifest::{Manifest, WithheldEntry};

/// Whether the section has anything to say.
pub(super) fn says_something(manifest: &Manifest) -> bool {
    !manifest.omitted.is_empty() || manifest.person.iter().any(|person| !person.withheld.is_empty())
}

/// What was left out or withheld, by reason.
pub(super) fn section(manifest: &Manifest) -> Markup {
    let omissions = omissions(&manifest.omitted);
    html! {
        @if says_something(manifest) {
            section aria-labelledby="omitted" {
                h2 #omitted { "What was left out" }
                p { "The following is not part of this package, for the reasons given." }
                @for omission in &omissions { (reason(omission)) }
                @if let Some(person) = &manifest.person {
                    @for (reason, entries) in &withheld_by_reason(person) { (withheld(reason, entries)) }
                }
            }
        }
    }
}

/// Rows that are withheld for one reason.
fn withheld(reason: &str, entries: &[&WithheldEntry]) -> Markup {
    html! {
        div.reason {
            h3 { (Words(&sentence(reason))) }
            dl {
                @for entry in entries {
                    div { dt { (Words(&entry.collection)) } dd { (counted(entry.rows, "record")) " withheld" } }
                }
            }
        }
    }
}

fn reason(omission: &Omission<'_>) -> Markup {
    html! {
        div.reason {
            h3 { (Words(&sentence(omission.reason))) }
            dl {
                @for collection in &omission.collections {
                    div {
                        dt { (Words(collection.name)) }
                        dd {
                            @if collection.columns.is_empty() {
                                "the whole collection"
                            } @else {
                                (listed(collection.columns.iter().copied()))
                            }
                        }
                    }
                }
            }
        }
    }
}
