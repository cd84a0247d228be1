//! What an erasure will do, or did, as tables.

use std::fmt::Write as _;

use contracts::http::{
    CollectionPlanView, EffectName, KeptColumnsView, ObjectsView, PlanView, RehearsalView, UnindexedView,
    UnprovenView,
};

use super::amount::count;
use super::plain;
use super::table::Table;

/// The plan, in the order in which it is carried out.
#[must_use]
pub fn plan(plan: &PlanView) -> String {
    let whose = match &plan.identity_type {
        Some(identity_type) => format!("one person, by {}", plain(identity_type)),
        None => "an organisation".to_owned(),
    };
    let pass = plan.pass.map(|pass| format!(", pass {pass}")).unwrap_or_default();
    let mut text = format!("plan of the erasure of {whose}{pass}\nplan hash {}\n", plain(&plan.plan_hash));
    let sections = [
        ("tokens, revoked and erased", objects("TOKENS", &plan.tokens)),
        ("media, deleted", objects("OBJECTS", &plan.media)),
        ("rows", rows(&plan.collections)),
        ("columns that change", columns(&plan.collections)),
        ("rows that stay", staying(&plan.collections)),
        ("columns with personal data that the data map keeps", kept(&plan.kept)),
        ("not looked for: nothing leads from the identity to this personal data", kept(&plan.unreached)),
        ("not asked of all rows, only tried on some", unproven(&plan.unproven)),
        ("without an index, so that deleting may take long", unindexed(&plan.unindexed)),
        ("not tried before, or too little", plan.rehearsal.as_ref().and_then(untried)),
        ("not known to stay inside the transaction", plan.rehearsal.as_ref().and_then(outside)),
    ];
    for (heading, table) in sections {
        if let Some(table) = table {
            // A String takes whatever is written.
            write!(text, "\n{heading}\n{table}").ok();
        }
    }
    if let Some(rehearsal) = plan.rehearsal.as_ref().filter(|rehearsal| rehearsal.rows > 0) {
        write!(text, "\ntried on {} rows, and undone\n", count(rehearsal.rows)).ok();
    }
    if plan.nobody_found {
        text.push_str("\nnobody was found by it: there is nothing to erase\n");
    } else if plan.collections.iter().all(|collection| collection.rows == 0) {
        text.push_str("\nno row is there to be erased\n");
    }
    text
}

fn objects(what: &str, objects: &[ObjectsView]) -> Option<String> {
    let mut table = Table::of(&["  COLLECTION", what]);
    for one in objects {
        table.row([format!("  {}", one.collection), count(one.count)]);
    }
    (!objects.is_empty()).then(|| table.text())
}

fn rows(collections: &[CollectionPlanView]) -> Option<String> {
    let mut table = Table::of(&["  COLLECTION", "WHAT", "ROWS", "STAY", "STORE", "TABLE"]);
    for one in collections {
        let retained = one.retained.iter().map(|rows| rows.rows);
        let others = one.shared.saturating_add(one.referred).saturating_add(one.later);
        let stay = retained.fold(others, i64::saturating_add);
        table.row([
            format!("  {}", one.collection),
            one.action.clone(),
            count(one.rows),
            if stay > 0 { count(stay) } else { "-".to_owned() },
            one.store.clone(),
            one.table.clone(),
        ]);
    }
    (!collections.is_empty()).then(|| table.text())
}

fn columns(collections: &[CollectionPlanView]) -> Option<String> {
    let mut table = Table::of(&["  COLUMN", "STRATEGY", "EFFECT", "SAMPLES"]);
    let fields: Vec<_> =
        collections.iter().flat_map(|one| one.fields.iter().map(move |field| (one, field))).collect();
    for (one, field) in &fields {
        table.row([
            format!("  {}.{}", one.collection, field.column),
            field.strategy.clone(),
            effect(field.effect).to_owned(),
            field.samples.join("  "),
        ]);
    }
    (!fields.is_empty()).then(|| table.text())
}

