//! Where spans go: to an OTLP collector, or nowhere.

use std::time::Duration;

use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::TelemetryError;

/// How long one delivery to the collector may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Path of the trace signal below a collector's base address (OTLP specification, "OTLP/HTTP Request").
const TRACES_PATH: &str = "/v1/traces";

/// The source of span ids, with an exporter if `endpoint` names a collector.
///
/// Without one, spans still get ids, so that log lines and messages of one request carry the same trace id.
pub(crate) fn provider(
    service_name: &str,
    endpoint: Option<&str>,
) -> Result<SdkTracerProvider, TelemetryError> {
    let resource = Resource::builder().with_service_name(service_name.to_owned()).build();
    let provider = SdkTracerProvider::builder().with_resource(resource);
    let Some(endpoint) = endpoint else {
        return Ok(provider.build());
    };
    Ok(provider.with_batch_exporter(exporter(endpoint)?).build())
}

fn exporter(endpoint: &str) -> Result<SpanExporter, TelemetryError> {
    let refused = |source| TelemetryError::Endpoint { value: endpoint.to_owned(), source };
    if !(endpoint.starts_with("http://") || endpoint.starts_with("https://")) {
        return Err(refused(None));
    }
    SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_address(endpoint))
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|source| refused(Some(source)))
}

/// The address of the trace signal, whether or not the operator wrote it out.
fn traces_address(endpoint: &str) -> String {
    let base = endpoint.trim_end_matches('/');
    if base.ends_with(TRACES_PATH) { base.to_owned() } else { format!("{base}{TRACES_PATH}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signal_path_is_added_once() {
        for written in
            ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces", "http://c:4318/v1/traces/"]
        {
            assert_eq!(traces_address(written), "http://c:4318/v1/traces");
        }
    }

    #[test]
    fn an_address_without_scheme_is_refused() {
        let error = provider("test", Some("collector:4318")).unwrap_err();
        assert!(error.to_string().starts_with("otlp_endpoint `collector:4318`"));
    }
}
