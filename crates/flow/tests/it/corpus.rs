//! What the fuzzer has found worth keeping is imported by every run of the tests, too.

use flow::{Flow, check, parse};

#[test]
fn the_kept_corpus_is_imported_without_a_panic_and_holds_together() {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/import");
    let (mut files, mut flows) = (0, 0);
    for entry in std::fs::read_dir(place).unwrap() {
        files += 1;
        let path = entry.unwrap().path();
        let Ok(import) = parse(&std::fs::read(&path).unwrap()) else { continue };
        if let Ok(whole) = import.clone().single() {
            check(&whole.flow);
        }
        for imported in import.flows {
            flows += 1;
            let verdict = check(&imported.flow).verdict;
            let stored = serde_json::to_string(&imported.flow).unwrap();
            let read: Flow = serde_json::from_str(&stored).unwrap();
            assert_eq!(check(&read).verdict, verdict, "{}", path.display());
            let again = parse(imported.export.to_string().as_bytes()).unwrap().single().unwrap();
            assert_eq!(again.flow.secrets_removed, [], "{}", path.display());
        }
    }
    assert!(files > 100 && flows > 30, "{files} files with {flows} flows");
}
