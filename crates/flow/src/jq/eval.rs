//! Runs a program of jq.
//!
//! Every value carries the path by which it was found in the input, as long as it was found and not made. So the
//! same code gives values and paths, and what `|=` and `del` mean follows from the paths.

use std::{cell::Cell, rc::Rc};

use serde_json::{Map, Value as Json, json};

use super::{
    BYTES, CALLS, LEAST,
    functions::{self, shown},
    parse::{Assign, Filter, Function, Op, Pattern},
};

/// Why a program gave no more.
#[derive(Debug)]
pub(super) enum Fail {
    /// An error of the program, which it may catch.
    Error(Json),
    /// It wanted too much, which it may not.
    Ended(&'static str),
}

pub(super) type Outcome<T> = Result<T, Fail>;

/// Makes an error of the program.
pub(super) fn fail<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Fail::Error(Json::String(message.into())))
}

/// A value, and where it was found.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) value: Rc<Json>,
    path: Option<Vec<Json>>,
}

/// What a program may still take.
#[derive(Debug)]
pub(super) struct Purse {
    bytes: Cell<usize>,
    calls: Cell<usize>,
}

impl Purse {
    /// Pays for a value that was made.
    pub(super) fn pay(&self, bytes: usize) -> Outcome<()> {
        match self.bytes.get().checked_sub(bytes.saturating_add(LEAST)) {
            Some(left) => {
                self.bytes.set(left);
                Ok(())
            }
            None => Err(Fail::Ended("the program makes more than it may")),
        }
    }

    pub(super) fn pay_for(&self, value: &Json) -> Outcome<()> {
        match functions::weight(value) {
            Some(bytes) => self.pay(bytes),
            None => Err(Fail::Ended("the program makes a value that is nested too deep")),
        }
    }
}

