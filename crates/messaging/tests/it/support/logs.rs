//! Everything the process logs, at the most detailed level, as a service would write it.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use telemetry::TelemetryConfig;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// Log lines kept in memory.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
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

/// The lines of this process. The first call starts keeping them.
pub fn logs() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        let lines = Lines::default();
        let config = TelemetryConfig {
            log_filter: "debug,lapin=trace,hyper_util=off,reqwest=off".to_owned(),
            ..TelemetryConfig::default()
        };
        let (subscriber, guard) = telemetry::build("test", &config, lines.clone()).unwrap();
        // Ends with the process, since other tests still log.
        std::mem::forget(guard);
        subscriber.try_init().unwrap();
        lines
    })
}
