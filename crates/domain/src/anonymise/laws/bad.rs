//! Rules that break the laws on purpose, one law each at least.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::shape::Shape;
use super::super::token::{Keyed, Use};
use super::*;

type Apply = fn(Option<&str>, &Shape<'_>, &Keyed<'_>) -> Option<Option<String>>;

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

    fn tells_tokens(&self, shape: &Shape<'_>, form: TokenForm) -> bool {
        self.breaks.contains("token") && form.has_check() && shape.room() >= 32
    }

    fn replace<'v>(
        &self,
        value: &'v str,
        shape: &Shape<'_>,
        keyed: &Keyed<'_>,
    ) -> Option<Option<Cow<'v, str>>> {
        (self.apply)(Some(value), shape, keyed).map(|output| output.map(Cow::Owned))
    }

    fn apply<'v>(
        &self,
        value: Option<&'v str>,
        shape: &Shape<'_>,
        keyed: &Keyed<'_>,
    ) -> Option<Option<Cow<'v, str>>> {
        (self.apply)(value, shape, keyed).map(|output| output.map(Cow::Owned))
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
        text("is keyed", KEYS, |value, _, keyed| Some(value.map(|v| hex(keyed.digest(Use::Text, v))))),
        text("rotates letters", "what is not keyed is stable when applied twice", rotates),
    ]
}

fn called_pseudonyms() -> Vec<Bad> {
    let text = |what, breaks, apply| text(what, breaks, Effect::Pseudonymised, apply);
    let wraps: Apply = |value, _, keyed| Some(value.map(|v| format!("{v}-{}", token(v, keyed))));
    let by_type: Apply =
        |value, shape, keyed| Some(value.map(|v| token(&format!("{}{v}", shape.column.sql_type), keyed)));
    let one_digit: Apply = |value, _, keyed| Some(value.map(|v| token(v, keyed)[..1].to_owned()));
    let unkeyed: Apply = |value, _, _| Some(value.map(|v| hex(mac(0)(v.as_bytes()))));
    let again: Apply = |value, _, keyed| Some(value.map(|v| token(v, keyed)));
    let by_form: Apply = |value, _, keyed| {
        let in_place = |v: &str| v.len() == 32 && v.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(value.map(|v| if in_place(v) { v.to_owned() } else { token(v, keyed) }))
    };
    let forgets_the_row: Apply = |value, _, keyed| {
        let everywhere = Keyed { row: &[], ..*keyed };
        Some(value.map(|v| token(v, &everywhere)))
    };
    vec![
        text("wraps the input", CONTAINS, wraps),
        text("hashes without the key", KEYS, unkeyed),
        text("differs by type", "equal values are equal across columns", by_type),
        text("is random", "the same key gives the same output", |value, _, _| {
            Some(value.map(|_| unlike_before().to_string()))
        }),
        text("keeps one digit", "what UNIQUE allows keeps distinct values distinct", one_digit),
        text("replaces what it gave", "a token that is in place stays", again),
        text("takes digits for a token", "only a token is taken for one", by_form),
        text("forgets the row", "a token of a row is another in any other row", forgets_the_row),
    ]
}

/// The beginning of a keyed digest, of the form that the rule is asked for.
fn token(value: &str, keyed: &Keyed<'_>) -> String {
    let mut digits = hex(keyed.digest(Use::Text, value));
    digits.truncate(32);
    digits
}
