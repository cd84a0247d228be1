//! Data categories of the Fideslang taxonomy: matching, secrets, and default strategies.

use crate::schema::{LiveColumn, TypeFamily};

use super::strategy::Strategy;

/// Whether `category` is `ancestor` or lies below it.
///
/// Matches on whole segments, so that `user.device.cookie` does not cover `user.device.cookie_id`.
#[must_use]
pub fn within(category: &str, ancestor: &str) -> bool {
    category.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether the category describes a person (`user` and below).
#[must_use]
pub fn personal(category: &str) -> bool {
    within(category, "user")
}

/// Whether values of this category are credentials, which no export may hold.
#[must_use]
pub fn secret(category: &str) -> bool {
    within(category, "user.authorization") || within(category, "system.authentication")
}

/// Parts of a column name that betray a credential.
const SECRET_NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "access_token",
    "refresh_token",
    "accesstoken",
    "refreshtoken",
    "api_key",
    "apikey",
    "private_key",
    "totp",
];

/// Whether a column's name betrays a credential, for maps that forgot to say so.
#[must_use]
pub fn secret_by_name(column: &str) -> bool {
    let name = column.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// The strategy for a personal field whose map names none: the first of its category's preferences
/// that fits the column, or `None` when the map has to choose.
#[must_use]
pub fn default_strategy(categories: &[String], column: &LiveColumn, distinct: bool) -> Option<Strategy> {
    let category = categories.iter().find(|category| personal(category))?;
    preferences(category, column.family)
        .into_iter()
        .find(|strategy| strategy.misfit(column, distinct).is_none())
}

fn preferences(category: &str, family: TypeFamily) -> Vec<Strategy> {
    let constant = |value: &str| Strategy::Constant { value: value.to_owned() };
    let any_below = |ancestors: &[&str]| ancestors.iter().any(|ancestor| within(category, ancestor));
    if any_below(&["user.contact.email", "user.unique_id", "user.device", "user.account"])
        && family != TypeFamily::Network
    {
        return vec![Strategy::Pseudonymise, Strategy::Null];
    }
    if any_below(&["user.content"]) && family == TypeFamily::Text {
        return vec![Strategy::RedactText];
    }
    match family {
        TypeFamily::Text => vec![Strategy::Null, constant(""), Strategy::Pseudonymise],
        TypeFamily::Json => vec![Strategy::Null, constant("null")],
        TypeFamily::Array => vec![Strategy::Null, constant("{}")],
        TypeFamily::Bytes => vec![Strategy::Null, constant("")],
        TypeFamily::Uuid => vec![Strategy::Null, Strategy::Pseudonymise],
        TypeFamily::Date
        | TypeFamily::Timestamp
        | TypeFamily::TimestampTz
        | TypeFamily::Network
        | TypeFamily::Number => {
            vec![Strategy::Null, Strategy::Generalise]
        }
        TypeFamily::Boolean | TypeFamily::Time | TypeFamily::Enum | TypeFamily::Other => vec![Strategy::Null],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_match_on_whole_segments() {
        assert!(within("user.device.cookie", "user.device.cookie"));
        assert!(within("user.contact.address.city", "user.contact"));
        assert!(!within("user.device.cookie_id", "user.device.cookie"));
        assert!(!personal("user_generated"));
        assert!(!personal("system.operations"));
    }

    #[test]
    fn credentials_are_known_by_category_and_by_name() {
        assert!(secret("user.authorization.password"));
        assert!(secret_by_name("passwordHash"));
        assert!(secret_by_name("stripe_api_key"));
        assert!(!secret_by_name("display_name"));
    }

    #[test]
    fn a_default_gives_way_to_the_columns_constraints() {
        let column = |not_null| LiveColumn {
            name: "c".to_owned(),
            sql_type: "character varying(20)".to_owned(),
            family: TypeFamily::Text,
            not_null,
            generated: false,
            equality: crate::schema::Equality::Exact,
        };
        let name = ["user.name".to_owned()];
        assert_eq!(default_strategy(&name, &column(false), false), Some(Strategy::Null));
        assert_eq!(
            default_strategy(&name, &column(true), false),
            Some(Strategy::Constant { value: String::new() })
        );
        assert_eq!(default_strategy(&name, &column(true), true), Some(Strategy::Pseudonymise));
        assert_eq!(default_strategy(&["system.operations".to_owned()], &column(true), true), None);
    }
}
