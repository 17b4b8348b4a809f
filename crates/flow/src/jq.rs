//! Programs in jq, as flows have them: read and run here, in bounded time and memory.
//!
//! Whoever made the flow wrote the program, so it may be meant to never end: every value that a program makes costs,
//! and what it may cost is bounded. Nothing outside of the input can be read: there is no `env`, no `input` and no
//! clock. Every filter gives its results at once and not one by one; a program sees no difference, except one whose
//! results never end and that takes only the first of them, which is refused here.

mod eval;
mod functions;
mod parse;

use serde_json::Value as Json;

pub(crate) use self::parse::Program;

/// The longest program.
const PROGRAM_BYTES: usize = 8 * 1024;
/// The deepest nesting of a program.
const DEPTH: usize = 40;
/// How deep calls may go while it runs.
const CALLS: usize = 120;
/// The stack on which it runs, in bytes: far more than so many calls take, unoptimized.
const STACK: usize = 16 * 1024 * 1024;
/// How many bytes the values that a run of it makes may have together.
const BYTES: usize = 64 * 1024 * 1024;
/// What a value costs at the least.
const LEAST: usize = 64;

impl Program {
    /// Runs the program and returns all of its results.
    pub(crate) fn run(&self, input: &Json) -> Result<Vec<Json>, String> {
        // Calls of a program nest on the stack, and how much is left of the one here nobody knows. Nothing outlives it.
        std::thread::scope(|scope| {
            let run = || eval::run(&self.filter, input);
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
            let thread = thread.map_err(|_| "the program could not be begun".to_owned())?;
            thread.join().unwrap_or_else(|_| Err("the program could not be run".into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all(program: &str, input: Json) -> Vec<Json> {
        Program::read(program).unwrap_or_else(|error| panic!("{program}: {error}")).run(&input).unwrap_or_else(
            |error| {
                panic!("{program}: {error}");
            },
        )
    }

    #[test]
    fn programs_give_what_jq_gives() {
        // Program, input, results.
        let cases = [
            (".", json!({"a": 1}), vec![json!({"a": 1})]),
            (".foo", json!({"foo": 42}), vec![json!(42)]),
            (".[\"foo\"]?", json!([1]), vec![]),
            (".a.b[0][\"c d\"]", json!({"a": {"b": [{"c d": 1}]}}), vec![json!(1)]),
            (".[2:4], .[-2:], .[:1]", json!([1, 2, 3, 4, 5]), vec![json!([3, 4]), json!([4, 5]), json!([1])]),
            (".[1:3]", json!("abcd"), vec![json!("bc")]),
            ("[.[] | .name]", json!([{"name": "Ada"}, {"name": "Bob"}]), vec![json!(["Ada", "Bob"])]),
            (".foo, .bar", json!({"foo": 42, "bar": "x"}), vec![json!(42), json!("x")]),
            ("(. + 2) * 5", json!(1), vec![json!(15)]),
            ("{(.user): .titles}", json!({"user": "me", "titles": [1]}), vec![json!({"me": [1]})]),
            (
                "{user, title: .titles[]}",
                json!({"user": "s", "titles": ["a", "b"]}),
                vec![json!({"user": "s", "title": "a"}), json!({"user": "s", "title": "b"})],
            ),
            ("[..|.a?]", json!([[{"a": 1}]]), vec![json!([1])]),
            ("4 - .a", json!({"a": 3}), vec![json!(1)]),
            (". - [\"x\", \"y\"]", json!(["x", "y", "z"]), vec![json!(["z"])]),
            ("10 / . * 3", json!(5), vec![json!(6)]),
            (". / \", \"", json!("a, b"), vec![json!(["a", "b"])]),
            (
                "{\"k\": {\"a\": 1, \"b\": 2}} * {\"k\": {\"a\": 0, \"c\": 3}}",
                json!(null),
                vec![json!({"k": {"a": 0, "b": 2, "c": 3}})],
            ),
            ("[.[] | length]", json!([[1, 2], "str", {"a": 2}, null, -5]), vec![json!([2, 3, 1, 0, 5])]),
            ("keys", json!({"abc": 1, "Foo": 3}), vec![json!(["Foo", "abc"])]),
            ("map(has(\"foo\"))", json!([{"foo": 42}, {}]), vec![json!([true, false])]),
            ("map_values(. + 1)", json!({"a": 1, "b": 2}), vec![json!({"a": 2, "b": 3})]),
            ("[paths]", json!([1, [2]]), vec![json!([[0], [1], [1, 0]])]),
            ("del(.[1, 2])", json!(["a", "b", "c"]), vec![json!(["a"])]),
            ("del(.foo)", json!({"foo": 1, "bar": 2}), vec![json!({"bar": 2})]),
            ("to_entries", json!({"a": 1}), vec![json!([{"key": "a", "value": 1}])]),
            ("with_entries(.key |= \"K\" + .)", json!({"a": 1}), vec![json!({"Ka": 1})]),
            ("[.[] | select(. >= 2)]", json!([1, 5, 3, 0]), vec![json!([5, 3])]),
            ("add, any, all", json!([1, 2]), vec![json!(3), json!(true), json!(true)]),
            ("flatten", json!([1, [2, [3]]]), vec![json!([1, 2, 3])]),
            ("[range(2; 4)], [range(0; 10; 3)]", json!(null), vec![json!([2, 3]), json!([0, 3, 6, 9])]),
            (
                "[.[] | tostring, type]",
                json!([1, "1", [1]]),
                vec![json!(["1", "number", "1", "string", "[1]", "array"])],
            ),
            ("sort_by(.a), group_by(.a) | length", json!([{"a": 2}, {"a": 1}, {"a": 2}]), vec![json!(3), json!(2)]),
            (
                "min_by(.a), (map(.a) | max, unique, reverse)",
                json!([{"a": 2}, {"a": 1}]),
                vec![json!({"a": 1}), json!(2), json!([1, 2]), json!([1, 2])],
            ),
            ("contains({a: [\"b\"]})", json!({"a": ["xb"], "c": 1}), vec![json!(true)]),
            ("join(\", \")", json!(["a", 1, null]), vec![json!("a, 1, ")]),
            ("\"in \\(. | length) \\(\"q\")\"", json!([1]), vec![json!("in 1 q")]),
            (
                "@base64, (@base64 | @base64d), @uri, @html",
                json!("a<b c"),
                vec![json!("YTxiIGM="), json!("a<b c"), json!("a%3Cb%20c"), json!("a&lt;b c")],
            ),
            ("@csv", json!([1, "a\"b", null]), vec![json!("1,\"a\"\"b\",")]),
            ("if . == 0 then \"zero\" elif . == 1 then \"one\" else \"many\" end", json!(1), vec![json!("one")]),
            ("if . then 1 end", json!(null), vec![json!(null)]),
            ("[.[] | try error catch .]", json!(["a"]), vec![json!(["a"])]),
            ("[.[] | (1 / .)?]", json!([1, 0]), vec![json!([1])]),
            ("(false, null, 1) // 42, (empty // 2)", json!(null), vec![json!(1), json!(2)]),
            (
                "test(\"B\"; \"i\"), [scan(\"c\")], sub(\"b\"; \"x\")",
                json!("abcc"),
                vec![json!(true), json!(["c", "c"]), json!("axcc")],
            ),
            ("capture(\"(?<a>[a-z]+)-(?<n>[0-9]+)\")", json!("left-14"), vec![json!({"a": "left", "n": "14"})]),
            ("gsub(\"(?<l>[a-z])\"; \"\\(.l | ascii_upcase)-\")", json!("ab1"), vec![json!("A-B-1")]),
            (".bar as $x | .foo | . + $x", json!({"foo": 10, "bar": 200}), vec![json!(210)]),
            (". as [$a, {b: $c}] | $a + $c", json!([1, {"b": 2}]), vec![json!(3)]),
            (". as {$a, b: [$c]} | [$a, $c]", json!({"a": 1, "b": [2]}), vec![json!([1, 2])]),
            ("def inc($n; f): f + $n; inc(2; . * 10)", json!(1), vec![json!(12)]),
            ("def f: if . > 3 then . else . + 1 | f end; f", json!(0), vec![json!(4)]),
            ("reduce .[] as $x (0; . + $x)", json!([1, 2, 3]), vec![json!(6)]),
            ("[foreach .[] as $x (0; . + $x; [$x, .])]", json!([1, 2]), vec![json!([[1, 1], [2, 3]])]),
            (
                "[limit(2; .[])], first(.[]), last(.[]), nth(1; .[])",
                json!([1, 2, 3]),
                vec![json!([1, 2]), json!(1), json!(3), json!(2)],
            ),
            ("[while(. < 9; . * 2)], until(. > 9; . * 2)", json!(1), vec![json!([1, 2, 4, 8]), json!(16)]),
            ("[recurse(if . < 2 then . + 1 else empty end)]", json!(0), vec![json!([0, 1, 2])]),
            (
                ".a += 1 | .b |= . * 2 | .c = .a | .d //= 7",
                json!({"a": 1, "b": 2}),
                vec![json!({"a": 2, "b": 4, "c": 2, "d": 7})],
            ),
            (".a[1].b = 1", json!(null), vec![json!({"a": [null, {"b": 1}]})]),
            ("(.[] | select(. > 1)) |= empty", json!([1, 0, 2]), vec![json!([1, 0])]),
            ("path(.a[0].b), [path(..)]", json!({"a": []}), vec![json!(["a", 0, "b"]), json!([[], ["a"]])]),
            ("walk(if type == \"number\" then . + 1 else . end)", json!([1, {"a": 2}]), vec![json!([2, {"a": 3}])]),
            ("splits(\", *\"), (split(\",\") | length)", json!("a, b"), vec![json!("a"), json!("b"), json!(2)]),
            (
                "tojson, (tojson | fromjson), ([1.5, 2.0, 1e3] | tojson)",
                json!({"a": 1}),
                vec![json!("{\"a\":1}"), json!({"a": 1}), json!("[1.5,2,1000]")],
            ),
            (
                "ascii_downcase, ltrimstr(\"A\"), (explode | implode), startswith(\"A\")",
                json!("AbC"),
                vec![json!("abc"), json!("bC"), json!("AbC"), json!(true)],
            ),
            ("[.[] | floor, ceil, sqrt]", json!([6.25]), vec![json!([6, 7, 2.5])]),
            (
                "indices(\",\"), index(\"b\"), ([0, 1, 2, 1] | indices(1))",
                json!("a,b,c"),
                vec![json!([1, 3]), json!(2), json!([1, 3])],
            ),
            (
                "transpose, ([{a: 1, b: 2}] | map(pick(.a)))",
                json!([[1], [2, 3]]),
                vec![json!([[1, 2], [null, 3]]), json!([{"a": 1}])],
            ),
            (
                "[1, [2]] | getpath([1, 0]), setpath([0]; 5), delpaths([[0]])",
                json!(null),
                vec![json!(2), json!([5, [2]]), json!([[2]])],
            ),
            ("1 as $x | 2 as $y | [$x, $y, $x] # said", json!(null), vec![json!([1, 2, 1])]),
            ("1 < 2 and \"a\" < \"b\" and [] < {} and null < false | not", json!(null), vec![json!(false)]),
            ("-(1), -.a, 7 % 3, -7 % 3", json!({"a": 2}), vec![json!(-1), json!(-2), json!(1), json!(-1)]),
            ("{a: 1} | .\"a\", .[\"a\"], .[\"\\(\"a\")\"]", json!(null), vec![json!(1), json!(1), json!(1)]),
            ("{\"a b\": 1, @base64 \"x\": 2, \"c\\(1)\": 3} | keys | length", json!(null), vec![json!(3)]),
        ];
        for (program, input, wanted) in cases {
            assert_eq!(all(program, input), wanted, "{program}");
        }
    }

    #[test]
    fn what_is_no_program_or_reads_elsewhere_is_refused_before_it_runs() {
        let long = ".a|".repeat(4_000);
        let deep = format!("{}.{}", "[".repeat(500), "]".repeat(500));
        let minus = "-".repeat(5_000);
        let chain = format!("{}.", "if . then . elif ".repeat(400));
        for wrong in [
            "",
            ".a[",
            ".a..b",
            "1 +",
            "{a:",
            "if . then",
            "env",
            "$ENV",
            "input",
            "inputs",
            "nosuch(.)",
            "$x",
            "def f: g; f",
            "reduce . as $x (0)",
            "\"\\(\"",
            "input_filename",
            "now",
            "$__loc__",
            "halt",
            "]",
            ". as [] | 1 extra",
            &long,
            &deep,
            &minus,
            &chain,
        ] {
            assert!(Program::read(wrong).is_err(), "{wrong:.80}");
        }
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let doubled = format!("[{}1] | length", "(.,.)|".repeat(60));
        let grows = format!("\"xxxxxxxxxx\"{} | length", " | . + .".repeat(35));
        for endless in [
            "def f: f; f",
            "[repeat(.)]",
            "until(false; .)",
            "[range(infinite)]",
            "last(range(1e18))",
            "[recurse(.)]",
            "def f: [f]; f",
            "def f: 1 + f; f",
            "def f: f, f; f",
            "\"x\" * 1000000000",
            "[limit(1e18; repeat(1))]",
            ".[1e9] = 1",
            "reduce range(1e12) as $x (0; .)",
            "(.a,.a) |= (.,.)|repeat(.)",
            &doubled,
            &grows,
        ] {
            // Some programs are refused as such.
            if let Ok(program) = Program::read(endless) {
                assert!(program.run(&Json::Null).is_err(), "{endless:.80}");
            }
        }
    }

    #[test]
    fn a_program_that_calls_itself_is_ended_long_before_the_stack_is() {
        let deep = [
            "def f: [.] | map(f); f",
            "def f: [.] | walk(f); f",
            "def f: {a: 1} | with_entries(f); f",
            "def f: \"x\" | sub(\"x\"; f); f",
            "def f: [1] | sort_by(f); f",
            "def f: [1] | any(f); f",
            "def f: path(f); f",
            "def f: del(f); f",
            "def f: reduce 1 as $x (0; f); f",
            "def f: foreach 1 as $x (0; f; f); f",
            "def f: [f] as [$x] | f; f",
            "def f: try f catch f; f",
            "def f: if f then 1 else 2 end; f",
            "def f: {a: f}; f",
            "def f: {(f): 1}; f",
            "def f: \"\\(f)\"; f",
            "def f: .[f]; f",
            "def f: .[f:f]; f",
            "def f: f |= f; f",
            "def f: f += 1; f",
            "def f: f // f; f",
            "def f: f and f; f",
            "def f: -f; f",
            "def f: limit(1; f); f",
            "def f: until(f; f); f",
            "def f($x): f($x + 1); f(1)",
            "def f(g): f(g | g); f(. + 1)",
            "def f: f | f; f",
        ];
        // How much stack is left where it is called makes no difference.
        let run = move || deep.map(|program| Program::read(program).unwrap().run(&Json::Null).is_err());
        let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(run).unwrap();
        assert_eq!(thread.join().unwrap(), [true; 28]);
    }

    #[test]
    fn what_goes_wrong_is_said() {
        let said = |program: &str, input: Json| Program::read(program).unwrap().run(&input).unwrap_err();
        assert_eq!(said(".a", json!([1])), "Cannot index array with \"a\"");
        assert_eq!(said(".[]", json!(1)), "Cannot iterate over number (1)");
        assert_eq!(said("error(\"mine\")", json!(null)), "mine");
        assert_eq!(said("{} + 1", json!(null)), "object ({}) and number (1) cannot be added");
        assert!(said("1 / 0", json!(null)).contains("divisor is zero"));
        assert!(said("path(1)", json!(null)).contains("path"));
    }
}
