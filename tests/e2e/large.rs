//! One export of more entries than ZIP could hold before ZIP64, and on request of more bytes.
//!
//! `LETHE_TEST_FILM_BYTES=4296015872` makes its largest file, and so the archive, larger than 4 GiB.
//! That takes some minutes and 12 GiB of disk, hence only on request; the archive's own tests
//! (`packages`, `large.rs`) go beyond 4 GiB always.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use tests::{Options, Servers, System};
use uuid::Uuid;

use crate::support::{PATIENCE, vantage};

/// Too large to be held in memory, unless told otherwise.
const FILM_BYTES: u64 = 16 << 20;
const FILM: &str = "large/film.mp4";
/// More than two bytes can count.
const PICTURES: u32 = 66_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_more_than_65535_entries_opens_everywhere() {
    let directory = tempfile::Builder::new().prefix("lethe-large-").tempdir_in("/var/tmp").unwrap();
    let bucket = directory.path().join("bucket");
    let film_bytes = film_bytes();
    fill(&bucket, film_bytes);
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[300]).await;
    let options = Options { bucket: Some(format!("file://{}", bucket.display())), ..Options::default() };
    let system = System::start(servers, database, &options).await.unwrap();
    let organisation = seeded.organisations[0].id;
    name_objects(&system, organisation).await;
    let api = system.api(&organisation.to_string(), "owner").unwrap();
    let body = serde_json::json!({"include_media": true, "format": "json"});
    let job = api.export_of(body).await.unwrap();
    let job = api.wait(job, &["completed", "failed"], PATIENCE * 5).await.unwrap();
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    let archive = directory.path().join("export.zip");
    api.download_to(job.summary.id, &archive).await.unwrap();
    let size_bytes = u64::try_from(job.package.unwrap().size_bytes).unwrap();
    assert_eq!(archive.metadata().unwrap().len(), size_bytes);
    assert!(size_bytes > film_bytes, "{size_bytes}");
    holds_what_the_bucket_held(&archive, film_bytes);
    testkit::readers::check_archive(&archive);
}

fn film_bytes() -> u64 {
    std::env::var("LETHE_TEST_FILM_BYTES").map_or(FILM_BYTES, |bytes| bytes.parse().unwrap())
}

/// A film that takes hardly any room here and does not compress there, and many small pictures.
fn fill(bucket: &Path, film_bytes: u64) {
    for directory in ["large", "small"] {
        fs::create_dir_all(bucket.join(directory)).unwrap();
    }
    let mut film = File::create(bucket.join(FILM)).unwrap();
    // Whether it is compressed depends on how it begins.
    film.write_all(&noise(1 << 20)).unwrap();
    film.set_len(film_bytes).unwrap();
    for number in 0..PICTURES {
        fs::write(bucket.join(picture(number)), picture(number)).unwrap();
    }
}

fn picture(number: u32) -> String {
    format!("small/{number}.jpg")
}

fn noise(bytes: usize) -> Vec<u8> {
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let numbers = std::iter::successors(Some(7_u64), next);
    numbers.flat_map(|number| (number >> 32).to_le_bytes().into_iter().take(4)).take(bytes).collect()
}

/// Has the organisation's rows name every object of the bucket.
async fn name_objects(system: &System, organisation: Uuid) {
    let from = sample::rows_of_organisation("conversations").unwrap();
    let conversation = format!("SELECT t.id {from} LIMIT 1").replace("$1", &format!("'{organisation}'"));
    let sql = format!(
        "INSERT INTO media_assets (id, conversation_id, storage_key, file_name, content_type, size_bytes) \
         SELECT gen_random_uuid(), ({conversation}), key, 'file', 'image/jpeg', 0 FROM ( \
         SELECT '{FILM}' AS key UNION ALL \
         SELECT 'small/' || n || '.jpg' FROM generate_series(0, {PICTURES} - 1) AS n) AS objects"
    );
    system.subjects.client.batch_execute(&sql).await.unwrap();
}

fn holds_what_the_bucket_held(archive: &Path, film_bytes: u64) {
    let mut zip = zip::ZipArchive::new(io::BufReader::new(File::open(archive).unwrap())).unwrap();
    assert!(zip.len() > usize::try_from(PICTURES).unwrap());
    let index = zip.by_name("media/index.json").unwrap();
    let listed: Vec<BTreeMap<String, serde_json::Value>> = serde_json::from_reader(index).unwrap();
    assert_eq!(listed.len(), usize::try_from(PICTURES + 1).unwrap());
    for object in listed {
        let key = object.get("key").unwrap().as_str().unwrap();
        let mut entry = zip.by_name(object.get("path").unwrap().as_str().unwrap()).unwrap();
        if key == FILM {
            assert_eq!(entry.size(), film_bytes);
        } else {
            assert_eq!(io::read_to_string(&mut entry).unwrap(), key);
        }
    }
}
