//! More than one process of a service.

use anyhow::{Context, Result};

use super::running::answers;
use super::{System, free_port};
use crate::process::{Process, Program};

impl System {
    /// Starts another process of a service beside the first, with its settings changed: each text by the
    /// one beside it. It is ready when this returns.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_another(
        &self,
        name: &str,
        number: usize,
        changes: &[(&str, &str)],
    ) -> Result<Process> {
        let (program, first) = self.programs.get(name).context("no such service")?;
        let admin = format!("127.0.0.1:{}", free_port()?);
        let mut text = std::fs::read_to_string(&program.config)?.replace(first.as_str(), &admin);
        for (from, to) in changes {
            anyhow::ensure!(text.contains(from), "the settings of {name} do not say {from}");
            text = text.replace(from, to);
        }
        let config = self.path(&format!("{name}-{number}.toml"));
        std::fs::write(&config, text)?;
        let another = Program { config, log: self.path(&format!("{name}-{number}.log")), ..program.clone() };
        let process = another.start()?;
        let url = format!("http://{admin}/readyz");
        answers(&url, &format!("another {name} is ready")).await?;
        Ok(process)
    }
}
