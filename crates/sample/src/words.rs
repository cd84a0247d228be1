//! Names, places and sentences, made once with the `fake` crate and drawn from by every row.

use fake::Fake;
use fake::faker::address::raw::{CityName, StreetName};
use fake::faker::company::raw::{Bs, Buzzword, CompanyName};
use fake::faker::internet::raw::UserAgent;
use fake::faker::job::raw::Title;
use fake::faker::name::raw::{FirstName, LastName};
use fake::locales::{AR_SA, DE_DE, EN, FR_FR, IT_IT, JA_JP, PT_BR, TR_TR, ZH_CN};

use crate::draw::{Draw, stream};
use crate::phrases;

/// A person's name.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) given: String,
    pub(crate) family: String,
    /// The name as a local part of an e-mail address.
    pub(crate) local: String,
    /// Language of the surface that such a person would choose.
    pub(crate) locale: &'static str,
}

/// The pools.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) names: Vec<Name>,
    pub(crate) cities: Vec<String>,
    pub(crate) streets: Vec<String>,
    pub(crate) jobs: Vec<String>,
    pub(crate) companies: Vec<String>,
    pub(crate) agents: Vec<String>,
    pub(crate) subjects: Vec<String>,
    pub(crate) sentences: Vec<String>,
}

const NAMES: usize = 4_000;
const SENTENCES: usize = 6_000;

impl Words {
    /// The pools that belong to `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        let mut draw = Draw::of([seed, stream::WORDS, 0, 0]);
        let mut words = Self {
            names: (0..NAMES).map(|_| name(&mut draw)).collect(),
            cities: (0..500).map(|_| CityName(EN).fake_with_rng(&mut draw)).collect(),
            streets: (0..500).map(|_| StreetName(DE_DE).fake_with_rng(&mut draw)).collect(),
            jobs: (0..300).map(|_| Title(EN).fake_with_rng(&mut draw)).collect(),
            companies: (0..800).map(|_| CompanyName(EN).fake_with_rng(&mut draw)).collect(),
            agents: (0..200).map(|_| UserAgent(EN).fake_with_rng(&mut draw)).collect(),
            subjects: Vec::new(),
            sentences: Vec::new(),
        };
        words.subjects = (0..800).map(|_| words.fill(phrases::SUBJECTS, &mut draw)).collect();
        words.sentences = (0..SENTENCES).map(|_| words.fill(phrases::SENTENCES, &mut draw)).collect();
        words
    }

    /// A phrase with its blanks filled in.
    fn fill(&self, phrases: &[&str], draw: &mut Draw) -> String {
        let mut text = String::new();
        let mut rest = draw.text(phrases);
        while let Some((before, after)) = rest.split_once('{') {
            let (blank, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(before);
            text.push_str(&self.blank(blank, draw));
            rest = after;
        }
        text.push_str(rest);
        text
    }

    fn blank(&self, blank: &str, draw: &mut Draw) -> String {
        let one_of = |pool: &[String], draw: &mut Draw| draw.pick(pool).cloned().unwrap_or_default();
        match blank {
            "name" => draw
                .pick(&self.names)
                .map(|name| format!("{} {}", name.given, name.family))
                .unwrap_or_default(),
            "city" => one_of(&self.cities, draw),
            "street" => format!("{} {}", one_of(&self.streets, draw), 1 + draw.below(120)),
            "company" => one_of(&self.companies, draw),
            "job" => one_of(&self.jobs, draw),
            "buzz" => Buzzword(EN).fake_with_rng(draw),
            "plan" => Bs(EN).fake_with_rng(draw),
            "order" => format!("{}-{:06}", draw.text(&["VT", "RE", "INV", "K"]), draw.below(1_000_000)),
            "price" => format!("{}.{:02} €", 5 + draw.below(900), draw.below(100)),
            "day" => format!(
                "{} {}",
                1 + draw.below(28),
                draw.text(&["March", "May", "July", "October", "December"])
            ),
            _ => (2 + draw.below(40)).to_string(),
        }
    }
}

fn name(draw: &mut Draw) -> Name {
    macro_rules! name_in {
        ($locale:expr) => {
            (FirstName($locale).fake_with_rng(draw), LastName($locale).fake_with_rng(draw))
        };
    }
    let (locale, (given, family)): (&str, (String, String)) = match draw.below(20) {
        0..=8 => ("en", name_in!(EN)),
        9..=11 => ("de", name_in!(DE_DE)),
        12 | 13 => ("fr", name_in!(FR_FR)),
        14 => ("it", name_in!(IT_IT)),
        15 => ("pt-BR", name_in!(PT_BR)),
        16 => ("tr", name_in!(TR_TR)),
        17 => ("ja", name_in!(JA_JP)),
        18 => ("zh", name_in!(ZH_CN)),
        _ => ("ar", name_in!(AR_SA)),
    };
    let plain =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let local = match (plain(&given), plain(&family)) {
        (given, family) if given.is_empty() || family.is_empty() => "member".to_owned(),
        (given, family) => format!("{given}.{family}"),
    };
    Name { given, family, local, locale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_filled_in_completely() {
        let words = Words::new(1);
        assert!(
            words
                .sentences
                .iter()
                .chain(&words.subjects)
                .all(|text| !text.contains(['{', '}']) && !text.is_empty())
        );
        assert!(words.names.iter().all(|name| !name.given.is_empty() && !name.family.is_empty()));
    }

    #[test]
    fn pools_depend_on_the_seed_alone() {
        let sentences = |seed| Words::new(seed).sentences;
        assert_eq!(sentences(1), sentences(1));
        assert_ne!(sentences(1), sentences(2));
    }
}
