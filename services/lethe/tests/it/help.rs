//! Help that teaches.

use crate::support::Lethe;

const COMMANDS: [&[&str]; 23] = [
    &["migrate"],
    &["data-map", "check"],
    &["data-map", "journal"],
    &["demo", "seed"],
    &["token"],
    &["export"],
    &["erase"],
    &["subject", "export"],
    &["subject", "erase"],
    &["holds", "place"],
    &["holds", "list"],
    &["holds", "show"],
    &["holds", "release"],
    &["jobs", "list"],
    &["jobs", "show"],
    &["jobs", "plan"],
    &["jobs", "cancel"],
    &["jobs", "retry"],
    &["jobs", "retry-step"],
    &["jobs", "skip-step"],
    &["download"],
    &["archive"],
    &["audit"],
];

#[tokio::test]
async fn every_command_has_an_example_that_begins_with_itself() {
    for command in COMMANDS {
        let help = Lethe::with(&[command, &["--help"]].concat()).run().await.ended_with(0).out;
        let example = format!("lethe {}", command.join(" "));
        let (_, examples) = help.split_once("Example").unwrap_or_else(|| panic!("no example in:\n{help}"));
        assert!(examples.contains(&example), "{help}");
        assert!(help.contains("--json"), "{help}");
    }
}

#[tokio::test]
async fn the_first_page_lists_commands_and_exit_codes() {
    let help = Lethe::with(&["--help"]).run().await.ended_with(0).out;
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {} ", command[0])), "{}\n{help}", command[0]);
    }
    assert!(help.contains("3    the job that was waited for failed or was cancelled"), "{help}");
    assert!(help.contains("4    the job that was waited for found nobody by the identity"), "{help}");
}

#[tokio::test]
async fn variables_are_named_and_secrets_are_not_shown() {
    let help = Lethe::with(&["export", "--help"]).env("LETHE_TOKEN", "hunter2").run().await.ended_with(0).out;
    for variable in ["LETHE_API_URL", "LETHE_TOKEN", "LETHE_TOKEN_FILE"] {
        assert!(help.contains(variable), "{help}");
    }
    assert!(!help.contains("hunter2"));
}

#[tokio::test]
async fn wrong_use_ends_with_2_and_says_what_is_right() {
    let run = Lethe::with(&["exprot"]).run().await.ended_with(2);
    assert!(run.err.contains("export") && run.out.is_empty(), "{}", run.err);
    Lethe::with(&["jobs", "show", "no-uuid"]).run().await.ended_with(2);
    let run = Lethe::with(&["jobs", "list", "--state", "done"]).run().await.ended_with(2);
    assert!(run.err.contains("completed"), "{}", run.err);
}
