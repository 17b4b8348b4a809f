//! Fresh databases, one a test, gone afterwards.
//!
//! On PostgreSQL each is a copy of a template that has the schema already; the template is named
//! after the migrations, so that it is made once, whichever test comes first, and never stale.

use std::panic::AssertUnwindSafe;
use std::sync::Once;
use std::time::Duration;

use futures::FutureExt as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use store::{Options, Store};

/// Runs a test on a fresh store of each database.
pub async fn on_every_database(test: impl AsyncFn(Store)) {
    let directory = tempfile::tempdir().unwrap();
    run(&sqlite(directory.path()), &test).await;
    if let Some(cluster) = cluster() {
        let template = template(&cluster).await;
        let name = fresh_name();
        execute(&cluster, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        let outcome = AssertUnwindSafe(run(&with_database(&cluster, &name), &test)).catch_unwind().await;
        drop_database(&cluster, &name).await;
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

/// Runs a test with the address of a fresh, empty database of each kind.
pub async fn on_every_database_url(test: impl AsyncFn(String)) {
    let directory = tempfile::tempdir().unwrap();
    test(sqlite(directory.path())).await;
    if let Some(cluster) = cluster() {
        let name = fresh_name();
        execute(&cluster, format!("CREATE DATABASE {name}")).await;
        let outcome = AssertUnwindSafe(test(with_database(&cluster, &name))).catch_unwind().await;
        drop_database(&cluster, &name).await;
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

async fn run(url: &str, test: &impl AsyncFn(Store)) {
    let store = Store::open(&Options { max_connections: 4, ..Options::new(url) }).await.unwrap();
    test(store.clone()).await;
    store.close().await;
}

fn sqlite(directory: &std::path::Path) -> String {
    format!("sqlite:{}", directory.join("test.db").display())
}

/// Makes the template unless it is there, and returns its name.
async fn template(cluster: &str) -> String {
    let name = format!("cmp_template_{}", store::testing::schema_digest());
    let mut connection = PgConnection::connect(cluster).await.unwrap();
    // Whoever comes first makes it, and the others wait.
    connection.execute("SELECT pg_advisory_lock(7266101)").await.unwrap();
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    if !there {
        // Made under another name, so that a test that is stopped in the middle leaves no half of one.
        let draft = fresh_name();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {draft}"))).await.unwrap();
        let store = Store::open(&Options::new(with_database(cluster, &draft))).await.unwrap();
        store.close().await;
        connection.execute(AssertSqlSafe(format!("ALTER DATABASE {draft} RENAME TO {name}"))).await.unwrap();
    }
    connection.close().await.unwrap();
    name
}

async fn drop_database(cluster: &str, name: &str) {
    let mut connection = PgConnection::connect(cluster).await.unwrap();
    // The server's own vacuum may be in it, which nobody but a superuser may send away; it leaves by itself.
    let mut tries_left = 100;
    while let Err(error) = connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await {
        tries_left -= 1;
        assert!(tries_left > 0, "{name} could not be dropped: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    connection.close().await.unwrap();
}

async fn execute(cluster: &str, sql: String) {
    let mut connection = PgConnection::connect(cluster).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the name of a throw-away database")]
fn fresh_name() -> String {
    format!("cmp_test_{}", uuid::Uuid::new_v4().simple())
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by their environment alone")]
fn cluster() -> Option<String> {
    static SAY: Once = Once::new();
    if let Ok(cluster) = std::env::var("CMP_TEST_POSTGRES") {
        return Some(cluster);
    }
    assert!(
        std::env::var_os("CI").is_none() && std::env::var_os("CMP_TEST_REQUIRE_POSTGRES").is_none(),
        "CMP_TEST_POSTGRES names no PostgreSQL, and these tests must run on it; `cargo xtask test` starts one"
    );
    SAY.call_once(|| eprintln!("CMP_TEST_POSTGRES is not set: these tests run on SQLite alone"));
    None
}

/// Puts another database's name into an address like `postgres://cmp@localhost/postgres?host=/tmp/x`.
fn with_database(cluster: &str, name: &str) -> String {
    let (base, query) = cluster.split_once('?').unwrap_or((cluster, ""));
    let (server, _) = base.rsplit_once('/').unwrap();
    if query.is_empty() { format!("{server}/{name}") } else { format!("{server}/{name}?{query}") }
}
