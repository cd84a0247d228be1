//! What only an attempt shows is found by one that is undone, before the first write.

use domain::erasure::document::PlanDocument;
use serde_json::json;
use store::{NewErasure, NewHold};
use testkit::{new_erasure, organisation, owner};
use uuid::Uuid;

use crate::world::{Ended, World};

/// A club whose members are deleted, and whose notes lose their text.
const SCHEMA: &str = "
    CREATE TABLE club (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE seat (id int PRIMARY KEY, club text NOT NULL REFERENCES club, email text UNIQUE, role text);
    CREATE TABLE memo (id int PRIMARY KEY, club text NOT NULL REFERENCES club, body text);
    CREATE TABLE trail (id int, club text NOT NULL, zone text, line text, PRIMARY KEY (id, zone)) PARTITION BY LIST (zone);
    CREATE TABLE trail_north PARTITION OF trail FOR VALUES IN ('north');
    CREATE TABLE trail_south PARTITION OF trail FOR VALUES IN ('south');
    CREATE TABLE memo_history (at timestamptz DEFAULT now(), memo int, body text);
    CREATE TABLE badge (id int PRIMARY KEY, seat int);
    INSERT INTO club VALUES ('c1', 'One'), ('c2', 'Two');
    INSERT INTO seat SELECT n, 'c' || (1 + n / 6), 'm' || n || '@club.example', CASE n % 5 WHEN 0 THEN 'owner' ELSE 'member' END
        FROM generate_series(1, 10) n;
    INSERT INTO memo SELECT n, 'c' || (1 + n / 6), 'text ' || n FROM generate_series(1, 10) n;
    INSERT INTO badge SELECT n, n FROM generate_series(1, 10) n;
    CREATE FUNCTION one_owner() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        IF NOT EXISTS (SELECT FROM public.seat WHERE club = OLD.club AND role = 'owner') THEN
            RAISE EXCEPTION 'the club % needs an owner, % was the last', OLD.club, OLD.email;
        END IF;
        RETURN NULL;
    END$$;
    CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'never: %', OLD; END$$;
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
    CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.body := OLD.body; RETURN NEW; END$$;
    CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        INSERT INTO public.memo_history (memo, body) VALUES (OLD.id, OLD.body); RETURN NULL;
    END$$;
    CREATE FUNCTION unbadge() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        DELETE FROM public.badge WHERE seat = OLD.id; RETURN NULL;
    END$$;";

const MAP: &str = "
dataset:
- fides_key: club
  lethe: {organisation: {collection: club, key: id, name: name}}
  collections:
  - name: club
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: seat
    lethe: {tenant: club, erase: delete, triggers: [watch]}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: club, fides_meta: {references: [{dataset: club, field: club.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: role}
  - name: memo
    lethe: {tenant: club, triggers: [watch]}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: club, fides_meta: {references: [{dataset: club, field: club.id, direction: from}]}}
    - {name: body, data_categories: [user.content.private], lethe: {strategy: redact_text}}
  - name: trail
    lethe: {tenant: club}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: zone, fides_meta: {primary_key: true}}
    - {name: club, fides_meta: {references: [{dataset: club, field: club.id, direction: from}]}}
    - {name: line, data_categories: [user.behavior], lethe: {strategy: redact_text}}
  #more
";

/// Statements more on the store, and what is told of them.
const REFUSED: [(&str, &[&str]); 14] = [
    // Deferred: nothing but the end of the transaction shows it.
    (
        "CREATE CONSTRAINT TRIGGER watch AFTER DELETE ON seat DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION one_owner()",
        &["public.seat: its trigger `watch`, which may wait for the end of a transaction", "SQLSTATE P0001"],
    ),
    (
        "CREATE CONSTRAINT TRIGGER watch AFTER UPDATE ON memo DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION never()",
        &["public.memo: its trigger `watch`, which may wait for the end of a transaction"],
    ),
    // At once
    (
        "CREATE CONSTRAINT TRIGGER watch AFTER DELETE ON seat DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION one_owner()",
        &[
            "public.seat: the server does not let its rows be deleted",
            "(`watch`) pass over the eraser's role",
        ],
    ),
    (
        "CREATE TRIGGER watch BEFORE DELETE ON seat FOR EACH ROW EXECUTE FUNCTION never()",
        &["public.seat: the server does not let its rows be deleted"],
    ),
    (
        "CREATE TRIGGER watch AFTER DELETE ON seat FOR EACH STATEMENT EXECUTE FUNCTION never()",
        &["public.seat: the server does not let its rows be deleted"],
    ),
    (
        "CREATE TRIGGER watch BEFORE UPDATE OF body ON memo FOR EACH ROW EXECUTE FUNCTION never()",
        &["public.memo: the server does not take what would be written", "(`watch`)"],
    ),
    // Nothing is refused, and nothing is erased.
    (
        "CREATE TRIGGER watch BEFORE DELETE ON seat FOR EACH ROW EXECUTE FUNCTION keep()",
        &["public.seat: 5 rows that were tried are still there after their deletion", "`watch`"],
    ),
    (
        "CREATE TRIGGER watch BEFORE UPDATE ON memo FOR EACH ROW EXECUTE FUNCTION back()",
        &["public.memo.body: 5 rows that were tried still hold values after their erasure", "`watch`"],
    ),
    (
        "CREATE RULE watch AS ON DELETE TO seat DO INSTEAD UPDATE seat SET role = 'gone' WHERE id = OLD.id",
        &[
            "erasing rows of public.seat does more than was planned: public.seat: 5 rows updated that were not planned",
        ],
    ),
    // More is done than was planned.
    (
        "CREATE TRIGGER watch AFTER UPDATE ON memo FOR EACH ROW EXECUTE FUNCTION remember()",
        &[
            "erasing rows of public.memo writes 5 rows into public.memo_history: a change history receives old values",
            "`watch`",
        ],
    ),
    (
        "CREATE CONSTRAINT TRIGGER watch AFTER UPDATE ON memo DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION remember()",
        &["the end of the erasing transaction writes 5 rows into public.memo_history"],
    ),
    (
        "CREATE TRIGGER watch AFTER DELETE ON seat FOR EACH ROW EXECUTE FUNCTION unbadge()",
        &[
            "erasing rows of public.seat does more than was planned: public.badge: 5 rows deleted that were not planned",
        ],
    ),
    // The catalogues know, or all rows are asked.
    (
        "CREATE TABLE chair (id int PRIMARY KEY, seat int REFERENCES seat ON DELETE RESTRICT)",
        &["rows of public.chair (seat) refer to its rows by `chair_seat_fkey` and stay"],
    ),
    // One partition of two, and not the first.
    (
        "INSERT INTO trail SELECT n, 'c1', CASE WHEN n BETWEEN 1000 AND 1005 THEN 'south' ELSE 'north' END, 'l' FROM generate_series(1, 2000) n; \
         ALTER TABLE trail_south ADD CONSTRAINT short CHECK (length(line) < 4)",
        &["constraint `short`"],
    ),
];

async fn world(more: &str) -> World {
    World::new(&format!("{SCHEMA};{more}"), MAP, None).await
}

fn of_club(dry: bool) -> NewErasure {
    let mut new = new_erasure("c1");
    new.request.grace_period_days = 0.try_into().unwrap();
    new.soft_deletes = false;
    new.request.dry_run = dry;
    new
}

fn completed(ended: &Ended) {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
}

/// Nothing was written, not even for a moment that anybody else could see.
async fn refused_whole(world: &World, ended: &Ended, before: &std::collections::BTreeMap<String, String>) {
    assert_eq!(ended.state, "failed");
    assert_eq!(world.digests().await, *before);
    assert_eq!(world.journalled(ended.job).await, 0);
    assert_eq!(ended.view.steps.len(), 1, "there is nothing but the planning");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_half_way_is_found_before_the_first_write() {
    for (sql, told) in REFUSED {
        let world = world(sql).await;
        let before = world.digests().await;
        let ended = world.erase("c1").await;
        let failure = ended.failure.clone().unwrap_or_default();
        assert!(failure.starts_with("erasure_refused: nothing was erased: "), "{sql}: {failure}");
        for told in told {
            assert!(failure.contains(told), "{sql}\nexpected: {told}\n    told: {failure}");
        }
        assert!(!failure.contains("club.example") && !failure.contains("text "), "{failure}");
        refused_whole(&world, &ended, &before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_refused_where_another_is_erased() {
    let world = world(REFUSED[0].0).await;
    let before = world.digests().await;
    let owner = world.erase_person("c1", "email", "m5@club.example").await;
    assert!(owner.failure.as_ref().is_some_and(|told| told.contains("its trigger `watch`")), "{owner:?}");
    refused_whole(&world, &owner, &before).await;
    completed(&world.erase_person("c1", "email", "m4@club.example").await);
    assert_eq!(world.rows("SELECT count(*) FROM seat WHERE club = 'c1'").await, ["(4)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn harmless_triggers_let_it_pass_and_the_plan_says_what_was_tried() {
    let world = world(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_notify('seats', ''); RETURN NULL; END$$;
         CREATE TRIGGER watch AFTER DELETE ON seat FOR EACH ROW EXECUTE FUNCTION tell();
         CREATE TRIGGER watch AFTER UPDATE ON memo FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    .await;
    let ended = world.run(&of_club(true)).await;
    completed(&ended);
    let rehearsal = world.plan(&ended, "c1").await.rehearsal.unwrap();
    assert_eq!((rehearsal.rows, rehearsal.not_sampled), (10, vec![]));
    let outside: Vec<String> =
        rehearsal.outside.iter().map(|one| format!("{} {}: {}", one.table, one.trigger, one.why)).collect();
    assert_eq!(outside, ["public.seat watch: its function sends a message to other sessions (NOTIFY)"]);
    completed(&world.erase("c1").await);
    assert_eq!(world.rows("SELECT count(*) FROM seat WHERE club = 'c1'").await, ["(0)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_may_reach_another_server_is_not_fired_to_try_it() {
    let world = world(
        "CREATE FUNCTION far() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM public.dblink_exec('far', 'DELETE'); RETURN NULL; END$$;
         CREATE TRIGGER watch AFTER DELETE ON seat FOR EACH ROW EXECUTE FUNCTION far()",
    )
    .await;
    let ended = world.run(&of_club(true)).await;
    completed(&ended);
    let rehearsal = world.plan(&ended, "c1").await.rehearsal.unwrap();
    assert_eq!(rehearsal.rows, 5, "the memos");
    assert_eq!(rehearsal.not_sampled.len(), 1);
    assert_eq!(rehearsal.not_sampled[0].table.to_string(), "public.seat");
    assert_eq!(rehearsal.not_sampled[0].why, "a trigger of it may do what no rollback undoes");
    assert_eq!(rehearsal.outside[0].why, "its function calls dblink, which speaks to another server");
}

/// Rows that refer to seats and go before them, and rows that refer to each other.
const REFERRING: &str = "
    CREATE TABLE visit (id int PRIMARY KEY, seat int NOT NULL REFERENCES seat);
    CREATE INDEX ON visit (seat);
    CREATE TABLE thread (id int PRIMARY KEY, club text NOT NULL REFERENCES club, above int REFERENCES thread, line text);
    INSERT INTO seat SELECT n, 'c1', 's' || n || '@club.example', 'member' FROM generate_series(101, 2100) n;
    INSERT INTO memo SELECT n, 'c1', 'text' FROM generate_series(101, 2100) n;
    INSERT INTO thread SELECT n, 'c1', NULLIF(n - 1, 0), 'line' FROM generate_series(1, 600) n;
    INSERT INTO visit SELECT row_number() OVER (), s.id FROM seat s, generate_series(1, 4) n WHERE club = 'c1' AND id > 1;
    INSERT INTO visit SELECT 100000 + n, 1 FROM generate_series(1, 700) n;";

fn referring_map() -> String {
    MAP.replace(
        "#more",
        "- name: visit
    lethe: {tenant: seat, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: seat, fides_meta: {references: [{dataset: club, field: seat.id, direction: from}]}}
  - name: thread
    lethe: {tenant: club, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: club, fides_meta: {references: [{dataset: club, field: club.id, direction: from}]}}
    - {name: above}
    - {name: line, data_categories: [user.content]}",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_large_organisation_rows_are_tried_with_those_that_refer_to_them() {
    let sql = format!("{SCHEMA};{REFERRING}");
    let world = World::new(&sql, &referring_map(), None).await;
    let ended = world.run(&of_club(true)).await;
    completed(&ended);
    let PlanDocument { rehearsal, collections, .. } = world.plan(&ended, "c1").await;
    let rehearsal = rehearsal.unwrap();
    assert!(collections.iter().map(|plan| plan.rows).sum::<i64>() > 5_000);
    assert!((200..=500).contains(&rehearsal.rows), "{}", rehearsal.rows);
    let not: Vec<String> =
        rehearsal.not_sampled.iter().map(|one| format!("{}: {}", one.table, one.why)).collect();
    assert_eq!(
        not,
        [
            "public.thread: its rows refer to each other and go together, and there is no room for all of them among the 500 that are tried"
        ]
    );
    // What objects to the deletion of any seat is found, although visits refer to each.
    let watch = "CREATE TRIGGER watch AFTER DELETE ON seat FOR EACH ROW EXECUTE FUNCTION never()";
    world.client.batch_execute(watch).await.unwrap();
    let ended = world.erase("c1").await;
    let failure = ended.failure.unwrap_or_default();
    assert!(failure.contains("public.seat: the server does not let its rows be deleted"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_too_much_refers_to_every_row_that_is_said() {
    let sql =
        format!("{SCHEMA};{REFERRING}; DELETE FROM visit WHERE seat > 1; DELETE FROM seat WHERE id > 1");
    let world = World::new(&sql, &referring_map(), None).await;
    let ended = world.run(&of_club(true)).await;
    completed(&ended);
    let not_sampled = world.plan(&ended, "c1").await.rehearsal.unwrap().not_sampled;
    let seat = not_sampled.iter().find(|one| one.table.to_string() == "public.seat").unwrap();
    assert!(seat.why.starts_with("too many rows refer to each that was looked at"), "{}", seat.why);
    assert!(!not_sampled.iter().any(|one| one.table.to_string() == "public.visit"), "some visits are tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hold_kept_is_rehearsed_after_its_release() {
    let world = world("").await;
    let held = Uuid::now_v7();
    let new = NewHold {
        id: held,
        organisation: organisation("c1"),
        scope: json!({"kind": "collection", "collection": "club.seat"}),
        sealed: None,
        ground: "legal_claims".to_owned(),
        owner: "legal department".to_owned(),
        review_on: "2027-01-31".parse().unwrap(),
    };
    world.api.place_hold(&new, &owner("officer-1")).await.unwrap();
    completed(&world.erase("c1").await);
    assert_eq!(world.rows("SELECT count(*) FROM seat WHERE club = 'c1'").await, ["(5)"]);
    world.client.batch_execute(REFUSED[0].0).await.unwrap();
    let before = world.digests().await;
    let jobs = world.api.release_hold(&organisation("c1"), held, &owner("officer-1")).await.unwrap();
    let ended = world.finish(jobs[0], &organisation("c1")).await;
    let failure = ended.failure.clone().unwrap_or_default();
    assert!(failure.contains("nothing was erased: public.seat: its trigger `watch`"), "{failure}");
    refused_whole(&world, &ended, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_else_has_locked_delays_it_and_refuses_nothing() {
    let world = world("").await;
    let job = world.accepted(&of_club(false)).await;
    let claimed = world.claim(job, 1).await;
    world.client.batch_execute("BEGIN; UPDATE memo SET body = body WHERE id = 3").await.unwrap();
    world.step(&claimed).await;
    let waiting = "SELECT state FROM job_steps WHERE job_id = $1 AND step_no = 1";
    let state: String = world.admin.query_one(waiting, &[&job.0]).await.unwrap().get(0);
    assert_eq!(state, "due", "it is tried again");
    world.client.batch_execute("ROLLBACK").await.unwrap();
    completed(&world.finish(job, &organisation("c1")).await);
}
