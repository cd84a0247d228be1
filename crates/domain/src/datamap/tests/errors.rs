//! What is refused, and that the message says where and what would be right.

use super::{problems, syntax};
use crate::datamap::{DataMap, DataMapError};

/// A map of one dataset, `d`, with collections written from line 5 on.
fn with_collections(collections: &str) -> String {
    format!(
        "dataset:\n- fides_key: d\n  lethe: {{organisation: {{collection: o, key: id}}}}\n  collections:\n  - {{name: o, fields: [{{name: id}}]}}\n{collections}"
    )
}

#[test]
fn a_file_that_is_no_data_map() {
    for (yaml, word) in [
        ("datasets: []", "dataset"),
        ("dataset: [{fides_key: a}]", "collections"),
        ("dataset:\n- fides_key: a\n  collections:\n  - name: c\n    fields: [\n", "line"),
        ("", "end of input"),
    ] {
        let text = syntax(yaml);
        assert!(text.contains(word), "{yaml:?}: {text}");
    }
}

/// Line and column of the first occurrence, counted from 1.
fn place_of(yaml: &str, needle: &str) -> (usize, usize) {
    let (line, text) = yaml.lines().enumerate().find(|(_, line)| line.contains(needle)).unwrap();
    (line + 1, text.find(needle).unwrap() + 1)
}

/// Each level of `lethe:`, with a key that it has not.
#[test]
fn unknown_keys_under_lethe_are_errors_with_their_place() {
    let base = "dataset:
- fides_key: d
  lethe: {organisation: {collection: c, key: id}}
  collections:
  - name: c
    lethe:
      tenant: {columns: [id], through: {collection: c, fields: [id]}}
      retention: {class: x, timestamp: id}
      media: {key: id}
      oauth: {provider: id}
    fields:
    - {name: id, lethe: {strategy: {constant: {value: x}}, secret: false}}
";
    for place in [
        "  lethe: {organisation: {collection: c, key: id}",
        "  lethe: {organisation: {collection: c, key: id",
        "      tenant: {columns: [id], through: {collection: c, fields: [id]}",
        "      tenant: {columns: [id], through: {collection: c, fields: [id]",
        "      retention: {class: x, timestamp: id",
        "      media: {key: id",
        "      oauth: {provider: id",
        "    - {name: id, lethe: {strategy: {constant: {value: x}}, secret: false",
        "    - {name: id, lethe: {strategy: {constant: {value: x",
    ] {
        let yaml = base.replacen(place, &format!("{place}, tennant: id"), 1);
        assert_ne!(yaml, base);
        let (text, (line, column)) = (syntax(&yaml), place_of(&yaml, "tennant"));
        let has = |part: &str| text.contains(part);
        assert!(has("tennant") && has(&format!("line {line} column {column}")), "{place}: {text}");
    }
    let yaml = base.replacen("    lethe:\n", "    lethe:\n      tennant: id\n", 1);
    let text = syntax(&yaml);
    assert!(text.contains("line 7") && text.contains("column 7") && text.contains("tennant"), "{text}");
}

#[test]
fn a_word_that_is_no_choice_is_named_with_the_choices() {
    for (lethe, expected) in [
        ("rows: mine", ["mine", "owned", "shared"]),
        ("erase: drop", ["drop", "anonymise", "delete"]),
        ("tenant: [id]", ["column", "through", "line 8"]),
    ] {
        let yaml = with_collections(&format!(
            "  - name: c\n    lethe:\n      {lethe}\n    fields: [{{name: id}}]\n"
        ));
        let text = syntax(&yaml);
        assert!(expected.iter().all(|word| text.contains(word)), "{lethe}: {text}");
    }
}

#[test]
fn unknown_keys_elsewhere_are_none_of_our_business() {
    let yaml = with_collections(
        "  - {name: c, tennant: id, lethe: {tenant: id}, fields: [{name: id, tag: x, fides_meta: {references: [{dataset: d, field: o.id, note: x}], future: 1}}]}\n",
    );
    assert!(DataMap::parse(&yaml).is_ok());
}

#[test]
fn names_and_duplicates() {
    assert_eq!(
        problems(
            "dataset:\n- {fides_key: a b, collections: []}\n- {fides_key: c, collections: []}\n- {fides_key: c, collections: []}\n"
        ),
        [
            "2:15 a b: a fides_key has letters, digits and _ . < > - only",
            "4:15 c: duplicate dataset; each name may stand once",
        ]
    );
    let yaml = with_collections(
        "  - {name: o, fields: [{name: x}, {name: x}, {name: y, fields: [{name: z}, {name: z}]}]}\n",
    );
    let found = problems(&yaml);
    assert!(
        found.contains(&"6:12 o: duplicate collection; each name may stand once".to_owned()),
        "{found:#?}"
    );
    assert!(found.contains(&"6:42 x: duplicate field; each name may stand once".to_owned()), "{found:#?}");
    assert!(found.contains(&"6:83 z: duplicate field; each name may stand once".to_owned()), "{found:#?}");
}

