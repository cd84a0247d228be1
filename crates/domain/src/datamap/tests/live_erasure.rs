//! The live check, as far as it stands in the way of erasure.

use super::live::{CUSTOMER, NOTHING, column, customers, findings, schema};
use crate::schema::{LiveColumn, Table, TypeFamily};

/// What the map says of a field, the column that is there (type, NOT NULL, UNIQUE), and the finding.
const STRATEGIES: [(&str, TypeFamily, bool, bool, Option<&str>); 7] = [
    (
        "strategy: mask",
        TypeFamily::Date,
        false,
        false,
        Some("the strategy `mask` cannot apply: it does not apply to a column of type date (date)"),
    ),
    (
        "strategy: null",
        TypeFamily::Text,
        true,
        false,
        Some("the strategy `null` cannot apply: the column is NOT NULL"),
    ),
    (
        "strategy: {constant: {value: x}}",
        TypeFamily::Text,
        false,
        true,
        Some(
            "the strategy `constant` cannot apply: rows are told apart by it (UNIQUE), and the strategy gives equal values",
        ),
    ),
    ("strategy: null", TypeFamily::Text, false, true, None),
    (
        "secret: false",
        TypeFamily::Boolean,
        true,
        false,
        Some(
            "it holds personal data, and no default strategy fits a column of type boolean with its constraints",
        ),
    ),
    ("secret: false", TypeFamily::Text, true, true, None),
    ("strategy: keep", TypeFamily::Boolean, true, true, None),
];

#[test]
fn strategies_that_do_not_fit_stand_in_the_way_of_erasure_only() {
    let fits = [
        ("mask", "null, generalise, keep"),
        ("null", "mask, redact_text, pseudonymise, format_preserving, keep"),
        ("constant", "null, pseudonymise, keep"),
        ("boolean", "keep"),
    ];
    for (lethe, family, not_null, unique, message) in STRATEGIES {
        let mut customers = customers();
        customers.columns.push(LiveColumn { not_null, ..column("f", family) });
        if unique {
            customers.unique.push(vec!["f".to_owned()]);
        }
        let customer =
            format!("{CUSTOMER}    - {{name: f, data_categories: [user.name], lethe: {{{lethe}}}}}\n");
        let expected: Vec<String> =
            message.iter().map(|message| {
                let (_, fitting) = fits.iter().find(|(about, _)| message.contains(about)).unwrap();
                format!("shop.customer.f: error (erasure): {message}; name one that fits with `lethe: {{strategy: …}}`: {fitting}")
            }).collect();
        assert_eq!(findings(&customer, schema(customers.clone())), expected, "{lethe}");
        let deleted = customer.replacen("tenant: branch}", "tenant: branch, erase: delete}", 1);
        assert_eq!(findings(&deleted, schema(customers)), NOTHING, "a row that is deleted needs no strategy");
    }
}

/// What an erasure does not change must not be personal data by oversight.
#[test]
fn a_key_that_is_personal_data_needs_a_word() {
    let personal = ", data_categories: [user.unique_id], fides_meta: {primary_key: true}}";
    let customer = CUSTOMER.replacen(", fides_meta: {primary_key: true}}", personal, 1);
    let found = findings(&customer, schema(customers()));
    assert_eq!(found.len(), 1, "{found:?}");
    let told = "shop.customer.id: error (erasure): the primary key holds personal data, and no erasure changes a key";
    assert!(found[0].starts_with(told), "{found:?}");
    for remedy in ["erase: delete", "strategy: keep", "a key that says nothing of anybody"] {
        assert!(found[0].contains(remedy), "{found:?}");
    }
    // The table's word is enough.
    let silent = customer.replacen(", fides_meta: {primary_key: true}", "", 1);
    assert_eq!(findings(&silent, schema(customers())), found);
    for word in ["strategy: keep", "strategy: pseudonymise"] {
        let said = customer.replacen("user.unique_id]", &format!("user.unique_id], lethe: {{{word}}}"), 1);
        let text = Table {
            columns: vec![column("id", TypeFamily::Text), column("branch", TypeFamily::Text)],
            ..customers()
        };
        assert_eq!(findings(&said, schema(text)), NOTHING, "{word}");
    }
    let deleted = customer.replacen("tenant: branch}", "tenant: branch, erase: delete}", 1);
    assert_eq!(findings(&deleted, schema(customers())), NOTHING);
}

#[test]
fn fields_without_personal_data_need_no_strategy() {
    let mut customers = customers();
    customers.columns.push(LiveColumn { not_null: true, ..column("f", TypeFamily::Boolean) });
    let customer = format!("{CUSTOMER}    - {{name: f, data_categories: [system.operations]}}\n");
    assert_eq!(findings(&customer, schema(customers)), NOTHING);
}

#[test]
fn primary_keys() {
    let mut keyless = customers();
    keyless.primary_key.clear();
    assert_eq!(
        findings(CUSTOMER, schema(keyless.clone())),
        NOTHING,
        "the map's word is enough, as for a view"
    );
    let silent = CUSTOMER.replacen(", fides_meta: {primary_key: true}", "", 1);
    assert_eq!(
        findings(&silent, schema(keyless)),
        [
            "shop.customer: error (erasure): the table has no primary key, and erasure needs one to address its rows; add one to the table"
        ]
    );
    assert_eq!(findings(&silent, schema(customers())), NOTHING, "the table's word is enough, too");
    let composite = Table { primary_key: vec!["id".to_owned(), "branch".to_owned()], ..customers() };
    assert_eq!(
        findings(CUSTOMER, schema(composite)),
        ["shop.customer: error (erasure): the map's primary key (id) is not the table's (id, branch)"]
    );
}
