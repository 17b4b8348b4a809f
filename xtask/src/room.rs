//! Whether the disk has room for what is built.

use std::process::Command;

use crate::workspace;

/// What building and testing everything writes, from an empty clone: the builds of both sides and their tools.
const NEEDED_GB: u64 = 10;

/// Says so before anything is built if the disk may become full, which compilers report in many odd ways.
pub(crate) fn warn_if_scarce() {
    let built = workspace::target().join("debug").join("deps").exists();
    if let Some(free) = free_gb().filter(|free| *free < NEEDED_GB && !built) {
        eprintln!(
            "warning: {free} GB are free here, and building everything takes about {NEEDED_GB}; make room if it fails"
        );
    }
}

/// Returns what is free where this repository is, if `df` can tell.
fn free_gb() -> Option<u64> {
    let output = Command::new("df").arg("-Pk").arg(workspace::root()).output().ok()?;
    available_kb(&String::from_utf8(output.stdout).ok()?).map(|kb| kb / 1_000_000)
}

/// Reads the fourth column of `df -Pk`, as POSIX has it.
fn available_kb(table: &str) -> Option<u64> {
    table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_column_is_what_is_free() {
        let table =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 263000000 90000000 946176 100% /\n";
        assert_eq!(available_kb(table), Some(946_176));
        assert_eq!(available_kb("df: no such file"), None);
    }
}
