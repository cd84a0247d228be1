//! Media in a bucket: whatever their keys are, none stays behind without a ground.

use contracts::http::MediaCounts;
use contracts::{AuditEvent, decode};
use domain::id::JobId;
use serde_json::{Value, json};
use testkit::s3::{BUCKET, Faults, Lock, S3Server};
use testkit::{PATIENCE, eventually, organisation, owner};

use crate::spared::{hold, release};
use crate::world::{Ended, World};

const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE photo (id int PRIMARY KEY, org int NOT NULL REFERENCES org, bucket text, key text, at timestamptz);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, data_categories: [user.name], lethe: {strategy: redact_text}}
  - name: photo
    lethe: {tenant: org, created_at: at, media: {key: key, bucket_column: bucket}}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: bucket}
    - {name: key, data_categories: [user.content], lethe: {strategy: pseudonymise}}
    - {name: at}
";

/// Keys that are no paths, and one that is.
const KEYS: [&str; 9] =
    ["uploads/x", "uploads//x", "/x", "x/", "a/../x", "./x", "a\tb", "a\nb", "\u{fc} 100%25+&.jpg"];

/// The bucket `default` on this server, tried again as patiently as a test needs.
pub fn buckets(server: &S3Server) -> Value {
    let mut options: serde_json::Map<String, Value> =
        server.options().into_iter().map(|(name, value)| (name, value.into())).collect();
    options.insert("max_retries".to_owned(), "1000".into());
    options.insert("retry_timeout".to_owned(), "60s".into());
    json!({"default": {"url": format!("s3://{BUCKET}"), "options": options}})
}

/// A company whose photos have these keys: `(id, org, key)`.
async fn world(server: &S3Server, map: &str, photos: &[(i32, i32, &str)]) -> World {
    let world = World::with_buckets(SCHEMA, map, None, &buckets(server)).await;
    let sql = "INSERT INTO photo VALUES ($1, $2, NULL, $3, '2024-01-01')";
    for (id, org, key) in photos {
        world.client.execute(sql, &[id, org, key]).await.unwrap();
    }
    world
}

/// An erasure of organisation 1 that deletes media, up to its plan.
pub async fn planned(world: &World) -> JobId {
    let mut new = testkit::new_erasure("1");
    new.request.grace_period_days = 0.try_into().unwrap();
    new.soft_deletes = false;
    new.request.delete_media = true;
    let job = world.accepted(&new).await;
    world.step(&world.claim(job, 1).await).await;
    job
}

async fn erased(world: &World) -> Ended {
    let job = planned(world).await;
    world.finish(job, &organisation("1")).await
}

fn completed(ended: &Ended) -> MediaCounts {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    assert_eq!(ended.view.media.len(), 1, "{:?}", ended.view.media);
    assert_eq!(ended.view.media[0].collection, "shop.photo");
    ended.view.media[0].counts
}

/// What the audit log will hold of media.
async fn audited(world: &World, job: JobId) -> Vec<MediaCounts> {
    let sql = "SELECT body FROM outbox WHERE job_id = $1 AND kind = 'audit.event' ORDER BY seq";
    let rows = world.admin.query(sql, &[&job.0]).await.unwrap();
    let events = rows.iter().map(|row| decode::<AuditEvent>(row.get(0)).unwrap().body);
    events.filter_map(|event| event.media).map(MediaCounts::from).collect()
}

