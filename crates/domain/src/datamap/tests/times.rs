//! When rows were made, and by which clock.

use super::live::{CUSTOMER, NOTHING, column, customers, findings, schema};
use super::{problems, syntax};
use crate::datamap::{DataMap, RowTime};
use crate::schema::{LiveSchema, TypeFamily};

/// A customer with this time, in a dataset with this key under `lethe:`.
fn map(dataset: &str, created_at: &str) -> String {
    format!(
        "dataset:
- fides_key: shop
  lethe: {{organisation: {{collection: branch, key: code}}{dataset}}}
  collections:
  - name: branch
    fields: [{{name: code}}]
  - name: customer
    lethe: {{created_at: {created_at}}}
    fields: [{{name: made}}]
"
    )
}

fn time(dataset: &str, created_at: &str) -> Option<RowTime> {
    let map = DataMap::parse(&map(dataset, created_at)).unwrap();
    map.datasets[0].collection("customer").unwrap().created_at.clone()
}

#[test]
fn a_zone_is_of_a_column_or_of_the_dataset() {
    let berlin = Some(RowTime { zone: Some("Europe/Berlin".to_owned()), ..RowTime::of("made") });
    let utc = Some(RowTime { zone: Some("UTC".to_owned()), ..RowTime::of("made") });
    assert_eq!(time("", "made"), Some(RowTime::of("made")));
    assert_eq!(time("", "{column: made}"), Some(RowTime::of("made")));
    assert_eq!(time("", "{column: made, zone: Europe/Berlin}"), berlin);
    assert_eq!(time(", zone: Europe/Berlin", "made"), berlin);
    assert_eq!(time(", zone: Europe/Berlin", "{column: made}"), berlin);
    assert_eq!(time(", zone: Europe/Berlin", "{column: made, zone: UTC}"), utc);
    let both = map(", zone: Europe/Berlin", "{column: made, zone: UTC}");
    let zones: Vec<String> =
        DataMap::parse(&both).unwrap().zones("shop").into_iter().map(str::to_owned).collect();
    assert_eq!(zones, ["UTC"], "the dataset's is that of no column");
}

#[test]
fn what_is_no_zone_is_told_with_its_place() {
    let told = "`zone` is the name of a time zone, as Europe/Berlin or UTC";
    let found = problems(&map(", zone: '+02:00'", "{column: made, zone: 'Europe, Berlin'}"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|problem| problem.ends_with(told)), "{found:?}");
    assert!(found[0].contains(" shop: ") && found[1].contains(" shop.customer: "), "{found:?}");
    for wrong in ["{column: made, Zone: UTC}", "{zone: UTC}", "[made]"] {
        let text = syntax(&map("", wrong));
        assert!(text.contains("line"), "{wrong}: {text}");
    }
}

#[test]
fn a_time_without_a_zone_is_worth_a_note() {
    let customer = |created: &str| {
        let customer = CUSTOMER.replacen("branch}", &format!("branch, created_at: {created}}}"), 1);
        format!("{customer}    - {{name: made}}\n")
    };
    let of = |family| {
        let mut table = customers();
        table.columns.push(column("made", family));
        schema(table)
    };
    for (family, naive) in
        [(TypeFamily::Timestamp, true), (TypeFamily::Date, true), (TypeFamily::TimestampTz, false)]
    {
        let found = findings(&customer("made"), of(family));
        assert_eq!(found.len(), usize::from(naive), "{found:?}");
        for finding in found {
            let begins =
                format!("shop.customer: note: the column `made` is {} and nothing says", family.name());
            assert!(finding.starts_with(&begins) && finding.contains("zone: Europe/Berlin"), "{finding}");
        }
        assert_eq!(findings(&customer("{column: made, zone: UTC}"), of(family)), NOTHING);
    }
    let mars = LiveSchema { unknown_zones: ["Mars/Olympus".to_owned()].into(), ..of(TypeFamily::Timestamp) };
    assert_eq!(
        findings(&customer("{column: made, zone: Mars/Olympus}"), mars),
        [
            "shop.customer: error: the server knows no time zone `Mars/Olympus`; name one of pg_timezone_names, as Europe/Berlin"
        ]
    );
}
