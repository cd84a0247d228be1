//! A collector for tests: takes OTLP/HTTP trace exports and shows what arrived.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A span as the collector saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// `service.name` of the sender.
    pub service: String,
    /// Name of the operation.
    pub name: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// 16 hexadecimal digits; empty at the root of a trace.
    pub parent_span_id: String,
    /// Attributes as text.
    pub attributes: BTreeMap<String, String>,
}

/// A collector on a free port of the loopback interface; stops when dropped.
#[derive(Debug)]
pub struct OtlpReceiver {
    address: SocketAddr,
    spans: watch::Receiver<Vec<ReceivedSpan>>,
    server: JoinHandle<()>,
}

impl OtlpReceiver {
    /// Starts listening.
    ///
    /// # Errors
    /// The error of the socket.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (sender, spans) = watch::channel(Vec::new());
        let server = tokio::spawn(accept(listener, Arc::new(sender)));
        Ok(Self { address, spans, server })
    }

    /// What to configure as `otlp_endpoint`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans that have arrived so far.
    #[must_use]
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.spans.borrow().clone()
    }

    /// Waits until the spans satisfy `enough`; `None` when they do not within `timeout`.
    pub async fn wait_for(
        &self,
        timeout: Duration,
        enough: impl Fn(&[ReceivedSpan]) -> bool,
    ) -> Option<Vec<ReceivedSpan>> {
        let mut spans = self.spans.clone();
        let arrived = tokio::time::timeout(timeout, spans.wait_for(|spans| enough(spans))).await;
        Some(arrived.ok()?.ok()?.clone())
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, spans: Arc<watch::Sender<Vec<ReceivedSpan>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&spans)));
    }
}

async fn serve(stream: TcpStream, spans: Arc<watch::Sender<Vec<ReceivedSpan>>>) {
    let service = service_fn(move |request| take(request, Arc::clone(&spans)));
    // A sender that hangs up in mid-request shows as a missing span in the test.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn take(
    request: Request<Incoming>,
    spans: Arc<watch::Sender<Vec<ReceivedSpan>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path_known = request.uri().path() == "/v1/traces";
    let body = request.into_body().collect().await?.to_bytes();
    let mut response = Response::new(Full::default());
    match ExportTraceServiceRequest::decode(body) {
        Ok(export) if path_known => {
            let arrived = export.resource_spans.iter().flat_map(read);
            spans.send_modify(|spans| spans.extend(arrived));
        }
        Ok(_) => *response.status_mut() = StatusCode::NOT_FOUND,
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    Ok(response)
}

fn read(export: &ResourceSpans) -> Vec<ReceivedSpan> {
    let resource = export.resource.as_ref();
    let service =
        resource.and_then(|resource| text(&resource.attributes).remove("service.name")).unwrap_or_default();
    let spans = export.scope_spans.iter().flat_map(|scope| &scope.spans);
    spans.map(|span| received(&service, span)).collect()
}

fn received(service: &str, span: &Span) -> ReceivedSpan {
    ReceivedSpan {
        service: service.to_owned(),
        name: span.name.clone(),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: hex(&span.parent_span_id),
        attributes: text(&span.attributes),
    }
}

fn text(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes
        .iter()
        .map(|attribute| {
            let value = attribute.value.as_ref().and_then(|any| any.value.as_ref());
            let value = match value {
                Some(Value::StringValue(text)) => text.clone(),
                Some(Value::IntValue(number)) => number.to_string(),
                Some(Value::DoubleValue(number)) => number.to_string(),
                Some(Value::BoolValue(truth)) => truth.to_string(),
                other => format!("{other:?}"),
            };
            (attribute.key.clone(), value)
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
