//! A Python that is newer than the machine's.
//!
//! It comes out of packages of a newer Debian, which are unpacked below `target/tools` and never installed. Their
//! programs want a newer C library, too, so they are started through the loader that comes with it. Nobody has to be
//! root, and nothing of the machine changes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{progress, run, workspace};

/// The Debian that has it.
const SUITE: &str = "forky";
const VERSION: &str = "3.14";

/// The interpreter.
pub(crate) struct Python {
    /// The loader and its arguments, where the machine's own does not do.
    before: Vec<PathBuf>,
    program: PathBuf,
    home: Option<PathBuf>,
}

impl Python {
    /// A command that runs it, with packages of `site`.
    pub(crate) fn command(&self, site: &Path) -> Command {
        let mut words = self.before.iter().chain([&self.program]);
        let mut command = Command::new(words.next().unwrap_or(&self.program));
        command.args(words).env("PYTHONPATH", site).env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(home) = &self.home {
            command.env("PYTHONHOME", home);
        }
        command
    }
}

/// Finds Python 3.14, or unpacks it.
pub(crate) fn python_3_14() -> Result<Python> {
    if let Some(program) = run::find(&format!("python{VERSION}")) {
        return Ok(Python { before: Vec::new(), program, home: None });
    }
    let place = workspace::tools().join(format!("python-{VERSION}"));
    let (root, done) = (place.join("root"), place.join(".unpacked"));
    if !done.is_file() {
        let step = progress::step(format!("fetching Python {VERSION} from Debian {SUITE}"));
        let _ = std::fs::remove_dir_all(&place);
        for package in packages(&step, &place)? {
            run::under(&step, Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&root))?;
        }
        let _ = std::fs::remove_dir_all(place.join("apt"));
        std::fs::write(done, "")?;
        step.done("");
    }
    let libraries = entry(&root.join("usr/lib"), |name| name.ends_with("-linux-gnu"))?;
    let loader = entry(&libraries, |name| name.starts_with("ld-linux"))?;
    Ok(Python {
        before: vec![loader, "--library-path".into(), libraries],
        program: root.join(format!("usr/bin/python{VERSION}")),
        home: Some(root.join("usr")),
    })
}

fn entry(directory: &Path, is_it: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    let mut paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let found = paths.find(|path| path.file_name().is_some_and(|name| is_it(&name.to_string_lossy())));
    found.with_context(|| format!("{} lacks what a Debian has there", directory.display()))
}

/// Downloads the packages with apt, whose state is kept apart from the machine's.
fn packages(step: &progress::Step, place: &Path) -> Result<Vec<PathBuf>> {
    let apt = place.join("apt");
    let at = |name: &str| apt.join(name);
    for directory in ["state/lists/partial", "cache/archives/partial", "sources", "preferences"] {
        std::fs::create_dir_all(at(directory))?;
    }
    let source = source_of(&system_sources()?).context("this machine has no Debian among its apt sources")?;
    std::fs::write(at("sources/newer.sources"), source)?;
    std::fs::write(at("status"), "")?;
    let settings = format!(
        "Dir::State \"{state}\";\nDir::State::status \"{status}\";\nDir::Cache \"{cache}\";\n\
         Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"{sources}\";\n\
         Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"{preferences}\";\n\
         APT::Install-Recommends \"false\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n",
        state = at("state").display(),
        status = at("status").display(),
        cache = at("cache").display(),
        sources = at("sources").display(),
        preferences = at("preferences").display(),
    );
    std::fs::write(at("apt.conf"), settings)?;
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", at("apt.conf")).arg("--quiet").args(arguments);
        run::under(step, &mut command)
    };
    apt_get(&["update"])?;
    let (minimal, library) = (format!("python{VERSION}-minimal"), format!("libpython{VERSION}-stdlib"));
    // Nothing is installed: what it would need, down to the C library, is downloaded with it.
    apt_get(&["install", "--download-only", "--yes", &minimal, &library])?;
    let archives = workspace::files(&at("cache/archives"))?;
    Ok(archives.into_iter().filter(|path| path.extension().is_some_and(|it| it == "deb")).collect())
}

/// Reads every apt source of the machine.
fn system_sources() -> Result<String> {
    let mut text = std::fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    let directory = Path::new("/etc/apt/sources.list.d");
    if !directory.is_dir() && text.is_empty() {
        bail!("this system has no apt");
    }
    for file in workspace::files(directory)? {
        text.push_str("\n\n");
        text.push_str(&std::fs::read_to_string(file)?);
    }
    Ok(text)
}

/// Makes of the machine's Debian source one of the newer Debian, in either of apt's two forms.
fn source_of(sources: &str) -> Option<String> {
    let newer = |address: &str, keyring: Option<&str>| {
        let signed = keyring.map(|keyring| format!("Signed-By: {keyring}\n")).unwrap_or_default();
        format!("Types: deb\nURIs: {address}\nSuites: {SUITE}\nComponents: main\n{signed}")
    };
    let is_debian = |address: &str| address.contains("debian") && !address.contains("security");
    for stanza in sources.split("\n\n") {
        let field =
            |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let (Some(address), Some(components)) = (field("URIs"), field("Components")) else { continue };
        let address = address.split_whitespace().next().unwrap_or_default();
        if is_debian(address) && components.split_whitespace().any(|word| word == "main") {
            return Some(newer(address, field("Signed-By")));
        }
    }
    for line in sources.lines() {
        let Some(rest) = line.trim().strip_prefix("deb ") else { continue };
        let (options, rest) = match rest.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((options, rest)) => (options, rest),
            None => ("", rest),
        };
        let keyring = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
        let mut words = rest.split_whitespace();
        if let Some(address) = words.next().filter(|address| is_debian(address))
            && words.nth(1) == Some("main")
        {
            return Some(newer(address, keyring));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_source_says_where_the_newer_debian_is() {
        let stanzas = "Types: deb\nURIs: https://tools.invalid/x\nSuites: y\nComponents: main\n\n\
            Types: deb\n# a note\nURIs: https://mirror.invalid/debian\nSuites: old old-updates\nComponents: main\nSigned-By: /k.gpg\n\n\
            Types: deb\nURIs: https://mirror.invalid/debian-security\nSuites: old-security\nComponents: main\n";
        let newer =
            "Types: deb\nURIs: https://mirror.invalid/debian\nSuites: forky\nComponents: main\nSigned-By: /k.gpg\n";
        assert_eq!(source_of(stanzas).as_deref(), Some(newer));
        let lines = "deb https://tools.invalid/x y main\ndeb [arch=amd64 signed-by=/k.gpg] https://mirror.invalid/debian old main contrib\n";
        assert_eq!(source_of(lines).as_deref(), Some(newer));
        assert_eq!(source_of("deb https://tools.invalid/x y main\n"), None);
    }
}
