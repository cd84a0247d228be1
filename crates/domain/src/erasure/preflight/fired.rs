//! Triggers: those that a statement of ours fires, and those that the server fires at the tables which
//! refer to rows that are deleted, whether any of their rows does so or not.

use crate::erasure::facts::{ForeignKey, ReferentialAction, TableFacts, Trigger};
use crate::erasure::keys;
use crate::erasure::obstacle::{Obstacle, ObstacleKind as Kind};
use crate::erasure::plan::Target;
use crate::schema::TableName;

use super::Checker;

impl Checker<'_> {
    /// A trigger's doings are neither counted nor undone by us, so each one must be known.
    pub(super) fn triggers(&mut self, known: &TableFacts) {
        let allowed = &self.target.collection.allowed_triggers;
        let unknown: Vec<&Trigger> = known
            .triggers
            .iter()
            .filter(|trigger| fires(self.target, trigger) && !allowed.contains(&trigger.name))
            .collect();
        for Trigger { name, conditional, .. } in unknown {
            let what = format!("erasing would fire the trigger `{name}`{}", when(*conditional));
            self.report((Kind::Trigger, None), what, harmless(name));
        }
    }

    /// For each row that is deleted the server runs a statement on every table that refers to it: an
    /// UPDATE where it says ON DELETE SET NULL or SET DEFAULT, a DELETE where it says CASCADE. No row is
    /// there by then that it would touch, as [`Checker::references`] sees to; so triggers FOR EACH ROW keep
    /// still. Those FOR EACH STATEMENT and rules do not: they ask for no row.
    pub(super) fn fired_by_keys(&mut self) {
        let (facts, target) = (self.facts, self.target);
        for (table, key) in keys::referring(facts, target.table()) {
            let triggers = facts.tables.get(table).into_iter().flat_map(|known| &known.triggers);
            for trigger in triggers.filter(|trigger| !trigger.per_row && set_off(key, trigger)) {
                if self.is_known(table, trigger) {
                    continue;
                }
                let Trigger { name, conditional, .. } = trigger;
                let what = format!(
                    "deleting rows of {} would fire its trigger `{name}`{} by the foreign key `{}` (ON DELETE {}), \
                     whether rows refer to them or not",
                    target.table(),
                    when(*conditional),
                    key.name,
                    words(key.on_delete)
                );
                self.obstacles.push(Obstacle::new(Kind::Trigger, (table, None), what, harmless(name)));
            }
        }
    }

    /// Whether the map of that table names the trigger, or it is told of already because a statement of
    /// ours fires it.
    fn is_known(&self, table: &TableName, trigger: &Trigger) -> bool {
        let mut collections = self.ways.iter().filter(|(_, collection)| collection.table == *table);
        let mut targets = self.targets.iter().filter(|other| other.table() == table);
        collections.any(|(_, collection)| collection.allowed_triggers.contains(&trigger.name))
            || targets.any(|other| fires(other, trigger))
    }
}

/// Whether what is done to the rows fires the trigger.
fn fires(target: &Target<'_>, trigger: &Trigger) -> bool {
    match &target.changes {
        None => trigger.on_delete,
        Some(changes) => trigger.fires_on_update_of(changes.iter().map(|change| &change.column)),
    }
}

/// Whether what the key does on a deletion fires the trigger.
fn set_off(key: &ForeignKey, trigger: &Trigger) -> bool {
    match key.on_delete {
        ReferentialAction::Refuse => false,
        ReferentialAction::Cascade => trigger.on_delete,
        ReferentialAction::SetNull | ReferentialAction::SetDefault => {
            trigger.fires_on_update_of(key.columns.iter())
        }
    }
}

fn words(action: ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::Refuse => "NO ACTION",
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
        ReferentialAction::SetDefault => "SET DEFAULT",
    }
}

fn when(conditional: bool) -> &'static str {
    if conditional { " (where its WHEN holds)" } else { "" }
}

fn harmless(name: &str) -> String {
    format!(
        "when what it does is harmless, say so with `lethe: {{triggers: [{name}]}}`; or disable it for the eraser's role"
    )
}
