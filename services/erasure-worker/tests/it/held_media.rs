//! Whoever is held by name keeps media and tokens, whoever's erasure it is and whenever the hold came.

use contracts::http::MediaCounts;
use domain::id::JobId;
use serde_json::json;
use store::NewErasure;
use testkit::organisation;
use testkit::s3::S3Server;
use uuid::Uuid;

use crate::binding::person;
use crate::media::{buckets, held_up, planned};
use crate::spared::release;
use crate::world::{Ended, World};

/// The second person is held in all of these tests. A photo of the first shows the second too; a row of the
/// second names an object of another organisation.
const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE person (id int PRIMARY KEY, org int NOT NULL REFERENCES org, number text NOT NULL, name text);
    CREATE TABLE grants (
        id int PRIMARY KEY, org int NOT NULL REFERENCES org, person int NOT NULL REFERENCES person, provider text, token text);
    CREATE TABLE photo (
        id int PRIMARY KEY, org int NOT NULL REFERENCES org, person int REFERENCES person, shown int REFERENCES person,
        bucket text, key text, at timestamptz);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO person SELECT n, 1 + n / 9, 'C' || n, 'Name ' || n FROM generate_series(1, 9) n;
    INSERT INTO grants SELECT id, org, id, 'mail', 'token-' || id FROM person;
    INSERT INTO photo (id, org, person, shown, key) VALUES
        (1, 1, 1, NULL, 'media/1/one'), (2, 1, 2, NULL, 'media/1/two'), (3, 1, 2, NULL, 'media/1//x/../two'),
        (4, 1, 1, 2, 'media/1/both'), (5, 1, NULL, NULL, 'media/1/nobody'), (6, 1, 2, NULL, 'media/2/nine'),
        (9, 2, 9, NULL, 'media/2/nine');
    UPDATE photo SET at = '2024-01-01';";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, lethe: {strategy: keep}}
  - name: person
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: number, data_categories: [user.unique_id], lethe: {strategy: keep}, fides_meta: {identity: customer_id}}
    - {name: name, data_categories: [user.name], lethe: {strategy: redact_text}}
  - name: grants
    lethe: {tenant: org, erase: delete, oauth: {provider: provider, refresh_token: token}}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: person, fides_meta: {references: [{dataset: shop, field: person.id, direction: from}]}}
    - {name: provider}
    - {name: token, data_categories: [user.account]}
  - name: photo
    lethe: {tenant: org, created_at: at, media: {key: key, bucket_column: bucket, prefix: 'media/{organisation}/'}}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: person, fides_meta: {references: [{dataset: shop, field: person.id, direction: from}]}}
    - {name: shown, fides_meta: {references: [{dataset: shop, field: person.id, direction: from}]}}
    - {name: bucket}
    - {name: key, data_categories: [user.content], lethe: {strategy: pseudonymise}}
    - {name: at}
";

/// Every object that there is at first, in order.
const ALL: [&str; 5] = ["media/1//x/../two", "media/1/both", "media/1/nobody", "media/1/one", "media/1/two"];
/// And the other organisation's.
const OTHERS: &str = "media/2/nine";

async fn company(server: &S3Server) -> World {
    ALL.iter().chain([&OTHERS]).for_each(|key| server.put(key, b"photo"));
    World::with_buckets(SCHEMA, MAP, None, &buckets(server)).await
}

async fn hold_second(world: &World) -> Uuid {
    let (scope, sealed) = person("customer_id", "C2");
    world.hold(scope, sealed).await
}

/// A job about which the hold comes before planning, or after it.
async fn held(world: &World, late: bool, job: impl AsyncFnOnce() -> JobId) -> (Uuid, Ended) {
    let early = if late { None } else { Some(hold_second(world).await) };
    let job = job().await;
    let hold = match early {
        Some(hold) => hold,
        None => hold_second(world).await,
    };
    let ended = world.finish(job, &organisation("1")).await;
    completed(&ended);
    (hold, ended)
}

fn completed(ended: &Ended) {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
}

/// What became of the objects; nothing where no step was about any.
fn media(ended: &Ended) -> MediaCounts {
    ended.view.media.iter().map(|media| media.counts).next().unwrap_or_default()
}

fn deleted(objects: i64) -> MediaCounts {
    MediaCounts { objects, versions: objects, ..MediaCounts::default() }
}

/// The objects that are there, without the other organisation's, which always is.
fn objects(server: &S3Server) -> Vec<String> {
    let mut objects = server.objects();
    assert_eq!(objects.pop().as_deref(), Some(OTHERS));
    objects
}

/// The photos whose rows name their objects still.
async fn naming(world: &World) -> Vec<String> {
    world.rows("SELECT id FROM photo WHERE key LIKE 'media/%' ORDER BY id").await
}

