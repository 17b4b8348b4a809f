//! Providers: their accounts with Stripe, and what goes to them.

use domain::Money;
use stripe_client_core::RequestBuilder;
use stripe_client_core::StripeMethod;
use stripe_connect::account::{
    CreateAccount, CreateAccountCapabilities, CreateAccountCapabilitiesTransfers, CreateAccountController,
    CreateAccountControllerFees, CreateAccountControllerFeesPayer, CreateAccountControllerLosses,
    CreateAccountControllerLossesPayments, CreateAccountControllerRequirementCollection,
    CreateAccountControllerStripeDashboard, CreateAccountControllerStripeDashboardType, ListAccount,
};
use stripe_connect::account_link::{CreateAccountLink, CreateAccountLinkType};
use stripe_connect::transfer::{CreateTransfer, ListTransfer, RetrieveTransfer};
use stripe_connect::transfer_reversal::{CreateIdTransferReversal, ListIdTransferReversal, RetrieveTransferReversal};

use super::{Call, PAGE, call, currency, labels};
use crate::id::{AccountId, ReversalId, TransferId};

/// A provider's account to open.
#[derive(Clone, Copy, Debug)]
pub struct NewAccount<'a> {
    /// Names what is done.
    pub operation: &'a str,
    /// Our id of the provider.
    pub provider: &'a str,
    /// Where Stripe writes to; none where it is empty.
    pub email: &'a str,
}

/// Opens a provider's account, to which money can be transferred: Stripe asks it for what the law wants, shows it its
/// balance and pays it out; fees and losses are the platform's.
pub fn create_account(new: NewAccount<'_>) -> Call {
    let dashboard = CreateAccountControllerStripeDashboardType::Express;
    let controller = CreateAccountController {
        fees: Some(CreateAccountControllerFees { payer: Some(CreateAccountControllerFeesPayer::Application) }),
        losses: Some(CreateAccountControllerLosses {
            payments: Some(CreateAccountControllerLossesPayments::Application),
        }),
        requirement_collection: Some(CreateAccountControllerRequirementCollection::Stripe),
        stripe_dashboard: Some(CreateAccountControllerStripeDashboard { type_: Some(dashboard) }),
    };
    let transfers = CreateAccountCapabilitiesTransfers { requested: Some(true) };
    let capabilities = CreateAccountCapabilities { transfers: Some(transfers), ..Default::default() };
    let account = CreateAccount::new()
        .controller(controller)
        .capabilities(capabilities)
        .metadata(labels(&[("operation", new.operation), ("provider", new.provider)]));
    if new.email.is_empty() { call(&account) } else { call(&account.email(new.email)) }
}

/// Reads a provider's account.
pub fn account(id: &AccountId) -> Call {
    RequestBuilder::new(StripeMethod::Get, format!("/accounts/{id}")).into()
}

/// Opens Stripe's own pages about an account, for its provider alone.
pub fn login_link(id: &AccountId) -> Call {
    RequestBuilder::new(StripeMethod::Post, format!("/accounts/{id}/login_links")).into()
}

/// Lists accounts, the newest first.
pub fn accounts() -> Call {
    call(&ListAccount::new().limit(PAGE))
}

/// Opens a page where a provider tells Stripe what it wants to know; `refresh_url` is where a page leads that is over.
pub fn account_link(account: &AccountId, refresh_url: &str, return_url: &str) -> Call {
    let link = CreateAccountLink::new(account.as_str(), CreateAccountLinkType::AccountOnboarding);
    call(&link.refresh_url(refresh_url).return_url(return_url))
}

/// Money for a provider.
#[derive(Clone, Copy, Debug)]
pub struct NewTransfer<'a> {
    /// Names what is done.
    pub operation: &'a str,
    /// To whom.
    pub account: &'a AccountId,
    /// How much.
    pub amount: Money,
    /// What the provider reads.
    pub description: &'a str,
}

/// Transfers money from our balance to a provider's.
pub fn create_transfer(new: NewTransfer<'_>) -> Call {
    call(
        &CreateTransfer::new(currency(new.amount), new.account.as_str())
            .amount(new.amount.minor)
            .description(new.description)
            .metadata(labels(&[("operation", new.operation)])),
    )
}

/// Reads a transfer.
pub fn transfer(id: &TransferId) -> Call {
    call(&RetrieveTransfer::new(id.as_str()))
}

/// Lists what went to a provider, the newest first.
pub fn transfers_to(account: &AccountId) -> Call {
    call(&ListTransfer::new().destination(account.as_str()).limit(PAGE))
}

/// Lists what went to providers from one moment until another, seconds since 1970, newest first; after one of them if it is
/// named.
pub fn transfers_between(since: i64, until: i64, after: Option<&TransferId>) -> Call {
    let list = ListTransfer::new().created(super::between(since, until)).limit(PAGE);
    match after {
        Some(after) => call(&list.starting_after(after.as_str())),
        None => call(&list),
    }
}

/// Money to take back.
#[derive(Clone, Copy, Debug)]
pub struct NewReversal<'a> {
    /// Names what is done.
    pub operation: &'a str,
    /// Of what.
    pub transfer: &'a TransferId,
    /// How much.
    pub amount: Money,
    /// What the provider reads.
    pub description: &'a str,
}

/// Takes something of a transfer back from the provider's balance to ours.
pub fn create_reversal(new: NewReversal<'_>) -> Call {
    call(
        &CreateIdTransferReversal::new(new.transfer.as_str())
            .amount(new.amount.minor)
            .description(new.description)
            .metadata(labels(&[("operation", new.operation)])),
    )
}

/// Reads what was taken back of a transfer.
pub fn reversal(transfer: &TransferId, id: &ReversalId) -> Call {
    call(&RetrieveTransferReversal::new(id.as_str(), transfer.as_str()))
}

/// Lists what was taken back of a transfer, the newest first.
pub fn reversals_of(transfer: &TransferId) -> Call {
    call(&ListIdTransferReversal::new(transfer.as_str()).limit(PAGE))
}
