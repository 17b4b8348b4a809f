//! One pool, one transaction and one query type over two databases.
//!
//! `sqlx::Any` knows no UUID and no JSON, and generics cannot pass through server functions, so the
//! choice is an enum made once here. What a newcomer gets wrong: SQLite has one writer. Reads that
//! lead to a write belong in the same [`Store::write`] transaction, which begins IMMEDIATE; a read
//! transaction must not be held open across anything slow.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow, Postgres};
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Arguments, Encode, FromRow, Transaction, Type};

use crate::tenant::Scope;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// What went wrong in the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or could not be reached.
    #[error("the database could not do what was asked")]
    Sql(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The address is of neither database.
    #[error("a database address starts with sqlite: or postgres:, not {0:?}")]
    Address(String),
    /// A row that had to be there, exactly once, was not.
    #[error("{affected} rows were changed instead of one")]
    NotOne {
        /// How many rows were changed.
        affected: u64,
    },
    /// The ledger has something else for the same cause.
    #[error("the ledger has another {kind} for {cause}")]
    PostedOtherwise {
        /// What it is about.
        kind: domain::ledger::TransactionKind,
        /// What caused it.
        cause: String,
    },
    /// A role that row-level security does not hold.
    #[error(
        "the PostgreSQL role {0:?} is a superuser or bypasses row-level security; connect as an \
         ordinary role, or set allow_superuser if this is a trial"
    )]
    Superuser(String),
}

impl Error {
    /// Tells whether a UNIQUE constraint refused the row.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// Tells whether a row that this one needs is not there.
    pub fn is_foreign_key_violation(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if error.is_foreign_key_violation())
    }
}

/// Which of the two databases is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// The same statement in two dialects, for where one text cannot serve both.
#[derive(Clone, Copy, Debug)]
pub struct Either {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:path/to/file` or `postgres://…`.
    pub url: String,
    /// PostgreSQL connections, or SQLite readers, at most.
    pub max_connections: u32,
    /// Accept a PostgreSQL role that row-level security does not hold.
    pub allow_superuser: bool,
}

impl Options {
    /// Makes the options that fit most uses of `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), max_connections: 16, allow_superuser: false }
    }
}

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Pools,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

impl Store {
    /// Opens the database that `options` names and brings its schema up to date.
    pub async fn open(options: &Options) -> Result<Self, Error> {
        let store = Self::connect(options).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// Opens the database without touching its schema.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        let url = options.url.as_str();
        if url.starts_with("sqlite:") {
            let connect = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .foreign_keys(true)
                .journal_mode(SqliteJournalMode::Wal)
                // FULL: what was answered survives a power cut, not only a killed process.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(10))
                .pragma("cache_size", "-16000")
                .optimize_on_close(true, None);
            let write = SqlitePoolOptions::new().max_connections(1).connect_with(connect.clone()).await?;
            let read = SqlitePoolOptions::new()
                .max_connections(options.max_connections)
                .connect_lazy_with(connect.pragma("query_only", "true"));
            Ok(Self { pools: Pools::Sqlite { read, write } })
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let connect = PgConnectOptions::from_str(url)?.application_name("cmp");
            let pool = PgPoolOptions::new().max_connections(options.max_connections).connect_with(connect).await?;
            if !options.allow_superuser {
                let (role, unbound): (String, bool) = sqlx::query_as(
                    "SELECT rolname::text, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user",
                )
                .fetch_one(&pool)
                .await?;
                if unbound {
                    return Err(Error::Superuser(role));
                }
            }
            Ok(Self { pools: Pools::Postgres(pool) })
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            Err(Error::Address(scheme.to_owned()))
        }
    }

    /// Applies the migrations that are missing.
    pub async fn migrate(&self) -> Result<(), Error> {
        match &self.pools {
            Pools::Sqlite { write, .. } => SQLITE_MIGRATIONS.run(write).await?,
            Pools::Postgres(pool) => POSTGRES_MIGRATIONS.run(pool).await?,
        }
        Ok(())
    }

