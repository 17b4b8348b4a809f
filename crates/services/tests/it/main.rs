//! Use cases on both databases, with fakes in every port.

mod catalog;
mod provider;
mod seed;
