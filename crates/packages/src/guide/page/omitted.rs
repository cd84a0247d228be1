//! What is not in the archive, and why.

use maud::{Markup, html};

use super::text::{Words, listed};
use crate::guide::contents::{Omission, omissions, sentence};
use crate::manifest::OmittedEntry;

/// What was left out, by reason.
pub(super) fn section(omitted: &[OmittedEntry]) -> Markup {
    let omissions = omissions(omitted);
    html! {
        @if !omissions.is_empty() {
            section aria-labelledby="omitted" {
                h2 #omitted { "What was left out" }
                p { "The following is not part of this package, for the reasons given." }
                @for omission in &omissions { (reason(omission)) }
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
