//! Which code of a component type is a published Langflow's: hashes only, never code.
//!
//! The table is made by `data/generate-code-hashes.py` from the published wheels.

use std::{collections::HashMap, sync::OnceLock};

use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    /// Component type, then hash, then the oldest version of the table's packages that has it.
    types: HashMap<String, HashMap<String, String>>,
}

/// Tells whether a component type has been published with this code.
pub(super) fn is_known(component: &str, hash: &str) -> bool {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        serde_json::from_str(include_str!("../../data/code-hashes.json")).expect("a test reads the table")
    });
    table.types.get(component).is_some_and(|hashes| hashes.contains_key(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_knows_the_current_chat_input_and_nothing_else() {
        assert!(is_known("ChatInput", "45974e6b1909"));
        assert!(!is_known("ChatInput", "000000000000"));
        assert!(!is_known("TextInput", "45974e6b1909"));
    }
}
