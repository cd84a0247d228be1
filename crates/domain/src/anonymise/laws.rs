//! The laws of anonymisation, run over every strategy and every type of column that it accepts.
//!
//! A new strategy, or a new family of types, is in the suite without being named here: both lists
//! come from what serde knows of the enumerations. Each law is shown to bite by rules that break
//! it on purpose, in `bad`.

mod bad;
mod columns;

use std::collections::BTreeSet;

use proptest::{
    prop_assert,
    test_runner::{Config, TestRunner},
};

use super::*;
pub(super) use columns::mac;
use columns::{columns, constant_for, families, value_of, variants};

/// One rule on one column with a sample of values.
struct Case<'a> {
    rule: &'a dyn Rule,
    shape: &'a Shape<'a>,
    /// Columns of the same family that the rule fits as well.
    peers: &'a [Shape<'a>],
    values: &'a [String],
}

impl Case<'_> {
    fn under(&self, key: u64, value: &str) -> Option<String> {
        self.rule.apply(Some(value), self.shape, &mac(key)).flatten().map(Cow::into_owned)
    }

    fn all_under(&self, key: u64) -> Vec<Option<String>> {
        self.values.iter().map(|value| self.under(key, value)).collect()
    }

    fn pseudonymises(&self) -> bool {
        self.rule.effect() == Effect::Pseudonymised
    }
}

type Law = fn(&Case<'_>) -> bool;

const LAWS: [(&str, Law); 9] = [
    ("every value is read", every_value_is_read),
    ("null stays null", null_stays_null),
    ("the output fits type and length", output_fits),
    ("the same key gives the same output", same_key_same_output),
    ("another key matters to pseudonyms and to nothing else", another_key),
    ("what is not keyed is stable when applied twice", stable),
    ("equal values are equal across columns", joins_still_join),
    ("no output contains its input", no_output_contains_its_input),
    ("what UNIQUE allows keeps distinct values distinct", distinct_stay_distinct),
];

fn every_value_is_read(case: &Case<'_>) -> bool {
    case.values.iter().all(|value| case.rule.apply(Some(value), case.shape, &mac(1)).is_some())
}

fn null_stays_null(case: &Case<'_>) -> bool {
    case.rule.apply(None, case.shape, &mac(1)) == Some(None)
}

fn output_fits(case: &Case<'_>) -> bool {
    let fits = |output: &String| case.shape.holds(output) && literal::check(output, case.shape).is_ok();
    case.all_under(1).iter().all(|output| output.as_ref().map_or(!case.shape.column.not_null, fits))
}

fn same_key_same_output(case: &Case<'_>) -> bool {
    case.all_under(1) == case.all_under(1)
}

/// Four values of three digits or letters that all stay the same under another key would be a
/// chance of one in a million millions.
fn another_key(case: &Case<'_>) -> bool {
    let telling = case.values.iter().filter(|value| telling(value, case.shape)).count();
    let same = case.all_under(1) == case.all_under(2);
    if case.pseudonymises() { telling < 4 || !same } else { same }
}

fn stable(case: &Case<'_>) -> bool {
    let again = |output: &String| case.under(1, output).as_ref() == Some(output);
    case.pseudonymises() || case.all_under(1).iter().flatten().all(again)
}

/// In any two columns that both hold the value and know the same equality, the outputs are equal, or
/// where one of them is narrow, the shorter token is the beginning of the longer.
fn joins_still_join(case: &Case<'_>) -> bool {
    let outputs_agree = |other: &Shape<'_>, value: &String| {
        let shared = other.holds(value)
            && literal::check(value, other).is_ok()
            && other.canonical(value) == case.shape.canonical(value);
        let here = case.under(1, value).unwrap_or_default();
        let there = case.rule.apply(Some(value), other, &mac(1)).flatten().unwrap_or_default();
        let wide = case.shape.room().min(other.room()) >= 32 + ERASED_DOMAIN.len();
        let token = |text: &str| text.trim_end_matches(ERASED_DOMAIN).to_owned();
        let (a, b) = (token(&here), token(&there));
        !shared || here == there || !wide && (a.starts_with(&b) || b.starts_with(&a))
    };
    !case.pseudonymises()
        || case.peers.iter().all(|other| case.values.iter().all(|value| outputs_agree(other, value)))
}

