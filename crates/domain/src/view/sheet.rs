//! A page of figures and tables in finished words.
//!
//! Such pages differ in what they say and not in how they look, so the server writes them and the browser
//! knows one of them: it carries no types and no code for each.

use serde::{Deserialize, Serialize};

/// A page of figures and tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// Its heading.
    pub title: String,
    /// A sentence about it.
    pub text: String,
    /// Numbers on tiles.
    pub figures: Vec<Figure>,
    /// Links beside the heading: where to, and what they say.
    pub links: Vec<Cell>,
    /// What can be done about all of it, beside the links.
    pub presses: Vec<Press>,
    /// Its tables, in order.
    pub grids: Vec<Grid>,
}

/// Something that can be done: a button, with a line of text where one is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Press {
    /// What is done, a word that the server knows.
    pub what: String,
    /// About which thing.
    pub id: String,
    /// What the button says.
    pub label: String,
    /// What is asked for beside it; empty where nothing is.
    pub ask: String,
    /// What else is asked for; empty where nothing is.
    pub also: String,
}

impl Press {
    /// Makes a button.
    pub fn new(what: &str, id: impl ToString, label: impl Into<String>) -> Self {
        Self { what: what.to_owned(), id: id.to_string(), label: label.into(), ..Self::default() }
    }

    /// Asks for a line of text beside the button.
    pub fn asking(self, ask: impl Into<String>) -> Self {
        Self { ask: ask.into(), ..self }
    }

    /// Asks for another line of text.
    pub fn and(self, also: impl Into<String>) -> Self {
        Self { also: also.into(), ..self }
    }
}

/// A number on a tile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is.
    pub label: String,
    /// The number, as people read it.
    pub value: String,
    /// What to know about it.
    pub note: String,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Its heading.
    pub title: String,
    /// A sentence below the heading; may be empty.
    pub text: String,
    /// Its columns.
    pub head: Vec<String>,
    /// Its rows, each with a cell a column.
    pub rows: Vec<Vec<Cell>>,
    /// What stands in its place while it has no rows.
    pub empty: String,
    /// Which page of a longer list this is; nothing where it is all of it.
    pub pages: Option<Pages>,
}

/// Which page of a longer list a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    /// From 1.
    pub page: i64,
    /// How many there are.
    pub pages: i64,
    /// How many rows there are in all.
    pub total: i64,
}

/// What stands in a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The words.
    pub text: String,
    /// How they look.
    pub look: CellLook,
    /// Where they lead; may be empty.
    pub href: String,
    /// What can be done there, after the words.
    pub press: Option<Press>,
}

/// How a cell looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CellLook {
    /// As text.
    #[default]
    Plain,
    /// As a number, on the right.
    Number,
    /// As a moment, on one line.
    When,
    /// As a code.
    Code,
    /// As a state that is well.
    Good,
    /// As a state that waits.
    Warn,
    /// As a state that is wrong.
    Bad,
    /// As a state that is over.
    Over,
}

impl Cell {
    /// Makes a cell of words.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Makes a cell that looks like something.
    pub fn new(text: impl ToString, look: CellLook) -> Self {
        Self { text: text.to_string(), look, ..Self::default() }
    }

    /// Makes a cell of a number or an amount.
    pub fn number(number: impl ToString) -> Self {
        Self::new(number, CellLook::Number)
    }

    /// Makes a cell of a button.
    pub fn press(press: Press) -> Self {
        Self { press: Some(press), ..Self::default() }
    }

    /// Makes the cell lead somewhere.
    pub fn to(self, href: impl Into<String>) -> Self {
        Self { href: href.into(), ..self }
    }
}
