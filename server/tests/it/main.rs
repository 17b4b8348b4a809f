//! The program's doors, tried from outside: its own router over its own adapters, on both databases.

mod access;
mod app;
mod bodies;
mod gateway;
mod guard;
mod lists;
mod pages;
mod sandbox;
mod story;
mod widget;
