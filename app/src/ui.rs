//! The design system: what pages are made of.
//!
//! Components take finished text and render semantic HTML with the classes of `style/`; they hold no
//! state of their own, so that a page looks and works the same before its wasm has loaded. There are
//! no style attributes anywhere, because the content security policy forbids them.
//!
//! A page usually needs: [`page_head::PageHead`], [`load::load`], [`card::Card`], [`form`],
//! [`table`], [`badge`], [`empty::EmptyState`].

pub mod avatar;
pub mod badge;
pub mod button;
pub mod card;
pub mod chart;
pub mod chat;
pub mod code;
pub mod dialog;
pub mod empty;
pub mod error;
pub mod form;
pub mod icon;
pub mod live;
pub mod load;
pub mod nav;
pub mod notice;
pub mod page_head;
pub mod pagination;
pub mod stars;
pub mod stat;
pub mod steps;
pub mod table;

use leptos::prelude::{AnyView, IntoAny, IntoView};

/// The views of a list.
pub trait Views {
    /// Makes the views. They are erased: a list of each kind of element would be compiled for itself.
    fn views(self) -> Vec<AnyView>;
}

impl<I> Views for I
where
    I: Iterator,
    I::Item: IntoView + 'static,
{
    fn views(self) -> Vec<AnyView> {
        self.map(IntoAny::into_any).collect()
    }
}

/// Everything that a page usually needs.
pub mod prelude {
    pub use super::Views;
    pub use super::avatar::Avatar;
    pub use super::badge::{
        Badge, CategoryBadge, DocumentBadge, OfferingBadge, OrderBadge, ProviderBadge, SubmissionBadge,
        SubscriptionBadge, Tint,
    };
    pub use super::button::{LinkButton, Look, Submit};
    pub use super::card::{Alert, Card, Kind};
    pub use super::chart::{BarChart, LineChart, Sparkline};
    pub use super::code::{CodeBlock, CopyButton};
    pub use super::dialog::Dialog;
    pub use super::empty::EmptyState;
    pub use super::error::{ErrorPage, FormAlert};
    pub use super::form::{CheckField, ChoiceField, Field, FormAction, FormState, PostForm, SelectField, TextArea};
    pub use super::icon::{Icon, Sign};
    pub use super::load::{Found, load, load_or, load_part, read, read_again};
    pub use super::nav::{NavLink, SideNav, Tab, Tabs};
    pub use super::notice::Notices;
    pub use super::page_head::{Crumb, Crumbs, PageHead};
    pub use super::pagination::Pagination;
    pub use super::stars::{Stars, StarsRow};
    pub use super::stat::{Meter, Stat};
    pub use super::steps::{Step, StepState, Steps};
    pub use super::table::Table;
}
