use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::{MediaSummary, MissingObject, OmittedEntry, PersonEntry, WITHHELD_FOR_OTHERS, WithheldEntry};

fn note(manifest: &Manifest) -> String {
    String::from_utf8(cover_note(manifest)).unwrap()
}

fn manifest(organisation: &str) -> Manifest {
    Manifest::new(Uuid::nil(), organisation, DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH)
}

#[test]
fn lines_end_for_every_editor_and_fit_every_window() {
    let mut manifest = manifest(&"long-name-".repeat(30));
    manifest.omitted.push(OmittedEntry {
        collection: "ü".repeat(200),
        column: Some("c".into()),
        reason: "so".into(),
    });
    let text = note(&manifest);
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert!(text.ends_with("\r\n"));
    for line in text.lines() {
        assert!(line.chars().count() <= 78 && !line.ends_with(' '), "{line}");
    }
    let together: String = text.split_whitespace().collect();
    assert!(together.contains(&"ü".repeat(200)));
    assert!(together.contains(&"long-name-".repeat(30)));
}

#[test]
fn names_cannot_write_lines_of_their_own() {
    let text = note(&manifest("acme\r\nNothing was left out\u{202e}"));
    assert!(text.contains("acme[CR][↵]Nothing was left out[U+202E]"));
}

#[test]
fn it_says_what_was_left_out_and_that_secrets_never_come() {
    let empty = note(&manifest("acme"));
    assert!(empty.contains("Nothing was left out of this package."));
    let mut manifest = manifest("acme");
    for (collection, column) in [("users", Some("hash")), ("users", Some("totp")), ("logs", None)] {
        let column = column.map(str::to_owned);
        manifest.omitted.push(OmittedEntry {
            collection: collection.into(),
            column,
            reason: "it is so".into(),
        });
    }
    let text = note(&manifest);
    assert!(text.contains("It is so. Affected: users (hash, totp); the whole collection logs."));
    for text in [empty, text] {
        assert!(text.contains("Secrets are never part of a package"));
        assert!(text.contains("SHA-256"));
        assert!(text.contains("Article 15") && text.contains("Article 20"));
    }
}

#[test]
fn nothing_was_left_out_is_said_only_where_it_is_so() {
    let words = |manifest: &Manifest| note(manifest).split_whitespace().collect::<Vec<_>>().join(" ");
    let says = |manifest: &Manifest| words(manifest).contains("Nothing was left out");
    let of_person = |withheld: &[(&str, u64)]| {
        let entry = |(collection, rows): &(&str, u64)| WithheldEntry {
            collection: (*collection).to_owned(),
            rows: *rows,
            reason: WITHHELD_FOR_OTHERS.to_owned(),
        };
        let withheld = withheld.iter().map(entry).collect();
        let person = Some(PersonEntry { identity_type: "email".to_owned(), withheld });
        Manifest { person, ..manifest("acme") }
    };
    assert!(says(&of_person(&[])));
    let text = words(&of_person(&[("threads", 1_200), ("rooms", 1)]));
    assert!(text.contains("1,201 records that have to do with the person were withheld."), "{text}");
    assert!(text.contains("Affected: threads (1,200 records); rooms (1 record)."), "{text}");
    assert!(!says(&of_person(&[("rooms", 1)])));
    let one = words(&of_person(&[("rooms", 1)]));
    assert!(one.contains("1 record that has to do with the person was withheld."), "{one}");

    let missing = |reason: &str| MissingObject {
        collection: "photos".to_owned(),
        key: "a.jpg".to_owned(),
        reason: reason.to_owned(),
    };
    let media = |missing| Some(MediaSummary { missing, ..MediaSummary::new(&[]) });
    assert!(says(&Manifest { media: media(Vec::new()), ..manifest("acme") }));
    assert!(!says(&Manifest { media: media(vec![missing("it is gone")]), ..manifest("acme") }));
}

#[test]
fn an_organisation_has_its_name_for_a_title_and_a_person_is_told_as_one() {
    let named = Manifest { organisation_name: Some("Acme & Co".to_owned()), ..manifest("0190a1b2") };
    let text = note(&named);
    assert!(text.contains("Acme & Co") && !text.contains("0190a1b2"), "{text}");
    assert!(text.starts_with("DATA EXPORT\r\n"));
    let person = Some(PersonEntry { identity_type: "email".to_owned(), withheld: Vec::new() });
    let text = note(&Manifest { person, ..named });
    assert!(text.starts_with("DATA EXPORT OF ONE PERSON\r\n"));
    assert!(text.contains("one person's, found by email"), "{text}");
    assert!(!text.contains("nothing was stored for the organisation"));
}
