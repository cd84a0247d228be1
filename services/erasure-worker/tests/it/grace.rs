//! The mark on the organisation while its grace period runs.

use connectors::erase::Bound;
use domain::id::JobId;
use serde_json::{Value, json};
use store::Accepted;
use testkit::{new_erasure, organisation, owner, worker};

use crate::world::{Ended, World};

pub const ORGANISATION: &str = "7";

/// Companies marked as deleted by a time, with people.
pub const SHOP: &str = "
    CREATE TABLE company (id int PRIMARY KEY, name text NOT NULL, closed_at timestamptz);
    CREATE TABLE person (id int PRIMARY KEY, company_id int NOT NULL REFERENCES company, email text);
    INSERT INTO company VALUES (7, 'Seven', NULL), (8, 'Eight', NULL);
    INSERT INTO person VALUES (1, 7, 'one@example.org'), (2, 8, 'two@example.org');";

pub const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: company, key: id, name: name, soft_delete: closed_at}}
  collections:
  - name: company
    lethe: {tenant: id}
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}, {name: closed_at}]
  - name: person
    lethe: {tenant: company_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: company_id, fides_meta: {references: [{dataset: shop, field: company.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
";

async fn scheduled(world: &World) -> JobId {
    match world.api.create_erasure(&new_erasure(ORGANISATION)).await.unwrap() {
        Accepted::Created(job) | Accepted::Replayed(job) => job,
    }
}

pub async fn marked(world: &World) -> Vec<String> {
    world.rows("SELECT id FROM company WHERE closed_at IS NOT NULL").await
}

async fn cancel(world: &World, job: JobId) {
    world.api.cancel_job(&organisation(ORGANISATION), job, &owner("owner-1")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_set_at_once_and_taken_away_when_the_erasure_is_called_off() {
    let world = World::new(SHOP, MAP, None).await;
    let before = world.digests().await;
    let job = scheduled(&world).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    assert_eq!(marked(&world).await, ["(7)"]);
    cancel(&world, job).await;
    let ended = world.finish(job, &organisation(ORGANISATION)).await;
    assert_eq!(ended.state, "cancelled");
    assert_eq!(world.digests().await, before, "nothing is changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_back_from_the_dead_does_not_mark_what_was_restored() {
    let world = World::new(SHOP, MAP, None).await;
    let before = world.digests().await;
    let job = scheduled(&world).await;
    let zombie = world.claim(job, 1).await;
    cancel(&world, job).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    world.run_anyway(&zombie).await;
    assert_eq!(world.digests().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_of_somebody_else_stays() {
    let world = World::new(SHOP, MAP, None).await;
    world.client.batch_execute("UPDATE company SET closed_at = '2020-01-01' WHERE id = 7").await.unwrap();
    let before = world.digests().await;
    let job = scheduled(&world).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    cancel(&world, job).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    assert_eq!(world.digests().await, before);
}

/// Lets the grace period of a job end, and runs the rest of it.
async fn over(world: &World, job: JobId, of: &str) -> Ended {
    let now = world.admin.query_one("SELECT clock_timestamp()", &[]).await.unwrap().get(0);
    world.control.end_grace(job, now).await;
    let scheduler = world.control.store_as("lethe_scheduler");
    assert_eq!(scheduler.release_scheduled(now, &worker("retention-scheduler")).await.unwrap(), 1);
    world.finish(job, &organisation(of)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn once_it_is_over_the_rows_are_erased() {
    let world = World::new(SHOP, MAP, None).await;
    let job = scheduled(&world).await;
    world.finish(job, &organisation(ORGANISATION)).await;
    let ended = over(&world, job, ORGANISATION).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    assert_eq!(world.rows("SELECT email FROM person WHERE id = 2").await, ["(two@example.org)"]);
    let erased = world.rows("SELECT email FROM person WHERE id = 1").await;
    assert!(!erased[0].contains("one@example.org"), "{erased:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grace_period_it_is_set_before_anything_is_planned() {
    let world = World::new(SHOP, MAP, None).await;
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = 0.try_into().unwrap();
    let job = world.accepted(&new).await;
    let marking = world.claim(job, 1).await;
    world.step(&marking).await;
    assert_eq!(marked(&world).await, ["(7)"]);
    assert_eq!(result_of(&world, job, 1).await, json!({"rows": 1}));
    let ended = world.finish(job, &organisation(ORGANISATION)).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    assert_eq!(marked(&world).await, ["(7)"], "whoever looks still sees it deleted");
    let left = world.rows("SELECT email FROM person ORDER BY id").await;
    assert!(!left[0].contains("one@example.org") && left[1] == "(two@example.org)", "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_without_a_grace_period_takes_the_mark_away() {
    let world = World::new(SHOP, MAP, None).await;
    let fires = "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
                 CREATE TRIGGER shout AFTER UPDATE ON person FOR EACH ROW EXECUTE FUNCTION shout()";
    world.client.batch_execute(fires).await.unwrap();
    let before = world.digests().await;
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = 0.try_into().unwrap();
    let ended = world.run(&new).await;
    assert_eq!(ended.state, "failed", "{:?}", ended.failure);
    assert_eq!(world.digests().await, before, "nothing is changed");
}

/// Company 1, on which holds are placed, instead of 7.
async fn of_one(map: &str) -> World {
    World::new(&SHOP.replace('7', "1"), map, None).await
}

async fn scheduled_of_one(world: &World) -> JobId {
    world.accepted(&new_erasure("1")).await
}

async fn place(world: &World, scope: &Value, sealed: &Value) -> uuid::Uuid {
    let hold = world.hold(scope.clone(), sealed.clone()).await;
    assert_eq!(world.bind().await, Bound::Yes);
    hold
}

async fn result_of(world: &World, job: JobId, step: i32) -> Value {
    let sql = "SELECT result FROM job_steps WHERE job_id = $1 AND step_no = $2 AND state = 'completed'";
    world.admin.query_one(sql, &[&job.0, &step]).await.unwrap().get(0)
}

/// A hold on rows of companies.
fn companies(id: &str) -> (Value, Value) {
    let comparisons = json!([{"column": "id", "operator": "equal"}]);
    let scope = json!({"kind": "rows", "collection": "shop.company", "comparisons": comparisons});
    (scope, json!({"values": [id]}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_hold_keeps_is_not_marked_and_the_job_goes_on() {
    let (none, person) = (json!({}), json!({"identity_value": "one@example.org"}));
    let of_person = json!({"kind": "subject", "identity_type": "email"});
    let whole = json!({"kind": "organisation"});
    for (scope, sealed, keeps) in [
        (whole.clone(), none.clone(), true),
        (json!({"kind": "collection", "collection": "shop.company"}), none.clone(), true),
        (json!({"kind": "collection", "collection": "shop.person"}), none, false),
        (companies("1").0, companies("1").1, true),
        (companies("2").0, companies("2").1, false),
        (of_person, person, false),
    ] {
        let world = of_one(MAP).await;
        let before = world.digests().await;
        let hold = place(&world, &scope, &sealed).await;
        let job = scheduled_of_one(&world).await;
        world.finish(job, &organisation("1")).await;
        let told = json!([{"hold": hold, "ground": "legal_claims", "rows": 1}]);
        if !keeps {
            assert_eq!(marked(&world).await, ["(1)"], "{scope}");
            assert_eq!(result_of(&world, job, 1).await, json!({"rows": 1}), "{scope}");
            continue;
        }
        assert_eq!(world.digests().await["company"], before["company"], "{scope}");
        assert_eq!(result_of(&world, job, 1).await, json!({"rows": 0, "retained": told}), "{scope}");
        if scope == whole {
            let ended = over(&world, job, "1").await;
            assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
            assert_eq!(world.digests().await["company"], before["company"]);
        }
    }
}

/// Before the store was asked about holds, one like this was placed; it may be on any row.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_whose_value_no_store_can_compare_is_named_and_nothing_is_marked_beside_it() {
    for collection in ["shop.company", "shop.person"] {
        let world = of_one(MAP).await;
        let before = world.digests().await;
        let comparisons = json!([{"column": "id", "operator": "at_least"}]);
        let scope = json!({"kind": "rows", "collection": collection, "comparisons": comparisons});
        let hold = place(&world, &scope, &json!({"values": ["neither"]})).await;
        let job = scheduled_of_one(&world).await;
        let ended = world.finish(job, &organisation("1")).await;
        let marking = &ended.view.steps[0];
        let failure = marking.failure.as_ref().map(|why| format!("{}: {}", why.code, why.detail));
        let failure = failure.unwrap_or_default();
        let named = format!("hold_unusable: the legal hold {hold} on rows of {collection} cannot be obeyed");
        assert_eq!(marking.state, "failed");
        assert!(failure.starts_with(&named), "{failure}");
        assert_eq!(world.digests().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_is_placed_while_the_organisation_is_marked_binds_after_the_mark() {
    let world = of_one(MAP).await;
    let job = scheduled_of_one(&world).await;
    let blocker = world.another().await;
    blocker.batch_execute("BEGIN; SELECT FROM company WHERE id = 1 FOR UPDATE").await.unwrap();
    let claimed = world.claim(job, 1).await;
    let placed = async {
        world.blocked(1).await;
        let release = async {
            // The worker, and whoever places the hold.
            world.blocked(2).await;
            blocker.batch_execute("COMMIT").await.unwrap();
        };
        let place = async {
            place(&world, &json!({"kind": "organisation"}), &json!({})).await;
            marked(&world).await
        };
        tokio::join!(place, release).0
    };
    let (_, standing) = tokio::join!(world.step(&claimed), placed);
    assert_eq!((standing, marked(&world).await), (vec!["(1)".to_owned()], vec!["(1)".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_under_a_hold_is_taken_away_after_the_release() {
    let world = of_one(MAP).await;
    let (ours, before) = (organisation("1"), world.digests().await);
    let job = scheduled_of_one(&world).await;
    world.finish(job, &ours).await;
    let under_mark = world.digests().await;
    let hold = place(&world, &json!({"kind": "organisation"}), &json!({})).await;
    world.api.cancel_job(&ours, job, &owner("owner-1")).await.unwrap();
    let restoring = world.due(job).await.unwrap();
    world.step(&world.claim(job, restoring).await).await;
    assert_eq!(world.digests().await["company"], under_mark["company"]);
    let view = world.api.job_view(&ours, job).await.unwrap().unwrap();
    let told = serde_json::to_string(&view.steps).unwrap();
    assert!(told.contains("mark_held") && told.contains(&hold.to_string()), "{told}");
    world.api.release_hold(&ours, hold, &owner("officer-1")).await.unwrap();
    let ended = world.finish(job, &ours).await;
    assert_eq!((ended.state.as_str(), world.due(job).await), ("cancelled", None));
    assert_eq!(world.digests().await["company"], before["company"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_written_after_the_mark_and_never_erased_is_not_in_doubt() {
    let field =
        "{name: phone, data_categories: [user.contact.phone_number], lethe: {strategy: format_preserving}}";
    let map = MAP.replace(
        "fides_meta: {identity: email}}",
        &format!("lethe: {{strategy: keep}}, fides_meta: {{identity: email}}}}\n    - {field}"),
    );
    let world = of_one(&map.replace("{tenant: company_id}", "{tenant: company_id, triggers: [undo]}")).await;
    let sql = "ALTER TABLE person ADD phone text; INSERT INTO person VALUES (3, 1, 'three@example.org'); \
               UPDATE person SET phone = '+44 20 7946 010' || id";
    world.client.batch_execute(sql).await.unwrap();
    let job = scheduled_of_one(&world).await;
    world.finish(job, &organisation("1")).await;
    assert_eq!(marked(&world).await, ["(1)"]);
    // Somebody corrects a number; what erases it is undone.
    let sql = "UPDATE person SET phone = '+44 20 7946 0999' WHERE id = 1; \
               CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
               CREATE TRIGGER undo BEFORE UPDATE ON person FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION undo()";
    world.client.batch_execute(sql).await.unwrap();
    let ended = over(&world, job, "1").await;
    let failure = ended.failure.unwrap_or_default();
    assert!(failure.contains("public.person.phone: 1 rows still hold values"), "{}: {failure}", ended.state);
}
