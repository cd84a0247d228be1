//! Whatever names and values say, the page keeps its form and refers to nothing outside.

use packages::{
    CollectionGuide, Column, ColumnEntry, LaterEntry, Manifest, OmittedEntry, ValueKind, cover_note,
    index_html,
};
use proptest::prelude::*;

use super::markup::{Piece, pieces};
use super::sample::{Sample, manifest, sample, volume};

/// Elements, and the attributes that each may have.
const ALLOWED: &[(&str, &[&str])] = &[
    ("a", &["class", "href"]),
    ("bdi", &[]),
    ("body", &[]),
    ("caption", &["class", "id"]),
    ("code", &[]),
    ("dd", &[]),
    ("details", &["open"]),
    ("div", &["aria-labelledby", "class", "role", "tabindex"]),
    ("dl", &["class"]),
    ("dt", &[]),
    ("footer", &[]),
    ("h1", &[]),
    ("h2", &["id"]),
    ("h3", &["id"]),
    ("head", &[]),
    ("header", &["class"]),
    ("html", &["lang"]),
    ("i", &["class"]),
    ("li", &[]),
    ("main", &["id", "tabindex"]),
    ("meta", &["charset", "content", "http-equiv", "name"]),
    ("nav", &["aria-label"]),
    ("p", &["class"]),
    ("section", &["aria-labelledby", "class", "id"]),
    ("small", &[]),
    ("span", &["class"]),
    ("strong", &[]),
    ("style", &[]),
    ("summary", &[]),
    ("table", &["class"]),
    ("tbody", &[]),
    ("td", &["class", "dir"]),
    ("th", &["class", "scope"]),
    ("thead", &[]),
    ("time", &["datetime"]),
    ("title", &[]),
    ("tr", &[]),
    ("ul", &["class"]),
];

const VOID: [&str; 1] = ["meta"];

