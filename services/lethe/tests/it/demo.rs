//! `lethe demo seed`

use serde_json::json;

use crate::support::{Database, Lethe};

fn seed(database: &Database, arguments: &[&str]) -> Lethe {
    Lethe::with(&[&["demo", "seed"], arguments].concat()).env("LETHE_SAMPLE_URL", &database.url())
}

#[tokio::test]
async fn the_sample_company_is_made_kept_and_made_anew() {
    let database = Database::named();
    let small = ["--rows", "300", "--organisations", "2", "--json"];
    let first = seed(&database, &small).run().await.ended_with(0).json();
    let organisations = first["organisations"].as_array().unwrap().clone();
    assert_eq!((organisations.len(), &organisations[0]["rows"]), (2, &json!(300)));
    assert_eq!(organisations[0]["name"], "Aurelia Robotics");

    let again = seed(&database, &small).run().await.ended_with(1);
    assert!(again.err.contains("--keep") && again.err.contains("--recreate"), "{}", again.err);
    let kept = seed(&database, &["--keep", "--json"]).run().await.ended_with(0).json();
    assert_eq!((&kept["seeded"], &kept["organisations"][0]["id"]), (&json!(false), &organisations[0]["id"]));

    // A session of a service does not stand in the way.
    let service = database.session_as("vantage_reader").await;
    let anew =
        seed(&database, &["--recreate", "--rows", "200", "--organisations", "1"]).run().await.ended_with(0);
    assert!(
        anew.out.contains("Aurelia Robotics") && anew.err.contains("rows in"),
        "{}{}",
        anew.out,
        anew.err
    );
    assert!(service.simple_query("SELECT 1").await.is_err());
    let reader = database.session_as("vantage_reader").await;
    let number = reader.query_one("SELECT count(*) FROM organisations", &[]).await.unwrap();
    assert_eq!(number.get::<_, i64>(0), 1);
    database.remove().await;
}

#[tokio::test]
async fn tables_of_somebody_else_are_left_alone() {
    let database = Database::empty().await;
    let session = database.session().await;
    session
        .batch_execute("CREATE TABLE organisations (id int); INSERT INTO organisations VALUES (7)")
        .await
        .unwrap();
    for arguments in [&[][..], &["--keep"]] {
        let run = seed(&database, arguments).run().await.ended_with(1);
        assert!(run.err.contains("not the sample company's"), "{}", run.err);
    }
    assert_eq!(session.query_one("SELECT id FROM organisations", &[]).await.unwrap().get::<_, i32>(0), 7);
    database.remove().await;
}

#[tokio::test]
async fn other_machines_and_the_servers_own_databases_are_refused() {
    let seed = |url: &str| Lethe::with(&["demo", "seed", "--recreate", "--database-url", url]).run();
    let remote = seed("postgres://u@db.invalid/vantage?sslmode=disable").await.ended_with(2);
    assert!(remote.err.contains("--recreate is for databases on this machine"), "{}", remote.err);
    let own = seed("postgres://u@127.0.0.1:1/postgres").await.ended_with(2);
    assert!(own.err.contains("server's own database"), "{}", own.err);
}
