//! Data categories of the Fideslang taxonomy in plain words.
//!
//! Source: Fideslang, "Data categories" of the default taxonomy 3. What the taxonomy of a company
//! adds is read from the name itself.

/// Category and words, ordered by category.
const KNOWN: &[(&str, &str)] = &[
    ("system", "System data"),
    ("system.authentication", "Credentials of systems"),
    ("system.operations", "Operation of the product"),
    ("user", "Personal data"),
    ("user.account", "Account"),
    ("user.account.settings", "Account settings"),
    ("user.account.username", "User name"),
    ("user.authorization", "Sign-in data"),
    ("user.authorization.biometric", "Biometric sign-in data"),
    ("user.authorization.credentials", "Credentials"),
    ("user.authorization.password", "Password"),
    ("user.behavior", "Behaviour"),
    ("user.behavior.beliefs", "Beliefs"),
    ("user.behavior.browsing_history", "Browsing history"),
    ("user.behavior.media_consumption", "Media watched or listened to"),
    ("user.behavior.purchase_history", "Purchase history"),
    ("user.behavior.search_history", "Search history"),
    ("user.biometric", "Biometric data"),
    ("user.biometric.facial", "Facial data"),
    ("user.biometric.fingerprint", "Fingerprint"),
    ("user.biometric.health", "Biometric health data"),
    ("user.biometric.retinal", "Retinal scan"),
    ("user.biometric.voice", "Voice print"),
    ("user.childrens", "Data of children"),
    ("user.contact", "Contact details"),
    ("user.contact.address", "Postal address"),
    ("user.contact.address.city", "City"),
    ("user.contact.address.country", "Country"),
    ("user.contact.address.postal_code", "Postcode"),
    ("user.contact.address.state", "State or region"),
    ("user.contact.address.street", "Street"),
    ("user.contact.email", "E-mail address"),
    ("user.contact.fax_number", "Fax number"),
    ("user.contact.organization", "Organisation"),
    ("user.contact.phone_number", "Telephone number"),
    ("user.contact.url", "Web address"),
    ("user.content", "Content"),
    ("user.content.private", "Private content"),
    ("user.content.public", "Public content"),
    ("user.content.self_image", "Picture of the person"),
    ("user.credit_card", "Payment card"),
    ("user.criminal_history", "Criminal record"),
    ("user.demographic", "Personal characteristics"),
    ("user.demographic.age_range", "Age range"),
    ("user.demographic.date_of_birth", "Date of birth"),
    ("user.demographic.gender", "Gender"),
    ("user.demographic.language", "Language"),
    ("user.demographic.marital_status", "Marital status"),
    ("user.demographic.political_opinion", "Political opinion"),
    ("user.demographic.profile", "Personal profile"),
    ("user.demographic.race_ethnicity", "Ethnic origin"),
    ("user.demographic.religious_belief", "Religious belief"),
    ("user.demographic.sexual_orientation", "Sexual orientation"),
    ("user.device", "Device"),
    ("user.device.cookie", "Cookie"),
    ("user.device.cookie_id", "Cookie identifier"),
    ("user.device.device_id", "Device identifier"),
    ("user.device.ip_address", "IP address"),
    ("user.device.telemetry", "Device telemetry"),
    ("user.financial", "Financial data"),
    ("user.financial.account_number", "Account number"),
    ("user.financial.bank_account", "Bank account"),
    ("user.financial.credit_card", "Payment card"),
    ("user.government_id", "Official identifier"),
    ("user.government_id.birth_certificate", "Birth certificate"),
    ("user.government_id.drivers_license_number", "Driving licence number"),
    ("user.government_id.immigration", "Immigration papers"),
    ("user.government_id.national_identification_number", "National identity number"),
    ("user.government_id.passport_number", "Passport number"),
    ("user.government_id.vehicle_registration", "Vehicle registration"),
    ("user.health_and_medical", "Health data"),
    ("user.health_and_medical.genetic", "Genetic data"),
    ("user.health_and_medical.insurance_beneficiary_id", "Health insurance number"),
    ("user.health_and_medical.record_id", "Patient number"),
    ("user.job_title", "Occupation"),
    ("user.location", "Location"),
    ("user.location.imprecise", "Approximate location"),
    ("user.location.precise", "Precise location"),
    ("user.name", "Name"),
    ("user.name.first", "Given name"),
    ("user.name.last", "Family name"),
    ("user.payment", "Payments"),
    ("user.privacy_preferences", "Privacy preferences"),
    ("user.sensor", "Sensor data"),
    ("user.social", "Social connections"),
    ("user.telemetry", "Telemetry"),
    ("user.unique_id", "Identifier"),
    ("user.unique_id.pseudonymous", "Pseudonymous identifier"),
    ("user.user_sensor", "Sensor data"),
    ("user.workplace", "Workplace"),
];

/// A category in plain words. One that is not known is told by the nearest that is, followed by
/// its own last words: `user.contact.pager_number` is "Contact details: pager number".
pub(super) fn words(category: &str) -> String {
    let mut ancestor = category;
    loop {
        if let Some(known) = known(ancestor) {
            let rest = category.get(ancestor.len()..).unwrap_or_default();
            // What is only known to be personal is told by its own words.
            return match (rest.is_empty(), ancestor.contains('.')) {
                (true, _) => known.to_owned(),
                (false, true) => format!("{known}: {}", spoken(rest)),
                (false, false) => capitalised(&spoken(rest)),
            };
        }
        let Some((shorter, _)) = ancestor.rsplit_once('.') else {
            return capitalised(&spoken(category));
        };
        ancestor = shorter;
    }
}

/// The categories in plain words, each once, in the order given.
pub(super) fn list(categories: &[String]) -> Vec<String> {
    let mut named: Vec<String> = Vec::with_capacity(categories.len());
    for name in categories.iter().map(|category| words(category)) {
        if !named.contains(&name) {
            named.push(name);
        }
    }
    named
}

fn known(category: &str) -> Option<&'static str> {
    let at = KNOWN.binary_search_by_key(&category, |&(name, _)| name).ok()?;
    KNOWN.get(at).map(|&(_, words)| words)
}

/// `.pager_number.home` as `pager number, home`.
fn spoken(dotted: &str) -> String {
    let segments = dotted.split('.').filter(|segment| !segment.is_empty());
    segments.map(|segment| segment.replace('_', " ")).collect::<Vec<_>>().join(", ")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_are_in_order_so_that_they_are_found() {
        assert!(KNOWN.is_sorted_by(|(left, _), (right, _)| left < right));
    }

    #[test]
    fn every_category_has_words() {
        for (category, expected) in [
            ("user.contact.email", "E-mail address"),
            ("user.contact.pager_number", "Contact details: pager number"),
            ("user.name.first.nick", "Given name: nick"),
            ("user.shoe_size", "Shoe size"),
            ("acme.loyalty.tier", "Acme, loyalty, tier"),
            ("user", "Personal data"),
            ("", ""),
            ("..", ""),
        ] {
            assert_eq!(words(category), expected);
        }
    }

    #[test]
    fn each_is_named_once() {
        let categories = ["user.sensor", "user.name", "user.user_sensor"].map(str::to_owned);
        assert_eq!(list(&categories), ["Sensor data", "Name"]);
    }
}
