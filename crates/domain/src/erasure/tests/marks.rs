//! The column that marks an organisation as deleted.

use std::collections::{BTreeMap, BTreeSet};

use super::shop::{Shop, name};
use crate::datamap::DataMap;
use crate::erasure::facts::Trigger;
use crate::erasure::{Mark, Obstacle, SoftDelete, soft_delete};
use crate::schema::TypeFamily;

fn shop(family: TypeFamily, column: &str) -> Shop {
    let mut shop = Shop::new().table("branch", &["code!", "title", column]);
    shop.yaml = shop.yaml.replace("name: title}\n", "name: title, soft_delete: gone}\n");
    let gone = &mut shop.schema.tables.get_mut(&name("branch")).unwrap().columns[2];
    (gone.family, gone.sql_type) = (family, family.name().to_owned());
    shop
}

fn planned(shop: &Shop) -> Result<Option<SoftDelete>, Vec<Obstacle>> {
    let map = DataMap::parse(&shop.yaml).unwrap();
    let live = BTreeMap::from([("shop".to_owned(), shop.schema.clone())]);
    soft_delete(&map, &live, &BTreeMap::from([("shop".to_owned(), shop.facts.clone())]))
}

fn refusals(shop: &Shop) -> Vec<String> {
    planned(shop).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_time_a_date_or_a_boolean_marks_an_organisation() {
    for (family, column, mark) in [
        (TypeFamily::TimestampTz, "gone", Mark::TimestampTz),
        (TypeFamily::Timestamp, "gone", Mark::Timestamp),
        (TypeFamily::Date, "gone", Mark::Date),
        (TypeFamily::Boolean, "gone!", Mark::True),
    ] {
        let planned = planned(&shop(family, column)).unwrap().unwrap();
        assert_eq!((planned.mark, planned.key.as_str(), planned.column.as_str()), (mark, "code", "gone"));
    }
    assert_eq!(planned(&Shop::new()), Ok(None), "the map names no column for it");
}

#[test]
fn what_cannot_be_set_and_taken_back_is_refused_by_table_and_column() {
    assert_eq!(
        refusals(&shop(TypeFamily::Text, "gone")),
        [
            "public.branch.gone: its type text cannot mark an organisation as deleted; name a column with a time, a date or a boolean"
        ]
    );
    assert_eq!(
        refusals(&shop(TypeFamily::Date, "gone!")),
        [
            "public.branch.gone: it may not be NULL, so that no organisation could be restored; let it be NULL while the organisation lives"
        ]
    );
    let mut forbidden = shop(TypeFamily::Boolean, "gone");
    forbidden.facts("branch").updatable.clear();
    let on_update_of = Some(BTreeSet::from(["gone".to_owned()]));
    let forbidden =
        forbidden.trigger("branch", Trigger { name: "tell".to_owned(), on_update_of, ..Trigger::default() });
    let obstacles = refusals(&forbidden);
    assert!(obstacles[0].contains("GRANT UPDATE (gone) ON public.branch"), "{obstacles:?}");
    assert!(obstacles[1].contains("would fire the trigger `tell`"), "{obstacles:?}");
    let missing = shop(TypeFamily::Boolean, "went");
    assert!(refusals(&missing).iter().any(|refusal| refusal.contains("there is no such column")));
}
