//! Rules that break the laws on purpose, one law each at least.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::shape::Shape;
use super::super::token::{Use, digest};
use super::*;

type Apply = fn(Option<&str>, &Shape<'_>, &Mac<'_>) -> Option<Option<String>>;

pub(super) struct Bad {
    /// What it does wrong.
    pub what: &'static str,
    /// The law that catches it.
    pub breaks: &'static str,
    effect: Effect,
    families: Vec<TypeFamily>,
    apply: Apply,
}

impl Rule for Bad {
    fn effect(&self) -> Effect {
        self.effect
    }

    fn accepts(&self, family: TypeFamily) -> bool {
        self.families.contains(&family)
    }

    fn keeps_distinct(&self, _family: TypeFamily) -> bool {
        self.breaks.contains("UNIQUE")
    }

    fn replace<'v>(&self, value: &'v str, shape: &Shape<'_>, mac: &Mac<'_>) -> Option<Option<Cow<'v, str>>> {
        (self.apply)(Some(value), shape, mac).map(|output| output.map(Cow::Owned))
    }

    fn apply<'v>(
        &self,
        value: Option<&'v str>,
        shape: &Shape<'_>,
        mac: &Mac<'_>,
    ) -> Option<Option<Cow<'v, str>>> {
        (self.apply)(value, shape, mac).map(|output| output.map(Cow::Owned))
    }
}

fn text(what: &'static str, breaks: &'static str, effect: Effect, apply: Apply) -> Bad {
    Bad { what, breaks, effect, families: vec![TypeFamily::Text], apply }
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A counter in place of a random number.
fn unlike_before() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

const FITS: &str = "the output fits type and length";
const CONTAINS: &str = "no output contains its input";
const KEYS: &str = "another key matters to pseudonyms and to nothing else";

pub(super) fn rules() -> Vec<Bad> {
    let mut rules = called_anonymous();
    rules.extend(called_pseudonyms());
    let families = vec![TypeFamily::Number, TypeFamily::Date, TypeFamily::Uuid, TypeFamily::Network];
    let word: Apply = |value, _, _| Some(value.map(|_| "erased".to_owned()));
    rules.push(Bad { what: "writes words", breaks: FITS, effect: Effect::Anonymised, families, apply: word });
    rules
}

fn called_anonymous() -> Vec<Bad> {
    let text = |what, breaks, apply| text(what, breaks, Effect::Anonymised, apply);
    let gives_up: Apply = |value, _, _| value.map_or(Some(None), |value| (value.len() < 5).then_some(None));
    let rotates: Apply = |value, _, _| {
        let next = |c: char| char::from(b'a' + (u8::try_from(c).unwrap() | 32) % 26);
        let rotate = |c: char| if c.is_ascii_alphabetic() { next(c) } else { c };
        Some(value.map(|v| v.chars().map(rotate).collect()))
    };
    vec![
        text("gives up on long values", "every value is read", gives_up),
        text("fills NULL", "null stays null", |_, _, _| Some(Some("gone".to_owned()))),
        text("appends to the input", CONTAINS, |value, _, _| Some(value.map(|v| format!("{v}!")))),
        text("changes nothing", CONTAINS, |value, _, _| Some(value.map(str::to_owned))),
        text("overflows", FITS, |value, _, _| Some(value.map(|_| "x".repeat(300)))),
        text("writes NULL where it is refused", FITS, |_, _, _| Some(None)),
        text("is keyed", KEYS, |value, _, mac| Some(value.map(|v| hex(mac(v.as_bytes()))))),
        text("rotates letters", "what is not keyed is stable when applied twice", rotates),
    ]
}

fn called_pseudonyms() -> Vec<Bad> {
    let text = |what, breaks, apply| text(what, breaks, Effect::Pseudonymised, apply);
    let wraps: Apply = |value, _, mac| Some(value.map(|v| format!("{v}-{}", hex(mac(v.as_bytes())))));
    let by_type: Apply = |value, shape, mac| {
        let salted = |v: &str| format!("{}{v}", shape.column.sql_type);
        Some(value.map(|v| hex(digest(Use::Text, salted(v).as_bytes(), mac))))
    };
    let one_digit: Apply = |value, _, mac| Some(value.map(|v| hex(mac(v.as_bytes()))[..1].to_owned()));
    vec![
        text("wraps the input", CONTAINS, wraps),
        text("hashes without the key", KEYS, |value, _, _| Some(value.map(|v| hex(mac(0)(v.as_bytes()))))),
        text("differs by type", "equal values are equal across columns", by_type),
        text("is random", "the same key gives the same output", |value, _, _| {
            Some(value.map(|_| unlike_before().to_string()))
        }),
        text("keeps one digit", "what UNIQUE allows keeps distinct values distinct", one_digit),
    ]
}
