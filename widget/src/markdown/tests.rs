use proptest::prelude::*;

use super::*;

/// Writes the tree down, and counts what is open.
#[derive(Default)]
struct Written {
    text: String,
    open: Vec<Tag>,
}

impl Sink for Written {
    fn open(&mut self, tag: Tag, detail: &str) {
        self.text.push('(');
        self.text.push_str(&format!("{tag:?}").to_lowercase());
        if !detail.is_empty() {
            self.text.push(' ');
            self.text.push_str(detail);
        }
        self.text.push('|');
        self.open.push(tag);
        if tag == Tag::Link {
            assert!(crate::link::allowed(detail).is_some(), "{detail}");
        }
    }

    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn close(&mut self) {
        assert!(self.open.pop().is_some());
        self.text.push(')');
    }
}

fn tree(text: &str) -> String {
    let mut out = Written::default();
    render(text, &mut out);
    assert!(out.open.is_empty());
    out.text
}

/// Builds as the chat does: settled blocks once, the rest anew with each piece.
fn grown(text: &str, pieces: &[usize]) -> String {
    let mut settled_text = String::new();
    let mut start = 0;
    let mut open = String::new();
    for &end in pieces.iter().chain([&text.len()]) {
        let so_far = &text[..end];
        while let Some(length) = settled(&so_far[start..]) {
            settled_text.push_str(&tree(&so_far[start..start + length]));
            start += length;
        }
        open = tree(&so_far[start..]);
    }
    settled_text + &open
}

#[test]
fn blocks_become_what_they_are() {
    for (text, expected) in [
        ("Hello\nthere\n\nagain", "(paragraph|Hello(break|)there)(paragraph|again)"),
        ("# One\n###### Six #", "(heading(1)|One)(heading(6)|Six)"),
        ("#no heading", "(paragraph|#no heading)"),
        ("- a\n- b\n  - c\n\ntext", "(bullets|(item|a)(item|b(bullets|(item|c))))(paragraph|text)"),
        ("3. a\n4. b", "(numbers 3|(item|a)(item|b))"),
        ("1. a\n\n   more\n\n2. b", "(numbers 1|(item|(paragraph|a)(paragraph|more))(item|b))"),
        ("text\n- a", "(paragraph|text)(bullets|(item|a))"),
        ("In\n2025. It", "(paragraph|In(break|)2025. It)"),
        ("> a\n> - b", "(quote|(paragraph|a)(bullets|(item|b)))"),
        ("```rust\nfn a() {}\n\n# no\n```\nb", "(pre rust|fn a() {}\n\n# no)(paragraph|b)"),
        ("~~~\nopen", "(pre|open)"),
        ("- a\n  ```\n  code\n  ```", "(bullets|(item|a(pre|code)))"),
        ("---\n***", "(rule|)(rule|)"),
        (
            "| a | b |\n|---|:-:|\n| `x|y` | **z** |\n\nend",
            "(table|(row|(head|a)(head|b))(row|(cell|(code|x|y))(cell|(strong|z))))(paragraph|end)",
        ),
        ("a | b", "(paragraph|a | b)"),
        ("", ""),
    ] {
        assert_eq!(tree(text), expected, "{text:?}");
    }
}

#[test]
fn lines_become_what_they_are() {
    for (text, expected) in [
        ("**b** *i* ***bi*** ~~d~~ `c*d*`", "(strong|b) (em|i) (strong|(em|bi)) (del|d) (code|c*d*)"),
        ("**a *b***", "(strong|a (em|b))"),
        ("*a **b** c*", "(em|a (strong|b) c)"),
        ("snake_case_name and __init__", "snake_case_name and (strong|init)"),
        ("2 * 3 * 4 and a*", "2 * 3 * 4 and a*"),
        (r"\*no\* C:\dir", r"*no* C:\dir"),
        ("`` a`b ``", "(code|a`b)"),
        ("`open", "`open"),
        ("[a](https://x.example)", "(link https://x.example|a)"),
        ("[**a**](https://x.example/(b) \"title\")!", "(link https://x.example/(b)|(strong|a))!"),
        ("https://x.example/a. End", "(link https://x.example/a|https://x.example/a). End"),
        ("<https://x.example>", "(link https://x.example|https://x.example)"),
        ("a<b>c", "a<b>c"),
        ("[1] and [x](y)", "[1] and [x](y)"),
    ] {
        assert_eq!(tree(text), format!("(paragraph|{expected})"), "{text:?}");
    }
}

#[test]
fn what_is_read_out_has_its_words_apart() {
    assert_eq!(plain("# Hi\n- **a**b\n- c\n\n|x|y|\n|-|-|\n|1|2|\n"), "Hi  ab c   x y  1 2");
}

#[test]
fn nothing_dangerous_comes_out() {
    for (text, expected) in [
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("[a](javascript:alert(1))", "[a](javascript:alert(1))"),
        ("![q](https://evil.test/?q=secret)", "(link https://evil.test/?q=secret|q)"),
        ("![](https://evil.test/p)", "(link https://evil.test/p|https://evil.test/p)"),
        ("[bank.example](https://evil.test)", "(link https://evil.test|bank.example) (evil.test)"),
        ("[b**a**nk\\.example](https://evil.test)", "(link https://evil.test|b(strong|a)nk.example) (evil.test)"),
        ("a\u{202E}b", "ab"),
    ] {
        assert_eq!(tree(text), format!("(paragraph|{expected})"), "{text:?}");
    }
}

#[test]
fn a_flood_of_marks_takes_no_flood_of_time() {
    let began = std::time::Instant::now();
    for piece in
        ["*a ", "**a ", "_a ", "`a ", "[a", "[a](", "> ", "- ", "<a", "~~a ", "|a\n|-|\n", "https://a.b/(", "1. a\n  "]
    {
        tree(&piece.repeat(8000));
    }
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

fn marked() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a",
        "word ",
        "\n",
        "\n\n",
        "  ",
        "- ",
        "* ",
        "1. ",
        "2. ",
        "# ",
        "> ",
        "```",
        "```\n",
        "`",
        "*",
        "**",
        "_",
        "~~",
        "|",
        "|-|-|\n",
        "[",
        "](",
        ")",
        "https://x.example",
        "javascript:x",
        "<",
        ">",
        "!",
        "\\",
        "---\n",
        "é",
        "😀",
        "\t",
        "\r\n",
        "\u{202E}",
        "#",
        "-",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_becomes_a_tree(text in prop_oneof![marked(), "\\PC{0,60}", any::<String>()]) {
        tree(&text);
    }

    #[test]
    fn an_answer_that_grows_ends_as_the_whole(text in marked(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mut pieces: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).map(|mut cut| {
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            cut
        }).collect();
        pieces.sort_unstable();
        prop_assert_eq!(grown(&text, &pieces), tree(&text));
    }

    #[test]
    fn plain_words_are_kept(text in "[a-zA-Z ,;äöü😀]{0,80}") {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let shown = tree(&text);
        let inner = shown.trim_start_matches("(paragraph|").trim_end_matches(')');
        prop_assert_eq!(inner.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), words);
    }
}
