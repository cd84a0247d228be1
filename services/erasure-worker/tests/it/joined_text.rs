//! Texts that are equal to the server although their letters differ: their pseudonyms join as they did.

use crate::world::World;

const SCHEMA: &str = "
    CREATE EXTENSION citext;
    CREATE DOMAIN email_address AS citext CHECK (VALUE ~ '@');
    CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE account (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, email #type NOT NULL);
    CREATE TABLE invitation (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, invited #type, plain citext);
    INSERT INTO org VALUES ('1', 'First Ltd'), ('2', 'Second Ltd');
    INSERT INTO account VALUES (1, '1', 'Mira@Mail.example'), (2, '1', 'jan@mail.example'), (3, '2', 'x@mail.example');
    INSERT INTO invitation VALUES
        (1, '1', 'mira@mail.example', 'MIRA@mail.example'), (2, '1', 'JAN@mail.example', 'jan@mail.example');";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: account
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email, data_categories: [user.contact.email], lethe: {strategy: #strategy}}
  - name: invitation
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: invited, data_categories: [user.contact.email], lethe: {strategy: #strategy}}
    - {name: plain, data_categories: [user.contact.email], lethe: {strategy: #strategy}}
";

async fn world(sql_type: &str, strategy: &str) -> World {
    World::new(&SCHEMA.replace("#type", sql_type), &MAP.replace("#strategy", strategy), None).await
}

async fn joined(world: &World) -> Vec<String> {
    let joins = "SELECT count(*) FILTER (WHERE i.invited = a.email), count(*) FILTER (WHERE i.plain = a.email::citext)
                 FROM account a, invitation i";
    world.rows(joins).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_over_citext_forgets_case_as_citext_does() {
    for strategy in ["pseudonymise", "format_preserving"] {
        for sql_type in ["email_address", "citext"] {
            let world = world(sql_type, strategy).await;
            assert_eq!(joined(&world).await, ["(2,2)"]);
            let ended = world.erase("1").await;
            assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None), "{strategy}");
            assert_eq!(joined(&world).await, ["(2,2)"], "{strategy} of {sql_type}");
            let left =
                "SELECT id FROM account WHERE org_id = '1' AND email::text ILIKE ANY ('{mira@%,jan@%}')";
            assert_eq!(world.rows(left).await.len(), 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collation_that_takes_letters_for_others_is_refused_in_words() {
    for strategy in ["pseudonymise", "format_preserving"] {
        let world = world("text COLLATE loose", strategy).await;
        let before = world.digests().await;
        let ended = world.erase("1").await;
        let failure = ended.failure.unwrap_or_default();
        let told = format!(
            "the strategy `{strategy}` cannot apply: values are equal by a collation that is not deterministic"
        );
        assert!(ended.state == "failed" && failure.contains(&told), "{failure}");
        assert!(
            failure.contains("shop.invitation.invited") && !failure.contains("shop.invitation.plain"),
            "{failure}"
        );
        assert_eq!(world.digests().await, before);
    }
}
