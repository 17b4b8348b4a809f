//! Secrets: made here, stored as their SHA-256 alone; and passwords.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Returns `N` random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Returns 32 random bytes for a URL or a cookie, 43 characters.
pub fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// Returns what is stored in place of a secret. The secrets are random, so a plain digest is enough.
pub fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// What a password turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not the one that was hashed.
    Wrong,
    /// The one that was hashed.
    Right,
    /// The same, but it was hashed with other parameters than would be used today.
    RightButStale,
}

/// How many passwords are hashed at once: each takes memory, and anyone may ask.
static HASHING: Semaphore = Semaphore::const_new(8);

fn params(memory_kib: u32) -> Result<Params> {
    Params::new(memory_kib, 2, 1, None).map_err(|error| Error::internal(error.to_string()))
}

fn hasher(memory_kib: u32) -> Result<Argon2<'static>> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params(memory_kib)?))
}

/// Hashes a password; slow on purpose, so it runs beside the async threads.
pub async fn hash_password(password: &str, memory_kib: u32) -> Result<String> {
    let password = password.to_owned();
    run(move || {
        let hasher = hasher(memory_kib)?;
        let hash = hasher.hash_password(password.as_bytes()).map_err(|error| Error::internal(error.to_string()))?;
        Ok(hash.to_string())
    })
    .await
}

/// Tells whether a password is the one that was hashed. Without a hash it does the same work and
/// says no, so that nobody learns from the time taken whether there is an account.
pub async fn verify_password(password: &str, hash: Option<String>, memory_kib: u32) -> Result<Verdict> {
    let password = password.to_owned();
    run(move || {
        let hasher = hasher(memory_kib)?;
        let Some(hash) = hash else {
            let _ = hasher.hash_password(password.as_bytes());
            return Ok(Verdict::Wrong);
        };
        let hash = PasswordHash::new(&hash).map_err(|error| Error::internal(error.to_string()))?;
        if hasher.verify_password(password.as_bytes(), &hash).is_err() {
            return Ok(Verdict::Wrong);
        }
        let used = Params::try_from(&hash).map_err(|error| Error::internal(error.to_string()))?;
        let wanted = params(memory_kib)?;
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        Ok(if costs(&used) == costs(&wanted) { Verdict::Right } else { Verdict::RightButStale })
    })
    .await
}

async fn run<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let _permit = HASHING.acquire().await.map_err(Error::internal)?;
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
