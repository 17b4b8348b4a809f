//! What comes from the operating system: packages and a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::{progress, run};

/// Whether we run as root.
pub(crate) fn is_root() -> bool {
    run::capture(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}

/// Installs packages on Debian and what descends from it.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    if run::find("apt-get").is_none() {
        bail!("this system has no apt-get");
    }
    let step = progress::step(format!("installing {} with apt-get", packages.join(" ")));
    if !lists_are_there() {
        run::under(&step, apt()?.arg("update"))?;
    }
    if install(&step, packages).is_err() {
        // Old lists name files that the mirrors no longer have.
        run::under(&step, apt()?.arg("update"))?;
        install(&step, packages)?;
    }
    step.done("");
    Ok(())
}

fn install(step: &progress::Step, packages: &[&str]) -> Result<()> {
    let mut command = apt()?;
    command.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    run::under(step, &mut command)
}

fn apt() -> Result<Command> {
    let mut command = if is_root() {
        Command::new("apt-get")
    } else if run::find("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    } else {
        bail!("installing packages needs root, and there is no sudo");
    };
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "-o", "DPkg::Lock::Timeout=300"]);
    Ok(command)
}

fn lists_are_there() -> bool {
    std::fs::read_dir("/var/lib/apt/lists")
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages")))
}

/// A Chromium of the system, installed if it can be; `None` leaves it to Playwright.
pub(crate) fn chromium() -> Option<PathBuf> {
    let found = || {
        std::env::var_os("CHROMIUM_PATH")
            .map(PathBuf::from)
            .filter(|path| path.is_file())
            .or_else(|| Some(PathBuf::from("/usr/bin/chromium")).filter(|path| path.is_file()))
            .or_else(|| run::find("chromium"))
            .or_else(|| run::find("google-chrome"))
    };
    found().or_else(|| {
        if Path::new("/etc/debian_version").exists() && !is_ubuntu() {
            apt_install(&["chromium"]).ok()?;
        }
        found()
    })
}

/// Ubuntu's `chromium` package only installs a snap, which containers cannot run.
fn is_ubuntu() -> bool {
    std::fs::read_to_string("/etc/os-release").is_ok_and(|text| text.contains("ID=ubuntu"))
}
