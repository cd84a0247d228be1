//! Rows that must not go along with others, and what must not be taken for done.

use domain::id::JobId;
use serde_json::{Value, json};
use testkit::{organisation, owner};
use uuid::Uuid;

use crate::world::{Ended, World};

/// People who lead to their organisation through memberships, which are deleted; invitations among them.
const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE person (id int PRIMARY KEY, email text, token text, provider text DEFAULT 'mail');
    CREATE TABLE member (person int NOT NULL, org int NOT NULL REFERENCES org, PRIMARY KEY (person, org));
    CREATE TABLE visit (
        id int PRIMARY KEY, org int NOT NULL REFERENCES org, at timestamptz, source text,
        before int REFERENCES visit ON DELETE CASCADE);
    INSERT INTO org VALUES (1, 'One'), (2, 'Two');
    INSERT INTO person SELECT n, 'p' || n || '@example.org', 'token-' || n FROM generate_series(1, 20) n;
    INSERT INTO member SELECT n, 1 + n % 2 FROM generate_series(1, 20) n;
    INSERT INTO visit SELECT n, 1 + n % 2, '2024-01-01', 'web', CASE WHEN n > 4 THEN n - 2 END FROM generate_series(1, 20) n
        WHERE n > 2;";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, data_categories: [user.name], lethe: {strategy: redact_text}}
  - name: person
    lethe:
      tenant: {columns: [id], through: {collection: member, fields: [person]}}
      oauth: {provider: provider, access_token: token}
      #person
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: email, lethe: {strategy: null}}
    - {name: token, lethe: {strategy: null}}
    - {name: provider}
  - name: member
    lethe: {tenant: org, erase: delete}
    fields:
    - {name: person, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {primary_key: true, references: [{dataset: shop, field: org.id}]}}
  - name: visit
    lethe: {tenant: org, erase: delete, created_at: at}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: at}
    - {name: source, data_categories: [user.behavior]}
";

async fn world(more: &str) -> World {
    World::new(&format!("{SCHEMA};{more}"), MAP, None).await
}

/// Places a hold with these values to find its rows by.
pub async fn hold(world: &World, scope: Value, values: &[&str]) -> Uuid {
    world.hold(scope, json!({"values": values})).await
}

/// Releases a hold and runs what is asked for then.
pub async fn release(world: &World, hold: Uuid) -> Ended {
    let ours = organisation("1");
    let jobs = world.api.release_hold(&ours, hold, &owner("officer-1")).await.unwrap();
    assert_eq!(jobs.len(), 1);
    world.finish(jobs[0], &ours).await
}

fn completed(ended: &Ended) {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
}

