//! `cmp serve`, `worker`, `migrate` and `seed`.

use anyhow::Context as _;
use services::Ctx;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::http::{self, AppState};
use crate::{assets, build, portal, telemetry};

/// Serves everything until the process is told to stop.
pub(super) async fn serve(config: Config, seed: bool, jobs: bool) -> anyhow::Result<()> {
    telemetry::start_logs(&config.telemetry)?;
    let metrics = telemetry::start_metrics()?;
    if !assets::are_built() {
        tracing::warn!("the portal's styles and wasm are not built; run `cargo xtask web` and build again");
    }
    let (host, port) = (config.server.host.as_str(), config.server.port);
    let listener = TcpListener::bind((host, port)).await.with_context(|| {
        format!("{host}:{port} cannot be listened on; is another program using it? --port takes another")
    })?;
    let address = listener.local_addr()?;
    let ctx = build::ctx(&config, build::public_url(&config, address.port())).await?;
    if seed {
        build::seed(&ctx).await?;
    }

    let stop = stop_signal();
    let tasks = TaskTracker::new();
    tasks.spawn(telemetry::serve_metrics(config.telemetry.metrics_listen.clone(), metrics, stop.clone()));
    build::start_background(&ctx, jobs, &tasks, &stop).await?;
    let state = AppState {
        ctx: ctx.clone(),
        leptos: portal::leptos_options(address),
        behind_proxy: config.server.behind_proxy,
    };
    println!("CMP is ready at {}", ctx.settings.public_url);
    tracing::info!(%address, "serving");
    http::serve(listener, http::router(state), stop.clone()).await?;
    stop.cancel();
    finish(ctx, tasks).await;
    Ok(())
}

/// Runs jobs until the process is told to stop.
pub(super) async fn worker(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config.telemetry)?;
    let metrics = telemetry::start_metrics()?;
    let ctx = build::ctx(&config, build::public_url(&config, config.server.port)).await?;
    let stop = stop_signal();
    let tasks = TaskTracker::new();
    tasks.spawn(telemetry::serve_metrics(config.telemetry.metrics_listen.clone(), metrics, stop.clone()));
    build::start_background(&ctx, true, &tasks, &stop).await?;
    tracing::info!("running jobs");
    stop.cancelled().await;
    finish(ctx, tasks).await;
    Ok(())
}

/// Brings the schema up to date.
pub(super) async fn migrate(config: Config) -> anyhow::Result<()> {
    let store = build::open_store(&config).await?;
    store.close().await;
    println!("The database is up to date.");
    Ok(())
}

/// Loads the sample content.
pub(super) async fn seed(config: Config) -> anyhow::Result<()> {
    let ctx = build::ctx(&config, build::public_url(&config, config.server.port)).await?;
    build::seed(&ctx).await?;
    ctx.store.close().await;
    println!("The sample content is there.");
    Ok(())
}

async fn finish(ctx: Ctx, tasks: TaskTracker) {
    tasks.close();
    if tokio::time::timeout(std::time::Duration::from_secs(35), tasks.wait()).await.is_err() {
        tracing::warn!("background work did not finish in time; its leases expire and it is done again");
    }
    ctx.store.close().await;
    tracing::info!("stopped");
}

/// Returns a token that is cancelled by SIGINT or SIGTERM.
fn stop_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let interrupt = tokio::signal::ctrl_c();
        #[cfg(unix)]
        let terminate = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        #[cfg(not(unix))]
        let terminate = std::future::pending::<()>();
        tokio::select! {
            _ = interrupt => {}
            () = terminate => {}
        }
        tracing::info!("told to stop; finishing what is in flight");
        told.cancel();
    });
    stop
}
