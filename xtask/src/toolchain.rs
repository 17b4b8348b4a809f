//! The tools that building for the browser needs, found or brought here.
//!
//! Everything lands below `target/tools` (or `CMP_TOOLS_DIR`) and is reused; a second call costs
//! a few milliseconds. What a newcomer would get wrong: the Rust that builds for the browser may
//! be another one than the Rust that builds the server, so wasm builds always have a target
//! directory of their own and get their environment from [`WasmRust`].

mod bindgen;
mod node;
mod python;
mod rust;
mod system;

use anyhow::Result;

pub(crate) use bindgen::wasm_bindgen;
pub(crate) use node::{NodeTools, node_tools, npm};
pub(crate) use python::python_3_14;
pub(crate) use rust::{WasmRust, wasm_rust};
pub(crate) use system::{apt_install, chromium, is_root};

/// Everything that `web` needs.
pub(crate) struct Tools {
    /// The compiler.
    pub(crate) rust: WasmRust,
    /// `wasm-bindgen`, of the version in Cargo.lock.
    pub(crate) bindgen: std::path::PathBuf,
    /// `wasm-opt` and `esbuild`.
    pub(crate) node: NodeTools,
}

/// Finds the tools, and brings those that are missing.
pub(crate) fn ensure() -> Result<Tools> {
    let _lock = crate::workspace::lock("tools")?;
    Ok(Tools { node: node_tools()?, rust: wasm_rust()?, bindgen: wasm_bindgen()? })
}

/// Makes sure of the tools and says which they are.
pub(crate) fn report() -> Result<()> {
    let tools = ensure()?;
    println!("Rust for the browser  {}", tools.rust.name);
    println!("wasm-bindgen          {}", tools.bindgen.display());
    println!("wasm-opt              {}", tools.node.wasm_opt.display());
    println!("esbuild               {}", tools.node.esbuild.display());
    Ok(())
}
