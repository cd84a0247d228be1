//! Fields: data types, references, strategies, and what counts as a secret.

use super::super::category;
use super::super::grammar;
use super::super::model::{Direction, Field, FieldReference, OauthTokens, SecretReason};
use super::super::strategy::Strategy;
use super::{Report, at, categories};

/// The data types of Fideslang; each may stand with a `[]` suffix.
const DATA_TYPES: [&str; 6] = ["string", "integer", "float", "boolean", "object_id", "object"];

pub(super) fn read(
    raw: &grammar::Field,
    (collection, inherited, oauth): (&str, &[String], Option<&OauthTokens>),
    report: &mut Report,
) -> Field {
    let name = raw.name.value.clone();
    let path = format!("{collection}.{name}");
    let mut data_categories = inherited.to_vec();
    gather_categories(raw, &path, &mut data_categories, report);
    check_shape(raw, &path, report);
    let meta = raw.meta();
    let lethe = raw.lethe.as_ref();
    let declared = lethe.and_then(|l| l.secret).or_else(|| holds_token(&name, oauth).then_some(true));
    let own_strategy = lethe.and_then(|l| l.strategy.clone());
    Field {
        secret: secret(&name, &data_categories, declared),
        description: raw.description.clone(),
        position: at(&raw.name),
        primary_key: meta.and_then(|m| m.primary_key).unwrap_or(false),
        identity: meta.and_then(|m| m.identity.as_ref()).map(|identity| identity.value.clone()),
        references: references(raw, &path, report),
        strategy: own_strategy.or_else(|| fides_override(raw, &path, report)),
        data_categories,
        name,
    }
}

fn holds_token(name: &str, oauth: Option<&OauthTokens>) -> bool {
    oauth
        .is_some_and(|o| [&o.access_token, &o.refresh_token].into_iter().flatten().any(|token| token == name))
}

fn secret(name: &str, categories: &[String], declared: Option<bool>) -> Option<SecretReason> {
    match declared {
        Some(true) => Some(SecretReason::Declared),
        Some(false) => None,
        None if categories.iter().any(|c| category::secret(c)) => Some(SecretReason::Category),
        None => category::secret_by_name(name).then_some(SecretReason::Name),
    }
}

fn gather_categories(raw: &grammar::Field, path: &str, into: &mut Vec<String>, report: &mut Report) {
    for category in categories(raw.data_categories.as_deref(), path, report) {
        if !into.contains(&category) {
            into.push(category);
        }
    }
    for nested in raw.fields.iter().flatten() {
        gather_categories(nested, path, into, report);
    }
}

/// The rules of Fideslang for data types, lengths and nested fields.
fn check_shape(raw: &grammar::Field, path: &str, report: &mut Report) {
    let meta = raw.meta();
    let data_type = meta.and_then(|m| m.data_type.as_ref());
    if let Some(data_type) = data_type {
        let bare = data_type.value.strip_suffix("[]").unwrap_or(&data_type.value);
        if !DATA_TYPES.contains(&bare) {
            let known = DATA_TYPES.join(", ");
            report.add(
                at(data_type),
                path,
                format!("unknown data_type; use one of {known}, each also with []"),
            );
        }
        if raw.fields.as_ref().is_some_and(|f| !f.is_empty()) && bare != "object" {
            report.add(at(data_type), path, "a field with nested fields has data_type object or object[]");
        }
    }
    if let Some(length) = meta.and_then(|m| m.length.as_ref()).filter(|length| length.value <= 0) {
        report.add(at(length), path, "`length` must be greater than 0");
    }
    let array = data_type.is_some_and(|t| t.value.ends_with("[]"));
    if meta.and_then(|m| m.return_all_elements).unwrap_or(false) && !array {
        report.add(at(&raw.name), path, "`return_all_elements` needs a data_type that ends with []");
    }
    let nested = raw.fields.as_deref().unwrap_or_default();
    super::duplicates(nested.iter().map(|f| &f.name), "field", report);
    for field in nested {
        check_shape(field, &format!("{path}.{}", field.name.value), report);
    }
}

fn references(raw: &grammar::Field, path: &str, report: &mut Report) -> Vec<FieldReference> {
    let listed = raw.meta().and_then(|m| m.references.as_deref()).unwrap_or_default();
    let mut found = Vec::with_capacity(listed.len());
    for reference in listed {
        let direction = reference.direction.as_ref().and_then(|direction| match direction.value.as_str() {
            "from" => Some(Direction::From),
            "to" => Some(Direction::To),
            _ => {
                report.add(at(direction), path, "`direction` is `from`, `to`, or absent");
                None
            }
        });
        match reference.field.value.split_once('.') {
            Some((collection, field)) => found.push(FieldReference {
                dataset: reference.dataset.clone(),
                collection: collection.to_owned(),
                field: field.to_owned(),
                direction,
            }),
            None => report.add(at(&reference.field), path, "a reference names `collection.field`"),
        }
    }
    found
}

/// Translates the strategies of Fides that have an equal of ours.
fn fides_override(raw: &grammar::Field, path: &str, report: &mut Report) -> Option<Strategy> {
    let chosen = raw.meta().and_then(|m| m.masking_strategy_override.as_ref())?;
    match chosen.strategy.value.as_str() {
        "null_rewrite" => Some(Strategy::Null),
        "preserve" => Some(Strategy::Keep),
        "string_rewrite" => Some(Strategy::Constant {
            value: chosen.configuration.as_ref().and_then(|c| c.rewrite_value.clone()).unwrap_or_default(),
        }),
        "hash" | "hmac" | "aes_encrypt" | "random_string_rewrite" => Some(Strategy::Pseudonymise),
        _ => {
            let known =
                "null_rewrite, preserve, string_rewrite, random_string_rewrite, hash, hmac, aes_encrypt";
            report.add(at(&chosen.strategy), path, format!("unknown masking strategy; Fides knows {known}"));
            None
        }
    }
}
