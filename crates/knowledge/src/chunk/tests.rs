use proptest::prelude::*;

use super::*;

fn small(longest: usize, overlap: usize) -> ChunkOptions {
    ChunkOptions { longest, overlap }
}

fn words(count: usize, word: &str) -> String {
    vec![word; count].join(" ")
}

#[test]
fn a_passage_knows_the_headings_above_it() {
    let mut document = Document::default();
    document.heading(None, 1, "Returns");
    document.heading(None, 2, "Deadlines");
    document.text(None, words(30, "days"));
    document.heading(None, 2, "Costs");
    document.text(None, words(30, "euro"));
    let found = chunks(&document, small(40, 0));
    let headings: Vec<_> = found.iter().map(|chunk| chunk.headings.join(" > ")).collect();
    assert_eq!(headings, ["Returns > Deadlines", "Returns > Costs"]);
    assert_eq!(found[0].context("Shop"), "Shop > Returns > Deadlines");
    assert_eq!(found[0].context("Returns"), "Returns > Deadlines");
}

#[test]
fn short_sections_share_a_passage_that_says_their_headings() {
    let mut document = Document::default();
    document.heading(None, 1, "Questions");
    document.heading(None, 2, "Where?");
    document.text(None, "Here.");
    document.heading(None, 2, "When?");
    document.text(None, "Now.");
    let found = chunks(&document, ChunkOptions::default());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].headings, ["Questions"]);
    assert_eq!(found[0].text, "Where?\n\nHere.\n\nWhen?\n\nNow.");
}

#[test]
fn a_heading_with_nothing_below_it_is_kept() {
    let mut document = Document::default();
    document.heading(None, 1, "Part one");
    document.heading(None, 1, "Part two");
    document.text(None, "Its text.");
    document.heading(None, 1, "The end");
    let all: String = chunks(&document, ChunkOptions::default()).iter().map(|c| c.context("") + &c.text).collect();
    for heading in ["Part one", "Part two", "The end"] {
        assert!(all.contains(heading), "{all}");
    }
}

#[test]
fn a_table_is_cut_between_rows_under_its_head() {
    let mut document = Document::default();
    let rows = (0..40).map(|row| vec![format!("part{row}"), format!("{row}.50")]).collect();
    document.table(Some(3), vec!["Part".into(), "Price".into()], rows);
    let found = chunks(&document, small(60, 10));
    assert!(found.len() > 2);
    for chunk in &found {
        assert!(chunk.text.starts_with("Part | Price\n"), "{}", chunk.text);
        assert_eq!(chunk.pages, Some((3, 3)));
    }
    let rows: usize = found.iter().map(|chunk| chunk.text.lines().count() - 1).sum();
    assert_eq!(rows, 40);
}

#[test]
fn a_code_that_does_not_fit_below_the_head_of_its_table_is_not_cut() {
    let mut document = Document::default();
    document.blocks.push(crate::document::Block {
        page: None,
        body: Body::Table { head: vec!["a".into(), "aaaaaaa".into()], rows: vec![vec!["0a0a0".into()]] },
    });
    let found = chunks(&document, small(8, 0));
    assert!(found.iter().any(|chunk| chunk.text == "0a0a0"), "{found:?}");
}

#[test]
fn a_cut_section_goes_on_with_its_last_sentence() {
    let mut document = Document::default();
    document.text(Some(1), "One two three four five six. Seven eight nine ten. Eleven twelve thirteen fourteen.");
    document.text(Some(2), "Fifteen sixteen seventeen eighteen nineteen twenty.");
    let found = chunks(&document, small(28, 7));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].text.starts_with("Eleven twelve thirteen fourteen.\n\nFifteen"), "{found:?}");
    assert_eq!(found[1].pages, Some((1, 2)));
}

#[test]
fn sentences_end_where_the_next_begins() {
    let text = "It costs 3.50 e.g. here. \"Really?\" Yes!\nA line\n終わり。次";
    let found: Vec<_> = sentences(text).into_iter().map(|(from, to)| text[from..to].trim()).collect();
    assert_eq!(found, ["It costs 3.50 e.g. here.", "\"Really?\"", "Yes!", "A line", "終わり。", "次"]);
}

/// A document of anything.
fn any_document() -> impl Strategy<Value = Document> {
    let text = prop_oneof![
        "[a-z]{1,9}( [a-z]{1,9}){0,60}\\.",
        "([A-Z][a-z]{1,8}( [a-z]{1,8}){2,12}\\. ){1,12}",
        "\\PC{0,80}",
        "[a-z]{300,400}",
        "[知識検索文書]{1,90}",
    ];
    let block = prop_oneof![
        3 => text.prop_map(|text| Body::Text { text }),
        1 => (1..4_u8, "[A-Z][a-z]{1,8}( [a-z]{1,8}){0,4}").prop_map(|(level, text)| Body::Heading { level, text }),
        1 => (prop::collection::vec("[a-z]{0,8}", 0..4), prop::collection::vec(prop::collection::vec("[a-z0-9 ]{0,12}", 0..4), 0..12))
            .prop_map(|(head, rows)| Body::Table { head, rows }),
    ];
    prop::collection::vec((prop::option::of(1..9_u32), block), 0..14).prop_map(|blocks| Document {
        blocks: blocks.into_iter().map(|(page, body)| crate::document::Block { page, body }).collect(),
        ..Document::default()
    })
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

proptest! {
    #[test]
    fn no_passage_is_too_long(document in any_document(), longest in 8..120_usize, overlap in 0..40_usize) {
        for chunk in chunks(&document, small(longest, overlap)) {
            prop_assert!(chunk.tokens <= longest, "{} > {longest}: {}", chunk.tokens, chunk.text);
            prop_assert!(!chunk.text.trim().is_empty());
        }
    }

    #[test]
    fn nothing_is_lost(document in any_document(), longest in 8..120_usize, overlap in 0..40_usize) {
        let found = chunks(&document, small(longest, overlap));
        let all: Vec<String> = found.iter().map(|chunk| letters(&(chunk.headings.concat() + &chunk.text))).collect();
        let joined = all.concat();
        // A word is whole wherever a passage has room for it beside what it repeats of the one before.
        let room = longest - overlap.min(longest / 4);
        for block in &document.blocks {
            for text in block.strings() {
                for word in text.split_whitespace().filter(|word| tokens::count(word) <= room) {
                    prop_assert!(joined.contains(&letters(word)), "{word} is lost");
                }
            }
        }
    }

    #[test]
    fn passages_are_counted_in_order(document in any_document()) {
        let found = chunks(&document, small(30, 5));
        for (place, chunk) in found.iter().enumerate() {
            prop_assert_eq!(chunk.ordinal as usize, place);
        }
        prop_assert_eq!(found, chunks(&document, small(30, 5)));
    }
}