/// A field's entry, and the problem that it makes.
#[test]
fn what_fides_itself_would_refuse() {
    let data_types = "string, integer, float, boolean, object_id, object";
    for (field, place, message) in [
        ("data_categories: [user name]", "user name", "a data category has letters, digits and _ . < > - only".to_owned()),
        ("fides_meta: {data_type: text}", "text}", format!("unknown data_type; use one of {data_types}, each also with []")),
        ("fides_meta: {data_type: 'string[][]'}", "'string[][]'", format!("unknown data_type; use one of {data_types}, each also with []")),
        ("fides_meta: {data_type: string}, fields: [{name: x}]", "string}", "a field with nested fields has data_type object or object[]".to_owned()),
        ("fides_meta: {length: 0}", "0}", "`length` must be greater than 0".to_owned()),
        ("fides_meta: {return_all_elements: true}", "f, fides", "`return_all_elements` needs a data_type that ends with []".to_owned()),
        ("fides_meta: {references: [{dataset: d, field: id}]}", "id}]}}", "a reference names `collection.field`".to_owned()),
        ("fides_meta: {references: [{dataset: d, field: o.id, direction: both}]}", "both", "`direction` is `from`, `to`, or absent".to_owned()),
        ("fides_meta: {masking_strategy_override: {strategy: shuffle}}", "shuffle", "unknown masking strategy; Fides knows null_rewrite, preserve, string_rewrite, random_string_rewrite, hash, hmac, aes_encrypt".to_owned()),
    ] {
        let yaml = with_collections(&format!("  - name: c\n    fields:\n    - {{name: f, {field}}}\n"));
        let (line, column) = place_of(&yaml, place);
        assert_eq!(problems(&yaml), [format!("{line}:{column} d.c.f: {message}")], "{field}");
    }
    let yaml = with_collections(
        "  - {name: c, fides_meta: {after: [d], erase_after: [a.b.c], masking_strategy_override: {strategy: hash}}, fields: []}\n",
    );
    assert_eq!(
        problems(&yaml),
        [
            "6:36 d.c: `after` and `erase_after` name a collection as dataset.collection",
            "6:54 d.c: `after` and `erase_after` name a collection as dataset.collection",
            "6:100 d.c: a collection's masking strategy can only be `delete`",
        ]
    );
    assert_eq!(
        problems("dataset:\n- {fides_key: d, fides_meta: {after: [a/b]}, collections: []}\n"),
        ["2:39 d: `after` names a dataset by its fides_key"]
    );
}

/// A prefix of media, and the problem that it makes.
#[test]
fn a_prefix_that_would_not_keep_organisations_apart() {
    let known = "`prefix` may hold {organisation} in braces and nothing else";
    for (prefix, message) in [
        ("", "`prefix` is empty; leave it out where every key may be read"),
        ("a/{organization}/", known),
        ("a/{}/", known),
        ("a/{organisation", known),
        ("a/organisation}/", known),
        ("a/{{organisation}}/", known),
        (
            "a/{organisation}",
            "`prefix` ends with {organisation}, and the keys of an organisation whose id only begins like that would be within it; put what follows the id in the keys behind it, such as /",
        ),
    ] {
        let yaml = with_collections(&format!(
            "  - name: c\n    lethe:\n      tenant: id\n      media:\n        key: id\n        prefix: '{prefix}'\n    fields: [{{name: id, fides_meta: {{references: [{{dataset: d, field: o.id}}]}}}}]\n"
        ));
        assert_eq!(problems(&yaml), [format!("11:17 d.c: {message}")], "{prefix}");
    }
}

#[test]
fn one_organisations_table_in_the_whole_map() {
    assert_eq!(
        problems(
            "dataset:\n- fides_key: a\n  lethe:\n    organisation: {collection: o, key: id}\n  collections: [{name: o, fields: [{name: id}]}]\n- fides_key: b\n  lethe:\n    organisation: {collection: nowhere, key: id}\n  collections: []\n"
        ),
        [
            "8:19 b.lethe.organisation: dataset `a` already names the organisations' table",
            "8:19 b.lethe.organisation: no collection `nowhere` in this dataset",
        ]
    );
}

#[test]
fn all_problems_are_told_at_once_one_a_line() {
    let yaml = with_collections(
        "  - {name: c, lethe: {tenant: nothing}, fields: [{name: x, fides_meta: {length: -1}}]}\n",
    );
    let error = DataMap::parse(&yaml).unwrap_err();
    assert!(matches!(&error, DataMapError::Invalid(problems) if problems.len() == 2));
    let text = error.to_string();
    assert!(text.starts_with("the data map has 2 error(s):\n  line 6, column "), "{text}");
    assert!(text.contains("d.c.x: `length` must be greater than 0"), "{text}");
}
