//! The parts of the site: each from its sources to files in `target/site`.
//!
//! The widget's sources and what becomes of them:
//!
//! ```text
//! widget/src/     -> widget_bg.wasm and its glue
//! widget/boot.js  -> widget.js, together with the glue, which it imports as "./widget.js"
//!                    (without a boot.js the glue alone becomes widget.js)
//! widget/loader.js  -> loader.js, a classic script
//! widget/widget.css -> widget.css
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::toolchain::{Tools, WasmRust};
use crate::{progress, run, workspace};

use super::rename;

/// What the widget consists of in `target/site/widget`.
pub(super) const WIDGET_FILES: [&str; 4] = ["loader.js", "widget.js", "widget_bg.wasm", "widget.css"];

/// What WebAssembly may use: what every browser of the last years has. By name, because
/// `--all-features` also switches on encodings that browsers refuse.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// One run of `web`.
pub(super) struct Job<'a> {
    pub(super) tools: &'a Tools,
    pub(super) release: bool,
    pub(super) force: bool,
}

/// A wasm crate and the names of what it becomes.
struct Module<'a> {
    package: &'a str,
    /// The name of the script and, with `_bg.wasm`, of the module.
    out: &'a str,
    /// A script that starts the module and is bundled with its glue.
    boot: Option<PathBuf>,
    to: PathBuf,
}