/// The numbers of the tokens that were revoked.
fn revoked(world: &World) -> Vec<u32> {
    let number = |told: &String| {
        let digits = told.split("token-").nth(1).unwrap();
        digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    let mut revoked: Vec<u32> = world.provider.accepted().iter().map(number).collect();
    revoked.sort_unstable();
    revoked
}

async fn planned_of_one(world: &World, number: &str) -> JobId {
    let mut new: NewErasure = world.person("1", "customer_id", number);
    new.request.delete_media = true;
    let job = world.accepted(&new).await;
    world.step(&world.claim(job, 1).await).await;
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisations_erasure_leaves_the_held_person_media_and_tokens_until_the_release() {
    for late in [false, true] {
        let server = S3Server::with_versions(1000);
        let world = company(&server).await;
        let (hold, ended) = held(&world, late, async || planned(&world).await).await;
        assert_eq!(media(&ended), deleted(2), "late: {late}");
        assert_eq!(objects(&server), [ALL[0], ALL[1], ALL[4]]);
        assert_eq!(naming(&world).await, ["(2)", "(3)", "(4)", "(6)", "(9)"]);
        assert_eq!(revoked(&world), [1, 3, 4, 5, 6, 7, 8]);
        assert_eq!(world.rows("SELECT id FROM grants ORDER BY id").await, ["(2)", "(9)"]);
        assert_eq!(world.retained(ended.job).await, [(hold, 6)], "the person, a grant and four photos");
        let after = release(&world, hold).await;
        completed(&after);
        assert_eq!(media(&after), MediaCounts { outside: 1, ..deleted(3) });
        assert_eq!(objects(&server), Vec::<String>::new());
        assert_eq!((naming(&world).await, revoked(&world).len()), (vec!["(9)".to_owned()], 8));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_persons_erasure_leaves_what_shows_the_held_person() {
    for late in [false, true] {
        let server = S3Server::with_versions(1000);
        let world = company(&server).await;
        let (hold, ended) = held(&world, late, async || planned_of_one(&world, "C1").await).await;
        assert_eq!(media(&ended), deleted(1), "late: {late}");
        assert_eq!(objects(&server), [ALL[0], ALL[1], ALL[2], ALL[4]]);
        assert_eq!(naming(&world).await.len(), 6);
        assert_eq!((revoked(&world), world.retained(ended.job).await), (vec![1], vec![(hold, 1)]));
        let after = release(&world, hold).await;
        completed(&after);
        assert_eq!(media(&after), deleted(1), "what shows both");
        assert_eq!(objects(&server), [ALL[0], ALL[2], ALL[4]]);
        assert_eq!(revoked(&world), [1], "the other was never to be erased");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_held_persons_own_erasure_leaves_everything_until_the_release() {
    for late in [false, true] {
        let server = S3Server::with_versions(1000);
        let world = company(&server).await;
        let before = world.digests().await;
        let (hold, ended) = held(&world, late, async || planned_of_one(&world, "C2").await).await;
        assert_eq!(media(&ended), MediaCounts::default(), "late: {late}");
        assert_eq!((objects(&server), revoked(&world)), (ALL.map(str::to_owned).to_vec(), Vec::new()));
        assert_eq!(world.digests().await, before);
        let after = release(&world, hold).await;
        completed(&after);
        assert_eq!(media(&after), MediaCounts { outside: 1, ..deleted(3) });
        assert_eq!(
            (objects(&server), revoked(&world)),
            (vec![ALL[2].to_owned(), ALL[3].to_owned()], vec![2])
        );
    }
}

/// The hold binds between two pages of a media step.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_a_person_keeps_the_objects_of_every_page_that_comes_after_it() {
    let server = S3Server::with_versions(1000);
    let world = World::with_buckets(SCHEMA, MAP, None, &buckets(&server)).await;
    // Two pages and a half, the first of them not the held person's; without tokens media come first.
    let sql = "DELETE FROM grants; DELETE FROM photo; INSERT INTO photo \
               SELECT n, 1, 1 + (n > 100)::int, NULL, NULL, 'media/1/' || CASE n WHEN 100 THEN 'zzz' ELSE 'p' || n END, \
                   '2024-01-01' FROM generate_series(1, 250) n";
    world.client.batch_execute(sql).await.unwrap();
    (1..=250).filter(|n| *n != 100).for_each(|n| server.put(&format!("media/1/p{n}"), b"photo"));
    server.put("media/1/zzz", b"photo");
    let ended = held_up(&world, &server, "media/1/p99", async {
        hold_second(&world).await;
    })
    .await;
    completed(&ended);
    assert_eq!(server.objects().len(), 150, "{:?}", server.objects());
    assert_eq!(naming(&world).await.len(), 150, "and the rows name them still");
    let found = &world.verified(ended.job).await["left"];
    assert_eq!(found, &json!([]));
}