/// The keys that rows of an organisation name.
async fn keys(world: &World, org: i32) -> Vec<String> {
    let sql = "SELECT key FROM photo WHERE org = $1 ORDER BY id";
    world.client.query(sql, &[&org]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_key_is_all_versions_and_markers_go_before_the_row_forgets_it() {
    let server = S3Server::with_versions(1000);
    let photos: Vec<_> = (1..).zip(KEYS).map(|(id, key)| (id, 1, key)).collect();
    let world =
        world(&server, MAP, &[photos.as_slice(), &[(100, 1, "nowhere"), (200, 2, "x")]].concat()).await;
    for key in KEYS {
        server.put(key, b"old");
        server.hide(key);
        server.put(key, b"new");
    }
    // What the keys would name if they were paths.
    let neighbours = ["x", "a/x", "uploads/x2"];
    neighbours.iter().for_each(|key| server.put(key, b"of another"));
    let ended = erased(&world).await;
    let expected = MediaCounts { objects: 9, versions: 18, markers: 9, missing: 1, ..MediaCounts::default() };
    assert_eq!(completed(&ended), expected);
    assert_eq!(audited(&world, ended.job).await, [expected]);
    assert_eq!(server.versions(), ["a/x", "uploads/x2", "x"].map(|key| (key.to_owned(), 1, 0)));
    let named = keys(&world, 1).await;
    assert!(KEYS.iter().all(|key| !named.contains(&(*key).to_owned())), "{named:?}");
    assert_eq!(keys(&world, 2).await, ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lock_keeps_and_what_cannot_be_are_grounds_to_stay() {
    let server = S3Server::with_versions(1000);
    let long = "k".repeat(1025);
    let photos = [(1, 1, "kept"), (2, 1, "a/../kept"), (3, 1, "gone"), (4, 1, long.as_str())];
    let world = world(&server, MAP, &photos).await;
    for (key, lock) in [("kept", Lock::Retention), ("a/../kept", Lock::LegalHold)] {
        server.put(key, b"evidence");
        server.lock(key, lock);
    }
    server.put("gone", b"photo");
    let ended = erased(&world).await;
    let expected =
        MediaCounts { objects: 1, versions: 1, locked: 2, impossible: 1, ..MediaCounts::default() };
    assert_eq!(completed(&ended), expected);
    assert_eq!(audited(&world, ended.job).await, [expected]);
    assert_eq!(server.objects(), ["a/../kept", "kept"]);
    assert!(!keys(&world, 1).await.contains(&"kept".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_settings_is_refused_before_anything_is_erased() {
    let server = S3Server::with_versions(1000);
    let world = world(&server, MAP, &[(1, 1, "a"), (2, 1, "b"), (3, 1, "c"), (4, 2, "d")]).await;
    for (bucket, id) in [("archive", 2), ("Jane's photos", 3), ("another-s", 4)] {
        let sql = "UPDATE photo SET bucket = $1 WHERE id = $2";
        world.client.execute(sql, &[&bucket, &id]).await.unwrap();
    }
    server.put("a", b"photo");
    let before = world.digests().await;
    let ended = erased(&world).await;
    let expected = "media_bucket_unknown: nothing was erased: shop.photo: rows name buckets that the erasure-worker \
                    has no settings for: add [service.buckets.archive] and 1 more; or ask without delete_media";
    assert_eq!(ended.failure.as_deref(), Some(expected));
    assert_eq!((world.digests().await, server.objects()), (before, vec!["a".to_owned()]));
    assert_eq!(world.journalled(ended.job).await, 0);
    // Rows that are not erased may name what they like, and so may rows without an object.
    let held = json!({"kind": "rows", "collection": "shop.photo", "comparisons": [{"column": "id", "operator": "equal"}]});
    hold(&world, held, &["2"]).await;
    world.client.batch_execute("UPDATE photo SET key = '' WHERE id = 3").await.unwrap();
    let expected = MediaCounts { objects: 1, versions: 1, ..MediaCounts::default() };
    assert_eq!(completed(&erased(&world).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_turns_up_after_planning_stops_the_step_until_it_has_settings() {
    let server = S3Server::with_versions(1000);
    let world = world(&server, MAP, &[(1, 1, "a"), (2, 1, "b")]).await;
    ["a", "b"].iter().for_each(|key| server.put(key, b"photo"));
    let job = planned(&world).await;
    let rename = |bucket: &str| format!("UPDATE photo SET bucket = '{bucket}' WHERE id = 2");
    world.client.batch_execute(&rename("archive")).await.unwrap();
    let ended = world.finish(job, &organisation("1")).await;
    let failure = ended.failure.unwrap_or_default();
    assert_eq!(
        failure,
        "media_bucket_unknown: rows name buckets that the erasure-worker has no settings for: \
         add [service.buckets.archive]; then try the job again"
    );
    assert_eq!(keys(&world, 1).await, ["a", "b"], "the rows still say where their objects are");
    world.client.batch_execute(&rename("")).await.unwrap();
    world.api.retry_job(&organisation("1"), job, &owner("owner-1")).await.unwrap();
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_stops_the_step() {
    let server = S3Server::with_versions(1000);
    let mut buckets = buckets(&server);
    buckets["default"]["url"] = "s3://no-such-bucket".into();
    let world = World::with_buckets(SCHEMA, MAP, None, &buckets).await;
    let photos = "INSERT INTO photo VALUES (1, 1, NULL, 'a', '2024-01-01'), (2, 1, NULL, '/a', '2024-01-01')";
    world.client.batch_execute(photos).await.unwrap();
    let ended = erased(&world).await;
    let failure = ended.failure.unwrap_or_default();
    assert!(failure.starts_with("media_refused: 2 objects: there is no such bucket"), "{failure}");
    assert_eq!(keys(&world, 1).await, ["a", "/a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_answer_is_asked_again_while_the_rows_name_their_objects() {
    // For one object alone, or not at all; then the rest of them is left for later.
    for (only, told) in [(Some("zzz"), "1 objects"), (None, "8 objects")] {
        let server = S3Server::with_versions(1000);
        let mut buckets = buckets(&server);
        buckets["default"]["options"]["max_retries"] = "0".into();
        let world = World::with_buckets(SCHEMA, MAP, None, &buckets).await;
        let sql = "INSERT INTO photo SELECT n, 1, NULL, CASE n WHEN 20 THEN 'zzz' ELSE 'p' || n END, '2024-01-01' \
                   FROM generate_series(1, 20) n";
        world.client.batch_execute(sql).await.unwrap();
        let named = keys(&world, 1).await;
        named.iter().for_each(|key| server.put(key, b"photo"));
        let job = planned(&world).await;
        server.set_faults(Faults { errors: 1.0, only, ..Faults::default() });
        world.step(&world.claim(job, 2).await).await;
        let view = world.api.job_view(&organisation("1"), job).await.unwrap().unwrap();
        let failure = view.steps[1].failure.as_ref().map(|why| format!("{}: {}", why.code, why.detail));
        let expected = format!("media_unavailable: {told}: the bucket could not be reached");
        assert_eq!((view.steps[1].state.as_str(), failure), ("due", Some(expected)));
        assert!(server.objects().contains(&"zzz".to_owned()));
        assert_eq!(keys(&world, 1).await, named);
        server.set_faults(Faults::default());
        completed(&world.finish(job, &organisation("1")).await);
        assert_eq!(server.objects(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_another_organisations_prefix_stay_and_are_counted() {
    let server = S3Server::with_versions(1000);
    let map = MAP.replace("bucket_column: bucket", "bucket_column: bucket, prefix: 'media/{organisation}/'");
    let (own, others) =
        (["media/1/a", "media/1/../2/b", "media/1//c"], ["media/2/b", "b", "/media/1/a", "media/10/a"]);
    let photos: Vec<_> = (1..).zip(own.into_iter().chain(others)).map(|(id, key)| (id, 1, key)).collect();
    let world = world(&server, &map, &photos).await;
    own.iter().chain(&others).for_each(|key| server.put(key, b"photo"));
    // Where another's object is does not matter.
    world.client.batch_execute("UPDATE photo SET bucket = 'elsewhere' WHERE key = 'b'").await.unwrap();
    let ended = erased(&world).await;
    let expected = MediaCounts { objects: 3, versions: 3, outside: 4, ..MediaCounts::default() };
    assert_eq!(completed(&ended), expected);
    assert_eq!(audited(&world, ended.job).await, [expected]);
    let mut left = others.map(str::to_owned);
    left.sort_unstable();
    assert_eq!(server.objects(), left);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_object_of_a_held_row_stays_until_the_release() {
    let server = S3Server::with_versions(1000);
    let world = world(&server, MAP, &[(1, 1, "/a"), (2, 1, "/b"), (3, 2, "/c")]).await;
    ["/a", "/b", "/c"].iter().for_each(|key| server.put(key, b"photo"));
    let held = json!({"kind": "rows", "collection": "shop.photo", "comparisons": [{"column": "id", "operator": "equal"}]});
    let held = hold(&world, held, &["1"]).await;
    let one = MediaCounts { objects: 1, versions: 1, ..MediaCounts::default() };
    assert_eq!(completed(&erased(&world).await), one);
    assert_eq!(
        (server.objects(), keys(&world, 1).await[0].as_str()),
        (vec!["/a".to_owned(), "/c".to_owned()], "/a")
    );
    assert_eq!(completed(&release(&world, held).await), one);
    assert_eq!((server.objects(), keys(&world, 2).await), (vec!["/c".to_owned()], vec!["/c".to_owned()]));
}

/// A media step that is at its page's last object, which a failing bucket keeps it from, while the test does
/// something; then the bucket works again and the job goes on.
pub async fn held_up<F: Future<Output = ()>>(
    world: &World,
    server: &S3Server,
    gone: &str,
    meanwhile: F,
) -> Ended {
    let job = planned(world).await;
    server.set_faults(Faults { errors: 1.0, only: Some("zzz"), ..Faults::default() });
    let step = world.claim(job, 2).await;
    let held_up = async {
        eventually(
            PATIENCE,
            "an object of the page is gone, and another cannot be asked about",
            async || server.faults() > 0 && !server.objects().iter().any(|key| key == gone),
        )
        .await;
        meanwhile.await;
        server.set_faults(Faults::default());
    };
    tokio::join!(world.step(&step), held_up);
    world.finish(job, &organisation("1")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_changes_meanwhile_is_found() {
    let server = S3Server::with_versions(1000);
    let world = world(&server, MAP, &[(1, 1, "first"), (2, 1, "second"), (3, 1, "zzz")]).await;
    ["first", "second", "zzz"].iter().for_each(|key| server.put(key, b"photo"));
    let ended = held_up(&world, &server, "second", async {
        // One row names another object now; under another key lies an object again.
        server.put("moved", b"photo");
        server.put("second", b"written anew");
        world.client.batch_execute("UPDATE photo SET key = 'moved' WHERE id = 1").await.unwrap();
    })
    .await;
    let counts = completed(&ended);
    assert_eq!(server.versions(), Vec::new());
    assert_eq!((counts.objects, counts.versions, counts.missing), (5, 5, 0), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_the_objects_of_every_page_that_comes_after_it() {
    let server = S3Server::with_versions(1000);
    let world = world(&server, MAP, &[]).await;
    // Two pages and a half; the hundredth row's object is the last of the first page.
    let sql = "INSERT INTO photo SELECT n, 1, NULL, CASE n WHEN 100 THEN 'zzz' ELSE 'p' || n END, '2024-01-01' \
               FROM generate_series(1, 250) n";
    world.client.batch_execute(sql).await.unwrap();
    (1..=250).filter(|n| *n != 100).for_each(|n| server.put(&format!("p{n}"), b"photo"));
    server.put("zzz", b"photo");
    let held = json!({
        "kind": "rows", "collection": "shop.photo",
        "comparisons": [{"column": "id", "operator": "at_least"}],
    });
    let ended = held_up(&world, &server, "p99", async {
        hold(&world, held, &["101"]).await;
    })
    .await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    assert_eq!(server.objects().len(), 150, "{:?}", server.objects());
    let sql = "SELECT count(*) FROM photo WHERE key = 'p' || id";
    assert_eq!(world.rows(sql).await, ["(150)"], "and the rows name them still");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_says_which_keys_no_file_can_have() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("media");
    std::fs::create_dir_all(root.join("uploads")).unwrap();
    for file in ["media/uploads/a\tb", "media/uploads/x", "secret"] {
        std::fs::write(directory.path().join(file), b"photo").unwrap();
    }
    let buckets = json!({"default": {"url": format!("file://{}", root.display())}});
    let world = World::with_buckets(SCHEMA, MAP, None, &buckets).await;
    for (id, key) in (1..).zip(["uploads/a\tb", "./uploads/x", "../secret", "uploads//x", "/x", "none"]) {
        let sql = "INSERT INTO photo VALUES ($1, 1, NULL, $2, '2024-01-01')";
        world.client.execute(sql, &[&id, &key]).await.unwrap();
    }
    let counts = completed(&erased(&world).await);
    let expected =
        MediaCounts { objects: 2, versions: 2, missing: 1, impossible: 3, ..MediaCounts::default() };
    assert_eq!(counts, expected);
    assert!(directory.path().join("secret").exists());
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_made_after_planning_keep_their_objects() {
    let server = S3Server::with_versions(1000);
    let world = world(&server, MAP, &[(1, 1, "/a")]).await;
    let job = planned(&world).await;
    let later = "INSERT INTO photo VALUES (2, 1, NULL, '/later', clock_timestamp() + interval '1 day')";
    world.client.batch_execute(later).await.unwrap();
    ["/a", "/later"].iter().for_each(|key| server.put(key, b"photo"));
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!((server.objects(), keys(&world, 1).await[1].as_str()), (vec!["/later".to_owned()], "/later"));
}
