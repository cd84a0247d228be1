//! Legal holds: one with everything about it, or many as a table.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use contracts::http::{HoldGround, HoldScopeView, HoldView, Operator, ReleasedHold};

use super::plain;
use super::table::Table;
use super::time::{ago, moment};

/// A hold, each fact in its line.
#[must_use]
pub fn hold(hold: &HoldView, now: DateTime<Utc>) -> String {
    let (ground, letter) = ground(hold.ground);
    let placed = format!("{} ({}), by {}", moment(hold.placed_at), ago(hold.placed_at, now), hold.placed_by);
    let mut facts = vec![
        ("covers", covers(&hold.scope)),
        ("ground", format!("{ground} (Art. 17(3)({letter}))")),
        ("owner", hold.owner.clone()),
        ("review on", review(hold, now)),
        ("placed", placed),
    ];
    if let Some(at) = hold.released_at {
        let by = hold.released_by.as_deref().unwrap_or("somebody");
        facts.push(("released", format!("{} ({}), by {by}", moment(at), ago(at, now))));
    }
    let mut text = format!("hold {}  {}\n\n", hold.id, state(hold));
    for (name, value) in facts {
        // A String takes whatever is written.
        writeln!(text, "  {name:<11}{}", plain(&value).replace('\n', " ")).ok();
    }
    if hold.links.contains_key("release") {
        writeln!(text, "\nto release it: lethe holds release {}", hold.id).ok();
    }
    text
}

/// Holds, one a line.
#[must_use]
pub fn holds(holds: &[HoldView], now: DateTime<Utc>) -> String {
    if holds.is_empty() {
        return "no legal holds\n".to_owned();
    }
    let mut table = Table::of(&["ID", "STATE", "GROUND", "REVIEW ON", "COVERS", "OWNER"]);
    for hold in holds {
        table.row([
            hold.id.to_string(),
            state(hold).to_owned(),
            ground(hold.ground).0.to_owned(),
            review(hold, now),
            covers(&hold.scope),
            hold.owner.clone(),
        ]);
    }
    table.text()
}

/// A hold that was released, and the jobs that come of it.
#[must_use]
pub fn released(released: &ReleasedHold, now: DateTime<Utc>) -> String {
    let mut text = hold(&released.hold, now);
    if released.jobs.is_empty() {
        text.push_str("\nno erasure had left anything because of it\n");
        return text;
    }
    text.push_str("\nwhat erasures had left because of it is erased now by\n");
    for job in &released.jobs {
        writeln!(text, "  lethe jobs show {} --watch", job.id).ok();
    }
    text
}

fn state(hold: &HoldView) -> &'static str {
    if hold.released_at.is_some() { "released" } else { "in effect" }
}

/// The day of the review, and whether nobody has done anything since.
fn review(hold: &HoldView, now: DateTime<Utc>) -> String {
    let overdue = hold.released_at.is_none() && hold.review_on < now.date_naive();
    format!("{}{}", hold.review_on, if overdue { " (overdue)" } else { "" })
}

/// The ground's name, and its letter in Art. 17(3).
fn ground(ground: HoldGround) -> (&'static str, char) {
    let letter = match ground {
        HoldGround::Expression => 'a',
        HoldGround::LegalObligation => 'b',
        HoldGround::PublicHealth => 'c',
        HoldGround::Archiving => 'd',
        HoldGround::LegalClaims => 'e',
    };
    (domain::hold::HoldGround::from(ground).name(), letter)
}

fn covers(scope: &HoldScopeView) -> String {
    match scope {
        HoldScopeView::Organisation(_) => "everything of the organisation".to_owned(),
        HoldScopeView::Subject(held) => format!("one person, found by {}", held.subject.identity_type),
        HoldScopeView::Collection(held) => format!("all rows of {}", held.collection),
        HoldScopeView::Rows(held) => {
            let compared = held.rows.comparisons.iter();
            let compared = compared.map(|one| format!("{} {} …", one.column, sign(one.operator)));
            format!("rows of {} where {}", held.rows.collection, compared.collect::<Vec<_>>().join(" and "))
        }
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => "=",
        Operator::NotEqual => "<>",
        Operator::Less => "<",
        Operator::AtMost => "<=",
        Operator::Greater => ">",
        Operator::AtLeast => ">=",
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::{Value, json};

    use super::*;

    fn view(scope: Value, released: bool) -> HoldView {
        let at = DateTime::UNIX_EPOCH;
        serde_json::from_value(json!({
            "id": "00000000-0000-0000-0000-000000000009", "scope": scope, "ground": "legal_claims", "owner": "Legal",
            "review_on": "1970-02-01", "placed_at": at, "placed_by": "owner-1",
            "released_at": released.then_some(at + TimeDelta::days(1)),
            "released_by": released.then_some("owner-2"),
            "links": if released { json!({}) } else { json!({"release": "/x"}) },
        }))
        .unwrap()
    }

    #[test]
    fn a_hold_says_what_it_covers_and_who_answers_for_it() {
        let rows = json!({"rows": {"collection": "shop.orders", "comparisons": [
            {"column": "total", "operator": "at_least"}, {"column": "state", "operator": "not_equal"}]}});
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(40);
        let expected = "\
hold 00000000-0000-0000-0000-000000000009  in effect

  covers     rows of shop.orders where total >= … and state <> …
  ground     legal_claims (Art. 17(3)(e))
  owner      Legal
  review on  1970-02-01 (overdue)
  placed     1970-01-01 00:00:00 UTC (40 days ago), by owner-1

to release it: lethe holds release 00000000-0000-0000-0000-000000000009
";
        assert_eq!(hold(&view(rows, false), now), expected);
    }

    #[test]
    fn a_released_hold_leads_to_the_jobs_that_come_of_it() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(40);
        let hold = view(json!({"subject": {"identity_type": "email"}}), true);
        let mut both = ReleasedHold { hold, jobs: Vec::new() };
        let text = released(&both, now);
        assert!(text.contains("released   1970-01-02 00:00:00 UTC (39 days ago), by owner-2"), "{text}");
        assert!(text.contains("review on  1970-02-01\n") && text.contains("had left anything"), "{text}");
        both.jobs = serde_json::from_value(json!([{"id": both.hold.id, "links": {}}])).unwrap();
        assert!(released(&both, now).ends_with(&format!("by\n  lethe jobs show {} --watch\n", both.hold.id)));
    }

    #[test]
    fn holds_are_listed_in_columns() {
        let list =
            [view(json!({"organisation": true}), false), view(json!({"collection": "shop.photos"}), true)];
        let expected = "\
ID                                    STATE      GROUND        REVIEW ON   COVERS                          OWNER
00000000-0000-0000-0000-000000000009  in effect  legal_claims  1970-02-01  everything of the organisation  Legal
00000000-0000-0000-0000-000000000009  released   legal_claims  1970-02-01  all rows of shop.photos         Legal
";
        assert_eq!(holds(&list, DateTime::UNIX_EPOCH), expected);
        assert_eq!(holds(&[], DateTime::UNIX_EPOCH), "no legal holds\n");
    }
}
