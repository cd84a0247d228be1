//! A place that keeps log lines, and a subscriber that writes there.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use telemetry::{TelemetryConfig, TelemetryGuard};
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;

/// Log lines kept in memory.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub fn json(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'writer> MakeWriter<'writer> for Lines {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        self.clone()
    }
}

/// A subscriber for `config` whose lines are kept.
pub fn subscribe(service: &str, config: &TelemetryConfig) -> (Dispatch, TelemetryGuard, Lines) {
    let lines = Lines::default();
    let (subscriber, guard) = telemetry::build(service, config, lines.clone()).unwrap();
    (Dispatch::new(subscriber), guard, lines)
}
