//! Samples are closed under references, spread over what differs, and never more than was allowed.

use std::collections::{BTreeMap, BTreeSet};

use connectors::erase::{EraseScope, Part, Rows, SampledPart, Sampling, Unsampled, sample};
use domain::erasure::{CollectionErasure, plan};
use domain::hold::Hold;
use domain::id::OrganisationId;

use crate::erase::person::People;
use crate::erase::support::{hold_on, key, whole};
use crate::support::far_future;

/// Authors with posts, posts with comments; all of them are deleted. Author 1 has written 300 posts, every
/// other one two, each with two comments. Notes are divided by zones.
const TABLES: &str = "
CREATE TABLE org (id int PRIMARY KEY); INSERT INTO org VALUES (1), (2);
CREATE TABLE author (id int PRIMARY KEY, org int NOT NULL REFERENCES org);
CREATE TABLE post (id int PRIMARY KEY, author int NOT NULL REFERENCES author, next int REFERENCES post);
CREATE TABLE remark (id int, post int NOT NULL REFERENCES post, PRIMARY KEY (id, post));
CREATE TABLE note (id int, zone text, org int NOT NULL, body text, PRIMARY KEY (zone, id)) PARTITION BY LIST (zone);
CREATE TABLE note_a PARTITION OF note FOR VALUES IN ('a');
CREATE TABLE note_b PARTITION OF note FOR VALUES IN ('b');
CREATE TABLE note_c PARTITION OF note FOR VALUES IN ('c');
INSERT INTO author SELECT n, 1 + n / 900 FROM generate_series(1, 1000) n;
INSERT INTO post SELECT n, 1, NULL FROM generate_series(1, 300) n;
INSERT INTO post SELECT 1000 + 2 * a + n, a FROM generate_series(2, 1000) a, generate_series(0, 1) n;
INSERT INTO remark SELECT n, p.id FROM post p, generate_series(1, 2) n;
INSERT INTO note SELECT n, CASE WHEN n <= 2000 THEN 'a' WHEN n <= 2003 THEN 'b' ELSE 'c' END, 1, 'body' FROM generate_series(1, 4000) n;
";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: author
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
  - name: post
    lethe: {tenant: author, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: author, fides_meta: {references: [{dataset: shop, field: author.id}]}}
  - name: remark
    lethe: {tenant: post, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: post, fides_meta: {primary_key: true, references: [{dataset: shop, field: post.id}]}}
  - name: note
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: zone, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: body, data_categories: [user.content]}
";

struct Samples {
    people: People,
    organisation: OrganisationId,
    waves: Vec<Vec<CollectionErasure>>,
}

type Sampled = BTreeMap<String, SampledPart>;

impl Samples {
    async fn of(tables: &str) -> Self {
        let people = People::new(tables, MAP, "1").await;
        let (live, facts) = people.known().await;
        let waves = plan(&people.bench.map, &live, &facts).unwrap().waves;
        Self { people, organisation: OrganisationId::parse("1").unwrap(), waves }
    }

    async fn take(&self, room: usize, holds: &[Hold], outside: &str) -> Sampled {
        let (bench, all) = (&self.people.bench, whole());
        let mut parts = Vec::new();
        for (wave, erasure) in
            self.waves.iter().enumerate().flat_map(|(wave, all)| all.iter().map(move |one| (wave, one)))
        {
            let collection = bench.map.collection(&erasure.collection).unwrap();
            let holds = if collection.name == "post" { holds } else { &[] };
            let scope = EraseScope {
                guards: &erasure.guards,
                holds,
                ..EraseScope::all(&self.organisation, far_future())
            };
            let part = Part { collection, action: &erasure.action, scope, rows: Rows::Range(&all) };
            let outside = collection.name == outside;
            parts.push(Sampling { part, wave, whole: erasure.unsplit, triggered: false, outside });
        }
        let transaction = bench.store.begin_read().await.unwrap();
        let sampled = sample(&transaction, &parts, &bench.schema, room).await.unwrap();
        transaction.finish().await.unwrap();
        let names = parts.iter().map(|part| part.part.collection.name.clone());
        let sampled: Sampled = names.zip(sampled).collect();
        let rows: usize = sampled.values().map(|part| part.keys.len()).sum();
        assert!(rows <= room, "{rows} rows where there is room for {room}");
        sampled
    }

