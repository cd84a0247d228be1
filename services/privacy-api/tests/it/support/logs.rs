//! Everything that the process logs while the tests run.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

use telemetry::TelemetryConfig;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ONCE: Once = Once::new();

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sets up logs and traces as the service does, with our own crates at their most detailed.
pub fn capture() {
    ONCE.call_once(|| {
        let config = TelemetryConfig {
            log_filter: "info,privacy_api=trace,store=trace,packages=trace".to_owned(),
            ..TelemetryConfig::default()
        };
        let (subscriber, guard) = telemetry::build("privacy-api", &config, || Lines).unwrap();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        // Kept for the life of the process.
        std::mem::forget(guard);
    });
}

/// What was logged so far.
pub fn captured() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}
