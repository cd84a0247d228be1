//! What a hold covers, and what it says of itself.

use serde_json::json;

use super::*;

fn map() -> DataMap {
    DataMap::parse(
        "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: branch, key: code}}
  collections:
  - name: branch
    fields: [{name: code, fides_meta: {primary_key: true}}]
  - name: customer
    lethe: {tenant: branch}
    fields:
    - {name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}}
    - {name: email, fides_meta: {identity: email}}
    - {name: phone, fides_meta: {identity: phone_number}}",
    )
    .unwrap()
}

fn rows(collection: &str, columns: &[&str]) -> HoldScope {
    let comparisons = columns
        .iter()
        .map(|column| Compared { column: (*column).to_owned(), operator: Operator::AtLeast })
        .collect();
    HoldScope::Rows { collection: collection.to_owned(), comparisons }
}

fn collection(name: &str) -> HoldScope {
    HoldScope::Collection { collection: name.to_owned() }
}

fn subject(identity_type: &str) -> HoldScope {
    HoldScope::Subject { identity_type: identity_type.to_owned() }
}

#[test]
fn a_hold_names_what_the_data_map_has() {
    for (scope, values, message) in [
        (HoldScope::Organisation {}, 0, None),
        (collection("shop.customer"), 0, None),
        (subject("email"), 1, None),
        (rows("shop.customer", &["email", "branch"]), 2, None),
        (
            collection("customer"),
            0,
            Some("the data map has no collection `customer`; name one as dataset.collection"),
        ),
        (
            rows("shop.customer", &["mail"]),
            1,
            Some("the collection `shop.customer` of the data map has no field `mail`"),
        ),
        (
            subject("passport"),
            1,
            Some("no field of the data map has the identity `passport`; use one of: email, phone_number"),
        ),
        (
            rows("shop.customer", &[]),
            0,
            Some("a hold on rows needs at least one comparison; to hold a whole collection, say so"),
        ),
        (
            rows("shop.customer", &["email"]),
            2,
            Some("the hold has 1 comparison(s) but 2 value(s); each needs one"),
        ),
        (subject("email"), 0, Some("the hold has 1 comparison(s) but 0 value(s); each needs one")),
    ] {
        let error = scope.check(&map(), values).err().map(|bad| bad.to_string());
        assert_eq!(error.as_deref(), message, "{scope:?}");
    }
}

#[test]
fn it_keeps_rows_of_what_it_covers_and_of_nothing_else() {
    let values = ["a@example.org".to_owned()];
    let all = Some(HeldRows::Where(Vec::new()));
    let some = Some(HeldRows::Where(vec![Comparison {
        column: "email".to_owned(),
        operator: Operator::AtLeast,
        value: values[0].clone(),
    }]));
    for (scope, of_customers, of_branches) in [
        (HoldScope::Organisation {}, all.clone(), all.clone()),
        (collection("shop.customer"), all, None),
        (rows("shop.customer", &["email"]), some, None),
        (subject("email"), None, None),
    ] {
        assert_eq!(scope.rows_of("shop.customer", &values), Ok(of_customers), "{scope:?}");
        assert_eq!(scope.rows_of("shop.branch", &values), Ok(of_branches), "{scope:?}");
    }
    let short = rows("shop.customer", &["email", "phone"]).rows_of("shop.customer", &values);
    assert_eq!(short, Err(BadHold::Values { comparisons: 2, values: 1 }));
}

#[test]
fn it_reads_and_writes_itself_and_shows_no_value() {
    let text = json!({"kind": "rows", "collection": "shop.customer", "comparisons": [{"column": "email", "operator": "at_least"}]});
    let scope: HoldScope = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(scope, rows("shop.customer", &["email"]));
    assert_eq!(serde_json::to_value(&scope).unwrap(), text);
    assert_eq!(serde_json::to_value(HoldScope::Organisation {}).unwrap(), json!({"kind": "organisation"}));
    let misspelt = json!({"kind": "collection", "collection": "shop.customer", "rows": 1});
    assert!(serde_json::from_value::<HoldScope>(misspelt).is_err());
    let held = scope.rows_of("shop.customer", &["ada@example.org".to_owned()]).unwrap().unwrap();
    let keys = HeldRows::Keys(vec![vec!["ada@example.org".to_owned()]]);
    for held in [held, keys] {
        let hold = Hold { id: Uuid::from_u128(1), rows: held };
        assert!(!format!("{hold:?}").contains("ada"), "{hold:?}");
        let text = serde_json::to_string(&hold).unwrap();
        assert_eq!(serde_json::from_str::<Hold>(&text).unwrap(), hold);
    }
}

#[test]
fn grounds_are_those_of_the_law() {
    for (at, ground) in (b'a'..).zip(HoldGround::ALL) {
        assert_eq!(ground.article(), format!("Art. 17(3)({})", char::from(at)));
        assert_eq!(HoldGround::parse(ground.name()), Some(ground));
        assert_eq!(serde_json::to_value(ground).unwrap(), ground.name());
    }
    assert_eq!(HoldGround::parse("curiosity"), None);
}

#[test]
fn it_holds_from_its_placing_to_its_release() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let hold = LegalHold {
        id: Uuid::from_u128(1),
        organisation: OrganisationId::parse("7").unwrap(),
        scope: HoldScope::Organisation {},
        ground: HoldGround::LegalClaims,
        owner: "counsel".to_owned(),
        review_on: NaiveDate::from_ymd_opt(2027, 1, 1).unwrap(),
        placed_at: at("2026-01-01T00:00:00Z"),
        released_at: Some(at("2026-06-01T00:00:00Z")),
    };
    for (now, held) in [
        ("2025-12-31T23:59:59Z", false),
        ("2026-01-01T00:00:00Z", true),
        ("2026-05-31T23:59:59Z", true),
        ("2026-06-01T00:00:00Z", false),
    ] {
        assert_eq!(hold.in_effect(at(now)), held, "{now}");
    }
    let open = LegalHold { released_at: None, ..hold };
    assert!(open.in_effect(at("2099-01-01T00:00:00Z")), "the day of review ends nothing");
}