/// Fails unless every element is closed where it must be and is one of those allowed.
fn check(page: &[Piece]) {
    let mut open = Vec::new();
    for piece in page {
        match piece {
            Piece::Open(name, attributes) => {
                let allowed = ALLOWED.iter().find(|(allowed, _)| allowed == name);
                let (_, allowed) = allowed.unwrap_or_else(|| panic!("<{name}>"));
                for (attribute, value) in attributes {
                    assert!(allowed.contains(&attribute.as_str()), "<{name} {attribute}>");
                    assert!(attribute != "href" || is_local(value), "href {value}");
                }
                if !VOID.contains(&name.as_str()) {
                    open.push(name);
                }
            }
            Piece::Close(name) => assert_eq!(open.pop(), Some(name)),
            Piece::Text(_) | Piece::Doctype => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn is_local(href: &str) -> bool {
    let unreserved = |letter: char| letter.is_ascii_alphanumeric() || "-._~%/".contains(letter);
    let path = href.strip_prefix('#').unwrap_or(href);
    path.chars().all(unreserved) && !path.starts_with('/') && !path.contains("//")
}

/// The form of a page: its elements without the marks of hidden characters.
fn form(page: &[Piece]) -> Vec<String> {
    let mut form = Vec::new();
    let mut in_mark = false;
    for piece in page {
        match piece {
            Piece::Open(name, attributes) if name == "i" && attributes[0].1 == "mark" => in_mark = true,
            Piece::Close(name) if name == "i" && in_mark => in_mark = false,
            Piece::Open(name, _) => form.push(format!("<{name}>")),
            Piece::Close(name) => form.push(format!("</{name}>")),
            Piece::Text(_) | Piece::Doctype => {}
        }
    }
    form
}

/// A text of others in every place that the page has for one.
fn everywhere(text: &str) -> Sample {
    let mut sample = Sample { manifest: manifest(text), guides: Vec::new() };
    let columns =
        &[("v", ValueKind::Text, "text", "user", "d"), ("j", ValueKind::Json, "jsonb", "user", "d")];
    let escaped = text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r");
    sample.add(text, text, columns, &[format!("{escaped}\t\"{escaped}\"")]);
    name_columns(&mut sample.manifest, text);
    name_guide(&mut sample.guides[0], text);
    let column = Some(text.to_owned());
    sample.manifest.omitted.push(OmittedEntry { collection: text.into(), column, reason: text.into() });
    sample.manifest.later.push(LaterEntry { collection: text.into(), rows: 2 });
    sample.manifest.rules.numbers = text.to_owned();
    sample.manifest.lethe_version = text.to_owned();
    let media = volume().manifest;
    sample.manifest.media = media.media;
    if let Some(media) = &mut sample.manifest.media {
        media.index = text.to_owned();
        let missing = &mut media.missing[0];
        (missing.collection, missing.key, missing.reason) =
            (text.to_owned(), text.to_owned(), text.to_owned());
    }
    sample.manifest.volume = media.volume;
    sample.manifest.other_volumes = media.other_volumes;
    let other = &mut sample.manifest.other_volumes[0];
    (other.file_name, other.files) = (text.to_owned(), vec![text.to_owned()]);
    sample
}

fn name_columns(manifest: &mut Manifest, text: &str) {
    for file in &mut manifest.files {
        // Whether a value looks like a formula is said on the page, and here not the question.
        file.neutralised_cells.clear();
        file.path = text.to_owned();
        file.columns.push(ColumnEntry {
            name: text.to_owned(),
            database_type: text.to_owned(),
            data_categories: vec![text.to_owned(), format!("user.contact.{text}")],
            description: Some(text.to_owned()),
        });
    }
}

fn name_guide(guide: &mut CollectionGuide, text: &str) {
    guide.data_categories = vec![text.to_owned()];
    guide.columns.push(Column::new(text, ValueKind::Text));
}

fn hostile() -> impl Strategy<Value = String> {
    let bait = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "</td></tr></table></style></title>",
        "<!--",
        "-->",
        "]]>",
        "&lt;&#60;&amp",
        "'\"`=",
        "//example.org/",
        "https://example.org/",
        "data:text/html,x",
        "\u{202e}gnp.exe",
        "\u{200b}\u{feff}\u{2066}",
        "\0\u{1}\u{7f}\u{85}",
        "\r\n\t",
        "%2F%3A",
        "../../",
        "a",
    ];
    let pieces = prop_oneof![prop::sample::select(bait.to_vec()).prop_map(str::to_owned), "\\PC{1,6}"];
    prop::collection::vec(pieces, 1..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nothing_leaves_its_element(text in hostile()) {
        let page = |text: &str| {
            let sample = everywhere(text);
            let page = pieces(&index_html(&sample.manifest, &sample.guides));
            check(&page);
            page
        };
        let (found, harmless) = (page(&text), page("a harmless name"));
        prop_assert_eq!(form(&found), form(&harmless));
        let said: String = found.iter().filter_map(|piece| match piece { Piece::Text(text) => Some(text.as_str()), _ => None }).collect();
        prop_assert!(!said.chars().any(|letter| letter.is_control() && letter != '\n'), "a control character");
        prop_assert!(!said.contains(['\u{202e}', '\u{200b}', '\u{2066}', '\u{feff}']), "a hidden character");
    }

    #[test]
    fn the_note_stays_plain_text(text in hostile()) {
        let note = String::from_utf8(cover_note(&everywhere(&text).manifest)).unwrap();
        for line in note.split("\r\n") {
            prop_assert!(line.chars().count() <= 78, "{}", line);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}

/// The attributes of the page's elements of this name.
fn attributes<'a>(page: &'a [Piece], element: &str) -> Vec<&'a (String, String)> {
    let of = |piece: &'a Piece| match piece {
        Piece::Open(name, attributes) if name == element => Some(attributes),
        _ => None,
    };
    page.iter().filter_map(of).flatten().collect()
}

#[test]
fn the_page_loads_nothing() {
    for sample in [sample(), volume()] {
        let page = pieces(&index_html(&sample.manifest, &sample.guides));
        check(&page);
        let at = page.iter().position(|piece| *piece == Piece::Open("style".into(), Vec::new())).unwrap();
        let Piece::Text(style) = &page[at + 1] else { panic!("no style sheet") };
        for way_out in ["url(", "@import", "http", "//", "image-set", "expression", "src"] {
            assert!(!style.contains(way_out), "{way_out}");
        }
        let contents: Vec<_> =
            attributes(&page, "meta").into_iter().filter(|(name, _)| name == "content").collect();
        let digest = packages::Sha256Digest::of(style.as_bytes());
        let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest.as_bytes());
        let policy =
            format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
        assert_eq!(contents[0].1, policy);
    }
}

#[test]
fn every_link_inside_the_page_has_its_target() {
    for sample in [sample(), volume()] {
        let page = pieces(&index_html(&sample.manifest, &sample.guides));
        let all = page.iter().filter_map(|piece| match piece {
            Piece::Open(_, attributes) => Some(attributes),
            _ => None,
        });
        let all: Vec<_> = all.flatten().collect();
        let mut ids: Vec<_> =
            all.iter().filter(|(name, _)| name == "id").map(|(_, id)| id.as_str()).collect();
        let links = attributes(&page, "a").into_iter().filter_map(|(_, href)| href.strip_prefix('#'));
        let labels = all.iter().filter(|(name, _)| name == "aria-labelledby").map(|(_, id)| id.as_str());
        for target in links.chain(labels) {
            assert!(ids.contains(&target), "{target}");
        }
        let found = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), found, "an id is given twice");
    }
}

#[test]
fn values_are_shown_as_they_are() {
    let sample = sample();
    let page = String::from_utf8(index_html(&sample.manifest, &sample.guides)).unwrap();
    for shown in [
        "&lt;script&gt;alert('x')&lt;/script&gt;",
        "invoice<i class=\"mark\">U+202E</i>fdp.exe",
        "pay<i class=\"mark\">U+200B</i>pal@example.org",
        "<td dir=\"auto\">עדה כהן</td>",
        "<td><i class=\"none\">no value</i></td>",
        "<td><i class=\"none\">empty text</i></td>",
        "<td class=\"number\">NaN</td>",
        "Writes programs<i class=\"mark\">↵</i>for machines",
        "… <i class=\"none\">1,048,608 characters in all</i>",
        "👩\u{200d}👩\u{200d}👧",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
}
