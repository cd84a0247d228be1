//! `lethe subject`

use serde_json::{Value, json};

use crate::support::api::{path, plan, problem};
use crate::support::{Answer, FakeApi, JOB, Run, erasure, job};

/// An API that accepts what is asked for one person.
async fn api() -> FakeApi {
    FakeApi::start(|asked, _| match (asked.method.as_str(), asked.path.rsplit('/').next()) {
        ("POST", _) => Answer::json(202, &json!({"id": JOB})),
        (_, Some("events")) => Answer::status(404),
        (_, Some("plan")) => Answer::json(200, &plan()),
        _ => {
            let subject = json!({"identity_type": "email", "tag": "c0ffee"});
            let request = json!({"dry_run": true, "subject": subject});
            Answer::json(200, &erasure("completed", json!({"request": request})))
        }
    })
    .await
}

/// The body of the one request to this route.
fn body(api: &FakeApi, route: &str) -> Value {
    let line = format!("POST {}", path(route));
    assert_eq!(api.0.times(&line), 1);
    serde_json::from_str(&api.0.asked().iter().find(|asked| asked.line() == line).unwrap().body).unwrap()
}

fn is_mute(run: &Run) {
    for text in [&run.out, &run.err] {
        assert!(!text.to_lowercase().contains("lovelace") && !text.contains("4711"), "{text}");
    }
}

#[tokio::test]
async fn a_person_is_named_in_five_ways_and_never_printed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "email=lovelace@example.org\n").unwrap();
    let file = file.path().to_str().unwrap();
    let email = ("email", "lovelace@example.org");
    for (option, value, (identity_type, identity_value)) in [
        ("--email", "lovelace@example.org", email),
        ("--phone", "+49 30 4711", ("phone_number", "+49 30 4711")),
        ("--identity", "user_id=4711", ("user_id", "4711")),
        ("--identity-file", file, email),
        ("--identity-file", "-", email),
    ] {
        let api = api().await;
        let lethe = api.lethe(&["subject", "erase", "--yes", option, value]);
        let run = lethe.reading("email=lovelace@example.org\r\n").run().await.ended_with(0);
        is_mute(&run);
        assert!(run.out.contains("one person, found by email") && !run.out.contains("c0ffee"), "{}", run.out);
        let expected = json!({"identity_type": identity_type, "identity_value": identity_value,
            "delete_media": false, "grace_period_days": 0, "dry_run": false});
        assert_eq!(body(&api, "subjects/erase"), expected);
    }
}

#[tokio::test]
async fn who_cannot_be_read_is_not_repeated() {
    let api = api().await;
    for wrong in [
        &["--identity", "lovelace@example.org"][..],
        &["--identity", "email="],
        &["--email", " "],
        &["--identity-file", "-"],
        &["--identity-file", "-", "--email", "lovelace@example.org"],
        &[],
    ] {
        let lethe = api.lethe(&[&["subject", "erase", "--yes"], wrong].concat());
        let run =
            lethe.reading("email=lovelace@example.org\nemail=b@example.org\n").run().await.ended_with(2);
        is_mute(&run);
    }
    let missing = api.lethe(&["subject", "erase", "--yes", "--identity-file", "/nonexistent"]);
    assert!(missing.run().await.ended_with(1).err.contains("/nonexistent"));
    assert!(api.0.asked().is_empty());
}

#[tokio::test]
async fn erasing_a_person_asks_for_a_yes() {
    let erase = ["subject", "erase", "--email", "lovelace@example.org"];
    let refused = api().await;
    let run = refused.lethe(&erase).run().await.ended_with(2);
    assert!(run.err.contains("--yes"), "{}", run.err);
    is_mute(&run);
    for answer in ["", "y\n", "no\n"] {
        let run = refused.lethe(&erase).on_a_terminal(answer).run().await.ended_with(1);
        assert!(
            run.out.contains("person with this email") && run.out.contains("not confirmed"),
            "{}",
            run.out
        );
        is_mute(&run);
    }
    assert!(refused.0.asked().is_empty());
    let accepted = api().await;
    let run = accepted.lethe(&erase).on_a_terminal("yes\n").run().await.ended_with(0);
    is_mute(&run);
    assert_eq!(body(&accepted, "subjects/erase")["identity_type"], "email");
}

#[tokio::test]
async fn a_dry_run_asks_nobody_and_shows_the_plan() {
    let api = api().await;
    let options = ["--email", "lovelace@example.org", "--dry-run", "--wait", "--grace-days", "2"];
    let run = api.lethe(&[&["subject", "erase"], &options[..]].concat()).run().await.ended_with(0);
    assert!(run.out.contains("plan hash 5f2c77"), "{}", run.out);
    is_mute(&run);
    let body = body(&api, "subjects/erase");
    assert_eq!((&body["dry_run"], &body["grace_period_days"]), (&json!(true), &json!(2)));
}

