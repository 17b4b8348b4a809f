//! What the doors show and take: made by `services`, rendered by the portal, mapped to JSON by the REST API.
//!
//! Views carry finished text where the text would otherwise differ between server and browser
//! (dates and money are written on the server).

pub mod account;
pub mod agent;
pub mod bundle;
pub mod cap;
pub mod catalog;
pub mod chat;
pub mod config;
pub mod knowledge;
pub mod money;
pub mod operator;
pub mod order;
pub mod payout;
pub mod provider;
pub mod sheet;
pub mod trace;

use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows of this page.
    pub rows: Vec<T>,
    /// How many rows the whole list has.
    pub total: i64,
    /// Which page this is, from 1.
    pub page: i64,
    /// How many rows a page holds at most.
    pub page_size: i64,
}

impl<T> Page<T> {
    /// Returns how many pages there are, at least one.
    pub fn pages(&self) -> i64 {
        ((self.total + self.page_size - 1) / self.page_size).max(1)
    }

    /// Returns this page with other rows.
    pub fn map<U>(self, map: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(map).collect(),
            total: self.total,
            page: self.page,
            page_size: self.page_size,
        }
    }
}

/// Which page of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paging {
    /// From 1.
    pub page: i64,
    /// 1 to 300.
    pub page_size: i64,
}

impl Default for Paging {
    fn default() -> Self {
        Self { page: 1, page_size: 20 }
    }
}

impl Paging {
    /// Makes a paging within the bounds of the API: pages from 1, page sizes 1 to 300.
    pub fn clamped(page: i64, page_size: i64) -> Self {
        Self { page: page.clamp(1, 1_000_000), page_size: page_size.clamp(1, 300) }
    }

    /// Returns how many rows come before this page.
    pub const fn offset(self) -> i64 {
        (self.page - 1) * self.page_size
    }
}
