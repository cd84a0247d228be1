//! The services of a system while they run: as processes, and by their side ports and logs.

use std::time::Duration;

use anyhow::{Context, Result};

use super::System;
use crate::process::Process;
use crate::wait::eventually;

impl System {
    /// Starts a service (again).
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&mut self, name: &'static str) -> Result<()> {
        let (program, _) = self.programs.get(name).context("no such service")?;
        self.processes.insert(name, program.start()?);
        Ok(())
    }

    /// The process of a service.
    ///
    /// # Errors
    /// When it was never started.
    pub fn process(&mut self, name: &str) -> Result<&mut Process> {
        self.processes.get_mut(name).with_context(|| format!("{name} was not started"))
    }

    /// Sends a service a signal by its name, as `STOP`.
    ///
    /// # Errors
    /// When it was never started, or does not take signals any more.
    pub fn signal(&self, name: &str, signal: &str) -> Result<()> {
        self.processes.get(name).with_context(|| format!("{name} was not started"))?.signal(signal)
    }

    /// The process id of a service.
    ///
    /// # Errors
    /// When it was never started.
    pub fn id(&self, name: &str) -> Result<u32> {
        Ok(self.processes.get(name).with_context(|| format!("{name} was not started"))?.id())
    }

    /// Where a service's side port is.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn admin(&self, name: &str) -> Result<String> {
        Ok(format!("http://{}", self.programs.get(name).context("no such service")?.1))
    }

    /// Waits until a service says that it is ready.
    ///
    /// # Errors
    /// When it does not in time; the error shows the end of its log.
    pub async fn ready(&mut self, name: &'static str) -> Result<()> {
        let url = format!("{}/readyz", self.admin(name)?);
        let ready = answers(&url, &format!("{name} is ready")).await;
        ready.with_context(|| format!("its log ends: {}", self.log(name).unwrap_or_default()))
    }

    /// What a service logged.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn log(&self, name: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.path(&format!("{name}.log")))?)
    }
}

/// Waits until what is at this address says that it is well.
pub(super) async fn answers(url: &str, what: &str) -> Result<()> {
    eventually(Duration::from_secs(60), what, || async {
        let answer = reqwest::get(url).await;
        Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
    })
    .await
}
