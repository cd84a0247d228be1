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
use columns::{columns, constant_for, families, value_of, variants};
pub(super) use columns::{equality, mac, with_digests};

/// The key of the row that values stand in, and another.
const ROW: [&str; 2] = ["17", "a"];
const OTHER_ROW: [&str; 2] = ["17", "b"];

/// One rule on one column with a sample of values.
struct Case<'a> {
    rule: &'a dyn Rule,
    shape: &'a Shape<'a>,
    form: TokenForm,
    /// Columns of the same family that the rule fits as well.
    peers: &'a [Shape<'a>],
    values: &'a [String],
}

impl Case<'_> {
    fn apply(
        &self,
        key: u64,
        value: Option<&str>,
        (shape, row): (&Shape<'_>, [&str; 2]),
    ) -> Option<Option<String>> {
        let row = row.map(str::to_owned);
        with_digests(key, |digests| {
            let keyed = Keyed { digests, form: self.form, row: &row };
            Some(self.rule.apply(value, shape, &keyed)?.map(Cow::into_owned))
        })
    }

    fn under(&self, key: u64, value: &str) -> Option<String> {
        self.apply(key, Some(value), (self.shape, ROW)).flatten()
    }

    fn all_under(&self, key: u64) -> Vec<Option<String>> {
        self.values.iter().map(|value| self.under(key, value)).collect()
    }

    fn in_another_row(&self, value: &str) -> Option<String> {
        self.apply(1, Some(value), (self.shape, OTHER_ROW)).flatten()
    }

    fn pseudonymises(&self) -> bool {
        self.rule.effect() == Effect::Pseudonymised
    }

    fn tells_tokens(&self) -> bool {
        self.rule.tells_tokens(self.shape, self.form)
    }
}

type Law = fn(&Case<'_>) -> bool;

const LAWS: [(&str, Law); 12] = [
    ("every value is read", every_value_is_read),
    ("null stays null", null_stays_null),
    ("the output fits type and length", output_fits),
    ("the same key gives the same output", same_key_same_output),
    ("another key matters to pseudonyms and to nothing else", another_key),
    ("what is not keyed is stable when applied twice", stable),
    ("equal values are equal across columns", joins_still_join),
    ("no output contains its input", no_output_contains_its_input),
    ("what UNIQUE allows keeps distinct values distinct", distinct_stay_distinct),
    ("a token that is in place stays", token_in_place_stays),
    ("only a token is taken for one", only_a_token_is_taken_for_one),
    ("a token of a row is another in any other row", another_row),
];

fn every_value_is_read(case: &Case<'_>) -> bool {
    case.values.iter().all(|value| case.apply(1, Some(value), (case.shape, ROW)).is_some())
}

fn null_stays_null(case: &Case<'_>) -> bool {
    case.apply(1, None, (case.shape, ROW)) == Some(None)
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
/// where one of them is narrow, begin alike as far as they are of the digest.
fn joins_still_join(case: &Case<'_>) -> bool {
    let digest = if case.form.has_check() { 20 } else { 32 };
    let outputs_agree = |other: &Shape<'_>, value: &String| {
        let shared = other.holds(value)
            && literal::check(value, other).is_ok()
            && other.canonical(value) == case.shape.canonical(value);
        let here = case.under(1, value).unwrap_or_default();
        let there = case.apply(1, Some(value), (other, ROW)).flatten().unwrap_or_default();
        let wide = case.shape.room().min(other.room()) >= 32 + ERASED_DOMAIN.len();
        let token = |text: &str| text.trim_end_matches(ERASED_DOMAIN).to_owned();
        let (a, b) = (token(&here), token(&there));
        let alike = digest.min(a.len()).min(b.len());
        !shared || here == there || !wide && a.get(..alike) == b.get(..alike)
    };
    !case.pseudonymises()
        || case.peers.iter().all(|other| case.values.iter().all(|value| outputs_agree(other, value)))
}

/// In whatever row it stands.
fn token_in_place_stays(case: &Case<'_>) -> bool {
    let stays = |token: &String| {
        case.under(1, token).as_ref() == Some(token) && case.in_another_row(token).as_ref() == Some(token)
    };
    !case.tells_tokens() || case.all_under(1).iter().flatten().all(stays)
}

/// Neither another value, nor what is one digit off a token, nor a token under another key. Of what
/// was an address the domain alone decides.
fn only_a_token_is_taken_for_one(case: &Case<'_>) -> bool {
    let taken = |key: u64, value: &str| case.under(key, value).as_deref() == Some(value);
    let off = |token: &str| {
        let first = if token.starts_with('0') { "1" } else { "0" };
        [first, token.get(1..).unwrap_or_default()].concat()
    };
    let decided =
        |token: &String| token.ends_with(ERASED_DOMAIN) || !taken(1, &off(token)) && !taken(2, token);
    !case.tells_tokens()
        || case.values.iter().all(|value| !taken(1, value)) && case.all_under(1).iter().flatten().all(decided)
}

/// Where the form asks for it, and only there.
fn another_row(case: &Case<'_>) -> bool {
    let differs = |value: &String| case.under(1, value) != case.in_another_row(value);
    !case.tells_tokens() || case.values.iter().all(|value| differs(value) == case.form.by_row())
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
    // Only what is keyed has forms.
    let forms: &[TokenForm] = match rule.effect() {
        Effect::Pseudonymised => &[TokenForm::Plain, TokenForm::Checked, TokenForm::CheckedByRow],
        _ => &[TokenForm::Plain],
    };
    TestRunner::new(config)
        .run(&values, |values| {
            let of_form = |form| broken(&Case { rule, shape: &shape, form, peers: &peers, values: &values });
            let laws: BTreeSet<_> = forms.iter().copied().flat_map(of_form).collect();
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
