//! Strategies in every spelling.

use super::{collection, syntax};
use crate::datamap::{DataMap, Effect, Strategy};

fn with(lethe: &str) -> String {
    format!(
        "dataset:\n- fides_key: d\n  collections:\n  - name: c\n    fields:\n    - name: f\n      lethe:\n        {lethe}\n"
    )
}

fn strategy(lethe: &str) -> Option<Strategy> {
    let map = DataMap::parse(&with(lethe)).unwrap();
    collection(&map, "d/c").field("f").unwrap().strategy.clone()
}

#[test]
fn every_strategy_has_its_name_and_its_effect() {
    let constant = Strategy::Constant { value: "x".to_owned() };
    for (spelling, expected, effect) in [
        ("\"null\"", Strategy::Null, Effect::Anonymised),
        ("'null'", Strategy::Null, Effect::Anonymised),
        ("null", Strategy::Null, Effect::Anonymised),
        ("~", Strategy::Null, Effect::Anonymised),
        ("null_rewrite", Strategy::Null, Effect::Anonymised),
        ("{constant: {value: x}}", constant.clone(), Effect::Anonymised),
        ("\n          constant:\n            value: x", constant, Effect::Anonymised),
        ("{constant: {value: ''}}", Strategy::Constant { value: String::new() }, Effect::Anonymised),
        ("mask", Strategy::Mask, Effect::Anonymised),
        ("redact_text", Strategy::RedactText, Effect::Anonymised),
        ("generalise", Strategy::Generalise, Effect::Anonymised),
        ("pseudonymise", Strategy::Pseudonymise, Effect::Pseudonymised),
        ("format_preserving", Strategy::FormatPreserving, Effect::Pseudonymised),
        ("keep", Strategy::Keep, Effect::Kept),
    ] {
        let read = strategy(&format!("strategy: {spelling}"));
        assert_eq!(read.as_ref(), Some(&expected), "{spelling}");
        assert_eq!(expected.effect(), effect, "{spelling}");
    }
    assert_eq!(strategy("secret: false"), None, "no key, no strategy");
}

#[test]
fn what_is_no_strategy_is_refused_with_its_place_and_the_choices() {
    for (spelling, words) in [
        ("anonymize", ["`anonymize`", "pseudonymise"]),
        ("{mask: {}}", ["`mask` takes no configuration", "constant"]),
        ("{constant: {value: x}, mask: {}}", ["a field has one strategy", "line"]),
        ("{constant: {}}", ["value", "line"]),
        ("{constant: {valeu: x}}", ["valeu", "line"]),
        ("{}", ["name a strategy", "constant"]),
        ("12", ["12", "a strategy"]),
        ("[mask]", ["a strategy", "sequence"]),
    ] {
        let text = syntax(&with(&format!("strategy: {spelling}")));
        assert!(
            words.iter().all(|word| text.contains(word)) && text.contains("line 8"),
            "{spelling}: {text}"
        );
    }
}

#[test]
fn our_word_goes_before_that_of_fides() {
    let yaml = with("strategy: keep").replace(
        "    - name: f\n",
        "    - name: f\n      fides_meta: {masking_strategy_override: {strategy: null_rewrite}}\n",
    );
    let map = DataMap::parse(&yaml).unwrap();
    assert_eq!(collection(&map, "d/c").field("f").unwrap().strategy, Some(Strategy::Keep));
}

#[test]
fn a_strategy_is_stored_as_it_is_named() {
    for strategy in [Strategy::Null, Strategy::RedactText, Strategy::Constant { value: "x".to_owned() }] {
        let json = serde_json::to_string(&strategy).unwrap();
        assert!(json.contains(strategy.name()), "{json}");
        assert_eq!(serde_json::from_str::<Strategy>(&json).unwrap(), strategy);
    }
}