    /// How many rows refer to sampled ones and are not sampled.
    async fn open(&self, sampled: &Sampled) -> Vec<String> {
        let list = |name: &str, place: usize| {
            let keys = sampled[name].keys.iter().map(|key| key[place].clone());
            keys.chain(["-1".to_owned()]).collect::<Vec<_>>().join(",")
        };
        let sql = format!(
            "SELECT 'post ' || id FROM post WHERE author IN ({}) AND id NOT IN ({})
             UNION ALL SELECT 'remark ' || id FROM remark WHERE post IN ({}) AND post NOT IN ({})",
            list("author", 0),
            list("post", 0),
            list("post", 0),
            list("remark", 1)
        );
        self.people.texts(&sql).await
    }
}

/// Without the posts' references to each other.
fn apart() -> String {
    TABLES.replace(", next int REFERENCES post", "").replace("SELECT n, 1, NULL FROM", "SELECT n, 1 FROM")
}

#[tokio::test]
async fn what_is_deleted_is_chosen_with_all_that_refers_to_it() {
    let samples = Samples::of(&apart()).await;
    for room in [500, 50] {
        let sampled = samples.take(room, &[], "").await;
        assert_eq!(samples.open(&sampled).await, Vec::<String>::new());
        for (name, part) in &sampled {
            assert!(!part.keys.is_empty() && part.unsampled.is_none() && !part.all, "{room}: {name}");
        }
        assert!(!sampled["author"].keys.contains(&key(&["1"])), "its 300 posts and their remarks do not fit");
    }
}

#[tokio::test]
async fn of_a_partitioned_table_every_partition_is_tried() {
    let samples = Samples::of(&apart()).await;
    let sampled = samples.take(500, &[], "").await;
    let place = samples.people.bench.schema.tables[&samples.people.bench.collection("note").table]
        .primary_key
        .iter()
        .position(|name| name == "zone")
        .unwrap();
    let zones: BTreeSet<&str> = sampled["note"].keys.iter().map(|key| key[place].as_str()).collect();
    assert_eq!(zones, BTreeSet::from(["a", "b", "c"]));
    assert!(sampled.values().all(|part| part.keys.len() > 30), "each has a share of the room");
}

#[tokio::test]
async fn the_first_and_the_last_rows_are_tried_and_all_where_they_are_few() {
    let samples = Samples::of(&apart()).await;
    let sampled = samples.take(500, &[], "").await;
    let posts: Vec<i32> = sampled["post"].keys.iter().map(|key| key[0].parse().unwrap()).collect();
    let (first, last) = (posts.iter().min().unwrap(), posts.iter().max().unwrap());
    assert!(*first < 1_050 && *last > 2_750, "of posts 1004 to 2799: {posts:?}");
    let few = "DELETE FROM remark WHERE post > 3 OR id > 1; DELETE FROM post WHERE id > 3; DELETE FROM note WHERE id > 5; \
               DELETE FROM author WHERE id > 4";
    samples.people.database.client.batch_execute(few).await.unwrap();
    let sampled = samples.take(50, &[], "").await;
    let counts: Vec<(usize, bool)> = ["author", "note", "post", "remark"]
        .map(|name| (sampled[name].keys.len(), sampled[name].all))
        .to_vec();
    assert_eq!(counts, [(4, true), (5, true), (3, true), (3, true)]);
    // One row fewer of room, and a choice must be made.
    let sampled = samples.take(14, &[], "").await;
    assert!(sampled.values().any(|part| !part.all));
    assert_eq!(samples.open(&sampled).await, Vec::<String>::new());
}

#[tokio::test]
async fn rows_that_will_be_spared_are_not_tried() {
    let samples = Samples::of(&apart()).await;
    // Of author 2 one post is held, so that both stay.
    let held = [hold_on(&[key(&["1004"])])];
    let sampled = samples.take(500, &held, "").await;
    assert!(!sampled["post"].keys.contains(&key(&["1004"])));
    assert!(!sampled["author"].keys.contains(&key(&["2"])));
    assert_eq!(samples.open(&sampled).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_tried_takes_what_it_refers_to_along() {
    let samples = Samples::of(&apart()).await;
    let sampled = samples.take(500, &[], "remark").await;
    let why: Vec<_> = ["remark", "post", "author", "note"].map(|name| sampled[name].unsampled).to_vec();
    let referred = Some(Unsampled::Referred);
    assert_eq!(why, [Some(Unsampled::Outside), referred, referred, None]);
    // Rows that refer to each other go together, or none of them does.
    let samples = Samples::of(TABLES).await;
    let sampled = samples.take(500, &[], "").await;
    let why: Vec<_> = ["post", "author"].map(|name| sampled[name].unsampled).to_vec();
    assert_eq!(why, [Some(Unsampled::Whole), referred]);
    assert!(!sampled["remark"].keys.is_empty() && !sampled["note"].keys.is_empty());
}