fn staying(collections: &[CollectionPlanView]) -> Option<String> {
    let mut table = Table::of(&["  COLLECTION", "ROWS", "WHY"]);
    let mut any = false;
    for one in collections {
        let held =
            one.retained.iter().map(|kept| (kept.rows, format!("hold {} ({})", kept.hold, kept.ground)));
        let others = [
            (one.shared, "they are of others too".to_owned()),
            (one.referred, "others still refer to them".to_owned()),
            (one.later, "their time is after the cutoff".to_owned()),
        ];
        for (rows, why) in held.chain(others).filter(|(rows, _)| *rows > 0) {
            any = true;
            table.row([format!("  {}", one.collection), count(rows), why]);
        }
    }
    any.then(|| table.text())
}

fn kept(kept: &[KeptColumnsView]) -> Option<String> {
    let mut table = Table::of(&["  COLLECTION", "COLUMNS"]);
    for KeptColumnsView { collection, columns } in kept {
        table.row([format!("  {collection}"), columns.join(", ")]);
    }
    (!kept.is_empty()).then(|| table.text())
}

fn unproven(unproven: &[UnprovenView]) -> Option<String> {
    let mut table = Table::of(&["  TABLE", "CONSTRAINT", "COLUMNS", "WHY"]);
    for UnprovenView { table: of, constraint, columns, why } in unproven {
        table.row([format!("  {of}"), constraint.clone(), columns.join(", "), why.clone()]);
    }
    (!unproven.is_empty()).then(|| table.text())
}

fn unindexed(unindexed: &[UnindexedView]) -> Option<String> {
    let mut table = Table::of(&["  TABLE", "COLUMNS", "REFER TO"]);
    for UnindexedView { table: of, columns, target } in unindexed {
        table.row([format!("  {of}"), columns.join(", "), target.clone()]);
    }
    (!unindexed.is_empty()).then(|| table.text())
}

fn untried(rehearsal: &RehearsalView) -> Option<String> {
    let mut table = Table::of(&["  TABLE", "WHY"]);
    for one in &rehearsal.not_sampled {
        table.row([format!("  {}", one.table), one.why.clone()]);
    }
    (!rehearsal.not_sampled.is_empty()).then(|| table.text())
}

fn outside(rehearsal: &RehearsalView) -> Option<String> {
    let mut table = Table::of(&["  TABLE", "TRIGGER", "WHY"]);
    for one in &rehearsal.outside {
        table.row([format!("  {}", one.table), one.trigger.clone(), one.why.clone()]);
    }
    (!rehearsal.outside.is_empty()).then(|| table.text())
}

