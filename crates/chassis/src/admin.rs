//! The side port: `/livez`, `/readyz`, `/metrics`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Binds the side port.
///
/// # Errors
/// When the address cannot be listened on.
pub(crate) async fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|error| {
        anyhow::anyhow!("admin.listen: cannot listen on {listen}: {error}; choose another port")
    })
}

/// Answers until `end`; still answers while the service drains, so that readiness can say so.
pub(crate) async fn serve(listener: TcpListener, context: Context, end: CancellationToken) {
    let context = Arc::new(context);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = end.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: asking again at once would only burn a processor.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let context = Arc::clone(&context);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&context)));
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new());
            if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(error, "an admin connection ended early");
            }
        });
    }
}

async fn answer<B>(request: Request<B>, context: Arc<Context>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match request.uri().path() {
        "/livez" => verdict(&context.health.wedged(), &[]),
        "/readyz" => {
            let unready = context.health.unready(&context.store, &context.stopping).await;
            verdict(&unready, &context.health.remarks())
        }
        "/metrics" => match context.metrics.render() {
            Ok(text) => response(StatusCode::OK, telemetry::metrics::CONTENT_TYPE, text),
            Err(_) => response(
                StatusCode::INTERNAL_SERVER_ERROR,
                "text/plain",
                "metrics cannot be rendered\n".to_owned(),
            ),
        },
        _ => response(
            StatusCode::NOT_FOUND,
            "text/plain",
            "here are /livez, /readyz and /metrics\n".to_owned(),
        ),
    })
}

/// What fails decides; what there is to say besides comes after it, a line each.
fn verdict(failing: &[String], remarks: &[String]) -> Response<Full<Bytes>> {
    let (status, verdict) = match failing {
        [] => (StatusCode::OK, "ok\n".to_owned()),
        failing => (StatusCode::SERVICE_UNAVAILABLE, format!("not ok: {}\n", failing.join(", "))),
    };
    let text = remarks.iter().fold(verdict, |text, remark| format!("{text}{remark}\n"));
    response(status, "text/plain", text)
}

fn response(status: StatusCode, content_type: &str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    if let Ok(value) = header::HeaderValue::from_str(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

#[cfg(test)]
mod tests;