async fn visits(world: &World) -> Vec<String> {
    world.rows("SELECT org, count(*) FROM visit GROUP BY 1 ORDER BY 1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_refer_to_each_other_go_together() {
    let world = world("").await;
    completed(&world.erase("1").await);
    assert_eq!(visits(&world).await, ["(2,9)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_another_organisation_is_not_deleted_along() {
    let world = world("UPDATE visit SET before = 4 WHERE id = 9").await;
    assert_eq!(world.rows("SELECT org FROM visit WHERE id IN (4, 9) ORDER BY id").await, ["(1)", "(2)"]);
    let before = world.digests().await;
    let ended = world.erase("1").await;
    let failure = ended.failure.unwrap_or_default();
    assert!(failure.starts_with("erasure_refused: nothing was erased: public.visit: 1 rows that would be deleted are referred to (before) by rows of the same table that stay"), "{failure}");
    assert_eq!(world.digests().await, before);
}

/// The server counts what is deleted along, but to go by this alone the step would begin again and again in vain.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_once_a_row_of_another_organisation_has_come_to_refer_to_it() {
    let world = world("").await;
    let job = world.planned().await;
    world.client.batch_execute("UPDATE visit SET before = 4 WHERE id = 9").await.unwrap();
    let before = world.digests().await;
    let ended = world.finish(job, &organisation("1")).await;
    let failure = ended.failure.unwrap_or_default();
    assert!(
        failure.starts_with("not_erased: ") && failure.contains("public.visit: 9 rows are still there"),
        "{failure}"
    );
    assert_eq!(world.digests().await.get("visit"), before.get("visit"));
    world.client.batch_execute("UPDATE visit SET before = NULL WHERE id = 9").await.unwrap();
    world.api.retry_job(&organisation("1"), job, &owner("owner-1")).await.unwrap();
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(visits(&world).await, ["(2,9)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_row_is_not_deleted_along() {
    let world = world("").await;
    let compared = json!([{"column": "id", "operator": "equal"}]);
    hold(&world, json!({"kind": "rows", "collection": "shop.visit", "comparisons": compared}), &["8"]).await;
    let before = world.digests().await;
    let ended = world.erase("1").await;
    assert!(ended.failure.unwrap_or_default().contains("let the hold cover what its rows refer to"));
    assert_eq!(world.digests().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_found_although_the_way_to_it_is_deleted() {
    // A trigger that the map allows, and that undoes what is written; it came after planning, which tries it.
    let stubborn = "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS \
                    'BEGIN NEW.email = OLD.email; RETURN NEW; END'; \
                    CREATE TRIGGER keep BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION keep()";
    let map = MAP.replace("#person", "triggers: [keep]");
    let world = World::new(SCHEMA, &map, None).await;
    let job = world.planned().await;
    world.client.batch_execute(stubborn).await.unwrap();
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!(ended.state, "failed");
    let failure = ended.failure.unwrap_or_default();
    assert!(failure.contains("public.person.email: 10 rows still hold values"), "{failure}");
    assert_eq!(world.rows("SELECT count(*) FROM member").await, ["(20)"], "the way to them is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn held_rows_keep_the_way_to_them_and_their_tokens_until_the_release() {
    let world = world("").await;
    let held = hold(&world, json!({"kind": "collection", "collection": "shop.person"}), &[]).await;
    completed(&world.erase("1").await);
    assert_eq!(world.rows("SELECT count(email), count(token) FROM person").await, ["(20,20)"]);
    assert_eq!(world.rows("SELECT count(*) FROM member").await, ["(20)"]);
    assert_eq!(world.provider.accepted().len(), 0, "tokens of held rows stay valid");
    completed(&release(&world, held).await);
    assert_eq!(world.rows("SELECT count(email), count(token) FROM person").await, ["(10,10)"]);
    assert_eq!(world.rows("SELECT org, count(*) FROM member GROUP BY 1").await, ["(2,10)"]);
    assert_eq!(world.provider.accepted().len(), 10, "they are revoked with their rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_comes_and_goes_while_the_job_runs_is_obeyed_to_its_end() {
    let world = world("").await;
    let held = hold(&world, json!({"kind": "collection", "collection": "shop.visit"}), &[]).await;
    let job = world.planned().await;
    let jobs = world.api.release_hold(&organisation("1"), held, &owner("officer-1")).await.unwrap();
    assert_eq!(jobs, [], "the job has not left anything yet");
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(visits(&world).await, ["(1,9)", "(2,9)"], "what it was planned with");
    let rest =
        world.admin.query_one("SELECT id FROM privacy_jobs WHERE request ? 'deferred'", &[]).await.unwrap();
    completed(&world.finish(JobId(rest.get(0)), &organisation("1")).await);
    assert_eq!(visits(&world).await, ["(2,9)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hold_kept_that_came_after_planning_is_erased_after_its_release() {
    let world = world("").await;
    let job = world.planned().await;
    let held = hold(&world, json!({"kind": "collection", "collection": "shop.visit"}), &[]).await;
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(visits(&world).await, ["(1,9)", "(2,9)"]);
    completed(&release(&world, held).await);
    assert_eq!(visits(&world).await, ["(2,9)"]);
}

/// Before the store was asked about holds, one like this was placed; today it is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_whose_value_no_store_can_compare_is_named_and_nothing_is_erased_beside_it() {
    let compared = |column: &str| {
        let compared = json!([{"column": column, "operator": "at_least"}]);
        json!({"kind": "rows", "collection": "shop.visit", "comparisons": compared})
    };
    for (column, told) in [
        ("at", "`at`: its value cannot be compared: expected a value of type timestamp with time zone"),
        (
            "place",
            "`place`: its column cannot be compared: the store cannot compare columns of type json by >=",
        ),
    ] {
        let map = MAP.replace("- {name: at}", "- {name: at}\n    - {name: place}");
        let world = World::new(&format!("{SCHEMA};ALTER TABLE visit ADD place json"), &map, None).await;
        let before = world.digests().await;
        let release = async |held| {
            world.api.release_hold(&organisation("1"), held, &owner("officer-1")).await.unwrap();
        };
        let names = |why: &str, held: Uuid| {
            let named =
                format!("hold_unusable: the legal hold {held} on rows of shop.visit cannot be obeyed");
            assert!(why.starts_with(&named) && why.contains(told) && !why.contains("neither"), "{why}");
        };
        // One is there when the erasure is planned, the other comes while it is under way.
        let held = hold(&world, compared(column), &["neither"]).await;
        let refused = world.erase("1").await;
        assert_eq!(refused.state, "failed");
        names(&refused.failure.unwrap_or_default(), held);
        release(held).await;
        let job = world.planned().await;
        let held = hold(&world, compared(column), &["neither"]).await;
        let step = world.due(job).await.unwrap();
        assert_eq!(world.step(&world.claim(job, step).await).await.name(), "on_hold");
        let why = "SELECT failure_code || ': ' || failure_detail FROM job_steps WHERE job_id = $1 AND failure_code IS NOT NULL";
        names(&world.admin.query_one(why, &[&job.0]).await.unwrap().get::<_, String>(0), held);
        assert_eq!(world.rows("SELECT count(*) FROM visit WHERE org = 1").await, ["(9)"]);
        assert_eq!(world.digests().await.get("visit"), before.get("visit"));
        release(held).await;
        completed(&world.finish(job, &organisation("1")).await);
        assert_eq!(visits(&world).await, ["(2,9)"]);
    }
}

/// Whatever happens to the columns of the rows: here nothing does.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_people_who_are_in_another_organisation_too_stay_valid() {
    let map = MAP.replace("name: email, lethe: {strategy: null}", "name: email, lethe: {strategy: keep}");
    let map = map.replace("name: token, lethe: {strategy: null}", "name: token, lethe: {strategy: keep}");
    let both = "INSERT INTO member VALUES (2, 2), (4, 2)";
    let world = World::new(&format!("{SCHEMA};{both}"), &map, None).await;
    completed(&world.erase("1").await);
    let mut revoked = world.provider.accepted();
    revoked.sort_unstable();
    let mut expected: Vec<String> = (3..=10).map(|n| format!("token-{}", 2 * n)).collect();
    expected.sort_unstable();
    assert_eq!(revoked.len(), expected.len());
    assert!(
        expected.iter().all(|token| revoked.iter().any(|told| told.contains(token.as_str()))),
        "{revoked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_made_later_are_left_and_reported() {
    let later = "INSERT INTO visit VALUES (101, 1, clock_timestamp() + interval '1 day', 'web', NULL)";
    let world = world(later).await;
    let ended = world.erase("1").await;
    completed(&ended);
    assert_eq!(world.rows("SELECT id FROM visit WHERE org = 1").await, ["(101)"]);
    let sql = "SELECT result FROM job_steps WHERE job_id = $1 AND kind = 'verify_erasure'";
    let result: Value = world.admin.query_one(sql, &[&ended.job.0]).await.unwrap().get(0);
    assert_eq!(result["left"], json!([{"collection": "shop.visit", "why": "later", "rows": 1}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_the_end_is_seen_by_the_next_erasure_and_not_before() {
    let world = world("").await;
    let ended = world.erase("1").await;
    completed(&ended);
    let import = "INSERT INTO visit VALUES (102, 1, '2024-01-01', 'web', NULL)";
    world.client.batch_execute(import).await.unwrap();
    let view = world.api.job_view(&organisation("1"), ended.job).await.unwrap().unwrap();
    assert_eq!(view.summary.state, "completed");
    assert_eq!(world.rows("SELECT id FROM visit WHERE org = 1").await, ["(102)"]);
    completed(&world.erase("1").await);
    assert_eq!(world.rows("SELECT id FROM visit WHERE org = 1").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_or_a_reader_without_its_rights_is_told_before_anything_is_revoked() {
    let roles = "DO $$ DECLARE role text; BEGIN FOREACH role IN ARRAY ARRAY['spared_eraser', 'spared_reader'] LOOP \
                 IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN EXECUTE format('CREATE ROLE %I', role); END IF; \
                 END LOOP; END $$; GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO spared_eraser; \
                 GRANT SELECT ON ALL TABLES IN SCHEMA public TO spared_reader";
    for (wrong, told) in [
        (
            "REVOKE INSERT ON lethe.journal FROM spared_eraser",
            "the table lethe.journal of store `shop` cannot be written",
        ),
        (
            "REVOKE SELECT ON visit FROM spared_reader",
            "the role that verifies could not look for what is left",
        ),
    ] {
        let sql = format!("{SCHEMA};{roles}");
        let world = World::new(&sql, MAP, Some(("spared_eraser", "spared_reader"))).await;
        world.client.batch_execute(wrong).await.unwrap();
        let ended = world.erase("1").await;
        let failure = ended.failure.unwrap_or_default();
        assert!(failure.contains("nothing was erased: ") && failure.contains(told), "{failure}");
        assert_eq!(world.provider.accepted().len(), 0);
    }
}
