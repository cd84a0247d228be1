use super::*;
use crate::scale::OrganisationSize;

/// The bytes that would be sent for every table.
fn generated(scale: &Scale, seed: u64) -> BTreeMap<&'static str, String> {
    let world = World::new(scale, seed);
    let table = |place: u64, table: &'static Table| {
        let mut rows = Rows::new(&world, table, place);
        let mut out = CopyText::with_capacity(1024);
        let mut text = String::new();
        while rows.fill(&mut out, 4096) > 0 {
            text.push_str(std::str::from_utf8(&out.take()).unwrap());
        }
        (table.name, text)
    };
    static ALL: [Table; 13] = TABLES;
    (0..).zip(&ALL).map(|(place, each)| table(place, each)).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let scale = Scale::organisations_of_rows(&[1_500, 300]);
    let (first, second) = (generated(&scale, 42), generated(&scale, 42));
    assert!(first == second);
    for (table, other) in generated(&scale, 43) {
        assert_ne!(first[table], other, "{table} does not depend on the seed");
    }
}

#[test]
fn every_row_has_a_cell_for_every_column() {
    let scale = Scale::organisations_of_rows(&[2_500, 0]);
    let bytes = generated(&scale, 7);
    let seeded = Seeded::of(&World::new(&scale, 7));
    for table in &TABLES {
        let lines: Vec<&str> = bytes[table.name].lines().collect();
        assert_eq!(u64::try_from(lines.len()).unwrap(), seeded.rows[table.name], "{}", table.name);
        assert!(lines.iter().all(|line| line.split('\t').count() == table.columns.len()), "{}", table.name);
    }
}

#[test]
fn the_smallest_organisation_has_room_for_every_trap() {
    use crate::traps::{Found, TRAPS};
    let rows_of = |name: &str| {
        TABLES
            .iter()
            .find(|table| table.name == name)
            .map(|table| (table.exported)(&OrganisationSize::MINIMUM))
    };
    for trap in TRAPS {
        let Found::Values(_, values) = trap.found else {
            continue;
        };
        assert!(
            rows_of(trap.table).unwrap() > u64::try_from(values.len()).unwrap()
                || trap.table == "safety_events",
            "{trap:?}"
        );
    }
}

#[test]
fn what_was_seeded_counts_every_row_of_an_organisation() {
    let scale = Scale::organisations_of_rows(&[5_000, 1_000, 300]);
    let seeded = Seeded::of(&World::new(&scale, 1));
    let totals: Vec<u64> = seeded.organisations.iter().map(|each| each.rows.values().sum()).collect();
    assert_eq!(totals, [5_000, 1_000, 300]);
    assert_eq!(
        seeded.rows["users"] + 2 * 3,
        3 + seeded.organisations.iter().map(|each| each.rows["users"]).sum::<u64>()
    );
}