impl Job<'_> {
    /// The portal's wasm and glue.
    pub(super) fn portal(&self) -> Result<()> {
        let inputs = ["app", "frontend", "crates/domain"];
        let module = Module { package: "frontend", out: "cmp", boot: None, to: workspace::site().join("pkg") };
        self.unless_fresh("portal", &inputs, &["pkg/cmp.js", "pkg/cmp_bg.wasm"], || self.wasm(&module))
    }

    /// The portal's style sheet.
    pub(super) fn styles(&self) -> Result<()> {
        let main = workspace::root().join("style/main.css");
        if !main.is_file() {
            eprintln!("  ! style/main.css does not exist yet; no style sheet is built");
            return Ok(());
        }
        self.unless_fresh("styles", &["style"], &["pkg/cmp.css"], || {
            let pictures = public_addresses()?;
            let mut how = vec!["--bundle"];
            how.extend(pictures.iter().map(String::as_str));
            self.minify("portal: style sheet", &main, "pkg/cmp.css", &how)
        })
    }

    /// The embeddable chat.
    pub(super) fn widget(&self) -> Result<()> {
        let source = workspace::root().join("widget");
        let loader = source.join("loader.js");
        let style = source.join("widget.css");
        let boot = Some(source.join("boot.js")).filter(|boot| boot.is_file());
        let mut made = vec!["widget/widget.js", "widget/widget_bg.wasm"];
        made.extend(loader.is_file().then_some("widget/loader.js"));
        made.extend(style.is_file().then_some("widget/widget.css"));
        self.unless_fresh("widget", &["widget", "crates/domain"], &made, || {
            if loader.is_file() {
                let how = ["--bundle", "--format=iife", "--target=es2020"];
                self.minify("widget: loader", &loader, "widget/loader.js", &how)?;
            }
            if style.is_file() {
                self.minify("widget: style sheet", &style, "widget/widget.css", &["--bundle"])?;
            }
            let to = workspace::site().join("widget");
            self.wasm(&Module { package: "widget", out: "widget", boot: boot.clone(), to })
        })
    }

    /// Compiles a crate, makes its glue, and makes both small.
    fn wasm(&self, module: &Module<'_>) -> Result<()> {
        let Module { package, out, .. } = module;
        let label = if *package == "frontend" { "portal" } else { package };
        let step = progress::step(format!("{label}: compiling for the browser"));
        let mut cargo = self.tools.rust.cargo("build");
        cargo.args(["--package", package]);
        if self.release {
            cargo.args(["--profile", "wasm-release"]);
        } else {
            cargo.env("CARGO_PROFILE_DEV_DEBUG", "false");
        }
        run::under(&step, &mut cargo)?;
        step.done("");

        let step = progress::step(format!("{label}: making the glue and making it small"));
        let place = WasmRust::target_dir().join("bindgen").join(package);
        if place.exists() {
            std::fs::remove_dir_all(&place)?;
        }
        let profile = if self.release { "wasm-release" } else { "debug" };
        step.note("wasm-bindgen");
        let mut bindgen = Command::new(&self.tools.bindgen);
        bindgen.args(["--target", "web", "--no-typescript", "--out-name", out, "--out-dir"]).arg(&place);
        if self.release {
            bindgen.args(["--remove-name-section", "--remove-producers-section"]);
        }
        run::under(&step, bindgen.arg(WasmRust::artifact(profile, package)))?;

        let wasm = place.join(format!("{out}_bg.wasm"));
        let glue = place.join(format!("{out}.js"));
        if self.release {
            step.note("wasm-opt");
            let mut optimize = Command::new(&self.tools.node.wasm_opt);
            optimize.arg("-Oz").args(FEATURES).args(["--strip-debug", "--strip-producers", "--strip-target-features"]);
            run::under(&step, optimize.arg("-o").arg(&wasm).arg(&wasm))?;
            let script = std::fs::read_to_string(&glue)?;
            let short = rename::shorten(&std::fs::read(&wasm)?, &script, &format!("./{out}_bg.js"))
                .with_context(|| format!("shortening the names that {package} imports"))?;
            std::fs::write(&wasm, short.wasm)?;
            std::fs::write(&glue, short.glue)?;
        }
        let entry = match &module.boot {
            Some(boot) => {
                let copy = place.join("boot.js");
                std::fs::copy(boot, &copy)?;
                copy
            }
            None => glue,
        };
        step.note("esbuild");
        let script = module.to.join(format!("{out}.js"));
        run::under(&step, &mut self.esbuild(&entry, &script, &["--bundle", "--format=esm", "--target=es2022"]))?;
        // The wasm last: a script must never be newer than the module it was made for.
        write_if_changed(&module.to.join(format!("{out}_bg.wasm")), &std::fs::read(&wasm)?)?;
        step.done("");
        Ok(())
    }

    fn minify(&self, label: &str, from: &Path, to: &str, how: &[&str]) -> Result<()> {
        let step = progress::step(label);
        run::under(&step, &mut self.esbuild(from, &workspace::site().join(to), how))?;
        step.done("");
        Ok(())
    }

    fn esbuild(&self, from: &Path, to: &Path, how: &[&str]) -> Command {
        let mut command = Command::new(&self.tools.node.esbuild);
        command.arg(from).args(how).args(["--log-level=warning", "--legal-comments=none", "--charset=utf8"]);
        if self.release {
            command.arg("--minify");
        }
        let mut out = std::ffi::OsString::from("--outfile=");
        out.push(to);
        command.arg(out);
        command
    }

    /// Does the work unless it was done before for the same inputs with the same tools.
    fn unless_fresh(
        &self,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        work: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let fingerprint = self.fingerprint(inputs)?;
        let record = WasmRust::target_dir().join(format!("{name}.fingerprint"));
        let known = std::fs::read_to_string(&record).is_ok_and(|known| known == fingerprint);
        let there = outputs.iter().all(|output| workspace::site().join(output).is_file());
        if known && there && !self.force {
            return Ok(());
        }
        let _ = std::fs::remove_file(&record);
        work()?;
        std::fs::create_dir_all(WasmRust::target_dir())?;
        std::fs::write(&record, fingerprint)?;
        Ok(())
    }

    fn fingerprint(&self, inputs: &[&str]) -> Result<String> {
        let root = workspace::root();
        let mut parts = vec![
            self.tools.rust.name.clone().into_bytes(),
            vec![u8::from(self.release)],
            // How things are built is an input as well.
            include_bytes!("parts.rs").to_vec(),
            include_bytes!("rename.rs").to_vec(),
        ];
        let mut files = vec![root.join("Cargo.lock"), root.join("Cargo.toml"), root.join(".cargo/config.toml")];
        for input in inputs {
            files.extend(workspace::files(&root.join(input))?);
        }
        for file in files {
            parts.push(file.to_string_lossy().into_owned().into_bytes());
            parts.push(std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?);
        }
        Ok(workspace::digest(parts.iter().map(Vec::as_slice)))
    }
}

/// Tells esbuild which addresses in a style sheet are files of `public/` and stay as they are.
///
/// One by one: a pattern such as `/*` would also match the files that are to be bundled.
fn public_addresses() -> Result<Vec<String>> {
    let public = workspace::root().join("public");
    let files = workspace::files(&public)?;
    let address = |file: &PathBuf| {
        let name = file.strip_prefix(&public).expect("listed below it");
        format!("--external:/{}", name.to_string_lossy())
    };
    Ok(files.iter().map(address).collect())
}

/// Writes a file unless it has that content already, so that its time tells when it changed.
pub(super) fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}
