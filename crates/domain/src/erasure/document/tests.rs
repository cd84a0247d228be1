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
