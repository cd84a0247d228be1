//! What others integrate with is readable by others: another language's libraries judge it.

#![expect(clippy::print_stderr, reason = "a test says what it skips")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn proto(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto").join(name)
}

/// A tool that `make test` provides. Without it the test says so; under CI that is a failure.
fn tool(variable: &str) -> Option<String> {
    let tool = std::env::var(variable).ok().filter(|tool| !tool.is_empty());
    assert!(
        tool.is_some() || std::env::var("CI").as_deref() != Ok("true"),
        "{variable} is not set, and CI skips nothing"
    );
    if tool.is_none() {
        eprintln!("skipped: {variable} is not set; make test provides it where it can");
    }
    tool
}

#[test]
fn python_reads_the_golden_messages() {
    let Some(python) = tool("LETHE_TEST_PYTHON") else {
        return;
    };
    let script = r#"
import msgpack, sys, uuid
step = msgpack.unpackb(open(sys.argv[1], "rb").read())
assert step["kind"] == "step.due" and step["version"] == 1, step
assert step["sent_at"] == "2026-03-05T09:00:02Z", step
assert str(uuid.UUID(bytes=step["body"]["job_id"])) == "01900000-0000-7000-8000-000000000001", step
assert step["body"]["step_no"] == 7, step
event = msgpack.unpackb(open(sys.argv[2], "rb").read())
assert event["kind"] == "audit.event", event
body = event["body"]
assert set(body) == {"organisation_id", "actor", "actor_role", "action", "outcome", "job_id", "job_version",
                     "step_no", "occurred_at", "trace_id", "reason", "hold_id"}, body
assert (body["action"], body["outcome"], body["job_version"], body["step_no"]) == ("step_skipped", "success", 4, 3), body
assert body["reason"] == "provider_closed" and uuid.UUID(bytes=body["hold_id"]).version == 7, body
print("read")
"#;
    let output = Command::new(python)
        .args(["-c", script])
        .arg(proto("golden/step.due.v1.msgpack"))
        .arg(proto("golden/audit.event.v2.msgpack"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "read",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_asyncapi_document_is_valid() {
    let Some(directory) = tool("LETHE_TEST_ASYNCAPI_NODE_DIR") else {
        return;
    };
    let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/lib/asyncapi.cjs");
    let output =
        Command::new("node").arg(checker).arg(directory).arg(proto("asyncapi.yaml")).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_test_that_a_promise_names_is_there() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let page = std::fs::read_to_string(docs.join("COMPLETED.md")).unwrap();
    let promises: Vec<&str> = page.lines().filter(|line| line.starts_with("| **")).collect();
    assert!(promises.len() > 15, "{}", promises.len());
    let mut missing = Vec::new();
    for promise in promises.into_iter().chain(page.lines().filter(|line| line.contains("](../tests/"))) {
        let held_by = promise.rsplit(" | ").next().unwrap_or(promise);
        assert!(held_by.contains(".rs)"), "no test holds this: {promise}");
        // Names in backticks, then the file that they are in.
        let mut rest = held_by;
        while let Some((names, after)) = rest.split_once("](../") {
            let (file, after) = after.split_once(')').unwrap();
            let code = std::fs::read_to_string(docs.join("..").join(file)).unwrap_or_default();
            let names: Vec<&str> =
                names.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
            assert!(!names.is_empty(), "no test is named in {file}: {promise}");
            missing.extend(names.iter().filter_map(|name| {
                let test = format!("fn {name}(");
                (!code.contains(&test)).then(|| format!("{file}: {name}"))
            }));
            rest = after;
        }
    }
    assert!(missing.is_empty(), "docs/COMPLETED.md names tests that are not there: {missing:#?}");
}
