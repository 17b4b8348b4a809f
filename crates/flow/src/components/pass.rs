//! Pass, which hands a message on, and ID Generator.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::UNIX_EPOCH,
};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::Value,
};

/// Pass: the message as it came.
#[derive(Debug)]
pub(super) struct Pass;

#[async_trait]
impl Component for Pass {
    fn types(&self) -> &'static [&'static str] {
        &["Pass", "PassMessageComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["output_message"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let message = call.inputs.value("input_message").map(Value::to_message).unwrap_or_default();
        Ok(Outputs::one("output_message", Value::message(message)))
    }
}

/// ID Generator: the id that is typed in, or a new one.
#[derive(Debug)]
pub(super) struct IdGenerator;

#[async_trait]
impl Component for IdGenerator {
    fn types(&self) -> &'static [&'static str] {
        &["IDGenerator", "IDGeneratorComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["id"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("generate_id", "id")]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let id = call.inputs.text("unique_id").unwrap_or_else(|| {
            let nanos = call.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
            unique(nanos, MADE.fetch_add(1, Ordering::Relaxed))
        });
        Ok(Outputs::one("id", Value::text(id)))
    }
}

/// Makes an id that looks like a random UUID. It is unique and not secret: who knows the time can guess it.
fn unique(nanos: u128, count: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(nanos.to_be_bytes());
    hash.update(count.to_be_bytes());
    hash.update(std::process::id().to_be_bytes());
    let mut digest = hash.finalize();
    digest[6] = (digest[6] & 0x0f) | 0x40;
    digest[8] = (digest[8] & 0x3f) | 0x80;
    let hex = hex::encode(&digest[..16]);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::unique;

    #[test]
    fn ids_of_one_moment_differ_and_have_the_shape_of_a_random_uuid() {
        let (one, other) = (unique(7, 0), unique(7, 1));
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
