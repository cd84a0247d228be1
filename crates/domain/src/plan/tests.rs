use super::*;

fn work(collection: &str, rows: i64, parts: u32, media: Option<i64>) -> CollectionWork {
    CollectionWork { collection: collection.to_owned(), rows, parts, media }
}

/// A step in short: `phase kind collection/part rows`.
fn line(step: &PlannedStep) -> String {
    let part = step.part_no.map(|part| format!("/{part}")).unwrap_or_default();
    let collection = step.collection.as_deref().unwrap_or("-");
    format!("{} {} {collection}{part} {}", step.phase.0, step.kind.name(), step.rows_planned)
}

fn planned(works: &[CollectionWork], whole_rows: i64) -> Vec<String> {
    export_steps(works, whole_rows).iter().map(line).collect()
}

#[test]
fn a_small_export_is_one_step_even_when_there_is_nothing_to_read() {
    assert_eq!(planned(&[], WHOLE_EXPORT_ROWS), ["1 export_whole - 0"]);
    assert_eq!(planned(&[work("a.b", 0, 0, None)], WHOLE_EXPORT_ROWS), ["1 export_whole - 0"]);
    let media = [work("a.b", WHOLE_EXPORT_ROWS, 3, Some(7))];
    assert_eq!(planned(&media, WHOLE_EXPORT_ROWS), ["1 export_whole - 20000"], "media included");
}

#[test]
fn a_large_export_reads_every_collection_once_and_assembles_last() {
    let works = [
        work("a.small", 1, 1, None),
        work("a.large", WHOLE_EXPORT_ROWS, 1, None),
        work("a.empty", 0, 0, None),
    ];
    let expected = [
        "1 export_collection a.large 20000",
        "1 export_collection a.small 1",
        "1 export_collection a.empty 0",
        "3 assemble_archive - 0",
    ];
    assert_eq!(planned(&works, WHOLE_EXPORT_ROWS), expected, "nothing to join, so no phase 2");
}

#[test]
fn a_collection_that_was_cut_is_read_in_parts_and_joined() {
    let works = [work("a.one", 40, 1, None), work("a.cut", 11, 3, None), work("a.two", 100, 2, None)];
    let expected = [
        "1 export_collection a.two/0 50",
        "1 export_collection a.two/1 50",
        "1 export_collection a.one 40",
        "1 export_collection a.cut/0 4",
        "1 export_collection a.cut/1 4",
        "1 export_collection a.cut/2 3",
        "2 join_collection a.cut 11",
        "2 join_collection a.two 100",
        "3 assemble_archive - 0",
    ];
    assert_eq!(planned(&works, 0), expected);
}

#[test]
fn media_are_steps_of_their_own_and_weigh_more_than_rows() {
    let works =
        [work("a.rows", 1_000, 1, None), work("a.files", 30, 1, Some(3)), work("a.none", 5, 1, Some(0))];
    let expected = [
        "1 export_media a.files 3",
        "1 export_collection a.rows 1000",
        "1 export_collection a.files 30",
        "1 export_collection a.none 5",
        "1 export_media a.none 0",
        "3 assemble_archive - 0",
    ];
    assert_eq!(planned(&works, 0), expected);
}

#[test]
fn parts_share_the_rows_without_loss_and_stand_in_order() {
    for rows in [0, 1, 7, 1_000, i64::MAX] {
        for parts in [2_u32, 3, 64] {
            let steps = export_steps(&[work("a.b", rows, parts, None), work("a.c", rows, parts, None)], -1);
            for name in ["a.b", "a.c"] {
                let of_it = steps
                    .iter()
                    .filter(|step| step.part_no.is_some() && step.collection.as_deref() == Some(name));
                let numbers: Vec<u32> =
                    of_it.clone().filter_map(|step| u32::try_from(step.part_no?).ok()).collect();
                assert_eq!(numbers, (0..parts).collect::<Vec<_>>(), "{rows} in {parts}");
                assert_eq!(of_it.map(|step| step.rows_planned).sum::<i64>(), rows);
            }
        }
    }
}

#[test]
fn phases_never_fall() {
    let works = [work("a.b", 9, 3, Some(1)), work("a.c", 9, 1, None)];
    assert!(export_steps(&works, 0).is_sorted_by_key(|step| step.phase));
}

#[test]
fn a_step_written_down_before_there_were_parts_is_still_read() {
    let old = r#"{"phase":1,"kind":"export_collection","collection":"a.b","rows_planned":3}"#;
    let step: PlannedStep = serde_json::from_str(old).unwrap();
    assert_eq!(step.part_no, None);
}
