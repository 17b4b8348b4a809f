//! Reads a program of jq.

use serde_json::{Number, Value as Json};

use super::{
    DEPTH, PROGRAM_BYTES,
    functions::{self, FORMATS},
};

/// A program that was read.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(super) filter: Filter,
}

/// A part of a program.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    Identity,
    RecurseAll,
    Literal(Json),
    Var(String),
    /// Texts and filters in turn; values go through the format.
    Text(Vec<(String, Option<Filter>)>, Option<&'static str>),
    Format(&'static str),
    Index(Box<Filter>, Box<Filter>),
    Slice(Box<Filter>, Option<Box<Filter>>, Option<Box<Filter>>),
    Iterate(Box<Filter>),
    Try(Box<Filter>, Option<Box<Filter>>),
    Negative(Box<Filter>),
    Pipe(Vec<Filter>),
    Comma(Vec<Filter>),
    Binary(Op, Box<Filter>, Box<Filter>),
    Assign(Assign, Box<Filter>, Box<Filter>),
    Array(Option<Box<Filter>>),
    Object(Vec<(Filter, Filter)>),
    If(Vec<(Filter, Filter)>, Option<Box<Filter>>),
    Reduce(Box<[Filter; 3]>, Pattern),
    Foreach(Box<[Filter; 3]>, Option<Box<Filter>>, Pattern),
    As(Box<Filter>, Pattern, Box<Filter>),
    Def(Box<Function>, Box<Filter>),
    Call(String, Vec<Filter>),
}

/// A function that the program defines.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) params: Vec<String>,
    pub(super) body: Filter,
}

/// What a value is taken apart into.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Var(String),
    List(Vec<Pattern>),
    /// The key, the variable that also takes what is there, and what that is taken apart into.
    Record(Vec<(Filter, Option<String>, Option<Pattern>)>),
}

