//! Every statement of the store is one that both databases accept.

use std::path::{Path, PathBuf};

use store::{Dialect, Store, testing};
use testkit::on_every_database;

/// A statement in the source, for both databases or for one.
struct Statement {
    place: String,
    dialect: Option<Dialect>,
    sql: String,
}

#[tokio::test]
async fn every_statement_is_prepared_on_every_database() {
    let statements = statements();
    assert!(statements.len() > 100, "only {} statements were found; is the scanner broken?", statements.len());
    on_every_database(async |store: Store| {
        let mut refused = Vec::new();
        for statement in &statements {
            if statement.dialect.is_some_and(|dialect| dialect != store.dialect()) {
                continue;
            }
            if let Err(error) = testing::prepare(&store, statement.sql.clone()).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                refused.push(format!("{}: {cause}\n{}", statement.place, statement.sql));
            }
        }
        assert!(refused.is_empty(), "on {:?}:\n{}", store.dialect(), refused.join("\n\n"));
    })
    .await;
}

fn statements() -> Vec<Statement> {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut found = Vec::new();
    for file in files {
        // The query layer itself passes statements on; it writes none.
        if !file.ends_with("sql.rs") {
            scan(&file, &std::fs::read_to_string(&file).expect("a source file"), &mut found);
        }
    }
    found
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn scan(file: &Path, source: &str, found: &mut Vec<Statement>) {
    const STARTS: [(&str, Option<Dialect>); 3] =
        [(".query(", None), ("sqlite: ", Some(Dialect::Sqlite)), ("postgres: ", Some(Dialect::Postgres))];
    for (start, dialect) in STARTS {
        for (at, _) in source.match_indices(start) {
            let line = source[..at].matches('\n').count() + 1;
            let place = format!("{}:{line}", file.display());
            if source[..at].rsplit('\n').next().is_some_and(|text| text.trim_start().starts_with("//")) {
                continue;
            }
            let Some(sql) = literal(source[at + start.len()..].trim_start()) else {
                assert!(dialect.is_some(), "{place}: a statement must be a literal where it is used");
                continue;
            };
            found.push(Statement { place, dialect, sql });
        }
    }
}

/// Reads the string literal at the beginning of `source`.
fn literal(source: &str) -> Option<String> {
    if let Some(raw) = source.strip_prefix('r') {
        let hashes = raw.chars().take_while(|&c| c == '#').count();
        let text = raw[hashes..].strip_prefix('"')?;
        let end = text.find(&format!("\"{}", "#".repeat(hashes)))?;
        return Some(text[..end].to_owned());
    }
    let mut text = String::new();
    let mut rest = source.strip_prefix('"')?.chars().peekable();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\\' => match rest.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                // A backslash at the end of a line swallows the next line's indentation.
                '\n' => while rest.next_if(|c| c.is_whitespace()).is_some() {},
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

#[test]
fn the_scanner_reads_literals_as_rust_does() {
    assert_eq!(literal(r#""SELECT 1""#).as_deref(), Some("SELECT 1"));
    assert_eq!(literal("\"SELECT \\\n    1 -- \\\"x\\\"\"").as_deref(), Some("SELECT 1 -- \"x\""));
    assert_eq!(literal("r#\"SELECT \"a\"\"#)").as_deref(), Some("SELECT \"a\""));
    assert_eq!(literal("sql"), None);
}
