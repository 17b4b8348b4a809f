//! The pages, one module each; those of buyers, providers and operators below their own modules.

pub mod admin;
pub mod buy;
pub mod buyer;
pub mod category;
pub mod checkout;
pub mod deploy;
pub mod invitation;
pub mod landing;
pub mod login;
pub mod marketplace;
pub mod not_found;
pub mod offering;
pub mod order;
pub mod password;
pub mod provider;
pub mod register;
pub mod sheet;
pub mod storefront;
