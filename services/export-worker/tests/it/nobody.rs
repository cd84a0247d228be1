//! A person whom no row leads to.

use crate::world::World;

const SHOP: &str = "
    CREATE TABLE company (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE person (id int PRIMARY KEY, company_id int NOT NULL REFERENCES company, email text);
    INSERT INTO company VALUES (7, 'Seven'), (8, 'Eight');
    INSERT INTO person VALUES (1, 7, 'one@example.org'), (2, 8, 'two@example.org');";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: company, key: id, name: name}}
  collections:
  - name: company
    lethe: {tenant: id}
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: person
    lethe: {tenant: company_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: company_id, fides_meta: {references: [{dataset: shop, field: company.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_found_is_said_and_no_package_is_made() {
    let world = World::new(SHOP, MAP).await;
    // Of another organisation: nobody here.
    for value in ["nobody@example.org", "two@example.org"] {
        let job = world.export_person("7", "email", value).await;
        assert_eq!(
            (job.summary.state.as_str(), job.summary.outcome.as_deref()),
            ("completed", Some("nobody_found"))
        );
        assert!(job.package.is_none() && job.packages.is_empty());
        assert_eq!(job.steps.len(), 1, "planning, and nothing else");
        assert_eq!(job.timeline.last().unwrap().outcome, "nobody_found");
    }
    assert!(world.objects().iter().all(|file| file.extension().is_none_or(|name| name != "zip")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_found_has_a_package() {
    let world = World::new(SHOP, MAP).await;
    let job = world.export_person("7", "email", "ONE@example.org").await;
    assert_eq!((job.summary.state.as_str(), job.summary.outcome), ("completed", None));
    assert_eq!(job.packages.len(), 1);
    assert_eq!(job.progress.rows_done, 1);
}
