//! Which tokens a column gets.

use super::shop::{Shop, name};
use crate::anonymise::TokenForm;
use crate::erasure::RowAction;
use crate::erasure::facts::ReferentialAction::Refuse;

const ID: &str = "name: id, fides_meta: {primary_key: true}";
const BRANCH: &str = "name: branch, fides_meta: {references: [{dataset: shop, field: branch.code}]}";
const EMAIL: &str = "name: email, fides_meta: {identity: email}, data_categories: [user.contact.email]";
const LOGIN: &str = "name: login, lethe: {strategy: pseudonymise}";

/// People with an address and a login, both unique, and what more there is.
fn people(tables: impl FnOnce(Shop) -> Shop) -> Shop {
    let mut shop = Shop::new()
        .table("person", &["id!", "branch!", "email", "login"])
        .reference("person", "branch", "branch", Refuse)
        .collection("person", "tenant: branch", &[ID, BRANCH, EMAIL, LOGIN]);
    let person = shop.schema.tables.get_mut(&name("person")).unwrap();
    person.unique = vec![vec!["branch".to_owned(), "email".to_owned()], vec!["login".to_owned()]];
    tables(shop)
}

/// The form of each token that is given, by table and column.
fn forms(shop: &Shop) -> Vec<(String, TokenForm)> {
    let plan = shop.plan().unwrap();
    let mut forms = Vec::new();
    for erasure in plan.waves.iter().flatten() {
        let RowAction::Anonymise(changes) = &erasure.action else { continue };
        let form = |change: &crate::erasure::FieldChange| {
            (format!("{}.{}", erasure.table.table, change.column), change.token)
        };
        forms.extend(changes.iter().map(form).filter(|(column, _)| column != "branch.title"));
    }
    forms
}

fn told(forms: &[(&str, TokenForm)]) -> Vec<(String, TokenForm)> {
    forms.iter().map(|(column, form)| ((*column).to_owned(), *form)).collect()
}

#[test]
fn where_values_must_stay_distinct_and_no_reference_joins_a_token_is_given_once() {
    use TokenForm::{Checked, CheckedUnlessTaken};
    let shop = people(|shop| shop);
    let both = [("person.email", CheckedUnlessTaken), ("person.login", CheckedUnlessTaken)];
    assert_eq!(forms(&shop), told(&both));

    let mut free = people(|shop| shop);
    free.schema.tables.get_mut(&name("person")).unwrap().unique.pop();
    assert_eq!(forms(&free), told(&[("person.email", CheckedUnlessTaken), ("person.login", Checked)]));
}

#[test]
fn where_no_statement_sees_which_token_is_taken_each_row_has_its_own() {
    use TokenForm::{Checked, CheckedByRow, CheckedUnlessTaken};
    let mut in_part = people(|shop| shop);
    let person = in_part.schema.tables.get_mut(&name("person")).unwrap();
    person.unique.clear();
    person.unique_in_part = vec![vec!["login".to_owned()]];
    assert_eq!(forms(&in_part), told(&[("person.email", Checked), ("person.login", CheckedByRow)]));

    let mut also_in_part = people(|shop| shop);
    let person = also_in_part.schema.tables.get_mut(&name("person")).unwrap();
    person.unique_in_part = vec![vec!["login".to_owned()]];
    let of_part = [("person.email", CheckedUnlessTaken), ("person.login", CheckedByRow)];
    assert_eq!(forms(&also_in_part), told(&of_part));

    let mut together = people(|shop| shop);
    let person = together.schema.tables.get_mut(&name("person")).unwrap();
    person.unique = vec![vec!["login".to_owned(), "email".to_owned()]];
    let both = [("person.email", CheckedByRow), ("person.login", CheckedByRow)];
    assert_eq!(forms(&together), told(&both), "both change: two rows could meet");

    let mut nullable = people(|shop| shop);
    let person = nullable.schema.tables.get_mut(&name("person")).unwrap();
    person.columns.iter_mut().find(|column| column.name == "branch").unwrap().not_null = false;
    let of_branch = [("person.email", CheckedByRow), ("person.login", CheckedUnlessTaken)];
    assert_eq!(forms(&nullable), told(&of_branch), "NULL equals nothing");
}

#[test]
fn beside_what_no_statement_can_give_each_row_has_its_own() {
    let shop = people(|shop| shop);
    let mut shop = shop.table("card", &["id!", "branch!", "login", "phone"]).collection(
        "card",
        "tenant: branch",
        &[ID, BRANCH, LOGIN, "name: phone, lethe: {strategy: format_preserving}"],
    );
    let card = shop.schema.tables.get_mut(&name("card")).unwrap();
    card.unique = vec![vec!["login".to_owned()]];
    let card = forms(&shop).into_iter().find(|(column, _)| column == "card.login").unwrap();
    assert_eq!(card.1, TokenForm::CheckedByRow);
}

#[test]
fn what_a_reference_of_the_map_joins_gets_equal_tokens_at_both_ends() {
    use TokenForm::{Checked, CheckedUnlessTaken};
    let reference = "name: who, lethe: {strategy: pseudonymise}, fides_meta: {references: [{dataset: shop, field: person.login}]}";
    let shop = people(|shop| {
        shop.table("visit", &["id!", "branch!", "who"])
            .reference("visit", "branch", "branch", Refuse)
            .collection("visit", "tenant: branch", &[ID, BRANCH, reference])
    });
    let mut shop = shop;
    shop.schema.tables.get_mut(&name("visit")).unwrap().unique = vec![vec!["who".to_owned()]];
    let expected = [("person.email", CheckedUnlessTaken), ("person.login", Checked), ("visit.who", Checked)];
    assert_eq!(forms(&shop), told(&expected));
}

#[test]
fn without_a_key_nothing_tells_rows_apart_but_their_values() {
    let mut shop = people(|shop| shop);
    shop.schema.tables.get_mut(&name("person")).unwrap().primary_key.clear();
    let all = [("person.email", TokenForm::Checked), ("person.login", TokenForm::Checked)];
    assert_eq!(forms(&shop), told(&all));
}

#[test]
fn what_is_no_token_has_no_form() {
    let shop = Shop::new().table("note", &["id!", "branch!", "text"]).collection(
        "note",
        "tenant: branch",
        &[ID, BRANCH, "name: text, lethe: {strategy: mask}"],
    );
    assert_eq!(forms(&shop), told(&[("note.text", TokenForm::Plain)]));
}
