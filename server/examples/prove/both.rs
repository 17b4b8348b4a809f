//! What the proofs that kill the program share: both databases, and moments that nobody chose.

use serde_json::{Map, Value, json};

/// Runs a proof on SQLite, and on PostgreSQL; one that is not given does not hold.
pub(crate) async fn both<Run>(
    name: &str,
    postgres: Option<String>,
    holds: impl Fn(&Value) -> bool,
    one: impl Fn(Option<String>) -> Run,
) -> anyhow::Result<Value>
where
    Run: Future<Output = anyhow::Result<Value>>,
{
    let mut figures = Map::new();
    let row = one(None).await?;
    let mut all_hold = holds(&row);
    figures.insert("sqlite".to_owned(), row);
    let row = match postgres {
        Some(database) => one(Some(database)).await?,
        None => json!("no PostgreSQL was given"),
    };
    all_hold &= holds(&row);
    figures.insert("postgresql".to_owned(), row);
    Ok(json!({"name": name, "holds": all_hold, "figures": figures}))
}

/// A small generator: random enough for moments.
pub(crate) struct Moments(u64);

impl Moments {
    /// Begins elsewhere in each process.
    pub(crate) fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15 ^ u64::from(std::process::id()))
    }

    /// Returns the next number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
