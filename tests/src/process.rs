//! The programs, as processes that can be stopped, killed and suspended.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Where a program is and how it is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable's name.
    pub name: String,
    /// Its settings file.
    pub config: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
}

impl Program {
    /// The executable `name` beside the running test.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn executable(name: &str) -> Result<PathBuf> {
        let directory = match std::env::var_os("LETHE_BIN_DIR") {
            Some(directory) => PathBuf::from(directory),
            // target/<profile>/deps/<this test>
            None => std::env::current_exe()?
                .parent()
                .and_then(Path::parent)
                .context("no target directory")?
                .to_owned(),
        };
        let path = directory.join(name);
        if !path.exists() {
            bail!(
                "{} is not built: run `cargo build --workspace` first, or go through make test",
                path.display()
            );
        }
        Ok(path)
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it is not built or cannot be started.
    pub fn start(&self) -> Result<Process> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(Self::executable(&self.name)?)
            .arg("--config")
            .arg(&self.config)
            .env_clear()
            .envs(std::env::vars().filter(|(name, _)| !name.starts_with("LETHE_")))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.name))?;
        Ok(Process { child, name: self.name.clone() })
    }
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a word, as a power cut would.
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} had ended by itself: {status}", self.name);
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal by its name, as `TERM`.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status()?;
        if status.success() { Ok(()) } else { bail!("{} does not take signals any more", self.name) }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{} did not end within {within:?}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// The most memory it ever had resident, in bytes.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn peak_memory_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib.saturating_mul(1024))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either may fail because it has ended already, which is all that is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
