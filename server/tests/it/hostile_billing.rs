//! What somebody could try to do with payments, and did elsewhere: the cases that no other test has.
//!
//! `cargo xtask prove hostile-billing` lists every case with the test that tries it; many of those stand beside what
//! they are about.

#[cfg(feature = "stripe")]
mod buying;
mod using;
#[cfg(feature = "stripe")]
mod webhooks;