impl Pattern {
    /// Returns the variables that it sets.
    pub(super) fn vars(&self) -> Vec<&str> {
        match self {
            Self::Var(name) => vec![name],
            Self::List(inner) => inner.iter().flat_map(Self::vars).collect(),
            Self::Record(entries) => entries
                .iter()
                .flat_map(|(_, var, inner)| var.as_deref().into_iter().chain(inner.iter().flat_map(Self::vars)))
                .collect(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Equal,
    Unequal,
    Less,
    LessEqual,
    More,
    MoreEqual,
    And,
    Or,
    Else,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assign {
    Set,
    Update,
    With(Op),
}

/// Signs between two filters: the longer ones first, how tight they bind, and what they do.
const SIGNS: [(&str, u8, Sign); 20] = [
    ("//=", 3, Sign::Assign(Assign::With(Op::Else))),
    ("|=", 3, Sign::Assign(Assign::Update)),
    ("+=", 3, Sign::Assign(Assign::With(Op::Add))),
    ("-=", 3, Sign::Assign(Assign::With(Op::Sub))),
    ("*=", 3, Sign::Assign(Assign::With(Op::Mul))),
    ("/=", 3, Sign::Assign(Assign::With(Op::Div))),
    ("%=", 3, Sign::Assign(Assign::With(Op::Rem))),
    ("==", 6, Sign::Op(Op::Equal)),
    ("!=", 6, Sign::Op(Op::Unequal)),
    ("<=", 6, Sign::Op(Op::LessEqual)),
    (">=", 6, Sign::Op(Op::MoreEqual)),
    ("//", 2, Sign::Op(Op::Else)),
    ("=", 3, Sign::Assign(Assign::Set)),
    ("<", 6, Sign::Op(Op::Less)),
    (">", 6, Sign::Op(Op::More)),
    ("+", 7, Sign::Op(Op::Add)),
    ("-", 7, Sign::Op(Op::Sub)),
    ("*", 8, Sign::Op(Op::Mul)),
    ("/", 8, Sign::Op(Op::Div)),
    ("%", 8, Sign::Op(Op::Rem)),
];
const WORDS: [&str; 14] =
    ["def", "as", "if", "then", "elif", "else", "end", "reduce", "foreach", "try", "catch", "and", "or", "label"];

#[derive(Clone, Copy)]
enum Sign {
    Op(Op),
    Assign(Assign),
}

type Read<T> = Result<T, String>;

impl Program {
    /// Reads a program; an error is for people.
    pub(crate) fn read(text: &str) -> Read<Self> {
        if text.trim().is_empty() {
            return Err("the program is empty".into());
        }
        if text.len() > PROGRAM_BYTES {
            return Err(format!("the program is longer than {PROGRAM_BYTES} bytes"));
        }
        let mut reader = Reader { text, at: 0, depth: 0, vars: Vec::new(), functions: Vec::new() };
        let filter = reader.pipe()?;
        reader.space();
        if reader.at < text.len() {
            return Err(reader.wrong("the end"));
        }
        Ok(Self { filter })
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    /// The variables and functions that can be seen here.
    vars: Vec<String>,
    functions: Vec<(String, usize)>,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn wrong(&self, wanted: &str) -> String {
        let rest: String = self.rest().chars().take(20).collect();
        format!("{wanted} was expected at character {}, before {rest:?}", self.text[..self.at].chars().count() + 1)
    }

    fn space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn takes(&mut self, sign: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Read<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.wrong(&format!("{sign:?}"))) }
    }

    /// Returns the name that stands here, without taking it.
    fn name_here(&self) -> &'t str {
        let rest = self.rest();
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    }

    fn word(&mut self, word: &str) -> bool {
        self.space();
        let found = self.name_here() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Read<()> {
        if self.word(word) { Ok(()) } else { Err(self.wrong(&format!("{word:?}"))) }
    }

    fn name(&mut self) -> Read<String> {
        let name = self.name_here();
        if name.is_empty() {
            return Err(self.wrong("a name"));
        }
        self.at += name.len();
        Ok(name.to_owned())
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("the program is nested deeper than {DEPTH} levels"));
        }
        let outcome = read(self);
        self.depth -= 1;
        outcome
    }

    /// Reads with more variables in sight.
    fn seeing<T>(&mut self, vars: &[&str], read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let before = self.vars.len();
        self.vars.extend(vars.iter().map(|it| (*it).to_owned()));
        let outcome = read(self);
        self.vars.truncate(before);
        outcome
    }

    fn pipe(&mut self) -> Read<Filter> {
        self.deeper(Self::pipe_inside)
    }

    fn pipe_inside(&mut self) -> Read<Filter> {
        let mut parts = Vec::new();
        loop {
            if self.word("def") {
                parts.push(self.definition()?);
                break;
            }
            parts.push(self.commas()?);
            if !self.takes_pipe() {
                break;
            }
        }
        Ok(one_or(parts, Filter::Pipe))
    }

    fn takes_pipe(&mut self) -> bool {
        self.space();
        !self.rest().starts_with("|=") && self.takes("|")
    }

    fn commas(&mut self) -> Read<Filter> {
        let mut parts = vec![self.binary(2)?];
        while self.takes(",") {
            if self.word("def") {
                parts.push(self.definition()?);
                break;
            }
            parts.push(self.binary(2)?);
        }
        Ok(one_or(parts, Filter::Comma))
    }

    fn definition(&mut self) -> Read<Filter> {
        self.space();
        let name = self.name()?;
        let mut params = Vec::new();
        if self.takes("(") {
            loop {
                let is_var = self.takes("$");
                self.space();
                let name = self.name()?;
                params.push(if is_var { format!("${name}") } else { name });
                if !self.takes(";") {
                    break;
                }
            }
            self.expect(")")?;
        }
        self.expect(":")?;
        let (functions, vars) = (self.functions.len(), self.vars.len());
        self.functions.push((name.clone(), params.len()));
        for param in &params {
            if let Some(var) = param.strip_prefix('$') {
                self.vars.push(var.to_owned());
            }
            self.functions.push((param.trim_start_matches('$').to_owned(), 0));
        }
        let body = self.pipe()?;
        self.functions.truncate(functions + 1);
        self.vars.truncate(vars);
        self.expect(";")?;
        let rest = self.pipe()?;
        self.functions.truncate(functions);
        Ok(Filter::Def(Box::new(Function { name, params, body }), Box::new(rest)))
    }

    fn sign(&mut self) -> Option<(usize, u8, Sign)> {
        self.space();
        match self.name_here() {
            "or" => return Some((2, 4, Sign::Op(Op::Or))),
            "and" => return Some((3, 5, Sign::Op(Op::And))),
            _ => {}
        }
        let found = SIGNS.iter().find(|(sign, ..)| self.rest().starts_with(sign));
        found.map(|(sign, tightness, does)| (sign.len(), *tightness, *does))
    }

    fn binary(&mut self, least: u8) -> Read<Filter> {
        let mut left = self.term()?;
        let mut most = u8::MAX;
        while let Some((length, tightness, sign)) = self.sign() {
            if tightness < least || tightness > most {
                break;
            }
            self.at += length;
            // What stands to the right of `//` may hold another; comparisons and assignments stand alone.
            let right = self.deeper(|it| it.binary(if tightness == 2 { tightness } else { tightness + 1 }))?;
            let (left_box, right_box) = (Box::new(left), Box::new(right));
            left = match sign {
                Sign::Op(op) => Filter::Binary(op, left_box, right_box),
                Sign::Assign(assign) => Filter::Assign(assign, left_box, right_box),
            };
            if matches!(tightness, 3 | 6) {
                most = tightness - 1;
            }
        }
        Ok(left)
    }

    fn term(&mut self) -> Read<Filter> {
        self.deeper(Self::term_inside)
    }

    fn term_inside(&mut self) -> Read<Filter> {
        if self.takes("-") {
            return Ok(Filter::Negative(Box::new(self.term()?)));
        }
        let mut term = self.start()?;
        loop {
            term = if self.takes("?") {
                Filter::Try(Box::new(term), None)
            } else if self.rest().starts_with("..") {
                return Err(self.wrong("something else"));
            } else if self.takes(".[") || self.takes("[") {
                self.bracket(term)?
            } else if self.takes(".") {
                self.key_of(term)?
            } else if self.word("as") {
                return self.bound(term);
            } else {
                return Ok(term);
            };
        }
    }

    fn bound(&mut self, source: Filter) -> Read<Filter> {
        let pattern = self.pattern()?;
        self.expect("|")?;
        let body = self.seeing(&pattern.vars(), Self::pipe)?;
        Ok(Filter::As(Box::new(source), pattern, Box::new(body)))
    }

    /// Reads what follows a dot: a name or a text.
    fn key_of(&mut self, base: Filter) -> Read<Filter> {
        let key =
            if self.rest().starts_with('"') { self.text(None)? } else { Filter::Literal(Json::String(self.name()?)) };
        Ok(Filter::Index(Box::new(base), Box::new(key)))
    }

    fn bracket(&mut self, base: Filter) -> Read<Filter> {
        let base = Box::new(base);
        if self.takes("]") {
            return Ok(Filter::Iterate(base));
        }
        if self.takes(":") {
            let to = self.pipe()?;
            self.expect("]")?;
            return Ok(Filter::Slice(base, None, Some(Box::new(to))));
        }
        let key = Box::new(self.pipe()?);
        if self.takes(":") {
            let to = if self.takes("]") {
                None
            } else {
                let to = self.pipe()?;
                self.expect("]")?;
                Some(Box::new(to))
            };
            return Ok(Filter::Slice(base, Some(key), to));
        }
        self.expect("]")?;
        Ok(Filter::Index(base, key))
    }

    fn start(&mut self) -> Read<Filter> {
        self.space();
        let rest = self.rest();
        if self.takes("..") {
            return Ok(Filter::RecurseAll);
        }
        if self.takes(".[") {
            return self.bracket(Filter::Identity);
        }
        if self.takes(".") {
            let has_key = self.rest().starts_with('"') || !self.name_here().is_empty();
            return if has_key { self.key_of(Filter::Identity) } else { Ok(Filter::Identity) };
        }
        if self.takes("$") {
            return self.var();
        }
        if self.takes("(") {
            let inner = self.pipe()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.takes("[") {
            if self.takes("]") {
                return Ok(Filter::Array(None));
            }
            let inner = self.pipe()?;
            self.expect("]")?;
            return Ok(Filter::Array(Some(Box::new(inner))));
        }
        if self.takes("{") {
            return self.record();
        }
        if rest.starts_with('"') {
            return self.text(None);
        }
        if self.takes("@") {
            let name = self.name()?;
            let format = FORMATS.iter().find(|it| **it == name).ok_or_else(|| format!("there is no format @{name}"))?;
            self.space();
            return if self.rest().starts_with('"') { self.text(Some(format)) } else { Ok(Filter::Format(format)) };
        }
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            return self.number();
        }
        self.named()
    }

    fn var(&mut self) -> Read<Filter> {
        let name = self.name()?;
        if !self.vars.contains(&name) {
            return Err(format!("there is no variable ${name}"));
        }
        Ok(Filter::Var(name))
    }

    fn number(&mut self) -> Read<Filter> {
        let rest = self.rest();
        let mut end = 0;
        let mut before = ' ';
        for c in rest.chars() {
            let is_part = c.is_ascii_digit() || c == '.' || matches!(c, 'e' | 'E');
            if !(is_part || (matches!(c, '+' | '-') && matches!(before, 'e' | 'E'))) {
                break;
            }
            end += 1;
            before = c;
        }
        let number: f64 = rest[..end].parse().map_err(|_| self.wrong("a number"))?;
        self.at += end;
        Ok(Filter::Literal(functions::number(number)))
    }

    fn named(&mut self) -> Read<Filter> {
        let name = self.name_here();
        match name {
            "if" => return self.condition(),
            "reduce" | "foreach" => return self.fold(name == "reduce"),
            "try" => {
                self.at += name.len();
                let body = Box::new(self.postfix()?);
                let otherwise = if self.word("catch") { Some(Box::new(self.postfix()?)) } else { None };
                return Ok(Filter::Try(body, otherwise));
            }
            "null" | "true" | "false" => {
                self.at += name.len();
                let value = if name == "null" { Json::Null } else { Json::Bool(name == "true") };
                return Ok(Filter::Literal(value));
            }
            _ if name.is_empty() || WORDS.contains(&name) => return Err(self.wrong("a filter")),
            _ => {}
        }
        self.at += name.len();
        let mut arguments = Vec::new();
        if self.takes("(") {
            loop {
                arguments.push(self.pipe()?);
                if !self.takes(";") {
                    break;
                }
            }
            self.expect(")")?;
        }
        let is_own = self.functions.iter().any(|(it, count)| it == name && *count == arguments.len());
        if !is_own && !functions::exists(name, arguments.len()) {
            return Err(format!("there is no function {name} with {} arguments", arguments.len()));
        }
        Ok(Filter::Call(name.to_owned(), arguments))
    }

    /// Reads what stands behind `try`: a filter and what follows it directly.
    fn postfix(&mut self) -> Read<Filter> {
        self.deeper(|it| {
            let mut term = it.start()?;
            loop {
                term = if it.takes(".[") || it.takes("[") {
                    it.bracket(term)?
                } else if !it.rest().starts_with("..") && it.takes(".") {
                    it.key_of(term)?
                } else {
                    return Ok(term);
                };
            }
        })
    }

    fn condition(&mut self) -> Read<Filter> {
        let mut branches = Vec::new();
        self.expect_word("if")?;
        loop {
            let condition = self.pipe()?;
            self.expect_word("then")?;
            branches.push((condition, self.pipe()?));
            if self.word("elif") {
                continue;
            }
            let otherwise = if self.word("else") { Some(Box::new(self.pipe()?)) } else { None };
            self.expect_word("end")?;
            return Ok(Filter::If(branches, otherwise));
        }
    }

    fn fold(&mut self, is_reduce: bool) -> Read<Filter> {
        self.name()?;
        let source = self.postfix()?;
        self.expect_word("as")?;
        let pattern = self.pattern()?;
        self.expect("(")?;
        let init = self.pipe()?;
        self.expect(";")?;
        let vars = pattern.vars();
        let update = self.seeing(&vars, Self::pipe)?;
        let parts = |update| Box::new([source, init, update]);
        if is_reduce {
            self.expect(")")?;
            return Ok(Filter::Reduce(parts(update), pattern));
        }
        let extract = if self.takes(";") { Some(Box::new(self.seeing(&vars, Self::pipe)?)) } else { None };
        self.expect(")")?;
        Ok(Filter::Foreach(parts(update), extract, pattern))
    }

    fn pattern(&mut self) -> Read<Pattern> {
        self.deeper(Self::pattern_inside)
    }

    fn pattern_inside(&mut self) -> Read<Pattern> {
        if self.takes("$") {
            return Ok(Pattern::Var(self.name()?));
        }
        if self.takes("[") {
            let mut inner = vec![self.pattern()?];
            while self.takes(",") {
                inner.push(self.pattern()?);
            }
            self.expect("]")?;
            return Ok(Pattern::List(inner));
        }
        self.expect("{")?;
        let mut entries = Vec::new();
        loop {
            self.space();
            let (key, var) = if self.takes("$") {
                let name = self.name()?;
                (Filter::Literal(Json::String(name.clone())), Some(name))
            } else if self.takes("(") {
                let key = self.pipe()?;
                self.expect(")")?;
                (key, None)
            } else if self.rest().starts_with('"') {
                (self.text(None)?, None)
            } else {
                (Filter::Literal(Json::String(self.name()?)), None)
            };
            let inner = if self.takes(":") { Some(self.pattern()?) } else { None };
            if var.is_none() && inner.is_none() {
                return Err(self.wrong("\":\""));
            }
            entries.push((key, var, inner));
            if !self.takes(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(Pattern::Record(entries))
    }

    fn record(&mut self) -> Read<Filter> {
        let mut entries = Vec::new();
        while !self.takes("}") {
            entries.push(self.entry()?);
            if !self.takes(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Filter::Object(entries))
    }

    fn entry(&mut self) -> Read<(Filter, Filter)> {
        self.space();
        let of_input = |key: &Filter| Filter::Index(Box::new(Filter::Identity), Box::new(key.clone()));
        if self.takes("$") {
            let value = self.var()?;
            let Filter::Var(name) = &value else { return Err(self.wrong("a variable")) };
            return Ok((Filter::Literal(Json::String(name.clone())), value));
        }
        let key = if self.takes("(") {
            let key = self.pipe()?;
            self.expect(")")?;
            key
        } else if self.rest().starts_with(['"', '@']) {
            self.start()?
        } else {
            Filter::Literal(Json::String(self.name()?))
        };
        if !self.takes(":") {
            return Ok((key.clone(), of_input(&key)));
        }
        let mut parts = vec![self.binary(2)?];
        while self.takes_pipe() {
            parts.push(self.binary(2)?);
        }
        Ok((key, one_or(parts, Filter::Pipe)))
    }

    fn text(&mut self, format: Option<&'static str>) -> Read<Filter> {
        self.expect("\"")?;
        let mut parts = Vec::new();
        let mut said = String::new();
        loop {
            let Some(c) = self.rest().chars().next() else { return Err(self.wrong("the end of a text")) };
            self.at += c.len_utf8();
            match c {
                '"' => break,
                '\\' => {
                    if self.rest().starts_with('(') {
                        self.at += 1;
                        let inner = self.pipe()?;
                        self.expect(")")?;
                        parts.push((std::mem::take(&mut said), Some(inner)));
                    } else {
                        said.push(self.escaped()?);
                    }
                }
                c => said.push(c),
            }
        }
        if parts.is_empty() {
            return Ok(Filter::Literal(Json::String(said)));
        }
        parts.push((said, None));
        Ok(Filter::Text(parts, format))
    }

    fn escaped(&mut self) -> Read<char> {
        let Some(c) = self.rest().chars().next() else { return Err(self.wrong("what is escaped")) };
        self.at += c.len_utf8();
        Ok(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '"' | '\\' | '/' => c,
            'u' => {
                let first = self.hex()?;
                let is_first_half = (0xd800..0xdc00).contains(&first);
                let code = if is_first_half && self.rest().starts_with("\\u") {
                    self.at += 2;
                    let second = self.hex()?;
                    0x1_0000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff)
                } else {
                    first
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(self.wrong("an escape of JSON")),
        })
    }

    fn hex(&mut self) -> Read<u32> {
        let digits = self.rest().get(..4).ok_or_else(|| self.wrong("four digits"))?;
        let code = u32::from_str_radix(digits, 16).map_err(|_| self.wrong("four digits"))?;
        self.at += 4;
        Ok(code)
    }
}

/// Returns a single part as it is, and several together.
fn one_or(mut parts: Vec<Filter>, together: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            together(parts)
        }
    }
}

/// Whole numbers are written without a fraction.
pub(super) fn whole(number: f64) -> Option<Number> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
    (number.fract() == 0.0 && number.abs() < 1e17).then(|| Number::from(number as i64))
}
