//! Who comes back with the address that was freed can be erased again, and so can everybody around.

use hmac::{Hmac, KeyInit as _, Mac as _};
use packages::{KeyRing, SealedFor};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sha2::Sha256;

use crate::world::{Ended, KEY, World};

/// Accounts whose addresses and devices are unique. `#email` and `#unique` are filled in.
const SCHEMA: &str = "
    CREATE EXTENSION IF NOT EXISTS citext;
    CREATE DOMAIN address AS citext CHECK (VALUE ~ '@');
    CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE account (
        id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, email #email NOT NULL, device uuid UNIQUE,
        full_name text, phone text);
    #unique;
    INSERT INTO org VALUES ('o1', 'First Ltd'), ('o2', 'Second Ltd');
    INSERT INTO account SELECT n, CASE WHEN n > 2 THEN 'o2' ELSE 'o1' END, 'p' || n || '@mail.example',
        ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'Person ' || n, '+49 30 12340' || n
    FROM generate_series(1, 3) n;";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: account
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: device, data_categories: [user.device]}
    - {name: full_name, data_categories: [user.name]}
    - {name: phone, lethe: {strategy: #phone}}
";

/// How addresses are kept apart, and how telephone numbers are replaced: all columns are computed outside
/// the store for the sake of the last.
const VARIANTS: [(&str, &str, &str); 7] = [
    ("text", "ALTER TABLE account ADD UNIQUE (email)", "null"),
    ("address", "ALTER TABLE account ADD UNIQUE (email), ADD UNIQUE (org_id, email)", "null"),
    ("char(60)", "ALTER TABLE account ADD UNIQUE (email, org_id)", "null"),
    ("citext", "ALTER TABLE account ADD UNIQUE (email)", "mask"),
    ("varchar(47)", "ALTER TABLE account ADD UNIQUE (org_id, email)", "null"),
    ("text", "CREATE UNIQUE INDEX ON account (lower(email))", "null"),
    ("varchar(30)", "ALTER TABLE account ADD UNIQUE (email)", "format_preserving"),
];

async fn world((email, unique, phone): (&str, &str, &str)) -> World {
    let schema = SCHEMA.replace("#email", email).replace("#unique", unique);
    World::new(&schema, &MAP.replace("#phone", phone), None).await
}

/// The first person registers once more, with the same address, device and name.
async fn come_back(world: &World, id: i32) {
    let sql = "INSERT INTO account VALUES ($1, 'o1', 'p1@mail.example', \
               '00000000-0000-4000-8000-000000000001', 'Person 1', '+49 30 123401')";
    world.client.execute(sql, &[&id]).await.unwrap();
}

fn completed(ended: &Ended, about: impl std::fmt::Debug) {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None), "{about:?}");
}

