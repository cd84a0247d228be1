//! Is the picture in docs/ARCHITECTURE.md true?

#![expect(clippy::unwrap_used, reason = "a test panics")]

use std::collections::BTreeMap;
use std::process::Command;

/// The arrows of the picture: who may depend on whom. Tests may also use `testkit`, `sample` and
/// the parts they test through.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("contracts", &["domain"]),
    ("telemetry", &[]),
    ("store", &["contracts", "domain"]),
    ("messaging", &["contracts", "telemetry"]),
    ("connectors", &["domain"]),
    ("packages", &["contracts", "domain"]),
    ("chassis", &["contracts", "domain", "messaging", "store", "telemetry"]),
    ("sample", &[]),
    ("privacy-api", &["chassis", "connectors", "contracts", "domain", "packages", "store", "telemetry"]),
    (
        "export-worker",
        &["chassis", "connectors", "contracts", "domain", "messaging", "packages", "store", "telemetry"],
    ),
    (
        "erasure-worker",
        &["chassis", "connectors", "contracts", "domain", "messaging", "packages", "store", "telemetry"],
    ),
    (
        "retention-scheduler",
        &["chassis", "contracts", "domain", "messaging", "packages", "store", "telemetry"],
    ),
    ("audit-sink", &["chassis", "contracts", "domain", "messaging", "store", "telemetry"]),
    ("lethe", &["connectors", "contracts", "domain", "sample", "store"]),
    // Development only.
    ("testkit", &["contracts", "domain", "store"]),
    ("tests", &["connectors", "contracts", "domain", "sample", "store", "telemetry"]),
];

/// What the core may use from outside: no I/O, no async, no randomness.
const DOMAIN_LIBRARIES: &[&str] =
    &["chrono", "idna", "serde", "serde-saphyr", "serde_json", "thiserror", "unicode-normalization", "uuid"];

#[derive(serde::Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(serde::Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(serde::Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

fn packages() -> BTreeMap<String, Vec<Dependency>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    metadata.packages.into_iter().map(|package| (package.name, package.dependencies)).collect()
}

#[test]
fn no_edge_is_missing_from_the_picture() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    for (name, dependencies) in packages() {
        let known = allowed.get(name.as_str()).unwrap_or_else(|| panic!("`{name}` is not in the picture"));
        for edge in dependencies.iter().filter(|d| d.path.is_some() && d.kind.is_none()) {
            assert!(known.contains(&edge.name.as_str()), "`{name}` must not depend on `{}`", edge.name);
        }
    }
}

#[test]
fn the_core_uses_nothing_that_acts() {
    let packages = packages();
    for dependency in packages["domain"].iter().filter(|d| d.kind.is_none()) {
        assert!(
            DOMAIN_LIBRARIES.contains(&dependency.name.as_str()),
            "`domain` must not use `{}`",
            dependency.name
        );
    }
}

#[test]
fn web_queue_and_sql_libraries_stay_in_their_crates() {
    let homes: &[(&str, &[&str])] = &[
        ("actix-web", &["privacy-api"]),
        ("lapin", &["messaging", "testkit", "tests"]),
        ("diesel", &["store", "testkit"]),
        ("diesel-async", &["store", "testkit"]),
    ];
    for (name, dependencies) in packages() {
        for dependency in dependencies.iter().filter(|d| d.kind.is_none()) {
            for (library, may) in homes {
                assert!(
                    dependency.name != *library || may.contains(&name.as_str()),
                    "`{name}` must not use `{library}`"
                );
            }
        }
    }
}

#[test]
fn testing_crates_are_never_shipped() {
    for (name, dependencies) in packages() {
        let shipped = !matches!(name.as_str(), "tests" | "testkit");
        for dependency in dependencies.iter().filter(|d| d.kind.is_none() && shipped) {
            assert!(
                !matches!(dependency.name.as_str(), "testkit" | "tests"),
                "`{name}` ships `{}`",
                dependency.name
            );
        }
    }
}
