//! The page of a large export stays small, and quick to make.

use packages::{CollectionGuide, FileEntry, ValueKind, index_html};

use super::sample::{Described, Sample, manifest};

#[test]
fn three_hundred_collections_of_sixty_columns_fit_one_page() {
    let names: Vec<&'static str> =
        (0..60).map(|at| &*Box::leak(format!("column_{at}").into_boxed_str())).collect();
    let columns: Vec<Described> = names
        .iter()
        .map(|&name| {
            (name, ValueKind::Text, "character varying(120)", "user.contact.email", "What the column means")
        })
        .collect();
    let row = vec!["some text of a person, as long as texts often are"; 60].join("\t");
    let rows = vec![row; 25];
    let mut sample = Sample { manifest: manifest("acme"), guides: Vec::new() };
    sample.add("collection", "What the rows are", &columns, &rows);
    let (files, guide) = (std::mem::take(&mut sample.manifest.files), sample.guides.remove(0));
    for number in 0..300 {
        let collection = format!("collection_{number}");
        let renamed = files.iter().map(|file| FileEntry { collection: collection.clone(), ..file.clone() });
        sample.manifest.files.extend(renamed);
        sample.guides.push(CollectionGuide { collection, ..guide.clone() });
    }
    let page = index_html(&sample.manifest, &sample.guides);
    assert!(page.len() < 9_000_000, "{} bytes", page.len());
    let text = String::from_utf8(page).unwrap();
    // All collections show the same number of first rows, and are folded.
    assert_eq!(text.matches("The first of 25 records").count(), 2 * 300);
    assert_eq!(text.matches("<details open").count(), 0);
}
