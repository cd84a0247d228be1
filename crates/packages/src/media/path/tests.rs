use proptest::prelude::*;

use super::*;
use crate::Sha256Digest;

#[test]
fn ordinary_keys_stay_as_they_are() {
    for (collection, key) in [
        ("messages", "a.jpg"),
        ("public.messages", "organisations/7/2026/photo 1 (2).jpeg"),
        ("order items", "x/y/z/0198-ab_c+d=e@f,g.tar.gz"),
    ] {
        assert_eq!(media_path(collection, key), format!("media/{collection}/{key}"));
    }
}

#[test]
fn all_others_are_made_harmless_and_get_a_hash() {
    for (key, expected) in [
        ("IMG_1.JPG", "IMG_1~#.JPG"),
        ("no-ending", "no-ending~#"),
        ("/etc/passwd", "_/etc/passwd~#"),
        ("../../x.png", "__/__/x~#.png"),
        ("a//b.png", "a/_/b~#.png"),
        ("v1.2/b.png", "v1_2/b~#.png"),
        ("c:\\windows\\a.exe", "c__windows_a~#.exe"),
        ("a*?\"<>|.txt", "a______~#.txt"),
        ("con.txt", "_con~#.txt"),
        ("LPT1/aux", "_LPT1/_aux~#"),
        ("com¹.jpg", "_com¹~#.jpg"),
        (".hidden", "_hidden~#"),
        ("dots...", "dots.._~#"),
        ("a /b .txt", "a_/b ~#.txt"),
        ("", "_~#"),
        ("a/", "a/_~#"),
        ("tab\t.txt", "tab_~#.txt"),
        ("a\u{202e}gpj.exe", "a_gpj~#.exe"),
        ("photo~1.jpg", "photo_1~#.jpg"),
        ("größe.jpg", "größe~#.jpg"),
        ("Name.with a long ending of words", "Name.with a long ending of words~#"),
    ] {
        let hash = &Sha256Digest::of(key.as_bytes()).to_string()[..20];
        assert_eq!(media_path("m", key), format!("media/m/{}", expected.replace('#', hash)), "{key:?}");
    }
}

#[test]
fn the_list_of_the_media_is_never_in_the_way() {
    assert!(media_path("index.json", "a.jpg").starts_with("media/index.json~"));
    assert!(media_path("Index.JSON", "a.jpg").starts_with("media/Index.JSON~"));
}

#[test]
fn long_keys_are_cut_but_told_apart() {
    let long = |end: &str| format!("{}/{}{end}.jpeg", "directory/".repeat(30), "ö".repeat(300));
    let (one, other) = (media_path("c", &long("1")), media_path("c", &long("2")));
    assert_ne!(one, other);
    assert!(one.starts_with("media/c/ööö") && one.ends_with(".jpeg"), "{one}");
    assert!(one.len() <= 200 && one.len() > 190);
    let deep = media_path(&"c".repeat(500), &format!("{}x.png", "d/".repeat(200)));
    assert!(deep.len() <= 200, "{deep}");
}

/// What a file system that knows the least differences would make of a path.
fn folded(path: &str) -> String {
    path.to_uppercase().to_lowercase()
}

fn is_fit_for_windows(path: &str) -> bool {
    path.split('/').all(|segment| {
        let device = segment.split('.').next().unwrap().trim_end().to_uppercase();
        let numbered =
            |name: &str| device.len() == 4 && device.starts_with(name) && device.ends_with(char::is_numeric);
        !matches!(segment, "" | "." | "..")
            && !segment.ends_with(['.', ' '])
            && !segment.contains(['\\', ':', '*', '?', '"', '<', '>', '|'])
            && !segment.chars().any(char::is_control)
            && !["CON", "PRN", "AUX", "NUL"].contains(&device.as_str())
            && !numbered("COM")
            && !numbered("LPT")
    })
}

/// Names that are likely to clash or to be refused.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[aA.~/]{0,6}",
        "[a-b]{1,2}(/[a-b.]{1,2}){0,3}",
        "(con|COM1|nul|lpt9)[ ./a]{0,3}",
        "[aAéÉ/]{1,80}\\.[jJ]pg",
        "[a-c/]{150,260}",
    ]
}

proptest! {
    #[test]
    fn any_key_gets_a_path_of_its_own(
        one in (name(), name()),
        other in (name(), name()),
        share_collection in any::<bool>(),
    ) {
        let other = if share_collection { (one.0.clone(), other.1) } else { other };
        let (first, second) = (media_path(&one.0, &one.1), media_path(&other.0, &other.1));
        for path in [&first, &second] {
            prop_assert!(is_fit_for_windows(path), "{:?}", path);
            prop_assert!(path.starts_with("media/") && path.len() <= 200, "{:?}", path);
            prop_assert_ne!(path, "media/index.json");
        }
        let (folded_first, folded_second) = (folded(&first), folded(&second));
        prop_assert_eq!(one == other, folded_first == folded_second, "{:?} {:?}", first, second);
        let is_below = folded_first.strip_prefix(&folded_second).is_some_and(|rest| rest.starts_with('/'));
        prop_assert!(!is_below, "{:?} needs a directory where {:?} is", first, second);
    }
}
