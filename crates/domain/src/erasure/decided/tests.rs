//! No two plans that differ have the same text.

use super::super::document::RetainedRows;
use super::*;
use crate::anonymise::TokenForm;
use crate::datamap::Strategy;
use crate::schema::TableName;

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: company, key: id, name: name}}
  collections:
  - name: company
    lethe: {tenant: id}
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: customer
    lethe: {tenant: company_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: company_id, fides_meta: {references: [{dataset: shop, field: company.id, direction: from}]}}
    - {name: boss_id}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
";

fn erasure(action: RowAction) -> CollectionErasure {
    CollectionErasure {
        collection: "shop.customer".to_owned(),
        store: "shop".to_owned(),
        table: TableName { schema: "public".to_owned(), table: "customer".to_owned() },
        action,
        exclusive: false,
        unsplit: false,
        threads: Vec::new(),
        guards: Vec::new(),
    }
}

fn counted(rows: i64) -> CollectionPlan {
    let CollectionErasure { collection, store, table, action, .. } = erasure(RowAction::Delete);
    let (action, fields, retained) = (action.name().to_owned(), Vec::new(), Vec::new());
    CollectionPlan {
        collection,
        store,
        table,
        action,
        fields,
        rows,
        retained,
        shared: 0,
        referred: 0,
        later: 0,
    }
}

/// The text of a plan, changed a little.
fn text(change: impl FnOnce(&mut Parts)) -> String {
    let mut parts = Parts {
        organisation: "acme",
        whose: "organisation",
        map: MAP.to_owned(),
        action: RowAction::Delete,
        media: Vec::new(),
        collections: vec![counted(3)],
        holds: Vec::new(),
    };
    change(&mut parts);
    decided(&Decided {
        organisation: &OrganisationId::parse(parts.organisation).unwrap(),
        whose: parts.whose,
        map: &DataMap::parse(&parts.map).unwrap(),
        waves: &[vec![erasure(parts.action)]],
        tokens: &[],
        media: &parts.media,
        collections: &parts.collections,
        holds: &parts.holds,
    })
}

struct Parts {
    organisation: &'static str,
    whose: &'static str,
    map: String,
    action: RowAction,
    media: Vec<Objects>,
    collections: Vec<CollectionPlan>,
    holds: Vec<Uuid>,
}

#[test]
fn the_text_tells_every_decision_apart() {
    let change = |strategy| vec![FieldChange::new("email", strategy)];
    let of_form = |token| FieldChange { token, ..FieldChange::new("email", Strategy::Pseudonymise) };
    let constant = |value: &str| Strategy::Constant { value: value.to_owned() };
    let hold = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let media = |count| vec![Objects { collection: "shop.photo".to_owned(), count }];
    let kept = RetainedRows { hold: hold[0], ground: "legal_claims".to_owned(), rows: 1 };
    let boss =
        "{name: boss_id, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}";
    let all = [
        text(|_| {}),
        text(|parts| parts.organisation = "another"),
        text(|parts| parts.whose = "email 00ff"),
        text(|parts| parts.map = MAP.replace("{name: boss_id}", boss)),
        text(|parts| parts.map = MAP.replace("identity: email", "identity: user_id")),
        text(|parts| parts.action = RowAction::Unlink(vec!["email".to_owned()])),
        text(|parts| parts.action = RowAction::Anonymise(change(Strategy::Null))),
        text(|parts| parts.action = RowAction::Anonymise(change(constant("a")))),
        text(|parts| parts.action = RowAction::Anonymise(change(constant("b")))),
        text(|parts| parts.action = RowAction::Anonymise(change(Strategy::Pseudonymise))),
        text(|parts| parts.action = RowAction::Anonymise(vec![of_form(TokenForm::CheckedByRow)])),
        text(|parts| parts.action = RowAction::Anonymise(vec![of_form(TokenForm::CheckedUnlessTaken)])),
        text(|parts| parts.media = media(3)),
        text(|parts| parts.media = media(4)),
        text(|parts| parts.collections = vec![counted(4)]),
        text(|parts| parts.collections = vec![CollectionPlan { shared: 1, ..counted(3) }]),
        text(|parts| parts.collections = vec![CollectionPlan { retained: vec![kept], ..counted(3) }]),
        text(|parts| parts.holds = hold.to_vec()),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(all.iter().skip(at + 1).all(|other| other != one), "{one}");
    }
    assert_eq!(text(|parts| parts.holds = vec![hold[1], hold[0]]), text(|parts| parts.holds = hold.to_vec()));
    assert_eq!(text(|parts| parts.map.push_str("# a remark\n")), text(|_| {}));
}
