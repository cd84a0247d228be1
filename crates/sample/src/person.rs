//! The people of an organisation, computed from their number.

use crate::draw::{Draw, stream};
use crate::known::{KNOWN_ORGANISATIONS, KnownOrganisation};
use crate::traps::value;
use crate::words::Words;
use crate::world::Tenant;

/// Number of the first user whose name and address are traps; those before are the owner and the guests of others.
const FIRST_TRAP: u64 = 3;

/// A user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) given: String,
    pub(crate) family: String,
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) locale: &'static str,
}

/// The own user `number` of `tenant`.
pub(crate) fn person(tenant: &Tenant, words: &Words, number: u64) -> Person {
    let mut draw = Draw::of([tenant.seed, stream::PERSON, tenant.index, number]);
    let key = tenant.counted(number);
    let domain = &tenant.email_domain;
    let phone = phone(key, &mut draw);
    if let Some(known) = known(tenant, number) {
        let (given, family) = known.owner;
        let (given, family, email) = (given.to_owned(), family.to_owned(), known.owner_email.to_owned());
        return Person { given, family, email, phone, locale: "en" };
    }
    let Some(name) = draw.pick(&words.names) else {
        return Person {
            given: String::new(),
            family: String::new(),
            email: format!("member{key}@{domain}"),
            phone,
            locale: "en",
        };
    };
    let family = trap(value::NAMES, number).unwrap_or(&name.family).to_owned();
    let email = match trap(value::EMAIL_LOCALS, number) {
        Some(local) if local.ends_with("\"#") => format!("{}{key}\"@{domain}", local.trim_end_matches("\"#")),
        Some(local) => format!("{}@{domain}", local.replace('#', &key.to_string())),
        None => format!("{}{key}@{domain}", name.local),
    };
    Person { given: name.given.clone(), family, email, phone, locale: name.locale }
}

/// The trap in `list` that user `number` carries.
fn trap(list: &[&'static str], number: u64) -> Option<&'static str> {
    let place = usize::try_from(number.checked_sub(FIRST_TRAP)?).ok()?;
    list.get(place).copied()
}

fn known(tenant: &Tenant, number: u64) -> Option<&'static KnownOrganisation> {
    let known = usize::try_from(tenant.index).ok().and_then(|index| KNOWN_ORGANISATIONS.get(index));
    known.filter(|_| number == 0 && tenant.id.is_some())
}

/// A number in the area 555, which is not assigned, in one of the ways in which people write it.
fn phone(key: u64, draw: &mut Draw) -> String {
    let (exchange, line) = (key / 10_000 % 1_000, key % 10_000);
    match draw.below(4) {
        0 => format!("+1555{exchange:03}{line:04}"),
        1 => format!("+1 (555) {exchange:03}-{line:04}"),
        2 => format!("001-555-{exchange:03}-{line:04}"),
        _ => format!("+1 555 {exchange:03} {line:04}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::Scale;
    use crate::world::World;
    use std::collections::BTreeSet;

    #[test]
    fn addresses_are_unique_and_fit() {
        let world = World::new(&Scale::rows(20_000, 4), 9);
        let mut emails = BTreeSet::new();
        for tenant in &world.tenants {
            for number in 0..tenant.own_users {
                let person = person(tenant, &world.words, number);
                assert!(person.phone.len() <= 24 && person.locale.len() <= 12);
                assert!(emails.insert(person.email.clone()), "{} twice", person.email);
            }
        }
    }

    #[test]
    fn owners_of_known_organisations_never_change() {
        for seed in [1, 2] {
            let world = World::new(&Scale::demo(), seed);
            let emails: Vec<String> =
                world.organisations().map(|tenant| person(tenant, &world.words, 0).email).collect();
            assert_eq!(emails, KNOWN_ORGANISATIONS.map(|known| known.owner_email));
        }
    }
}
