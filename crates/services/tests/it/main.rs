//! Use cases on both databases, with fakes in every port.

mod catalog;
mod gateway;
mod identity;
mod operator;
mod organizations;
mod provider;
mod seed;
