//! Makes sure that the folder of built assets exists, and that a change of it rebuilds the program.

fn main() {
    let site = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/site");
    // `cargo xtask web` fills it; without it the program still builds, and says what is missing.
    let _ = std::fs::create_dir_all(&site);
    println!("cargo::rerun-if-changed=../target/site/build.json");
    println!("cargo::rerun-if-changed=../migrations");
    println!("cargo::rerun-if-changed=build.rs");
}
