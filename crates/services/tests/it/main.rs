//! Use cases on both databases, with fakes in every port.

mod catalog;
mod gateway;
mod identity;
mod jobs;
mod knowledge;
mod operator;
mod orders;
mod organizations;
mod provider;
mod seed;
mod sites;
