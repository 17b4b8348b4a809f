//! The little Markdown that agents answer in, as elements: paragraphs, lists, code, bold, links.
//!
//! Nothing here makes HTML of text, so an answer can hold any: it stays text.

use leptos::prelude::*;

use crate::ui::Views as _;

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Paragraph(String),
    Heading(String),
    List { ordered: bool, items: Vec<String> },
    Code(String),
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Span {
    Text(String),
    Strong(String),
    Code(String),
    Link(String, String),
}

/// An answer.
#[component]
pub(super) fn Markdown(text: String) -> impl IntoView {
    blocks(&text).into_iter().map(show).views()
}

fn show(block: Block) -> AnyView {
    match block {
        Block::Paragraph(text) => view! { <p>{line(&text)}</p> }.into_any(),
        Block::Heading(text) => view! { <p><strong>{line(&text)}</strong></p> }.into_any(),
        Block::Code(code) => view! { <pre tabindex="0"><code>{code}</code></pre> }.into_any(),
        Block::List { ordered, items } => {
            let items = items.iter().map(|item| view! { <li>{line(item)}</li> }).views();
            if ordered { view! { <ol>{items}</ol> }.into_any() } else { view! { <ul>{items}</ul> }.into_any() }
        }
    }
}

fn line(text: &str) -> Vec<AnyView> {
    spans(text)
        .into_iter()
        .map(|span| match span {
            Span::Text(text) => text.into_any(),
            Span::Strong(text) => view! { <strong>{text}</strong> }.into_any(),
            Span::Code(text) => view! { <code>{text}</code> }.into_any(),
            Span::Link(text, href) => {
                view! { <a class="link" href=href target="_blank" rel="noopener noreferrer nofollow">{text}</a> }
                    .into_any()
            }
        })
        .collect()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| !line.trim().starts_with("```")).collect();
            blocks.push(Block::Code(code.join("\n")));
            open = false;
        } else if trimmed.is_empty() {
            open = false;
        } else if let Some((ordered, item)) = item_of(trimmed) {
            match blocks.last_mut() {
                Some(Block::List { ordered: same, items }) if *same == ordered => items.push(item.to_owned()),
                _ => blocks.push(Block::List { ordered, items: vec![item.to_owned()] }),
            }
            open = false;
        } else if trimmed.starts_with('#') && trimmed.trim_start_matches('#').starts_with(' ') {
            blocks.push(Block::Heading(trimmed.trim_start_matches('#').trim().to_owned()));
            open = false;
        } else {
            match blocks.last_mut() {
                Some(Block::Paragraph(text)) if open => {
                    text.push('\n');
                    text.push_str(trimmed);
                }
                _ => blocks.push(Block::Paragraph(trimmed.to_owned())),
            }
            open = true;
        }
    }
    blocks
}

fn item_of(line: &str) -> Option<(bool, &str)> {
    if let Some(item) = ["- ", "* ", "• "].iter().find_map(|mark| line.strip_prefix(mark)) {
        return Some((false, item));
    }
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let item = line[digits..].strip_prefix(". ").or_else(|| line[digits..].strip_prefix(") "))?;
    (1..=3).contains(&digits).then_some((true, item))
}

fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((span, after)) = marked(rest) {
            if !plain.is_empty() {
                spans.push(Span::Text(std::mem::take(&mut plain)));
            }
            spans.push(span);
            rest = after;
        } else {
            let mut chars = rest.chars();
            plain.extend(chars.next());
            rest = chars.as_str();
        }
    }
    if !plain.is_empty() {
        spans.push(Span::Text(plain));
    }
    spans
}

/// Reads a marked piece at the start of a text.
fn marked(text: &str) -> Option<(Span, &str)> {
    if let Some(rest) = text.strip_prefix("**") {
        let (inside, after) = rest.split_once("**")?;
        return (!inside.is_empty()).then(|| (Span::Strong(inside.to_owned()), after));
    }
    if let Some(rest) = text.strip_prefix('`') {
        let (inside, after) = rest.split_once('`')?;
        return (!inside.is_empty()).then(|| (Span::Code(inside.to_owned()), after));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (label, rest) = rest.split_once("](")?;
        let (href, after) = rest.split_once(')')?;
        // Anything but these could run a script.
        let safe = ["https://", "http://", "mailto:"].iter().any(|scheme| href.starts_with(scheme));
        return (safe && !label.is_empty() && !label.contains('\n'))
            .then(|| (Span::Link(label.to_owned(), href.to_owned()), after));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_paragraphs_lists_and_code() {
        assert_eq!(
            blocks("Hello\nthere\n\n- a\n- b\n1. c\n```rust\nlet x;\n```\n# Title"),
            vec![
                Block::Paragraph("Hello\nthere".into()),
                Block::List { ordered: false, items: vec!["a".into(), "b".into()] },
                Block::List { ordered: true, items: vec!["c".into()] },
                Block::Code("let x;".into()),
                Block::Heading("Title".into()),
            ]
        );
    }

    #[test]
    fn marks_that_do_not_close_stay_text_and_a_script_is_no_link() {
        assert_eq!(
            spans("**b** `c` 2 ** 3"),
            vec![
                Span::Strong("b".into()),
                Span::Text(" ".into()),
                Span::Code("c".into()),
                Span::Text(" 2 ** 3".into()),
            ]
        );
        assert_eq!(spans("[x](javascript:alert)"), vec![Span::Text("[x](javascript:alert)".into())]);
        assert_eq!(
            spans("[x](https://a.test/)é"),
            vec![Span::Link("x".into(), "https://a.test/".into()), Span::Text("é".into())]
        );
    }
}
