//! What would only be found half-way, beyond any sample or in what the server does by itself, is refused
//! before anything is written.

use chassis::{StepProgress, StepRunner as _};
use serde_json::Value;

use crate::world::{Ended, World};

/// Patients, deleted, and what refers to them; letters are anonymised, and the last of them are different.
const SCHEMA: &str = "
    CREATE TABLE clinic (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE patient (id int PRIMARY KEY, clinic int NOT NULL REFERENCES clinic, email text);
    CREATE TABLE visit (id int PRIMARY KEY, clinic int NOT NULL REFERENCES clinic, patient int REFERENCES patient ON DELETE SET NULL, what text);
    CREATE TABLE stay (id int PRIMARY KEY, clinic int NOT NULL REFERENCES clinic, patient int REFERENCES patient ON DELETE CASCADE, bed text);
    CREATE TABLE letter (id int PRIMARY KEY, clinic int NOT NULL REFERENCES clinic, sender int NOT NULL, signed text, body text);
    CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never: %', TG_OP; END $$;
    INSERT INTO clinic VALUES (1, 'One'), (2, 'Two');
    INSERT INTO patient SELECT n, 1 + n % 2, 'p' || n || '@example.org' FROM generate_series(1, 10) n;
    INSERT INTO visit SELECT n, 1 + n % 2, n, 'seen' FROM generate_series(1, 10) n;
    INSERT INTO stay SELECT n, 1 + n % 2, n, 'bed' FROM generate_series(1, 10) n;
    INSERT INTO letter SELECT n, 1 + n % 2, CASE WHEN n > 560 THEN 0 ELSE n END, 'Dr. ' || n, 'Dear ' || n FROM generate_series(1, 600) n;";

const MAP: &str = "
dataset:
- fides_key: care
  lethe: {organisation: {collection: clinic, key: id}}
  collections:
  - name: clinic
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: patient
    lethe: {tenant: clinic, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: clinic, fides_meta: {references: [{dataset: care, field: clinic.id}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: visit
    lethe: {tenant: clinic, erase: delete} #visit
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: clinic, fides_meta: {references: [{dataset: care, field: clinic.id}]}}
    - {name: patient, fides_meta: {references: [{dataset: care, field: patient.id}]}}
  - name: stay
    lethe: {tenant: clinic}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: clinic, fides_meta: {references: [{dataset: care, field: clinic.id}]}}
    - {name: patient, fides_meta: {references: [{dataset: care, field: patient.id}]}, lethe: {strategy: null}}
    - {name: bed}
  - name: letter
    lethe: {tenant: clinic}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: clinic, fides_meta: {references: [{dataset: care, field: clinic.id}]}}
    - {name: sender}
    - {name: signed, lethe: {strategy: null}}
    - {name: body, lethe: {strategy: redact_text}} #body
";

/// Statements more, and what is told.
type Case = (&'static str, &'static str);

const SIGNED: &str = "public.letter.signed: the constraint `signed` would not hold for 20 rows with the new values of signed; \
     name another strategy for signed with `lethe: {strategy: …}`, or keep the values with `keep`";

const CASES: [Case; 12] = [
    // A CHECK that bites beyond any sample
    ("ALTER TABLE letter ADD CONSTRAINT signed CHECK (sender <> 0 OR signed IS NOT NULL)", SIGNED),
    // One that is not valid for a row as it is
    (
        "ALTER TABLE letter ADD CONSTRAINT sent CHECK (sender <> 0) NOT VALID",
        "public.letter: the constraint `sent` does not hold for 20 rows as they are, so that no change of them is taken; mend these rows, or the constraint",
    ),
    // A key that only the nulled column kept apart
    (
        "CREATE UNIQUE INDEX unsigned ON letter (sender, clinic) WHERE signed IS NULL",
        "public.letter.signed: the unique index `unsigned` would not hold for 20 rows with the new values of signed",
    ),
    (
        "CREATE UNIQUE INDEX unsigned ON letter (sender, signed) NULLS NOT DISTINCT",
        "public.letter.signed: the unique index `unsigned` would not hold for 20 rows",
    ),
    (
        "CREATE DOMAIN brief AS varchar(9); ALTER TABLE letter ALTER body TYPE brief USING body::text",
        "public.letter.body: the length of its type public.brief would not hold for 300 rows with the new values of body",
    ),
    // What a foreign key fires, with no row left that refers
    (
        "CREATE TRIGGER kept BEFORE UPDATE ON visit FOR EACH STATEMENT EXECUTE FUNCTION never()",
        "public.visit: deleting rows of public.patient would fire its trigger `kept` by the foreign key `visit_patient_fkey` \
         (ON DELETE SET NULL), whether rows refer to them or not; when what it does is harmless, say so with \
         `lethe: {triggers: [kept]}`",
    ),
    (
        "CREATE TRIGGER kept AFTER UPDATE OF patient ON visit FOR EACH STATEMENT EXECUTE FUNCTION never()",
        "public.visit: deleting rows of public.patient would fire its trigger `kept`",
    ),
    (
        "CREATE TRIGGER kept BEFORE DELETE ON stay FOR EACH STATEMENT EXECUTE FUNCTION never()",
        "public.stay: deleting rows of public.patient would fire its trigger `kept` by the foreign key `stay_patient_fkey` (ON DELETE CASCADE)",
    ),
    (
        "CREATE RULE kept AS ON DELETE TO stay DO INSTEAD NOTHING",
        "public.stay: deleting rows of public.patient would fire its trigger `kept`",
    ),
    // A trigger on a column that the server computes
    (
        "ALTER TABLE letter ADD initial text GENERATED ALWAYS AS (left(body, 1)) STORED;
         CREATE TRIGGER kept BEFORE UPDATE OF initial ON letter FOR EACH ROW EXECUTE FUNCTION never()",
        "public.letter: erasing would fire the trigger `kept`",
    ),
    // Inheritance
    (
        "CREATE TABLE letter_2019 (PRIMARY KEY (id)) INHERITS (letter); INSERT INTO letter_2019 VALUES (2, 2, 1, 'x', 'x')",
        "care.letter: error: public.letter: public.letter_2019 inherits from public.letter (INHERITS), so that a query on \
         public.letter reads the rows of both",
    ),
    // Counts
    (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET track_counts = off', current_database()); END $$",
        "`track_counts` is off for the eraser's sessions in the store `care`",
    ),
];

async fn refused(world: &World, told: &str) {
    let before = world.digests().await;
    let ended = world.erase("1").await;
    let failure = ended.failure.unwrap_or_default();
    assert_eq!(ended.state, "failed", "{told}");
    assert!(failure.contains(told), "expected: {told}\n    told: {failure}");
    assert!(failure.contains("nothing was erased: "), "{failure}");
    assert_eq!(world.digests().await, before, "{told}");
    assert_eq!(world.journalled(ended.job).await, 0, "{told}");
    assert_eq!(ended.view.steps.len(), 1, "there is nothing but the planning: {told}");
}

fn completed(ended: &Ended) {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_before_the_first_write() {
    for (sql, told) in CASES {
        let world = World::new(&format!("{SCHEMA};{sql}"), MAP, None).await;
        refused(&world, told).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_breaks_is_told_at_once() {
    let sql = "ALTER TABLE letter ADD CONSTRAINT signed CHECK (sender <> 0 OR signed IS NOT NULL), ADD CONSTRAINT dear CHECK (body ~ '^Dear')";
    let world = World::new(&format!("{SCHEMA};{sql}"), MAP, None).await;
    refused(&world, SIGNED).await;
    refused(&world, "public.letter.body: the constraint `dear` would not hold for 300 rows").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_erasure_does_not_touch_break_nothing() {
    // The twenty rows that are left are the other organisation's.
    let sql = "UPDATE letter SET sender = 1 WHERE clinic = 1; ALTER TABLE letter ADD CONSTRAINT signed CHECK (sender <> 0 OR signed IS NOT NULL)";
    let world = World::new(&format!("{SCHEMA};{sql}"), MAP, None).await;
    completed(&world.erase("1").await);
    assert_eq!(world.rows("SELECT count(*) FROM letter WHERE signed IS NULL").await, ["(300)"]);
    let ended = world.erase("2").await;
    let failure = ended.failure.unwrap_or_default();
    assert!(failure.contains(SIGNED), "those of the other are asked in its own erasure: {failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_that_the_map_calls_harmless_are_fired() {
    // A sequence is no table: what is drawn from it is no change of a row.
    let sql = "CREATE SEQUENCE told;
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('public.told'); RETURN NULL; END $$;
        CREATE TRIGGER kept AFTER UPDATE ON visit FOR EACH STATEMENT EXECUTE FUNCTION tell();
        CREATE TRIGGER rows BEFORE UPDATE ON visit FOR EACH ROW EXECUTE FUNCTION never()";
    let map = MAP.replace(
        "{tenant: clinic, erase: delete} #visit",
        "{tenant: clinic, erase: delete, triggers: [kept]}",
    );
    let world = World::new(&format!("{SCHEMA};{sql}"), &map, None).await;
    completed(&world.erase("1").await);
    let fired = world.rows("SELECT is_called FROM told").await;
    assert_eq!(fired, ["(t)"], "though no row referred to a patient by then");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_asked_of_all_rows_stands_in_the_plan() {
    let map = MAP.replace("{strategy: redact_text}} #body", "{strategy: format_preserving}}");
    let sql = "ALTER TABLE letter ADD CONSTRAINT dear CHECK (body <> ''), ADD CONSTRAINT whole CHECK (letter.* IS DISTINCT FROM NULL)";
    let world = World::new(&format!("{SCHEMA};{sql}"), &map, None).await;
    let ended = world.erase("1").await;
    completed(&ended);
    let plan = world.plan(&ended, "1").await;
    let told: Vec<(&str, &str)> =
        plan.unproven.iter().map(|one| (one.constraint.as_str(), one.why.as_str())).collect();
    let computed = "the new values of `body` (`format_preserving`) are not computed by the database";
    assert_eq!(
        told,
        [
            ("the constraint `dear`", computed),
            ("the constraint `whole`", "it reads whole rows, or what is no column"),
        ]
    );
    assert_eq!(plan.unproven[0].columns, ["body"]);
    // A plan that was written down before has none.
    let mut json: Value = serde_json::to_value(&plan).unwrap();
    json.as_object_mut().unwrap().remove("unproven");
    let read: domain::erasure::document::PlanDocument = serde_json::from_value(json).unwrap();
    assert_eq!(read.unproven, []);
}

/// A CHECK that takes too long wherever no more than a minute is allowed for it, without a minute's wait.
const SLOW: &str = "
    CREATE FUNCTION slow(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
        IF current_setting('transaction_read_only')::bool AND current_setting('statement_timeout') = '1min' THEN
            RAISE EXCEPTION USING ERRCODE = '57014';
        END IF;
        RETURN true;
    END $$;
    ALTER TABLE letter ADD CONSTRAINT slow CHECK (slow(body))";

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_takes_too_long_stands_in_the_plan_and_ends_no_erasure() {
    let world = World::new(&format!("{SCHEMA};{SLOW}"), MAP, None).await;
    let ended = world.erase("1").await;
    completed(&ended);
    let plan = world.plan(&ended, "1").await;
    let told: Vec<(&str, &str)> =
        plan.unproven.iter().map(|one| (one.constraint.as_str(), one.why.as_str())).collect();
    let why = "to ask it of all rows takes longer than it may (60 s at most)";
    assert_eq!(told, [("the constraint `slow`", why)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn planning_is_heard_of_after_each_question() {
    let mut beats = Vec::new();
    for checks in [1, 11] {
        let checks: Vec<String> = (0..checks)
            .map(|number| format!("ADD CONSTRAINT c{number} CHECK (body <> 'x{number}')"))
            .collect();
        let sql = format!("{SCHEMA};ALTER TABLE letter {}", checks.join(", "));
        let world = World::new(&sql, MAP, None).await;
        let mut new = testkit::new_erasure("1");
        new.request.grace_period_days = 0.try_into().unwrap();
        new.soft_deletes = false;
        let claimed = world.claim(world.accepted(&new).await, 1).await;
        let progress = StepProgress::default();
        world.worker.run(&claimed, &progress).await.unwrap();
        beats.push(progress.beats());
    }
    // Each of them is several statements.
    assert!(beats[1] - beats[0] >= 10, "{beats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_persons_rows_are_asked_and_nobody_elses() {
    let sql = "ALTER TABLE patient ADD noted text; UPDATE patient SET noted = 'x';
        ALTER TABLE patient ADD CONSTRAINT noted CHECK (id <> 4 OR noted IS NOT NULL)";
    let fields = "fides_meta: {identity: email}}\n    - {name: noted, lethe: {strategy: null}}\n";
    let map = MAP.replace("fides_meta: {identity: email}}\n", fields);
    let map = map.replacen("tenant: clinic, erase: delete}", "tenant: clinic}", 1);
    let map =
        map.replace("patient, fides_meta: {references: [{dataset: care, field: patient.id}]}}", "patient}");
    let world = World::new(&format!("{SCHEMA};{sql}"), &map, None).await;
    completed(&world.erase_person("1", "email", "p2@example.org").await);
    let failure = world.erase_person("1", "email", "p4@example.org").await.failure.unwrap_or_default();
    assert!(
        failure.contains("public.patient.noted: the constraint `noted` would not hold for 1 rows"),
        "{failure}"
    );
}