enum Bound<'f> {
    Var(&'f str, Rc<Json>),
    Function(&'f Function),
    Argument(&'f str, &'f Filter, Scope<'f>),
}

/// What can be seen at a place of the program, the nearest first.
#[derive(Clone)]
struct Scope<'f>(Option<Rc<(Bound<'f>, Scope<'f>)>>);

impl<'f> Scope<'f> {
    fn with(&self, bound: Bound<'f>) -> Self {
        Self(Some(Rc::new((bound, self.clone()))))
    }

    fn var(&self, name: &str) -> Option<&Rc<Json>> {
        let mut scope = self;
        while let Some(entry) = &scope.0 {
            if let Bound::Var(it, value) = &entry.0
                && *it == name
            {
                return Some(value);
            }
            scope = &entry.1;
        }
        None
    }
}

/// Runs a filter on a value.
pub(super) fn run(filter: &Filter, input: &Json) -> Result<Vec<Json>, String> {
    let purse = Purse { bytes: Cell::new(BYTES), calls: Cell::new(0) };
    let mut found = Vec::new();
    let outcome = (|| {
        purse.pay_for(input)?;
        let input = Item { value: Rc::new(input.clone()), path: None };
        Run { purse: &purse }.eval(filter, &Scope(None), &input, &mut found)
    })();
    match outcome {
        Ok(()) => Ok(found.into_iter().map(|it| Rc::unwrap_or_clone(it.value)).collect()),
        Err(Fail::Ended(why)) => Err(why.into()),
        Err(Fail::Error(Json::String(message))) => Err(message),
        Err(Fail::Error(other)) => Err(format!("{other} (not a string)")),
    }
}

#[derive(Clone, Copy)]
pub(super) struct Run<'p> {
    pub(super) purse: &'p Purse,
}

type Found = Vec<Item>;

impl Run<'_> {
    /// Adds a value that was made.
    fn give(self, out: &mut Found, value: Json) -> Outcome<()> {
        self.purse.pay_for(&value)?;
        out.push(Item { value: Rc::new(value), path: None });
        Ok(())
    }

    fn eval<'f>(self, filter: &'f Filter, scope: &Scope<'f>, input: &Item, out: &mut Found) -> Outcome<()> {
        let calls = self.purse.calls.get() + 1;
        if calls > CALLS {
            return Err(Fail::Ended("the program calls itself too deep"));
        }
        self.purse.pay(0)?;
        self.purse.calls.set(calls);
        let outcome = self.eval_inside(filter, scope, input, out);
        self.purse.calls.set(calls - 1);
        outcome
    }

    fn eval_inside<'f>(self, filter: &'f Filter, scope: &Scope<'f>, input: &Item, out: &mut Found) -> Outcome<()> {
        match filter {
            Filter::Identity => self.same(input, out),
            Filter::RecurseAll => self.all_inside(input, out),
            Filter::Literal(value) => self.give(out, value.clone()),
            Filter::Var(name) => {
                out.push(Item { value: scope.var(name).cloned().unwrap_or_default(), path: None });
                Ok(())
            }
            Filter::Text(parts, format) => self.text(parts, *format, scope, input, out),
            Filter::Format(format) => self.give(out, Json::String(functions::formatted(&input.value, format)?)),
            Filter::Index(base, key) => self.index(base, key, scope, input, out),
            Filter::Slice(base, from, to) => self.slice(base, from.as_deref(), to.as_deref(), scope, input, out),
            Filter::Iterate(base) => self.iterate(base, scope, input, out),
            Filter::Try(body, otherwise) => self.attempt(body, otherwise.as_deref(), scope, input, out),
            Filter::Negative(inner) => self.negative(inner, scope, input, out),
            Filter::Pipe(parts) => self.pipe(parts, scope, input, out),
            Filter::Comma(parts) => parts.iter().try_for_each(|part| self.eval(part, scope, input, out)),
            Filter::Binary(op, left, right) => self.binary(*op, left, right, scope, input, out),
            Filter::Assign(assign, left, right) => self.assign(*assign, left, right, scope, input, out),
            Filter::Array(inner) => self.array(inner.as_deref(), scope, input, out),
            Filter::Object(entries) => self.object(entries, scope, input, out),
            Filter::If(branches, otherwise) => self.condition(branches, otherwise.as_deref(), scope, input, out),
            Filter::Reduce(parts, pattern) => self.reduce(parts, pattern, scope, input, out),
            Filter::Foreach(parts, extract, pattern) => {
                self.foreach(parts, extract.as_deref(), pattern, scope, input, out)
            }
            Filter::As(source, pattern, body) => self.bind(source, pattern, body, scope, input, out),
            Filter::Def(function, rest) => self.eval(rest, &scope.with(Bound::Function(function)), input, out),
            Filter::Call(name, arguments) => self.call(name, arguments, scope, input, out),
        }
    }

    fn same(self, input: &Item, out: &mut Found) -> Outcome<()> {
        self.purse.pay(input.path.as_ref().map_or(0, |it| it.len() * LEAST))?;
        out.push(input.clone());
        Ok(())
    }

    /// Returns all that a filter gives.
    fn values<'f>(self, filter: &'f Filter, scope: &Scope<'f>, input: &Item) -> Outcome<Vec<Rc<Json>>> {
        let mut found = Vec::new();
        // What is found for its value needs no path.
        let plain = Item { value: input.value.clone(), path: None };
        self.eval(filter, scope, &plain, &mut found)?;
        Ok(found.into_iter().map(|it| it.value).collect())
    }

    /// Returns the paths that a filter finds in a value.
    fn paths<'f>(self, filter: &'f Filter, scope: &Scope<'f>, input: &Rc<Json>) -> Outcome<Vec<Vec<Json>>> {
        let mut found = Vec::new();
        let root = Item { value: input.clone(), path: Some(Vec::new()) };
        self.eval(filter, scope, &root, &mut found)?;
        let path = |it: Item| match it.path {
            Some(path) => Ok(path),
            None => fail(format!("Invalid path expression with result {}", shown(&it.value))),
        };
        found.into_iter().map(path).collect()
    }

    /// Adds what a key leads to.
    fn step(self, item: &Item, key: &Json, out: &mut Found) -> Outcome<()> {
        let value = functions::at(&item.value, key)?;
        self.found(item, key.clone(), value, out)
    }

    fn found(self, item: &Item, key: Json, value: Json, out: &mut Found) -> Outcome<()> {
        self.purse.pay_for(&value)?;
        let path = item.path.as_ref().map(|path| path.iter().cloned().chain([key]).collect::<Vec<Json>>());
        self.purse.pay(path.as_ref().map_or(0, |it| it.len() * LEAST))?;
        out.push(Item { value: Rc::new(value), path });
        Ok(())
    }

    fn based<'f>(self, base: &'f Filter, scope: &Scope<'f>, input: &Item) -> (Found, Outcome<()>) {
        let mut found = Vec::new();
        let outcome = self.eval(base, scope, input, &mut found);
        (found, outcome)
    }

    fn index<'f>(
        self,
        base: &'f Filter,
        key: &'f Filter,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let (items, outcome) = self.based(base, scope, input);
        let keys = match key {
            Filter::Literal(key) => vec![Rc::new(key.clone())],
            key => self.values(key, scope, input)?,
        };
        for item in &items {
            keys.iter().try_for_each(|key| self.step(item, key, out))?;
        }
        outcome
    }

    fn slice<'f>(
        self,
        base: &'f Filter,
        from: Option<&'f Filter>,
        to: Option<&'f Filter>,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let (items, outcome) = self.based(base, scope, input);
        let ends =
            |end: Option<&'f Filter>| end.map_or(Ok(vec![Rc::new(Json::Null)]), |it| self.values(it, scope, input));
        let (from, to) = (ends(from)?, ends(to)?);
        for item in &items {
            for (from, to) in to.iter().flat_map(|to| from.iter().map(move |from| (from, to))) {
                self.step(item, &json!({"start": **from, "end": **to}), out)?;
            }
        }
        outcome
    }

    fn iterate<'f>(self, base: &'f Filter, scope: &Scope<'f>, input: &Item, out: &mut Found) -> Outcome<()> {
        let (items, outcome) = self.based(base, scope, input);
        items.iter().try_for_each(|item| self.each(item, out))?;
        outcome
    }

    /// Adds all that is directly inside of a value.
    fn each(self, item: &Item, out: &mut Found) -> Outcome<()> {
        match &*item.value {
            Json::Array(list) => {
                list.iter().enumerate().try_for_each(|(at, value)| self.found(item, json!(at), value.clone(), out))
            }
            Json::Object(map) => {
                map.iter().try_for_each(|(key, value)| self.found(item, json!(key), value.clone(), out))
            }
            other => fail(format!("Cannot iterate over {}", functions::described(other))),
        }
    }

    fn all_inside(self, item: &Item, out: &mut Found) -> Outcome<()> {
        let mut queue = vec![item.clone()];
        while let Some(item) = queue.pop() {
            self.same(&item, out)?;
            if item.value.is_array() || item.value.is_object() {
                let mut inside = Vec::new();
                self.each(&item, &mut inside)?;
                inside.reverse();
                queue.append(&mut inside);
            }
        }
        Ok(())
    }

    fn text<'f>(
        self,
        parts: &'f [(String, Option<Filter>)],
        format: Option<&'static str>,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let mut texts = vec![String::new()];
        for (said, inner) in parts {
            for text in &mut texts {
                text.push_str(said);
            }
            let Some(inner) = inner else { continue };
            let mut longer = Vec::new();
            for value in self.values(inner, scope, input)? {
                let written = match format {
                    Some(format) => functions::formatted(&value, format)?,
                    None => functions::to_text(&value),
                };
                for text in &texts {
                    self.purse.pay(text.len() + written.len())?;
                    longer.push(format!("{text}{written}"));
                }
            }
            texts = longer;
        }
        texts.into_iter().try_for_each(|text| self.give(out, Json::String(text)))
    }

    fn attempt<'f>(
        self,
        body: &'f Filter,
        otherwise: Option<&'f Filter>,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let calls = self.purse.calls.get();
        let outcome = self.eval(body, scope, input, out);
        self.purse.calls.set(calls);
        match (outcome, otherwise) {
            (Err(Fail::Error(error)), Some(otherwise)) => {
                self.eval(otherwise, scope, &Item { value: Rc::new(error), path: None }, out)
            }
            (Err(Fail::Error(_)), None) => Ok(()),
            (outcome, _) => outcome,
        }
    }

    fn negative<'f>(self, inner: &'f Filter, scope: &Scope<'f>, input: &Item, out: &mut Found) -> Outcome<()> {
        for value in self.values(inner, scope, input)? {
            match value.as_f64() {
                Some(number) => self.give(out, functions::number(-number))?,
                None => return fail(format!("{} cannot be negated", functions::described(&value))),
            }
        }
        Ok(())
    }

    fn pipe<'f>(self, parts: &'f [Filter], scope: &Scope<'f>, input: &Item, out: &mut Found) -> Outcome<()> {
        let Some((last, before)) = parts.split_last() else { return Ok(()) };
        let mut items = vec![input.clone()];
        let mut outcome = Ok(());
        for part in before {
            let mut next = Vec::new();
            for item in &items {
                if let Err(error) = self.eval(part, scope, item, &mut next) {
                    // What came before the error goes on.
                    outcome = Err(error);
                    break;
                }
            }
            items = next;
        }
        items.iter().try_for_each(|item| self.eval(last, scope, item, out))?;
        outcome
    }

    fn binary<'f>(
        self,
        op: Op,
        left: &'f Filter,
        right: &'f Filter,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        if op == Op::Else {
            return self.otherwise(left, right, scope, input, out);
        }
        if matches!(op, Op::And | Op::Or) {
            for left in self.values(left, scope, input)? {
                if is_true(&left) == (op == Op::Or) {
                    self.give(out, Json::Bool(op == Op::Or))?;
                    continue;
                }
                for right in self.values(right, scope, input)? {
                    self.give(out, Json::Bool(is_true(&right)))?;
                }
            }
            return Ok(());
        }
        let lefts = self.values(left, scope, input)?;
        for right in self.values(right, scope, input)? {
            for left in &lefts {
                let made = functions::combined(op, left, &right, self.purse)?;
                self.give(out, made)?;
            }
        }
        Ok(())
    }

    /// `//`: what is there, or else something else; errors of the first are as if nothing were there.
    fn otherwise<'f>(
        self,
        left: &'f Filter,
        right: &'f Filter,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let mut found = Vec::new();
        let calls = self.purse.calls.get();
        if let Err(Fail::Ended(why)) = self.eval(left, scope, input, &mut found) {
            return Err(Fail::Ended(why));
        }
        self.purse.calls.set(calls);
        found.retain(|it| is_true(&it.value));
        if found.is_empty() {
            return self.eval(right, scope, input, out);
        }
        out.append(&mut found);
        Ok(())
    }

    fn assign<'f>(
        self,
        assign: Assign,
        left: &'f Filter,
        right: &'f Filter,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        if assign == Assign::Update {
            self.purse.pay_for(&input.value)?;
            let mut whole = (*input.value).clone();
            let mut gone = Vec::new();
            for path in self.paths(left, scope, &input.value)? {
                let old = functions::get_path(&whole, &path)?;
                self.purse.pay_for(&old)?;
                match self.values(right, scope, &Item { value: Rc::new(old), path: None })?.into_iter().next() {
                    Some(new) => {
                        self.purse.pay_for(&new)?;
                        functions::set_path(&mut whole, &path, Rc::unwrap_or_clone(new), self.purse)?;
                    }
                    None => gone.push(path),
                }
            }
            functions::delete_paths(&mut whole, gone)?;
            return self.give(out, whole);
        }
        for new in self.values(right, scope, input)? {
            let mut whole = (*input.value).clone();
            self.purse.pay_for(&whole)?;
            for path in self.paths(left, scope, &input.value)? {
                let new = match assign {
                    Assign::With(op) => {
                        let old = functions::get_path(&whole, &path)?;
                        match op {
                            Op::Else if is_true(&old) => old,
                            Op::Else => (*new).clone(),
                            op => functions::combined(op, &old, &new, self.purse)?,
                        }
                    }
                    _ => (*new).clone(),
                };
                self.purse.pay_for(&new)?;
                functions::set_path(&mut whole, &path, new, self.purse)?;
            }
            self.give(out, whole)?;
        }
        Ok(())
    }

    fn array<'f>(self, inner: Option<&'f Filter>, scope: &Scope<'f>, input: &Item, out: &mut Found) -> Outcome<()> {
        let list = inner.map_or(Ok(Vec::new()), |inner| self.values(inner, scope, input))?;
        self.give(out, list.into_iter().map(Rc::unwrap_or_clone).collect())
    }

    fn object<'f>(
        self,
        entries: &'f [(Filter, Filter)],
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let mut made = vec![Map::new()];
        for (key, value) in entries {
            let (keys, values) = (self.values(key, scope, input)?, self.values(value, scope, input)?);
            let mut more = Vec::new();
            for map in &made {
                for key in &keys {
                    let Json::String(key) = &**key else {
                        return fail(format!("Object keys must be strings, not {}", functions::described(key)));
                    };
                    for value in &values {
                        self.purse.pay_for(value)?;
                        self.purse.pay(map.len() * LEAST)?;
                        let mut map = map.clone();
                        map.insert(key.clone(), (**value).clone());
                        more.push(map);
                    }
                }
            }
            made = more;
        }
        made.into_iter().try_for_each(|map| self.give(out, Json::Object(map)))
    }

    fn condition<'f>(
        self,
        branches: &'f [(Filter, Filter)],
        otherwise: Option<&'f Filter>,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let Some(((condition, then), rest)) = branches.split_first() else {
            return match otherwise {
                Some(otherwise) => self.eval(otherwise, scope, input, out),
                None => self.same(input, out),
            };
        };
        for decided in self.values(condition, scope, input)? {
            if is_true(&decided) {
                self.eval(then, scope, input, out)?;
            } else {
                self.condition(rest, otherwise, scope, input, out)?;
            }
        }
        Ok(())
    }

    fn reduce<'f>(
        self,
        parts: &'f [Filter; 3],
        pattern: &'f Pattern,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let [source, init, update] = parts;
        let items = self.values(source, scope, input)?;
        for mut state in self.values(init, scope, input)? {
            for item in &items {
                for scope in self.taken_apart(pattern, item, scope)? {
                    let given = self.values(update, &scope, &Item { value: state, path: None })?;
                    state = given.into_iter().next_back().unwrap_or_default();
                }
            }
            out.push(Item { value: state, path: None });
        }
        Ok(())
    }

    fn foreach<'f>(
        self,
        parts: &'f [Filter; 3],
        extract: Option<&'f Filter>,
        pattern: &'f Pattern,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let [source, init, update] = parts;
        let items = self.values(source, scope, input)?;
        for mut state in self.values(init, scope, input)? {
            for item in &items {
                for scope in self.taken_apart(pattern, item, scope)? {
                    for new in self.values(update, &scope, &Item { value: state.clone(), path: None })? {
                        state = new;
                        let item = Item { value: state.clone(), path: None };
                        match extract {
                            Some(extract) => self.eval(extract, &scope, &item, out)?,
                            None => self.same(&item, out)?,
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn bind<'f>(
        self,
        source: &'f Filter,
        pattern: &'f Pattern,
        body: &'f Filter,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        for value in self.values(source, scope, input)? {
            for scope in self.taken_apart(pattern, &value, scope)? {
                self.eval(body, &scope, input, out)?;
            }
        }
        Ok(())
    }

    /// Returns what can be seen when a value is taken apart; keys that are computed may give several.
    fn taken_apart<'f>(self, pattern: &'f Pattern, value: &Rc<Json>, scope: &Scope<'f>) -> Outcome<Vec<Scope<'f>>> {
        match pattern {
            Pattern::Var(name) => Ok(vec![scope.with(Bound::Var(name, value.clone()))]),
            Pattern::List(inner) => {
                let mut scopes = vec![scope.clone()];
                for (at, pattern) in inner.iter().enumerate() {
                    let value = functions::at(value, &json!(at))?;
                    self.purse.pay_for(&value)?;
                    let value = Rc::new(value);
                    let mut more = Vec::new();
                    for scope in &scopes {
                        more.extend(self.taken_apart(pattern, &value, scope)?);
                    }
                    scopes = more;
                }
                Ok(scopes)
            }
            Pattern::Record(entries) => {
                let mut scopes = vec![scope.clone()];
                for (key, var, inner) in entries {
                    let mut more = Vec::new();
                    for scope in &scopes {
                        for key in self.values(key, scope, &Item { value: value.clone(), path: None })? {
                            let value = functions::at(value, &key)?;
                            self.purse.pay_for(&value)?;
                            let value = Rc::new(value);
                            let scope = match var {
                                Some(var) => scope.with(Bound::Var(var, value.clone())),
                                None => scope.clone(),
                            };
                            match inner {
                                Some(inner) => more.extend(self.taken_apart(inner, &value, &scope)?),
                                None => more.push(scope),
                            }
                        }
                    }
                    scopes = more;
                }
                Ok(scopes)
            }
        }
    }

    fn call<'f>(
        self,
        name: &'f str,
        arguments: &'f [Filter],
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let mut seen = scope;
        while let Some(entry) = &seen.0 {
            match &entry.0 {
                Bound::Argument(it, body, of) if *it == name && arguments.is_empty() => {
                    return self.eval(body, of, input, out);
                }
                Bound::Function(function) if function.name == name && function.params.len() == arguments.len() => {
                    return self.call_own(function, arguments, seen, scope, input, out);
                }
                _ => seen = &entry.1,
            }
        }
        self.call_known(name, arguments, scope, input, out)
    }

    fn call_own<'f>(
        self,
        function: &'f Function,
        arguments: &'f [Filter],
        seen: &Scope<'f>,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let mut scopes = vec![seen.clone()];
        for (param, argument) in function.params.iter().zip(arguments) {
            let name = param.trim_start_matches('$');
            let values =
                if param.starts_with('$') { self.values(argument, scope, input)? } else { vec![Rc::new(Json::Null)] };
            let mut more = Vec::new();
            for inner in &scopes {
                for value in &values {
                    let inner = inner.with(Bound::Argument(name, argument, scope.clone()));
                    let is_var = param.starts_with('$');
                    more.push(if is_var { inner.with(Bound::Var(name, value.clone())) } else { inner });
                }
            }
            scopes = more;
        }
        scopes.iter().try_for_each(|inner| self.eval(&function.body, inner, input, out))
    }

    /// Runs a function that everybody has.
    fn call_known<'f>(
        self,
        name: &str,
        arguments: &'f [Filter],
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let given = |filter: &'f Filter, of: &Json| {
            self.purse.pay_for(of)?;
            self.values(filter, scope, &Item { value: Rc::new(of.clone()), path: None })
        };
        let first_of = |filter: &'f Filter, of: &Json| Ok(given(filter, of)?.into_iter().next().unwrap_or_default());
        match (name, arguments) {
            ("empty", []) => Ok(()),
            ("error", []) => Err(Fail::Error((*input.value).clone())),
            ("error", [message]) => match self.values(message, scope, input)?.into_iter().next() {
                Some(message) => Err(Fail::Error(Rc::unwrap_or_clone(message))),
                None => Ok(()),
            },
            ("select", [condition]) => {
                for decided in self.values(condition, scope, input)? {
                    if is_true(&decided) {
                        self.same(input, out)?;
                    }
                }
                Ok(())
            }
            ("recurse", []) => self.all_inside(input, out),
            ("recurse", [next]) => self.recurse(next, None, scope, input, out),
            ("recurse", [next, condition]) => self.recurse(next, Some(condition), scope, input, out),
            ("map", [filter]) => {
                let mut list = Vec::new();
                let mut items = Vec::new();
                self.each(&Item { value: input.value.clone(), path: None }, &mut items)?;
                items.iter().try_for_each(|item| self.eval(filter, scope, item, &mut list))?;
                self.give(out, list.into_iter().map(|it| Rc::unwrap_or_clone(it.value)).collect())
            }
            ("map_values", [filter]) => {
                let made = match &*input.value {
                    Json::Array(list) => {
                        let mut made = Vec::new();
                        for value in list {
                            made.extend(given(filter, value)?.into_iter().next().map(Rc::unwrap_or_clone));
                        }
                        Json::Array(made)
                    }
                    Json::Object(map) => {
                        let mut made = Map::new();
                        for (key, value) in map {
                            if let Some(value) = given(filter, value)?.into_iter().next() {
                                made.insert(key.clone(), Rc::unwrap_or_clone(value));
                            }
                        }
                        Json::Object(made)
                    }
                    other => return fail(format!("Cannot iterate over {}", functions::described(other))),
                };
                self.give(out, made)
            }
            ("path", [filter]) => {
                self.paths(filter, scope, &input.value)?.into_iter().try_for_each(|path| self.give(out, path.into()))
            }
            ("paths" | "leaf_paths", filter) => {
                let mut all = Vec::new();
                let root = Item { value: input.value.clone(), path: Some(Vec::new()) };
                self.all_inside(&root, &mut all)?;
                for item in all.into_iter().skip(1) {
                    let is_wanted = match filter {
                        [filter] => given(filter, &item.value)?.iter().any(|it| is_true(it)),
                        _ => name == "paths" || !(item.value.is_array() || item.value.is_object()),
                    };
                    if is_wanted {
                        self.give(out, item.path.unwrap_or_default().into())?;
                    }
                }
                Ok(())
            }
            ("del", [filter]) => {
                let paths = self.paths(filter, scope, &input.value)?;
                let mut whole = (*input.value).clone();
                functions::delete_paths(&mut whole, paths)?;
                self.give(out, whole)
            }
            ("pick", [filter]) => {
                let mut made = Json::Null;
                for path in self.paths(filter, scope, &input.value)? {
                    let value = functions::get_path(&input.value, &path)?;
                    functions::set_path(&mut made, &path, value, self.purse)?;
                }
                self.give(out, made)
            }
            ("getpath", [filter]) => {
                for path in self.values(filter, scope, input)? {
                    let Json::Array(path) = Rc::unwrap_or_clone(path) else {
                        return fail("Path must be specified as an array");
                    };
                    let value = functions::get_path(&input.value, &path)?;
                    self.purse.pay_for(&value)?;
                    let path = input.path.as_ref().map(|before| before.iter().cloned().chain(path).collect());
                    out.push(Item { value: Rc::new(value), path });
                }
                Ok(())
            }
            ("with_entries", [filter]) => {
                let mut made = Vec::new();
                for entry in functions::to_entries(&input.value)? {
                    made.extend(given(filter, &entry)?.into_iter().map(Rc::unwrap_or_clone));
                }
                self.give(out, functions::from_entries(&made)?)
            }
            ("walk", [filter]) => {
                let made = self.walk(filter, scope, &input.value)?;
                made.into_iter().try_for_each(|value| self.give(out, Rc::unwrap_or_clone(value)))
            }
            ("first" | "last" | "nth" | "limit" | "skip" | "until" | "while" | "repeat" | "range" | "isempty", _) => {
                self.call_counting(name, arguments, scope, input, out)
            }
            ("any" | "all", [condition]) => {
                let mut found = Vec::new();
                let mut items = Vec::new();
                self.each(&Item { value: input.value.clone(), path: None }, &mut items)?;
                items.iter().try_for_each(|item| self.eval(condition, scope, item, &mut found))?;
                let is_one = |it: &Item| is_true(&it.value);
                let answer = if name == "any" { found.iter().any(is_one) } else { found.iter().all(is_one) };
                self.give(out, Json::Bool(answer))
            }
            ("any" | "all", [source, condition]) => {
                let mut found = Vec::new();
                for item in self.values(source, scope, input)? {
                    found.extend(given(condition, &item)?);
                }
                let answer =
                    if name == "any" { found.iter().any(|it| is_true(it)) } else { found.iter().all(|it| is_true(it)) };
                self.give(out, Json::Bool(answer))
            }
            ("add", [source]) => {
                let mut sum = Json::Null;
                for value in self.values(source, scope, input)? {
                    sum = functions::combined(Op::Add, &sum, &value, self.purse)?;
                    self.purse.pay_for(&sum)?;
                }
                self.give(out, sum)
            }
            ("sort_by" | "group_by" | "unique_by" | "min_by" | "max_by", [key]) => {
                let Json::Array(list) = &*input.value else {
                    return fail(format!(
                        "{} cannot be sorted, as it is not an array",
                        functions::described(&input.value)
                    ));
                };
                let mut keyed = Vec::new();
                for value in list {
                    keyed.push((given(key, value)?.into_iter().map(Rc::unwrap_or_clone).collect(), value.clone()));
                }
                self.purse.pay_for(&input.value)?;
                self.give(out, functions::by_key(name, keyed))
            }
            ("sub" | "gsub", [pattern, with, flags @ ..]) => {
                let pattern = first_of(pattern, &input.value)?;
                let flags = flags.first().map_or(Ok(Rc::default()), |it| first_of(it, &input.value))?;
                let mut made = String::new();
                let text = functions::text_of(&input.value, name)?;
                let mut end = 0;
                for found in functions::captures(text, &pattern, &flags, name == "gsub", self.purse)? {
                    made.push_str(&text[end..found.from]);
                    made.push_str(&functions::to_text(&*first_of(with, &found.names)?));
                    self.purse.pay(made.len())?;
                    end = found.to;
                }
                made.push_str(&text[end..]);
                self.give(out, Json::String(made))
            }
            _ => self.call_plain(name, arguments, scope, input, out),
        }
    }

    /// Runs what takes some of what another filter gives, or goes on until something holds.
    fn call_counting<'f>(
        self,
        name: &str,
        arguments: &'f [Filter],
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let number = |filter: &'f Filter| -> Outcome<f64> {
            let value = self.values(filter, scope, input)?.into_iter().next().unwrap_or_default();
            value.as_f64().map_or_else(|| fail(format!("{} is no number", functions::described(&value))), Ok)
        };
        match (name, arguments) {
            ("first", [filter]) => {
                let mut found = Vec::new();
                let outcome = self.eval(filter, scope, input, &mut found);
                match found.into_iter().next() {
                    Some(first) => {
                        out.push(first);
                        Ok(())
                    }
                    None => outcome,
                }
            }
            ("last", [filter]) => {
                let mut found = Vec::new();
                self.eval(filter, scope, input, &mut found)?;
                out.extend(found.pop());
                Ok(())
            }
            ("isempty", [filter]) => {
                let mut found = Vec::new();
                let outcome = self.eval(filter, scope, input, &mut found);
                if found.is_empty() {
                    outcome?;
                }
                self.give(out, Json::Bool(found.is_empty()))
            }
            ("nth" | "limit" | "skip", [count, filter]) => {
                let count = functions::place(number(count)?);
                let Ok(count) = usize::try_from(count) else { return fail("Out of bounds negative count") };
                let mut found = Vec::new();
                let outcome = self.eval(filter, scope, input, &mut found);
                let is_enough = name != "skip" && found.len() > count.saturating_sub(usize::from(name == "limit"));
                match name {
                    "nth" => out.extend(found.into_iter().nth(count)),
                    "limit" => out.extend(found.into_iter().take(count)),
                    _ => out.extend(found.into_iter().skip(count)),
                }
                if is_enough { Ok(()) } else { outcome }
            }
            ("first" | "last", []) => {
                let at = if name == "first" { 0 } else { -1 };
                self.step(input, &json!(at), out)
            }
            ("nth", [at]) => {
                for at in self.values(at, scope, input)? {
                    self.step(input, &at, out)?;
                }
                Ok(())
            }
            ("until", [condition, update]) => {
                let mut state = input.value.clone();
                loop {
                    let now = Item { value: state, path: None };
                    if self.values(condition, scope, &now)?.first().is_some_and(|it| is_true(it)) {
                        return self.same(&now, out);
                    }
                    state = self.values(update, scope, &now)?.into_iter().next().unwrap_or_default();
                }
            }
            ("while", [condition, update]) => {
                let mut state = Some(input.value.clone());
                while let Some(value) = state {
                    let now = Item { value, path: None };
                    if !self.values(condition, scope, &now)?.first().is_some_and(|it| is_true(it)) {
                        break;
                    }
                    self.same(&now, out)?;
                    state = self.values(update, scope, &now)?.into_iter().next();
                }
                Ok(())
            }
            ("repeat", [update]) => self.recurse(update, None, scope, input, out),
            ("range", bounds) => {
                let mut ends = Vec::new();
                for bound in bounds {
                    ends.push(number(bound)?);
                }
                let (from, to, by) = match ends.as_slice() {
                    [to] => (0.0, *to, 1.0),
                    [from, to] => (*from, *to, 1.0),
                    [from, to, by, ..] => (*from, *to, *by),
                    [] => return Ok(()),
                };
                let mut at = from;
                while (by > 0.0 && at < to) || (by < 0.0 && at > to) {
                    self.give(out, functions::number(at))?;
                    at += by;
                }
                Ok(())
            }
            _ => self.call_plain(name, arguments, scope, input, out),
        }
    }

    /// Runs a function of values: for all that its arguments give, the last of them going round first.
    fn call_plain<'f>(
        self,
        name: &str,
        arguments: &'f [Filter],
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let mut rows: Vec<Vec<Json>> = vec![Vec::new()];
        for argument in arguments {
            let values = self.values(argument, scope, input)?;
            let mut more = Vec::new();
            for row in &rows {
                for value in &values {
                    self.purse.pay_for(value)?;
                    more.push(row.iter().cloned().chain([(**value).clone()]).collect());
                }
            }
            rows = more;
        }
        for row in rows {
            for value in functions::called(name, &input.value, &row, self.purse)? {
                self.give(out, value)?;
            }
        }
        Ok(())
    }

    fn recurse<'f>(
        self,
        next: &'f Filter,
        condition: Option<&'f Filter>,
        scope: &Scope<'f>,
        input: &Item,
        out: &mut Found,
    ) -> Outcome<()> {
        let mut queue = vec![input.clone()];
        while let Some(item) = queue.pop() {
            self.same(&item, out)?;
            let mut more = Vec::new();
            self.eval(next, scope, &item, &mut more)?;
            for item in more.into_iter().rev() {
                let goes_on = match condition {
                    Some(condition) => {
                        let of = Item { value: item.value.clone(), path: None };
                        self.values(condition, scope, &of)?.iter().any(|it| is_true(it))
                    }
                    None => true,
                };
                if goes_on {
                    queue.push(item);
                }
            }
        }
        Ok(())
    }

    fn walk<'f>(self, filter: &'f Filter, scope: &Scope<'f>, value: &Json) -> Outcome<Vec<Rc<Json>>> {
        let made = match value {
            Json::Array(list) => {
                let mut made = Vec::new();
                for value in list {
                    made.extend(self.walk(filter, scope, value)?.into_iter().map(Rc::unwrap_or_clone));
                }
                Json::Array(made)
            }
            Json::Object(map) => {
                let mut made = Map::new();
                for (key, value) in map {
                    if let Some(value) = self.walk(filter, scope, value)?.into_iter().next() {
                        made.insert(key.clone(), Rc::unwrap_or_clone(value));
                    }
                }
                Json::Object(made)
            }
            other => other.clone(),
        };
        self.purse.pay_for(&made)?;
        self.values(filter, scope, &Item { value: Rc::new(made), path: None })
    }
}

/// Everything is true except `false` and `null`.
pub(super) fn is_true(value: &Json) -> bool {
    !matches!(value, Json::Null | Json::Bool(false))
}
