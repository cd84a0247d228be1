use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::OmittedEntry;

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