fn effect(effect: EffectName) -> &'static str {
    match effect {
        EffectName::Anonymised => "anonymised",
        EffectName::Pseudonymised => "pseudonymised",
        EffectName::Kept => "kept",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view() -> PlanView {
        serde_json::from_value(json!({
            "nobody_found": false, "tokens": [{"collection": "shop.tokens", "count": 27}],
            "media": [{"collection": "shop.photos", "count": 1_081}],
            "collections": [
                {"collection": "shop.notes", "store": "shop", "table": "public.notes", "action": "delete", "fields": [],
                    "rows": 1_200, "shared": 2, "referred": 0, "later": 3,
                    "retained": [{"hold": "00000000-0000-0000-0000-000000000009", "ground": "legal_claims", "rows": 7}]},
                {"collection": "shop.people", "store": "crm", "table": "crm.people", "action": "anonymise",
                    "rows": 60, "shared": 0, "referred": 0, "retained": [], "fields": [
                        {"column": "email", "strategy": "pseudonymise", "effect": "pseudonymised",
                            "samples": ["xxx@xxxxxx.xx\u{1b}[2J", "x.x@xxx.xxx"]},
                        {"column": "phone", "strategy": "null", "effect": "anonymised", "samples": []}]},
            ],
            "kept": [{"collection": "shop.people", "columns": ["number", "badge"]}],
            "unreached": [{"collection": "shop.letters", "columns": ["body"]}],
            "unproven": [{"table": "crm.people", "constraint": "the constraint `short`", "columns": ["phone"], "why": "computed"}],
            "unindexed": [{"table": "public.reply", "columns": ["note_id"], "target": "public.notes"}],
            "plan_hash": "5f2c",
        }))
        .unwrap()
    }

    #[test]
    fn a_plan_reads_from_tokens_to_the_rows_that_stay() {
        let expected = "\
plan of the erasure of an organisation
plan hash 5f2c

tokens, revoked and erased
  COLLECTION   TOKENS
  shop.tokens  27

media, deleted
  COLLECTION   OBJECTS
  shop.photos  1,081

rows
  COLLECTION   WHAT       ROWS   STAY  STORE  TABLE
  shop.notes   delete     1,200  12    shop   public.notes
  shop.people  anonymise  60     -     crm    crm.people

columns that change
  COLUMN             STRATEGY      EFFECT         SAMPLES
  shop.people.email  pseudonymise  pseudonymised  xxx@xxxxxx.xx\u{fffd}[2J  x.x@xxx.xxx
  shop.people.phone  null          anonymised

rows that stay
  COLLECTION  ROWS  WHY
  shop.notes  7     hold 00000000-0000-0000-0000-000000000009 (legal_claims)
  shop.notes  2     they are of others too
  shop.notes  3     their time is after the cutoff

columns with personal data that the data map keeps
  COLLECTION   COLUMNS
  shop.people  number, badge

not looked for: nothing leads from the identity to this personal data
  COLLECTION    COLUMNS
  shop.letters  body

not asked of all rows, only tried on some
  TABLE       CONSTRAINT              COLUMNS  WHY
  crm.people  the constraint `short`  phone    computed

without an index, so that deleting may take long
  TABLE         COLUMNS  REFER TO
  public.reply  note_id  public.notes
";
        assert_eq!(plan(&view()), expected);
    }

    #[test]
    fn what_was_tried_and_what_could_not_be_is_said() {
        let mut tried = view();
        tried.rehearsal = serde_json::from_value(json!({
            "rows": 1_437,
            "not_sampled": [{"table": "public.notes", "why": "its rows refer to each other"}],
            "outside": [{"table": "crm.people", "trigger": "tell", "why": "its function calls dblink"}],
        }))
        .unwrap();
        let expected = "
not tried before, or too little
  TABLE         WHY
  public.notes  its rows refer to each other

not known to stay inside the transaction
  TABLE       TRIGGER  WHY
  crm.people  tell     its function calls dblink

tried on 1,437 rows, and undone
";
        let told = plan(&tried);
        assert_eq!(told.strip_prefix(&plan(&view())).unwrap(), expected);
    }

    #[test]
    fn a_plan_that_finds_nothing_says_so() {
        let again = PlanView { pass: Some(2), ..view() };
        assert!(
            plan(&again).starts_with("plan of the erasure of an organisation, pass 2\n"),
            "{}",
            plan(&again)
        );
        let mut nobody = PlanView {
            pass: None,
            identity_type: Some("email".to_owned()),
            nobody_found: true,
            tokens: Vec::new(),
            media: Vec::new(),
            collections: Vec::new(),
            kept: Vec::new(),
            unreached: Vec::new(),
            unproven: Vec::new(),
            unindexed: Vec::new(),
            plan_hash: "5f2c".to_owned(),
            rehearsal: None,
        };
        let head = "plan of the erasure of one person, by email\nplan hash 5f2c\n";
        assert_eq!(plan(&nobody), format!("{head}\nnobody was found by it: there is nothing to erase\n"));
        nobody.nobody_found = false;
        assert_eq!(plan(&nobody), format!("{head}\nno row is there to be erased\n"));
    }
}
