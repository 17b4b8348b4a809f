//! The embeddable chat: what runs inside the frame that `loader.js` puts on a page.
//!
//! [`chat`], [`sse`], [`markdown`] and [`link`] are plain logic and are tested natively; [`page`]
//! connects them to the document, which the server has rendered and which works without us. What
//! a newcomer gets wrong: every byte here is loaded by strangers' visitors, so there is no serde,
//! no `format!`, no panic with a text, and `cargo xtask web` fails above the budget.

pub mod chat;
mod cut;
pub mod link;
pub mod markdown;
pub mod page;
pub mod sse;