    /// Returns which database this is.
    pub const fn dialect(&self) -> Dialect {
        match self.pools {
            Pools::Sqlite { .. } => Dialect::Sqlite,
            Pools::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Begins a transaction that only reads.
    pub async fn read(&self, scope: impl Into<Scope>) -> Result<Tx, Error> {
        match &self.pools {
            Pools::Sqlite { read, .. } => Ok(Tx { inner: TxInner::Sqlite(read.begin().await?) }),
            Pools::Postgres(pool) => postgres_tx(pool, scope.into()).await,
        }
    }

    /// Begins a transaction that writes; on SQLite it waits for the one writer.
    pub async fn write(&self, scope: impl Into<Scope>) -> Result<Tx, Error> {
        match &self.pools {
            Pools::Sqlite { write, .. } => {
                Ok(Tx { inner: TxInner::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?) })
            }
            Pools::Postgres(pool) => postgres_tx(pool, scope.into()).await,
        }
    }

    /// Waits for running transactions and closes every connection.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Listens to a PostgreSQL channel; nothing on SQLite, where one process is all there is.
    pub async fn listen(&self, channel: &str) -> Result<Option<sqlx::postgres::PgListener>, Error> {
        match &self.pools {
            Pools::Sqlite { .. } => Ok(None),
            Pools::Postgres(pool) => {
                let mut listener = sqlx::postgres::PgListener::connect_with(pool).await?;
                listener.listen(channel).await?;
                Ok(Some(listener))
            }
        }
    }
}

async fn postgres_tx(pool: &PgPool, scope: Scope) -> Result<Tx, Error> {
    let mut tx = pool.begin().await?;
    let name = match scope {
        Scope::System => "*".to_owned(),
        Scope::Tenant(tenant) => tenant.id().0.hyphenated().to_string(),
    };
    sqlx::query("SELECT set_config('cmp.tenant', $1, true)").bind(name).execute(&mut *tx).await?;
    Ok(Tx { inner: TxInner::Postgres(tx) })
}

/// A transaction; dropping it takes back what it did.
#[derive(Debug)]
pub struct Tx {
    inner: TxInner,
}

#[derive(Debug)]
enum TxInner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Makes what was done lasting.
    pub async fn commit(self) -> Result<(), Error> {
        match self.inner {
            TxInner::Sqlite(tx) => tx.commit().await?,
            TxInner::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Takes back what was done; dropping does the same, a little later.
    pub async fn rollback(self) -> Result<(), Error> {
        match self.inner {
            TxInner::Sqlite(tx) => tx.rollback().await?,
            TxInner::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }

    /// Returns which database this is.
    pub const fn dialect(&self) -> Dialect {
        match self.inner {
            TxInner::Sqlite(_) => Dialect::Sqlite,
            TxInner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Starts a statement that serves both databases.
    pub fn query(&mut self, sql: &'static str) -> Query<'_> {
        let args = match self.inner {
            TxInner::Sqlite(_) => Args::Sqlite(SqliteArguments::default()),
            TxInner::Postgres(_) => Args::Postgres(PgArguments::default()),
        };
        Query { tx: self, sql, args, error: None }
    }

    /// Starts the statement of the database in use.
    pub fn query_either(&mut self, sql: Either) -> Query<'_> {
        let sql = match self.dialect() {
            Dialect::Sqlite => sql.sqlite,
            Dialect::Postgres => sql.postgres,
        };
        self.query(sql)
    }
}

/// A statement that is being given its parameters.
#[must_use = "a query does nothing until it is executed or fetched"]
pub struct Query<'t> {
    tx: &'t mut Tx,
    sql: &'static str,
    args: Args,
    error: Option<sqlx::error::BoxDynError>,
}

enum Args {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

/// How many rows a statement changed.
#[must_use = "check that the statement changed what it should"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The number of rows.
    pub affected: u64,
}

impl Done {
    /// Fails unless exactly one row was changed.
    pub const fn exactly_one(self) -> Result<(), Error> {
        if self.affected == 1 { Ok(()) } else { Err(Error::NotOne { affected: self.affected }) }
    }

    /// Accepts any number of rows.
    pub const fn any(self) {}
}

impl Query<'_> {
    /// Binds the next parameter.
    pub fn bind<T>(mut self, value: T) -> Self
    where
        T: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres>,
    {
        let added = match &mut self.args {
            Args::Sqlite(args) => Arguments::add(args, value),
            Args::Postgres(args) => Arguments::add(args, value),
        };
        if let Err(error) = added {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Runs the statement.
    pub async fn execute(self) -> Result<Done, Error> {
        if let Some(error) = self.error {
            return Err(sqlx::Error::Encode(error).into());
        }
        let affected = match (&mut self.tx.inner, self.args) {
            (TxInner::Sqlite(tx), Args::Sqlite(args)) => {
                sqlx::query_with(self.sql, args).execute(&mut **tx).await?.rows_affected()
            }
            (TxInner::Postgres(tx), Args::Postgres(args)) => {
                sqlx::query_with(self.sql, args).execute(&mut **tx).await?.rows_affected()
            }
            _ => unreachable!("a query's parameters are made for its transaction's database"),
        };
        Ok(Done { affected })
    }

    /// Runs the statement and returns its first row, if it has one.
    pub async fn fetch_optional<T>(self) -> Result<Option<T>, Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        if let Some(error) = self.error {
            return Err(sqlx::Error::Encode(error).into());
        }
        let row = match (&mut self.tx.inner, self.args) {
            (TxInner::Sqlite(tx), Args::Sqlite(args)) => {
                sqlx::query_as_with(self.sql, args).fetch_optional(&mut **tx).await?
            }
            (TxInner::Postgres(tx), Args::Postgres(args)) => {
                sqlx::query_as_with(self.sql, args).fetch_optional(&mut **tx).await?
            }
            _ => unreachable!("a query's parameters are made for its transaction's database"),
        };
        Ok(row)
    }

    /// Runs the statement and returns its only row.
    pub async fn fetch_one<T>(self) -> Result<T, Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.fetch_optional().await?.ok_or(Error::Sql(sqlx::Error::RowNotFound))
    }

    /// Runs the statement and returns every row.
    pub async fn fetch_all<T>(self) -> Result<Vec<T>, Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        if let Some(error) = self.error {
            return Err(sqlx::Error::Encode(error).into());
        }
        let rows = match (&mut self.tx.inner, self.args) {
            (TxInner::Sqlite(tx), Args::Sqlite(args)) => {
                sqlx::query_as_with(self.sql, args).fetch_all(&mut **tx).await?
            }
            (TxInner::Postgres(tx), Args::Postgres(args)) => {
                sqlx::query_as_with(self.sql, args).fetch_all(&mut **tx).await?
            }
            _ => unreachable!("a query's parameters are made for its transaction's database"),
        };
        Ok(rows)
    }

    /// Runs the statement and returns the first column of its only row.
    pub async fn fetch_scalar<T>(self) -> Result<T, Error>
    where
        (T,): for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
        T: Send + Unpin,
    {
        let (value,) = self.fetch_one::<(T,)>().await?;
        Ok(value)
    }
}

#[doc(hidden)]
pub mod testing {
    //! What the tests need to look below the store.

    use sqlx::{Executor, SqlSafeStr};

    use super::{Error, POSTGRES_MIGRATIONS, Pools, SQLITE_MIGRATIONS, Store};

    /// Returns a name for the PostgreSQL schema, another one after any change of its migrations.
    pub fn schema_digest() -> String {
        let bytes = POSTGRES_MIGRATIONS.iter().flat_map(|migration| migration.checksum.iter());
        let fnv1a = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{fnv1a:016x}")
    }

    /// A migration's number and name.
    pub type Migration = (i64, String);

    /// Returns number and name of each migration, of SQLite and of PostgreSQL.
    pub fn migrations() -> (Vec<Migration>, Vec<Migration>) {
        let names = |migrator: &sqlx::migrate::Migrator| {
            migrator.iter().map(|migration| (migration.version, migration.description.to_string())).collect()
        };
        (names(&SQLITE_MIGRATIONS), names(&POSTGRES_MIGRATIONS))
    }

    /// Runs a statement outside every scope, as nothing but a test does.
    pub async fn unscoped_texts(store: &Store, sql: String) -> Result<Vec<Option<String>>, Error> {
        let sql = sqlx::AssertSqlSafe(sql);
        Ok(match &store.pools {
            Pools::Sqlite { read, .. } => sqlx::query_scalar(sql).fetch_all(read).await?,
            Pools::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await?,
        })
    }

    /// Runs a statement that only a test needs, and returns each row's first column as text.
    pub async fn texts(tx: &mut super::Tx, sql: String) -> Result<Vec<Option<String>>, Error> {
        let sql = sqlx::AssertSqlSafe(sql);
        Ok(match &mut tx.inner {
            super::TxInner::Sqlite(tx) => sqlx::query_scalar(sql).fetch_all(&mut **tx).await?,
            super::TxInner::Postgres(tx) => sqlx::query_scalar(sql).fetch_all(&mut **tx).await?,
        })
    }

    /// Prepares a statement; an error says why the database refused it.
    pub async fn prepare(store: &Store, sql: String) -> Result<(), Error> {
        let sql = sqlx::AssertSqlSafe(sql).into_sql_str();
        match &store.pools {
            Pools::Sqlite { read, .. } => {
                read.acquire().await?.prepare(sql).await?;
            }
            Pools::Postgres(pool) => {
                pool.acquire().await?.prepare(sql).await?;
            }
        }
        Ok(())
    }
}
