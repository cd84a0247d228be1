//! Told to stop, every program stops, soon, and nothing is lost by it.

use std::time::Duration;

use tests::{Options, SERVICES, Servers, System, eventually};

use crate::support::{PATIENCE, audited, complete, downloaded, vantage};

#[tokio::test(flavor = "multi_thread")]
async fn every_service_ends_soon_after_sigterm_and_the_job_goes_on_elsewhere() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[60_000]).await;
    let options = Options { whole_export_rows: 1_000, lease: "60s", ..Options::default() };
    let mut system = System::start(servers, database, &options).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    let job = api.export("both").await.unwrap();
    eventually(PATIENCE, "a collection is being read", || async {
        let job = api.job(job).await?;
        Ok(job
            .steps
            .iter()
            .any(|step| step.kind == "export_collection" && step.state == "running")
            .then_some(()))
    })
    .await
    .unwrap();
    for service in SERVICES {
        system.signal(service, "TERM").unwrap();
    }
    for service in SERVICES {
        let status = system.process(service).unwrap().ended(Duration::from_secs(15)).await.unwrap();
        assert!(status.success(), "{service}: {status}: {}", system.log(service).unwrap());
    }
    let running =
        system.control.number("SELECT count(*) FROM job_steps WHERE state = 'running'").await.unwrap();
    assert_eq!(running, 0, "steps were given back, not left to lapse");
    for service in SERVICES {
        system.spawn(service).unwrap();
    }
    for service in SERVICES {
        system.ready(service).await.unwrap();
    }
    // The lease is a minute: had the step not been given back, this would take as long.
    let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    complete(&mut downloaded(&api, job.summary.id).await, organisation);
    audited(&system, &job).await;
    assert!(
        job.steps.iter().all(|step| step.attempts == 1),
        "a deploy counted as an attempt: {:?}",
        job.steps
    );
}
