//! The database server and the broker that a test uses.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A database server and a broker.
#[derive(Debug, Clone)]
pub struct Servers {
    /// The database server, as its administrator.
    pub pg_url: String,
    /// The broker's address without a vhost.
    pub amqp_url: String,
    /// The broker's management API.
    pub mgmt_url: String,
    /// Where they live, when they were started for this test alone.
    own: Option<PathBuf>,
}

impl Servers {
    /// The servers that `make test` started, shared by tests that harm neither.
    ///
    /// # Errors
    /// When the variables that name them are not set.
    pub fn shared() -> Result<Self> {
        let variable = |name: &str| {
            std::env::var(name).with_context(|| format!("run through make test: {name} is not set"))
        };
        Ok(Self {
            pg_url: variable("LETHE_TEST_PG_URL")?,
            amqp_url: variable("LETHE_TEST_AMQP_URL")?,
            mgmt_url: variable("LETHE_TEST_MGMT_URL")?,
            own: None,
        })
    }

    /// A pair of its own under `directory`, for tests that kill it.
    ///
    /// # Errors
    /// When the servers do not start.
    pub fn start(directory: &Path) -> Result<Self> {
        run(directory, &["up"])?;
        let env = std::fs::read_to_string(directory.join("env"))?;
        let value = |name: &str| {
            env.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .map(|value| value.replace('\\', ""))
                .with_context(|| format!("deploy/local/servers wrote no {name}"))
        };
        Ok(Self {
            pg_url: value("LETHE_PG_ADMIN_URL")?,
            amqp_url: value("AMQP_URL")?,
            mgmt_url: value("LETHE_RMQ_MGMT_URL")?,
            own: Some(directory.to_owned()),
        })
    }

    /// Runs a command of `deploy/local/servers` on servers of one's own, for instance `kill-broker`.
    ///
    /// # Errors
    /// When these servers are shared, or the command fails.
    pub fn command(&self, command: &str) -> Result<()> {
        self.run(&[command]).map(drop)
    }

    /// The same with arguments, for instance `rabbitmqctl status`, and what it prints.
    ///
    /// # Errors
    /// As with [`Self::command`].
    pub fn run(&self, command: &[&str]) -> Result<String> {
        match &self.own {
            Some(directory) => run(directory, command),
            None => bail!("shared servers are not for harming: {command:?}"),
        }
    }

    /// The same servers for somebody who may not harm them, and who leaves them running.
    #[must_use]
    pub fn lent(&self) -> Self {
        let Self { pg_url, amqp_url, mgmt_url, .. } = self;
        Self { pg_url: pg_url.clone(), amqp_url: amqp_url.clone(), mgmt_url: mgmt_url.clone(), own: None }
    }

    /// A broker address with its vhost.
    #[must_use]
    pub fn amqp_vhost(&self, vhost: &str) -> String {
        let base = self.amqp_url.trim_end_matches("/%2f").trim_end_matches('/');
        format!("{base}/{vhost}")
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Some(directory) = &self.own
            && let Err(error) = run(directory, &["purge"])
        {
            say(&error);
        }
    }
}

fn say(error: &anyhow::Error) {
    use std::io::Write;
    // Nobody else hears of it: a drop cannot fail.
    writeln!(std::io::stderr(), "servers of a test were not stopped: {error:#}").ok();
}

fn run(directory: &Path, command: &[&str]) -> Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/servers");
    let output = Command::new(&script)
        .args(command)
        .env("LETHE_LOCAL_DIR", directory)
        .env_remove("DATABASE_URL")
        .env_remove("AMQP_URL")
        .output()
        .with_context(|| format!("{} cannot be run", script.display()))?;
    if !output.status.success() {
        bail!(
            "servers {command:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