/// Of values with three letters or digits. An output that contains its input must do so by chance: a
/// pseudonym under one key and not under each of six; anything else because another value, which
/// differs by one change, has the same output (the output does not tell the two apart). What stays
/// as it is by definition is exempt: `keep`, and for `generalise` what is coarse already.
fn no_output_contains_its_input(case: &Case<'_>) -> bool {
    let contains =
        |key: u64, value: &str| case.under(key, value).is_some_and(|output| output.contains(value));
    let by_chance = |value: &str| {
        if case.pseudonymises() {
            return !(2..7).all(|key| contains(key, value));
        }
        let output = case.under(1, value);
        columns::neighbours(value, case.shape).iter().any(|other| case.under(1, other) == output)
    };
    case.rule.effect() == Effect::Kept
        || case
            .values
            .iter()
            .filter(|value| telling(value, case.shape) && !columns::coarse_already(value, case.shape))
            .all(|value| !contains(1, value) || by_chance(value))
}

fn distinct_stay_distinct(case: &Case<'_>) -> bool {
    let inputs: BTreeSet<_> = case.values.iter().map(|value| case.shape.canonical(value)).collect();
    let outputs: Vec<_> = inputs.iter().filter_map(|value| case.under(1, value)).collect();
    let distinct: BTreeSet<_> = outputs.iter().map(|value| case.shape.canonical(value)).collect();
    !case.rule.keeps_distinct(case.shape.column.family) || distinct.len() == outputs.len()
}

/// Whether it has three letters or digits, of numbers three digits that count.
fn telling(value: &str, shape: &Shape<'_>) -> bool {
    let value = match shape.column.family {
        TypeFamily::Number => value.trim_start_matches(['-', '0', '.']).split('e').next().unwrap_or_default(),
        _ => value,
    };
    let counts = |c: &char| match shape.column.family {
        TypeFamily::Number => c.is_ascii_digit(),
        _ => c.is_alphanumeric(),
    };
    value.chars().filter(counts).count() >= 3
}

fn broken(case: &Case<'_>) -> Vec<&'static str> {
    LAWS.iter().filter(|(_, law)| !law(case)).map(|(name, _)| *name).collect()
}

/// Runs every law over samples of a column's values, a tenth as many as `PROPTEST_CASES` says, since
/// there are some hundred pairs of strategy and column. The error names the laws that broke.
fn break_on(rule: &dyn Rule, column: &LiveColumn) -> Result<(), String> {
    let set = Config::default();
    let config = Config { cases: set.cases.div_ceil(10), failure_persistence: None, ..set };
    let values = proptest::collection::vec(value_of(column), 12);
    let shape = Shape::of(column);
    let (all, family) = (columns(), column.family);
    let of_family = all.iter().filter(|peer| peer.family == family).map(Shape::of);
    let peers: Vec<_> = of_family.filter(|peer| fits(rule, peer, false).is_ok()).collect();
    TestRunner::new(config)
        .run(&values, |values| {
            let laws = broken(&Case { rule, shape: &shape, peers: &peers, values: &values });
            prop_assert!(laws.is_empty(), "{}: {laws:?}", column.sql_type);
            Ok(())
        })
        .map_err(|error| error.to_string())
}

/// Every strategy that serde knows, with a constant that fits the column.
fn strategies(column: &LiveColumn) -> Vec<Strategy> {
    let strategy = |name: &&'static str| {
        let plain = serde_json::from_value(serde_json::json!(name));
        let constant = || serde_json::json!({ *name: { "value": constant_for(column) } });
        plain
            .or_else(|_| serde_json::from_value(constant()))
            .expect("a strategy without configuration, or a constant")
    };
    variants::<Strategy>().iter().map(strategy).collect()
}

#[test]
fn every_strategy_keeps_every_law_on_every_column_that_it_accepts() {
    let mut seen = BTreeSet::new();
    for column in columns() {
        for strategy in strategies(&column) {
            let Ok(bound) = Anonymiser::new(&strategy, &column, false) else {
                continue;
            };
            seen.insert((strategy.name(), column.family.name()));
            if let Err(error) = break_on(bound.rule.as_ref(), &column) {
                panic!("{} on {}: {error}", strategy.name(), column.sql_type);
            }
        }
    }
    let column = |family| LiveColumn { family, ..columns().remove(0) };
    for family in families() {
        for strategy in strategies(&column(family)) {
            let pair = (strategy.name(), family.name());
            assert_eq!(rule(&strategy).accepts(family), seen.contains(&pair), "{pair:?} was not tried");
        }
    }
}

#[test]
fn each_law_catches_the_rule_that_breaks_it() {
    let mut caught = BTreeSet::new();
    for bad in bad::rules() {
        let found = columns()
            .iter()
            .filter(|column| bad.accepts(column.family))
            .filter_map(|column| break_on(&bad, column).err())
            .find(|error| error.contains(bad.breaks));
        assert!(found.is_some(), "a rule that {} passes", bad.what);
        caught.insert(bad.breaks);
    }
    assert_eq!(caught, LAWS.iter().map(|(name, _)| *name).collect(), "a law that nothing breaks");
}
