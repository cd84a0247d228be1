//! The published OpenAPI against the running service, tried by a tool that is not ours.

use std::process::Command;

use tests::{Options, Servers, System};

use crate::support::vantage;

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_server_error_and_no_undocumented_answer() {
    let tool = std::env::var("LETHE_TEST_SCHEMATHESIS").ok().filter(|tool| !tool.is_empty());
    assert!(
        tool.is_some() || std::env::var("CI").as_deref() != Ok("true"),
        "schemathesis is missing, and CI skips nothing"
    );
    let Some(tool) = tool else {
        eprintln!("skipped: LETHE_TEST_SCHEMATHESIS is not set; make test provides it where it can");
        return;
    };
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[300, 300]).await;
    let system = System::start(servers, database, &Options::default()).await.unwrap();
    let token = system.token(&seeded.organisations[0].id.to_string(), "owner").unwrap();
    let api = system.api(&seeded.organisations[0].id.to_string(), "owner").unwrap();
    api.export("json").await.unwrap();
    let output = tokio::task::spawn_blocking({
        let (base, directory) = (system.base.clone(), system.directory.path().to_owned());
        move || {
            // One answer that no schema can express is excepted there, with its reason.
            let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/privacy-api/schemathesis.toml");
            Command::new(tool)
                .args(["--config-file", config])
                .arg("run")
                .arg(format!("{base}/api/v1/openapi.json"))
                .args(["--url", &base, "--checks", "all", "--max-examples", "30", "--seed", "1"])
                .args(["-H", &format!("Authorization: Bearer {token}")])
                .current_dir(directory)
                .output()
        }
    })
    .await
    .unwrap()
    .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}
