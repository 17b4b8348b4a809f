//! Both databases have the same schema, as far as their types allow.

use std::cell::RefCell;
use std::collections::BTreeSet;

use store::{Dialect, Scope, Store, testing};
use testkit::on_every_database;

/// What is compared: a name, the SQLite query and the PostgreSQL query, each of one text a row.
const PARTS: [(&str, &str, &str); 3] = [
    (
        "columns",
        r#"SELECT t.name || '.' || c.name || ' ' || c.type
               || CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN ' NOT NULL' ELSE '' END
           FROM sqlite_schema t JOIN pragma_table_info(t.name) c
           WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND t.name NOT LIKE '\_sqlx%' ESCAPE '\'"#,
        r"SELECT table_name::text || '.' || column_name::text || ' '
              || CASE data_type WHEN 'uuid' THEN 'BLOB' WHEN 'bytea' THEN 'BLOB'
                                WHEN 'text' THEN 'TEXT' WHEN 'jsonb' THEN 'TEXT'
                                WHEN 'bigint' THEN 'INTEGER' WHEN 'boolean' THEN 'INTEGER'
                                ELSE data_type::text END
              || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
          FROM information_schema.columns
          WHERE table_schema = 'public' AND table_name NOT LIKE '\_sqlx%'",
    ),
    (
        "keys and indexes",
        r#"SELECT t.name || CASE WHEN i."unique" = 1 THEN ' UNIQUE' ELSE '' END || ' ('
               || (SELECT group_concat(x.name, ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) x)
               || ')'
           FROM sqlite_schema t JOIN pragma_index_list(t.name) i
           WHERE t.type = 'table' AND t.name NOT LIKE '\_sqlx%' ESCAPE '\'"#,
        r"SELECT t.relname::text || CASE WHEN i.indisunique THEN ' UNIQUE' ELSE '' END || ' ('
              || (SELECT string_agg(a.attname::text, ', ' ORDER BY k.place)
                  FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
                  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number)
              || ')'
          FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
          WHERE t.relnamespace = 'public'::regnamespace AND t.relname NOT LIKE '\_sqlx%'",
    ),
    (
        "references",
        r#"SELECT t.name || ' (' || group_concat(f."from", ', ') || ') REFERENCES ' || f."table" || ' ON DELETE ' || f.on_delete
           FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f
           WHERE t.type = 'table'
           GROUP BY t.name, f.id"#,
        r"SELECT t.relname::text || ' ('
              || (SELECT string_agg(a.attname::text, ', ' ORDER BY k.place)
                  FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
                  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number)
              || ') REFERENCES ' || r.relname::text || ' ON DELETE '
              || CASE c.confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
                                    ELSE c.confdeltype::text END
          FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid
          WHERE c.contype = 'f' AND t.relnamespace = 'public'::regnamespace",
    ),
];

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_keys() {
    for (name, sqlite, postgres) in PARTS {
        let seen: RefCell<Vec<BTreeSet<String>>> = RefCell::default();
        on_every_database(async |store: Store| {
            let sql = if store.dialect() == Dialect::Sqlite { sqlite } else { postgres };
            let mut tx = store.read(Scope::System).await.expect("a transaction");
            let rows = testing::texts(&mut tx, sql.to_owned()).await.expect("the schema");
            seen.borrow_mut().push(rows.into_iter().flatten().collect());
        })
        .await;
        let seen = seen.into_inner();
        assert!(seen.iter().all(|rows| rows.len() > 10), "{name}: too little was read");
        if let [sqlite, postgres] = seen.as_slice() {
            let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
            let (here, there) = (only(sqlite, postgres), only(postgres, sqlite));
            assert!(
                here.is_empty() && there.is_empty(),
                "{name}: only in SQLite {here:#?}, only in PostgreSQL {there:#?}"
            );
        }
    }
}

#[test]
fn migrations_have_the_same_numbers_and_names() {
    let (sqlite, postgres) = testing::migrations();
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, postgres);
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    on_every_database(async |store: Store| {
        store.migrate().await.expect("migrated again");
    })
    .await;
}
