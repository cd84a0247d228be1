//! What people see of a plan stays what it is.

use super::*;
use crate::anonymise::TokenForm;

#[test]
fn a_change_that_earlier_code_wrote_gives_the_tokens_that_it_gave() {
    let read: FieldChange =
        serde_json::from_str(r#"{"column": "email", "strategy": "pseudonymise"}"#).unwrap();
    assert_eq!(read, FieldChange::new("email", Strategy::Pseudonymise));
    assert_eq!(read.token, TokenForm::Plain);
    let planned = FieldChange { token: TokenForm::CheckedByRow, ..read };
    let written = serde_json::to_string(&planned).unwrap();
    assert!(written.contains(r#""token":"checked_by_row""#), "{written}");
    assert_eq!(serde_json::from_str::<FieldChange>(&written).unwrap(), planned);
}

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

#[test]
fn a_plan_that_was_made_without_a_rehearsal_is_still_read() {
    let old = r#"{"nobody_found":false,"tokens":[],"media":[],"collections":[],"plan_hash":"00ff"}"#;
    let mut plan: PlanDocument = serde_json::from_str(old).unwrap();
    assert_eq!(plan.rehearsal, None);
    assert_eq!(serde_json::to_string(&plan).unwrap(), old);
    let table = TableName { schema: "public".to_owned(), table: "customer".to_owned() };
    let not_sampled = vec![NotSampled { table, why: "it has no primary key".to_owned() }];
    plan.rehearsal = Some(Rehearsal { rows: 3, not_sampled, outside: Vec::new() });
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<PlanDocument>(&text).unwrap(), plan);
}

#[test]
fn the_text_tells_every_decision_apart_and_nothing_else() {
    let change = |strategy| FieldChange::new("email", strategy);
    let by_row =
        FieldChange { token: TokenForm::CheckedByRow, ..FieldChange::new("email", Strategy::Pseudonymise) };
    let constant = |value: &str| Strategy::Constant { value: value.to_owned() };
    let hold = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let media = [Objects { collection: "shop.photo".to_owned(), count: 3 }];
    let text = |action, media: &[Objects], holds: &[Uuid]| {
        decided("organisation", &[vec![erasure(action)]], media, holds)
    };
    let all = [
        text(RowAction::Delete, &[], &[]),
        text(RowAction::Unlink(vec!["email".to_owned()]), &[], &[]),
        text(RowAction::Anonymise(vec![change(Strategy::Null)]), &[], &[]),
        text(RowAction::Anonymise(vec![change(constant("a"))]), &[], &[]),
        text(RowAction::Anonymise(vec![change(constant("b"))]), &[], &[]),
        text(RowAction::Anonymise(vec![change(Strategy::Pseudonymise)]), &[], &[]),
        text(RowAction::Anonymise(vec![by_row]), &[], &[]),
        text(RowAction::Delete, &media, &[]),
        text(RowAction::Delete, &[], &hold),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(all.iter().skip(at + 1).all(|other| other != one), "{one}");
    }
    let more = [Objects { count: 4, ..media[0].clone() }];
    assert_eq!(text(RowAction::Delete, &more, &[]), text(RowAction::Delete, &media, &[]));
    let turned = [hold[1], hold[0]];
    assert_eq!(text(RowAction::Delete, &[], &turned), text(RowAction::Delete, &[], &hold));
}
