//! Logs to standard error, and metrics on a listener of their own.
//!
//! A log line carries the request's id as `request_id`; it never carries tokens, addresses of
//! people, or what was said to an agent.

use std::io::IsTerminal;

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, TelemetrySection};

/// Starts writing logs.
pub fn start_logs(settings: &TelemetrySection) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log)
        .with_context(|| format!("key \"telemetry.log\": {:?} is not a log filter", settings.log))?;
    let format = settings
        .format
        .unwrap_or_else(|| if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json });
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Json => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(true)
                    .with_span_list(false)
                    .with_writer(std::io::stderr),
            )
            .try_init(),
        LogFormat::Text => registry.with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr)).try_init(),
    };
    started.context("logs were already started")
}

/// Starts counting; the handle writes what was counted.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new().install_recorder().context("metrics were already started")
}

/// Serves `/metrics` until `stop`. An address that is taken is a warning, not a reason to stay down.
pub async fn serve_metrics(listen: String, handle: PrometheusHandle, stop: CancellationToken) {
    if listen.is_empty() {
        return;
    }
    let listener = match tokio::net::TcpListener::bind(&listen).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%listen, %error, "metrics are not served: the address cannot be bound");
            return;
        }
    };
    tracing::info!(address = %listen, "metrics are served");
    let router = axum::Router::new().route(
        "/metrics",
        axum::routing::get(move || {
            let text = handle.render();
            async move { ([("content-type", "text/plain; version=0.0.4")], text) }
        }),
    );
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::warn!(%error, "metrics are no longer served");
    }
}