/// Nothing of the first person is left in an account of these.
async fn forgotten(world: &World, accounts: &str) {
    let personal = "email::text ILIKE 'p1@%' OR device = '00000000-0000-4000-8000-000000000001' \
                    OR full_name LIKE 'Person%' OR phone LIKE '%123401'";
    let left = world.rows(&format!("SELECT id FROM account WHERE id IN ({accounts}) AND ({personal})")).await;
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_comes_back_again_and_again_and_is_erased_each_time() {
    for variant in VARIANTS {
        let world = world(variant).await;
        let others = world.rows("SELECT * FROM account WHERE id IN (2, 3) ORDER BY id").await;
        let mut erased = "1".to_owned();
        for id in [4, 5, 6] {
            completed(&world.erase_person("o1", "email", "p1@mail.example").await, (variant, id));
            forgotten(&world, &erased).await;
            come_back(&world, id).await;
            erased = format!("{erased}, {id}");
        }
        let before = world.rows("SELECT * FROM account WHERE id IN (1, 4, 5) ORDER BY id").await;
        completed(&world.erase_person("o1", "email", "P1@mail.example ").await, variant);
        forgotten(&world, &erased).await;
        assert_eq!(world.rows("SELECT * FROM account WHERE id IN (2, 3) ORDER BY id").await, others);
        let after = world.rows("SELECT * FROM account WHERE id IN (1, 4, 5) ORDER BY id").await;
        assert_eq!(after, before, "{variant:?}: who is erased already is not touched again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_with_somebody_who_came_back_is_erased_whatever_the_order_of_its_rows() {
    for variant in VARIANTS {
        for order in ["id", "id DESC"] {
            let world = world(variant).await;
            completed(&world.erase_person("o1", "email", "p1@mail.example").await, variant);
            come_back(&world, 4).await;
            let rewrite = format!("CREATE INDEX as_kept ON account ({order}); CLUSTER account USING as_kept");
            world.client.batch_execute(&rewrite).await.unwrap();
            let other = world.rows("SELECT * FROM account WHERE org_id = 'o2'").await;
            let address = "SELECT email, device FROM account WHERE id = 1";
            let token = world.rows(address).await;
            completed(&world.erase("o1").await, (variant, order));
            forgotten(&world, "1, 2, 4").await;
            assert_eq!(world.rows("SELECT * FROM account WHERE org_id = 'o2'").await, other);
            if variant.0 != "varchar(30)" {
                assert_eq!(world.rows(address).await, token, "{variant:?}: a token in place stays");
            }
            completed(&world.erase("o1").await, (variant, order, "once more"));
        }
    }
}

/// Visits that lead to accounts by a name of their own.
const LOGINS: &str = "
    CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE account (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, login text UNIQUE, mail text UNIQUE);
    CREATE TABLE visit (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, login text, mail text);
    INSERT INTO org VALUES ('o1', 'First Ltd');
    INSERT INTO account SELECT n, 'o1', 'login' || n, 'm' || n || '@mail.example' FROM generate_series(1, 9) n;
    INSERT INTO visit SELECT n, 'o1', 'login' || (n % 9 + 1), 'm' || (n % 9 + 1) || '@mail.example' FROM generate_series(1, 40) n;";

const LOGINS_MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: account
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: login, lethe: {strategy: pseudonymise}}
    - {name: mail, lethe: {strategy: pseudonymise}}
  - name: visit
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: login, lethe: {strategy: pseudonymise}, fides_meta: {references: [{dataset: shop, field: account.login, direction: from}]}}
    - {name: mail, lethe: {strategy: pseudonymise}}
";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reference_joins_still_joins_although_it_is_unique() {
    let world = World::new(LOGINS, LOGINS_MAP, None).await;
    completed(&world.erase("o1").await, "all");
    let joined =
        |column: &str| format!("SELECT count(*) FROM visit v JOIN account a ON a.{column} = v.{column}");
    assert_eq!(world.rows(&joined("login")).await, ["(40)"]);
    assert_eq!(world.rows(&joined("mail")).await, ["(40)"], "and so does what no reference tells of");
    let left = "SELECT login, mail FROM account UNION SELECT login, mail FROM visit";
    let left =
        world.rows(&format!("SELECT 1 FROM ({left}) t WHERE login LIKE 'login%' OR mail ~ '^m'")).await;
    assert_eq!(left, Vec::<String>::new());
}

/// A column of accounts and two of invitations, of these types, in which the same addresses stand; `account` is
/// unique as said.
async fn invitations((email, invited, plain): (&str, &str, &str), unique: &str) -> World {
    let schema = format!(
        "CREATE EXTENSION IF NOT EXISTS citext; CREATE DOMAIN address AS citext CHECK (VALUE ~ '@');
        CREATE DOMAIN handle AS text;
        CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
        CREATE TABLE account (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, email {email} NOT NULL {unique});
        CREATE TABLE invitation (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, invited {invited}, plain {plain});
        INSERT INTO org VALUES ('o1', 'First Ltd'), ('o2', 'Second Ltd');
        INSERT INTO account SELECT n, 'o' || n % 2 + 1, values.text::{email}
        FROM generate_series(1, 6000) n, LATERAL (SELECT #value AS text) values;
        INSERT INTO invitation SELECT n, 'o' || n % 2 + 1, values.text::{invited}, values.text::{plain}
        FROM generate_series(1, 6000) n, LATERAL (SELECT #value AS text) values;"
    );
    let uuid = "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))";
    let value = if email == "uuid" { uuid } else { "('p' || n || '@mail.example')" };
    World::new(&schema.replace("#value", value), INVITATIONS_MAP, None).await
}

const INVITATIONS_MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: account
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], lethe: {strategy: pseudonymise}}
  - name: invitation
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: invited, data_categories: [user.contact.email], lethe: {strategy: pseudonymise}}
    - {name: plain, data_categories: [user.contact.email], lethe: {strategy: pseudonymise}}
";

#[tokio::test(flavor = "multi_thread")]
async fn unique_values_still_join_with_equal_ones_of_every_type_that_joins() {
    let cases = [
        (("address", "address", "citext"), "UNIQUE"),
        (("citext", "address", "citext"), ", UNIQUE (email, org_id)"),
        (("handle", "text", "varchar(60)"), "UNIQUE, UNIQUE (org_id, email)"),
        (("char(60)", "text", "varchar(60)"), "UNIQUE"),
        (("uuid", "uuid", "uuid"), "UNIQUE"),
    ];
    for (types, unique) in cases {
        let world = invitations(types, unique).await;
        let joined =
            "SELECT count(*) FROM account a JOIN invitation i ON i.invited = a.email AND i.plain = a.email";
        assert_eq!(world.rows(joined).await, ["(6000)"], "{types:?}");
        completed(&world.erase("o1").await, types);
        assert_eq!(world.rows(joined).await, ["(6000)"], "{types:?}");
        let left = "SELECT count(*) FROM account WHERE email::text ~ '^p|^00000000' GROUP BY org_id";
        assert_eq!(world.rows(left).await, ["(3000)"], "{types:?}: those of the other organisation");
    }
}

