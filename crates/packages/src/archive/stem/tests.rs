use proptest::prelude::*;

use super::super::name::objection;
use super::*;

#[test]
fn ordinary_names_stay_and_the_rest_is_encoded() {
    for (collection, expected) in [
        ("messages", "data/messages.json"),
        ("public.Order Items", "data/public.Order Items.json"),
        ("Größe", "data/Größe.json"),
        ("../../etc/passwd", "data/%2E.%2F..%2Fetc%2Fpasswd.json"),
        ("a%2Fb", "data/a%252Fb.json"),
        ("tab\t", "data/tab%09.json"),
        ("a<b>:\"|?*", "data/a%3Cb%3E%3A%22%7C%3F%2A.json"),
        ("CON", "data/%43ON.json"),
        ("nul.log", "data/%6Eul.log.json"),
        ("com¹", "data/%63om¹.json"),
        ("console", "data/console.json"),
        ("COM10", "data/COM10.json"),
        ("dot.", "data/dot%2E.json"),
        ("blank ", "data/blank%20.json"),
        ("", "data/.json"),
    ] {
        assert_eq!(entry_name(collection, Format::Json), expected);
    }
    assert_eq!(entry_name("a", Format::Csv), "data/a.csv");
    let piece = |collection: &str, format, number| FileStem::alone(collection).piece(format, number);
    assert_eq!(piece("a", Format::Csv, 12), "data/a/012.csv");
    assert_eq!(piece("a.csv", Format::Json, 1), "data/a%2Ecsv/001.json");
    assert_eq!(piece("a.CSV", Format::Json, 1), "data/a%2ECSV/001.json");
    assert_eq!(FileStem::alone("people").schema(), "schema/people.schema.json");
    assert_eq!(FileStem::alone("../a.json").schema(), "schema/%2E.%2Fa.json.schema.json");
}

#[test]
fn names_that_look_alike_are_told_apart() {
    let names =
        ["users", "Users", "USERS", "orders", "Größe", "größe", "gro\u{308}ße", "GRÖSSE", "Con", "con"];
    let stems = names.map(|name| FileStem::of(name, names).0);
    let expected = [
        "users",
        "%55sers",
        "%55%53%45%52%53",
        "orders",
        "%47r%C3%B6%C3%9Fe",
        "gr%C3%B6%C3%9Fe",
        "gro%CC%88%C3%9Fe",
        "%47%52%C3%96%53%53%45",
        "%43on",
        "%63on",
    ];
    assert_eq!(stems, expected);
    assert_eq!(FileStem::of("Users", ["orders", "Users"]).0, "Users", "it resembles none but itself");
}

#[test]
fn long_names_are_cut_but_told_apart() {
    let long = |end: &str| format!("{}{end}", "Ä".repeat(150));
    let stems = [FileStem::alone(&long("1")).0, FileStem::alone(&long("2")).0];
    assert_ne!(stems[0], stems[1]);
    assert!(stems.iter().all(|stem| stem.len() <= MOST_BYTES && stem.contains("Ä%~")), "{stems:?}");
}

fn is_fit_for_windows(path: &str) -> bool {
    path.split('/').all(|segment| {
        let device = segment.split('.').next().unwrap().trim_end().to_uppercase();
        let numbered =
            |name: &str| device.len() == 4 && device.starts_with(name) && device.ends_with(char::is_numeric);
        !segment.ends_with(['.', ' '])
            && !segment.contains(['\\', ':', '*', '?', '"', '<', '>', '|'])
            && !segment.chars().any(char::is_control)
            && !["CON", "PRN", "AUX", "NUL"].contains(&device.as_str())
            && !numbered("COM")
            && !numbered("LPT")
            && segment.len() <= 255
    })
}

/// Names that are likely to clash or to be refused.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[aA.~%/]{0,4}",
        "(con|Con|COM1|nul|LPT9)[ ./a]{0,2}",
        "[aAéÉſsS\u{301}ßk\u{212a}]{1,3}(\\.(jſon|JSON|csv|Csv))?",
        "[aÄ]{100,220}",
        "%?[45][0-9A-F]sers",
    ]
}

proptest! {
    #[test]
    fn any_collection_gets_usable_paths_of_its_own(names in prop::collection::btree_set(name(), 1..6)) {
        let stems: Vec<FileStem> =
            names.iter().map(|name| FileStem::of(name, names.iter().map(String::as_str))).collect();
        let paths = |stem: &FileStem| {
            let of = |format| [stem.file(format), stem.piece(format, 1), stem.piece(format, 2)];
            [of(Format::Json), of(Format::Csv)].concat()
        };
        let mut taken = std::collections::BTreeMap::new();
        for stem in &stems {
            prop_assert!(is_fit_for_windows(&stem.schema()), "{:?}", stem);
            for path in paths(stem) {
                prop_assert_eq!(objection(&path), None);
                prop_assert!(is_fit_for_windows(&path), "{:?}", path);
                prop_assert_eq!(FileStem::of_path(&path), Some(stem.clone()));
                let other = taken.insert(fold(&path), stem.clone());
                prop_assert_eq!(other, None, "{:?}", path);
            }
        }
        for path in taken.keys() {
            let directory = path.rsplit_once('/').unwrap().0;
            prop_assert!(!taken.contains_key(directory), "{:?} needs a directory where a file is", path);
        }
    }
}
