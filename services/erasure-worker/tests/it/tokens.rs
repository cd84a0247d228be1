//! Tokens of more rows than are read at a time.

use std::collections::BTreeMap;

use chassis::{StepProgress, StepRunner as _};
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::JobId;
use store::SweepConfig;
use testkit::{Mood, organisation, worker};

use crate::spared::release;
use crate::world::{World, policy};

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
  - name: grants
    lethe: {tenant: org, erase: delete, oauth: {provider: provider, refresh_token: token}}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: provider}
    - {name: token, data_categories: [user.account]}
";

/// Full pages alone: each begins where the one before ended, and none is taken for the end.
#[tokio::test(flavor = "multi_thread")]
async fn every_token_is_revoked_once_however_many_there_are() {
    let sql = "
        CREATE TABLE org (id int PRIMARY KEY);
        CREATE TABLE grants (id int PRIMARY KEY, org int NOT NULL REFERENCES org, provider text, token text);
        INSERT INTO org VALUES (1), (2);
        INSERT INTO grants SELECT n, 1 + n % 2, 'mail', 'token-' || n FROM generate_series(1, 2000) n;";
    let world = World::new(sql, MAP, None).await;
    let ended = world.erase("1").await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    let mut revoked: Vec<u32> = world.provider.accepted().iter().map(|told| number(told)).collect();
    revoked.sort_unstable();
    let expected: Vec<u32> = (1..=1_000).map(|n| 2 * n).collect();
    assert_eq!(revoked, expected);
}

/// Whoever is held by name, after the planning and before the first token is read, keeps the tokens too.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_one_person_that_comes_late_keeps_that_persons_tokens() {
    let sql = "
        CREATE TABLE org (id int PRIMARY KEY);
        CREATE TABLE grants (id int PRIMARY KEY, org int NOT NULL REFERENCES org, owner text, provider text, token text);
        INSERT INTO org VALUES (1), (2);
        INSERT INTO grants SELECT n, 1 + n % 2, 'p' || n || '@mail.example', 'mail', 'token-' || n FROM generate_series(1, 20) n;";
    let owner = "- {name: owner, data_categories: [user.contact.email], fides_meta: {identity: email}}";
    let map = MAP.replace("- {name: provider}", &format!("{owner}\n    - {{name: provider}}"));
    let world = World::new(sql, &map, None).await;
    let job = world.planned().await;
    let scope = serde_json::json!({"kind": "subject", "identity_type": "email"});
    let held = world.hold(scope, serde_json::json!({"identity_value": "p8@mail.example"})).await;
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    let mut revoked: Vec<u32> = world.provider.accepted().iter().map(|told| number(told)).collect();
    revoked.sort_unstable();
    assert_eq!(revoked, [2, 4, 6, 10, 12, 14, 16, 18, 20]);
    assert_eq!(world.rows("SELECT id FROM grants WHERE org = 1").await, ["(8)"]);
    let after = release(&world, held).await;
    assert_eq!((after.state.as_str(), after.failure), ("completed", None));
    let last: Vec<u32> = world.provider.accepted().iter().map(|told| number(told)).collect();
    assert_eq!((last.len(), last.last()), (10, Some(&8)));
}

/// A thousand tokens of organisation 1, in pages of a hundred rows; the step that revokes them is due.
async fn a_thousand() -> (World, JobId) {
    let sql = "
        CREATE TABLE org (id int PRIMARY KEY);
        CREATE TABLE grants (id int PRIMARY KEY, org int NOT NULL REFERENCES org, provider text, token text);
        INSERT INTO org VALUES (1);
        INSERT INTO grants SELECT n, 1, 'mail', 'token-' || n FROM generate_series(1, 1000) n;";
    let world = World::new(sql, MAP, None).await;
    let job = world.planned().await;
    (world, job)
}

/// The step that revokes: when it was started last, and when it is due.
async fn times(world: &World, job: JobId) -> (DateTime<Utc>, DateTime<Utc>) {
    let sql = "SELECT floor(extract(epoch FROM started_at) * 1000)::int8, floor(extract(epoch FROM not_before) * 1000)::int8 \
               FROM job_steps WHERE job_id = $1 AND kind = 'revoke_tokens'";
    let row = world.admin.query_one(sql, &[&job.0]).await.unwrap();
    let time = |at: usize| DateTime::from_timestamp_millis(row.get(at)).unwrap();
    (time(0), time(1))
}

/// How often each token was asked for, by its number.
fn counted(bodies: &[String]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for body in bodies {
        *counts.entry(number(body)).or_insert(0) += 1;
    }
    counts
}