#[tokio::test]
async fn the_export_of_a_person_has_the_options_of_an_export() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "correct horse\n").unwrap();
    let api = FakeApi::start(|asked, _| match asked.method.as_str() {
        "POST" => Answer::json(202, &json!({"id": JOB})),
        _ if asked.path.ends_with("/events") => Answer::status(404),
        _ => Answer::json(200, &job("failed", json!({}))),
    })
    .await;
    let arguments = ["subject", "export", "--email", "lovelace@example.org", "--format", "both"];
    let more = ["--include-media", "--passphrase-file", secret.to_str().unwrap(), "--wait", "--json"];
    let run = api.lethe(&[&arguments[..], &more].concat()).run().await.ended_with(3);
    assert_eq!(run.json()["state"], "failed");
    is_mute(&run);
    let expected = json!({"identity_type": "email", "identity_value": "lovelace@example.org", "format": "both",
        "include_media": true, "encryption": {"passphrase": "correct horse"}});
    assert_eq!(body(&api, "subjects/export"), expected);
}

#[tokio::test]
async fn a_type_that_the_data_map_does_not_name_is_refused_as_the_api_words_it() {
    let errors =
        json!({"errors": [{"pointer": "/identity_type", "detail": "expected one of `email`, `user_id`"}]});
    let api = FakeApi::start(move |_, _| problem(422, "unusable values", errors.clone())).await;
    let run = api.lethe(&["subject", "export", "--identity", "shoe=4711"]).run().await.ended_with(1);
    assert!(run.err.contains("/identity_type: expected one of `email`, `user_id`"), "{}", run.err);
    is_mute(&run);
}

/// An API whose job has ended because nobody was found.
async fn found_nobody(view: Value) -> FakeApi {
    FakeApi::start(move |asked, _| match (asked.method.as_str(), asked.path.rsplit('/').next()) {
        ("POST", _) => Answer::json(202, &json!({"id": JOB})),
        (_, Some("events")) => Answer::status(404),
        (_, Some("plan")) => Answer::json(200, &plan()),
        _ => Answer::json(200, &view),
    })
    .await
}

#[tokio::test]
async fn nobody_found_has_words_and_an_exit_code_of_its_own() {
    let subject = json!({"identity_type": "email", "tag": "c0ffee"});
    let request = json!({"format": "json", "include_media": false, "subject": subject});
    let exported = job("completed", json!({"outcome": "nobody_found", "request": request}));
    let api = found_nobody(exported).await;
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().to_str().unwrap();
    for more in [&["--wait"][..], &["--output", output]] {
        let arguments = [&["subject", "export", "--email", "lovelace@example.org"], more].concat();
        let run = api.lethe(&arguments).run().await.ended_with(4);
        assert!(run.out.starts_with("export of one person"), "{}", run.out);
        assert!(run.out.contains("completed, nobody found"), "{}", run.out);
        assert!(run.out.contains("nobody was found by the identity: nothing was exported"), "{}", run.out);
        is_mute(&run);
    }
    assert_eq!(std::fs::read_dir(output).unwrap().count(), 0);
    let run = api.lethe(&["jobs", "show", JOB, "--watch", "--json"]).run().await.ended_with(4);
    assert_eq!(run.json()["outcome"], "nobody_found");
    let run = api.lethe(&["download", JOB]).run().await.ended_with(1);
    assert!(run.err.contains("nobody was found"), "{}", run.err);

    let request = json!({"dry_run": true, "delete_media": false, "grace_period_days": 0, "subject": subject});
    let planned = erasure("completed", json!({"outcome": "nobody_found", "request": request}));
    let api = found_nobody(planned).await;
    let arguments = ["subject", "erase", "--email", "lovelace@example.org", "--dry-run", "--wait"];
    let run = api.lethe(&arguments).run().await.ended_with(4);
    assert!(run.out.starts_with("plan for an erasure of one person"), "{}", run.out);
    assert!(run.out.contains("plan hash 5f2c77") && run.out.contains("nothing was erased"), "{}", run.out);
    is_mute(&run);
}

#[tokio::test]
async fn a_job_is_called_what_its_caller_says() {
    let api = api().await;
    let names = ["--label", "web form", "--reference", "DSR-2026-0117"];
    let erase = ["subject", "erase", "--yes", "--email", "lovelace@example.org"];
    api.lethe(&[&erase[..], &names].concat()).run().await.ended_with(0);
    let body = body(&api, "subjects/erase");
    assert_eq!((&body["label"], &body["external_reference"]), (&json!("web form"), &json!("DSR-2026-0117")));
}