/// Cookies that look like tokens. One in the middle is put back by a trigger: what is tried before are the first
/// rows and the last.
const COOKIES: &str = "
    CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE visit (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, cookie text);
    INSERT INTO org VALUES ('o1', 'First Ltd');
    INSERT INTO visit SELECT n, 'o1', md5(n::text) FROM generate_series(1, 5000) n;
    CREATE FUNCTION restore() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.cookie = OLD.cookie; RETURN NEW; END $$;
    CREATE TRIGGER restored BEFORE UPDATE ON visit FOR EACH ROW WHEN (OLD.id = 2500) EXECUTE FUNCTION restore();";

const COOKIES_MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: visit
    lethe: {tenant: org_id, triggers: [restored]}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: cookie, data_categories: [user.device.cookie_id], lethe: {strategy: pseudonymise}}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_looks_like_a_token_is_replaced_and_found_where_it_is_put_back() {
    let world = World::new(COOKIES, COOKIES_MAP, None).await;
    let ended = world.erase("o1").await;
    let failure = ended.failure.unwrap_or_default();
    assert_eq!(ended.state, "failed", "{failure}");
    assert!(failure.starts_with("not_erased") && failure.contains("visit.cookie: 1 rows"), "{failure}");
    let kept = "SELECT id FROM visit WHERE cookie = md5(id::text)";
    assert_eq!(world.rows(kept).await, ["(2500)"]);

    world.client.batch_execute("DROP TRIGGER restored ON visit").await.unwrap();
    let others = "SELECT md5(string_agg(cookie, ',' ORDER BY id)) FROM visit WHERE id <> 2500";
    let before = world.rows(others).await;
    completed(&world.erase("o1").await, "without the trigger");
    assert_eq!(world.rows(kept).await, Vec::<String>::new());
    assert_eq!(world.rows(others).await, before, "tokens in place stay");
}

/// What was sealed by code that knew no forms of tokens.
fn as_earlier(value: &mut Value) -> usize {
    match value {
        Value::Array(all) => all.iter_mut().map(as_earlier).sum(),
        Value::Object(members) => {
            let taken = members.contains_key("strategy") && members.remove("token").is_some();
            usize::from(taken) + members.values_mut().map(as_earlier).sum::<usize>()
        }
        _ => 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planned_before_there_were_forms_is_finished_as_it_was_planned() {
    let world = World::new(LOGINS, LOGINS_MAP, None).await;
    let new = {
        let mut new = testkit::new_erasure("o1");
        new.request.grace_period_days = 0.try_into().unwrap();
        new.soft_deletes = false;
        new
    };
    let job = world.accepted(&new).await;
    let planning = world.claim(job, world.due(job).await.unwrap()).await;
    world.step(&planning).await;
    let ring = KeyRing::new("k1", [("k1".to_owned(), KEY.into())]).unwrap();
    let target = || SealedFor { organisation: "o1", job_id: job.0 };
    let sealed = "SELECT step_no, sealed FROM step_scopes WHERE job_id = $1";
    let mut taken = 0;
    for row in world.admin.query(sealed, &[&job.0]).await.unwrap() {
        let opened = ring.open(target(), row.get(1)).unwrap();
        let mut scope: Value = serde_json::from_str(opened.expose_secret()).unwrap();
        taken += as_earlier(&mut scope);
        let scope = ring.seal(target(), &scope.to_string().into()).unwrap();
        let update = "UPDATE step_scopes SET sealed = $3 WHERE job_id = $1 AND step_no = $2";
        world.admin.execute(update, &[&job.0, &row.get::<_, i32>(0), &scope]).await.unwrap();
    }
    assert_eq!(taken, 8, "four columns, in the steps that erase and in the one that verifies");
    completed(&world.finish(job, &new.organisation).await, "as planned");

    let key = ring.pseudonym_key("o1").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).unwrap();
    mac.update(b"lethe/1/pseudonym/text\0login7");
    let token: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let found = world.rows("SELECT login FROM account WHERE id = 7").await;
    assert_eq!(found, [format!("({})", &token[..32])]);
    // What it has left is no token of today, and becomes one.
    completed(&world.erase("o1").await, "by today's plan");
    assert_ne!(world.rows("SELECT login FROM account WHERE id = 7").await, found);
}