/// How many pages of revoked tokens are kept.
async fn pages(world: &World) -> i64 {
    world.admin.query_one("SELECT count(*) FROM revoked_tokens", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_asks_for_a_pause_gets_it_and_is_asked_then_for_what_is_left() {
    let (world, job) = a_thousand().await;
    world.provider.set_mood_after(250, Mood::Busy(120));
    let step = world.due(job).await.unwrap();
    world.step(&world.claim(job, step).await).await;
    let (began, due) = times(&world, job).await;
    assert!(due - began >= TimeDelta::seconds(120) && due - began < TimeDelta::seconds(240), "{began} {due}");
    let view = world.api.job_view(&organisation("1"), job).await.unwrap().unwrap();
    let told = view.steps[1].failure.as_ref().map(|failure| failure.detail.clone()).unwrap();
    assert!(told.contains("after the 120 s that were asked for"), "{told}");
    assert_eq!(view.steps[1].not_before.map(|at| at.timestamp()), Some(due.timestamp()));
    // Who was waiting for its turn when the provider said so does not ask it any more.
    let asked = world.provider.asked().len();
    assert!((251..260).contains(&asked), "{asked}");
    assert_eq!(world.rows("SELECT count(*) FROM grants").await, ["(1000)"]);
    assert_eq!(pages(&world).await, 3);

    world.provider.set_down(false);
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    let accepted = counted(&world.provider.accepted());
    assert_eq!(accepted, (1..=1_000).map(|n| (n, 1)).collect());
    let sql =
        "SELECT result #>> '{mail,revoked}' FROM job_steps WHERE job_id = $1 AND kind = 'revoke_tokens'";
    let result: String = world.admin.query_one(sql, &[&job.0]).await.unwrap().get(0);
    assert_eq!(result, "1000", "what was revoked before is counted too");
    assert_eq!(pages(&world).await, 0, "nobody needs it any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_ends_for_another_reason_keeps_the_pause_too() {
    let (world, job) = a_thousand().await;
    world.provider.set_mood_after(250, Mood::Busy(120));
    // What the third page has revoked cannot be kept.
    let conflict = "CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            IF (SELECT count(*) FROM revoked_tokens) >= 2 THEN RAISE 'later' USING ERRCODE = '40001'; END IF; \
            RETURN NEW; END $$; \
        CREATE TRIGGER conflict BEFORE INSERT ON revoked_tokens FOR EACH ROW EXECUTE FUNCTION conflict()";
    world.admin.batch_execute(conflict).await.unwrap();
    let step = world.due(job).await.unwrap();
    world.step(&world.claim(job, step).await).await;
    let (began, due) = times(&world, job).await;
    assert!(due - began >= TimeDelta::seconds(120), "{began} {due}");
    assert_eq!(pages(&world).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_cannot_put_a_step_off_for_more_than_a_day() {
    let (world, job) = a_thousand().await;
    world.provider.set_mood_after(0, Mood::Busy(u32::MAX));
    let step = world.due(job).await.unwrap();
    world.step(&world.claim(job, step).await).await;
    let (began, due) = times(&world, job).await;
    assert!(due - began >= TimeDelta::hours(24) && due - began < TimeDelta::hours(25), "{began} {due}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_two_pages_leaves_what_it_has_revoked_to_the_next() {
    let (world, job) = a_thousand().await;
    world.provider.set_mood_after(200, Mood::Silent);
    let step = world.due(job).await.unwrap();
    let claimed = world.claim(job, step).await;
    let asked_for_more = async {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while world.provider.asked().len() <= 200 {
            assert!(std::time::Instant::now() < until, "the third page is never begun");
            tokio::task::yield_now().await;
        }
    };
    let progress = StepProgress::default();
    tokio::select! {
        ended = world.worker.run(&claimed, &progress) => panic!("{ended:?}"),
        () = asked_for_more => {}
    }
    let lapsed =
        "UPDATE job_steps SET lease_expires_at = clock_timestamp() WHERE job_id = $1 AND state = 'running'";
    world.admin.execute(lapsed, &[&job.0]).await.unwrap();
    let scheduler = world.control.store_as("lethe_scheduler");
    let swept = scheduler.sweep(&SweepConfig::default(), &policy(), &worker("scheduler")).await.unwrap();
    assert_eq!(swept.lapsed, 1);
    world.provider.set_down(false);
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    assert_eq!(counted(&world.provider.accepted()), (1..=1_000).map(|n| (n, 1)).collect());
    let again: Vec<u32> =
        counted(&world.provider.asked()).into_iter().filter(|(_, n)| *n > 1).map(|(n, _)| n).collect();
    assert!((1..=8).contains(&again.len()) && again.iter().all(|n| *n > 200), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_took_the_place_of_a_revoked_one_is_revoked_before_it_is_erased() {
    let (world, job) = a_thousand().await;
    world.provider.set_mood_after(500, Mood::Down);
    let step = world.due(job).await.unwrap();
    world.step(&world.claim(job, step).await).await;
    world.client.execute("UPDATE grants SET token = 'token-' || 1000 + id WHERE id <= 3", &[]).await.unwrap();
    world.provider.set_down(false);
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    assert_eq!(counted(&world.provider.accepted()), (1..=1_003).map(|n| (n, 1)).collect());
}

/// The number of the token in the body of a request.
fn number(body: &str) -> u32 {
    let digits = body.split("token-").nth(1).unwrap();
    digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}
