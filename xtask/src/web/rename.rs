//! Gives the functions that a module imports short names, in the module and in its glue.
//!
//! wasm-bindgen names an import after what it calls plus a hash, some forty characters each and
//! hard to compress. The names are private between the module and its glue, so they may be
//! anything. Only the import section is rewritten; every other byte stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

const IMPORTS: u8 = 2;
const EXPORTS: u8 = 7;
const SHORT_MODULE: &str = "g";

/// A module and its glue after shortening.
pub(super) struct Short {
    pub(super) wasm: Vec<u8>,
    pub(super) glue: String,
}

/// Shortens what the module imports from `module`, the glue's own name for itself.
pub(super) fn shorten(wasm: &[u8], glue: &str, module: &str) -> Result<Short> {
    let mut reader = Reader { bytes: wasm };
    if reader.take(8)? != b"\0asm\x01\0\0\0" {
        bail!("this is not a WebAssembly module");
    }
    let mut sections = Vec::new();
    while !reader.bytes.is_empty() {
        let id = reader.take(1)?[0];
        let length = reader.number()?;
        sections.push((id, reader.take(length)?));
    }
    let mut imports = Vec::new();
    let mut exported = BTreeSet::new();
    for (id, body) in &sections {
        let mut body = Reader { bytes: body };
        match *id {
            IMPORTS => {
                for _ in 0..body.number()? {
                    imports.push((body.text()?, body.text()?, body.import_type()?));
                }
            }
            EXPORTS => {
                for _ in 0..body.number()? {
                    exported.insert(body.text()?);
                    body.take(1)?;
                    body.number()?;
                }
            }
            _ => {}
        }
    }
    let names: BTreeMap<&str, String> = imports
        .iter()
        .filter(|(from, name, _)| *from == module && name.starts_with("__wb") && !exported.contains(name))
        .map(|(_, name, _)| *name)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .zip((0..).map(short))
        .collect();

    let mut body = Vec::new();
    put_number(&mut body, imports.len());
    for (from, name, kind) in &imports {
        put_text(&mut body, if *from == module { SHORT_MODULE } else { from });
        put_text(&mut body, if *from == module { names.get(name).map_or(name, String::as_str) } else { name });
        body.extend_from_slice(kind);
    }
    let mut out = wasm[..8].to_vec();
    for (id, old) in sections {
        let content = if id == IMPORTS { body.as_slice() } else { old };
        out.push(id);
        put_number(&mut out, content.len());
        out.extend_from_slice(content);
    }
    Ok(Short { wasm: out, glue: rename_words(glue, &names, module) })
}

/// The n-th of a, b, …, Z, aa, ab, …
fn short(mut n: usize) -> String {
    const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut name = String::new();
    loop {
        name.insert(0, char::from(LETTERS[n % 52]));
        if n < 52 {
            return name;
        }
        n = n / 52 - 1;
    }
}

fn rename_words(glue: &str, names: &BTreeMap<&str, String>, module: &str) -> String {
    let mut out = String::with_capacity(glue.len());
    let mut rest = glue;
    while !rest.is_empty() {
        let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        let end = rest.find(|c| !part_of_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        out.push_str(names.get(word).map_or(word, String::as_str));
        let next = after.find(part_of_word).unwrap_or(after.len());
        out.push_str(&after[..next]);
        rest = &after[next..];
    }
    out.replace(&format!("\"{module}\""), &format!("\"{SHORT_MODULE}\""))
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length).context("the module ends too early")?;
        self.bytes = rest;
        Ok(taken)
    }

    /// An unsigned LEB128 number.
    fn number(&mut self) -> Result<usize> {
        let mut value = 0_usize;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        bail!("a number is too long")
    }

    fn text(&mut self) -> Result<&'a str> {
        let length = self.number()?;
        Ok(std::str::from_utf8(self.take(length)?)?)
    }

    /// What is imported, as the bytes that say it.
    fn import_type(&mut self) -> Result<&'a [u8]> {
        let start = self.bytes;
        match self.take(1)?[0] {
            0x00 => {
                self.number()?;
            }
            0x01 => {
                self.take(1)?;
                self.limits()?;
            }
            0x02 => self.limits()?,
            0x03 => {
                self.take(2)?;
            }
            0x04 => {
                self.take(1)?;
                self.number()?;
            }
            other => bail!("an import of the unknown kind {other:#x}"),
        }
        Ok(&start[..start.len() - self.bytes.len()])
    }

    fn limits(&mut self) -> Result<()> {
        let has_maximum = self.take(1)?[0] & 1 == 1;
        self.number()?;
        if has_maximum {
            self.number()?;
        }
        Ok(())
    }
}

fn put_number(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = "./x_bg.js";

    fn module(imports: &[(&str, &str)], export: &str) -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        let mut section = |id: u8, content: Vec<u8>| {
            wasm.push(id);
            put_number(&mut wasm, content.len());
            wasm.extend(content);
        };
        section(1, vec![1, 0x60, 0, 0]);
        let mut content = Vec::new();
        put_number(&mut content, imports.len());
        for (from, name) in imports {
            put_text(&mut content, from);
            put_text(&mut content, name);
            content.extend([0, 0]);
        }
        section(2, content);
        let mut content = vec![1];
        put_text(&mut content, export);
        content.extend([0, 0]);
        section(7, content);
        wasm
    }

    #[test]
    fn names_become_short_in_the_module_and_in_its_glue() {
        let wasm = module(&[(MODULE, "__wbg_log_12ab"), (MODULE, "__wbg_now_34cd")], "start");
        let glue =
            r#"const i = { __wbg_log_12ab: f, __wbg_now_34cd: g }; return { "./x_bg.js": i }; // __wbg_log_12abc"#;
        let short = shorten(&wasm, glue, MODULE).expect("a module");
        assert_eq!(short.wasm, module(&[("g", "a"), ("g", "b")], "start"));
        assert_eq!(short.glue, r#"const i = { a: f, b: g }; return { "g": i }; // __wbg_log_12abc"#);
    }

    #[test]
    fn names_of_others_and_exported_names_stay() {
        let imports = [("./snippet.js", "__wbg_hook"), (MODULE, "__wbindgen_malloc"), (MODULE, "memory")];
        let wasm = module(&imports, "__wbindgen_malloc");
        let short = shorten(&wasm, "__wbg_hook __wbindgen_malloc", MODULE).expect("a module");
        let expected = [("./snippet.js", "__wbg_hook"), ("g", "__wbindgen_malloc"), ("g", "memory")];
        assert_eq!(short.wasm, module(&expected, "__wbindgen_malloc"));
        assert_eq!(short.glue, "__wbg_hook __wbindgen_malloc");
    }

    #[test]
    fn a_torn_module_is_an_error() {
        let wasm = module(&[(MODULE, "__wbg_x")], "start");
        assert!(shorten(&wasm[..wasm.len() - 3], "", MODULE).is_err());
        assert!(shorten(b"<html>", "", MODULE).is_err());
    }

    #[test]
    fn short_names_never_repeat() {
        let names: BTreeSet<String> = (0..4000).map(short).collect();
        assert_eq!(names.len(), 4000);
        assert_eq!((short(51), short(52), short(53)), ("Z".into(), "aa".into(), "ab".into()));
    }
}
