//! Objects that a bucket fails to give for a moment, and those that it never gives.

use serde_json::{Map, Value, json};
use testkit::new_export;
use testkit::s3::{BUCKET, Faults, S3Server};

use crate::world::{Exported, World};

const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE photo (id int PRIMARY KEY, org int NOT NULL REFERENCES org, key text);
    INSERT INTO org VALUES (1, 'One');
    INSERT INTO photo VALUES (1, 1, 'a.jpg'), (2, 1, 'b.jpg'), (3, 1, 'c.jpg');";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, data_categories: [user.name], lethe: {strategy: redact_text}}
  - name: photo
    lethe: {tenant: org, media: {key: key}}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: key, data_categories: [user.content]}
";

/// An export of the company with photos in this bucket, asked for each object once.
async fn exported(server: &S3Server, whole_rows: i64) -> Exported {
    exported_with(SCHEMA, server, whole_rows).await
}

async fn exported_with(schema: &str, server: &S3Server, whole_rows: i64) -> Exported {
    let mut options: Map<String, Value> =
        server.options().into_iter().map(|(name, value)| (name, value.into())).collect();
    options.insert("max_retries".to_owned(), "0".into());
    let buckets = json!({"default": {"url": format!("s3://{BUCKET}"), "options": options}});
    let settings = json!({"buckets": buckets, "whole_export_rows": whole_rows});
    let world = World::new(schema, MAP, settings).await;
    let mut new = new_export("1");
    new.request.include_media = true;
    world.run(&new).await
}

fn bucket(keys: &[&str]) -> S3Server {
    let server = S3Server::with_any_keys();
    for key in keys {
        server.put(key, format!("picture {key}").as_bytes());
    }
    server
}

/// The media of a package, by the ends of their names.
fn media(exported: &Exported) -> Vec<String> {
    let of =
        |content: &[u8]| String::from_utf8(content.to_vec()).ok().filter(|text| text.starts_with("picture "));
    let mut found: Vec<String> = exported.files.values().filter_map(|content| of(content)).collect();
    found.sort();
    found
}

const ALL: [&str; 3] = ["picture a.jpg", "picture b.jpg", "picture c.jpg"];

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_the_bucket_fails_to_give_for_a_moment_is_in_the_package() {
    // In one step, and in a step of its own.
    for whole_rows in [20_000, 1] {
        let server = bucket(&["a.jpg", "b.jpg", "c.jpg"]);
        server.set_faults(Faults { errors: 1.0, most: Some(2), only: Some("b.jpg"), ..Faults::default() });
        let exported = exported(&server, whole_rows).await;
        assert!(server.faults() > 0, "the bucket did fail");
        assert_eq!(media(&exported), ALL);
        assert_eq!(exported.manifest()["media"].get("missing"), None);
        let counted = exported.view.exported.unwrap();
        assert_eq!((counted.media_objects, counted.media_left_out), (3, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_are_left_out_are_counted_in_the_job() {
    for whole_rows in [20_000, 1] {
        let server = bucket(&["a.jpg", "c.jpg"]);
        let exported = exported(&server, whole_rows).await;
        assert_eq!(media(&exported), [ALL[0], ALL[2]]);
        let missing = &exported.manifest()["media"]["missing"];
        assert_eq!((missing.as_array().unwrap().len(), &missing[0]["key"]), (1, &json!("b.jpg")));
        let counted = exported.view.exported.unwrap();
        assert_eq!((counted.media_objects, counted.media_left_out), (2, 1));
        let note = exported.note();
        assert!(note.contains("1 object of the media could not be read."), "{note}");
        assert!(!note.contains("Nothing was left out"), "{note}");
        assert!(!exported.text("index.html").contains("Nothing was left out"));
    }
}

/// More than eight, as many as would say that the bucket is away if they came one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_the_bucket_never_gives_are_left_out_wherever_they_stand() {
    const PHOTOS: usize = 30;
    // In the order of their keys two of three are never given: none of them follows eight others.
    let keys: Vec<String> = (0..PHOTOS)
        .map(|photo| if photo % 3 == 1 { format!("{photo:02}.jpg") } else { format!("{photo:02}-bad.jpg") })
        .collect();
    let rows: Vec<String> =
        keys.iter().enumerate().map(|(id, key)| format!("({}, 1, '{key}')", id + 10)).collect();
    let schema = format!("{SCHEMA}; DELETE FROM photo; INSERT INTO photo VALUES {}", rows.join(", "));
    let export = async |whole_rows: i64| {
        let server = bucket(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        server.set_faults(Faults { errors: 1.0, only: Some("bad"), ..Faults::default() });
        exported_with(&schema, &server, whole_rows).await
    };
    // In one step, and in a step of its own.
    let (whole, own) = tokio::join!(export(20_000), export(1));
    for exported in [whole, own] {
        let mut given: Vec<String> =
            keys.iter().filter(|key| !key.contains("bad")).map(|key| format!("picture {key}")).collect();
        given.sort();
        assert_eq!(media(&exported), given);
        let manifest = exported.manifest();
        let missing = manifest["media"]["missing"].as_array().unwrap();
        assert!(missing.iter().all(|object| object["key"].as_str().unwrap().ends_with("-bad.jpg")));
        let counted = exported.view.exported.unwrap();
        assert_eq!((missing.len(), counted.media_left_out, counted.media_objects), (20, 20, 10));
        assert!(
            exported.note().contains("20 objects of the media could not be read."),
            "{}",
            exported.note()
        );
    }
}
