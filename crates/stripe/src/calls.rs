//! Every request that we send, each built by async-stripe's type for it.
//!
//! Amounts are of our own rows, never of a request that came from outside. `operation` names what is done; it stands in
//! the metadata of what comes of it, so that it can be found when nobody heard the answer.

mod connect;
mod portal;

use std::collections::HashMap;

use domain::Money;
use serde::{Deserialize, Serialize};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAdaptivePricing, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionLineItemsPriceData, CreateCheckoutSessionPaymentIntentData,
    CreateCheckoutSessionPaymentIntentDataCaptureMethod, CreateCheckoutSessionPaymentIntentDataSetupFutureUsage,
    ExpireCheckoutSession, ListCheckoutSession, ProductData, RetrieveCheckoutSession,
};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::charge::RetrieveCharge;
use stripe_core::customer::{
    CreateCustomer, ListCustomer, ListPaymentMethodsCustomer, RetrieveCustomer, UpdateCustomer,
    UpdateCustomerInvoiceSettings,
};
use stripe_core::dispute::RetrieveDispute;
use stripe_core::event::ListEvent;
use stripe_core::payment_intent::{
    CreatePaymentIntent, CreatePaymentIntentOffSession, ListPaymentIntent, RetrievePaymentIntent,
};
use stripe_core::refund::{CreateRefund, ListRefund, RetrieveRefund};
use stripe_shared::{CheckoutSessionMode, PaymentIntentCaptureMethod};
use stripe_types::{Currency, RangeBoundsTs, RangeQueryTs};
use url::form_urlencoded;

pub use connect::{
    NewAccount, NewReversal, NewTransfer, account, account_link, accounts, create_account, create_reversal,
    create_transfer, login_link, reversal, reversals_of, transfer, transfers_between, transfers_to,
};

pub use portal::{create_portal_configuration, open_portal, portal_configuration, portal_configurations};

use crate::id::{ChargeId, CustomerId, DisputeId, EventId, MethodId, PaymentId, RefundId, SessionId};

/// The version of Stripe's API that is asked for: the one that the builders were made from.
pub fn version() -> String {
    stripe_shared::version::VERSION.to_string()
}

/// The most that a list is asked for at once.
const PAGE: i64 = 100;

/// A request: bytes that can be kept, and sent again as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Whether it only reads.
    pub reads: bool,
    /// After the version, `/refunds`.
    pub path: String,
    /// The question of a request that reads.
    pub query: String,
    /// The form of one that writes.
    pub body: String,
}

impl Call {
    /// Returns `GET` or `POST`.
    pub fn method(&self) -> &'static str {
        if self.reads { "GET" } else { "POST" }
    }

    /// Returns what a field of the form says, `customer`.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(self.body.as_bytes());
        fields.find(|(known, _)| known == name).map(|(_, text)| text.into_owned())
    }

    /// Returns path and question as they stand in an address, after the base.
    pub(crate) fn target(&self) -> String {
        let path = format!("v1{}", self.path);
        if self.query.is_empty() { path } else { format!("{path}?{}", self.query) }
    }
}

impl From<RequestBuilder> for Call {
    fn from(built: RequestBuilder) -> Self {
        let RequestBuilder { query, body, path, method } = built;
        Self {
            reads: matches!(method, StripeMethod::Get),
            path,
            query: query.unwrap_or_default(),
            body: body.unwrap_or_default(),
        }
    }
}

fn call(request: &impl StripeRequest) -> Call {
    request.build().into()
}

fn expanding(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|&path| path.to_owned()).collect()
}

fn labels(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn currency(money: Money) -> Currency {
    let Ok(currency) = money.currency.as_str().to_ascii_lowercase().parse();
    currency
}

/// A buyer to make known.
#[derive(Clone, Copy, Debug)]
pub struct NewCustomer<'a> {
    /// Names what is done.
    pub operation: &'a str,
    /// Our id of the organization.
    pub organization: &'a str,
    /// Where Stripe writes to.
    pub email: &'a str,
}

/// Makes a buyer known, before anything is sold to it.
pub fn create_customer(new: NewCustomer<'_>) -> Call {
    let metadata = labels(&[("operation", new.operation), ("organization", new.organization)]);
    call(&CreateCustomer::new().email(new.email).metadata(metadata))
}

/// Reads a buyer.
pub fn customer(id: &CustomerId) -> Call {
    call(&RetrieveCustomer::new(id.as_str()))
}

/// Lists buyers with an address, to find one that was made and not heard of.
pub fn customers_with(email: &str) -> Call {
    call(&ListCustomer::new().email(email).limit(PAGE))
}

/// Lists what a buyer has paid with and may be charged again.
pub fn methods_of(customer: &CustomerId) -> Call {
    call(&ListPaymentMethodsCustomer::new(customer.as_str()).limit(PAGE))
}

/// A payment page to open.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Names what is done.
    pub operation: &'a str,
    /// Our id of the order.
    pub order: &'a str,
    /// Who pays.
    pub customer: &'a CustomerId,
    /// How much.
    pub amount: Money,
    /// What the buyer reads.
    pub description: &'a str,
    /// Where the buyer goes after paying.
    pub success_url: &'a str,
    /// Where the buyer goes to leave.
    pub cancel_url: &'a str,
    /// Until when it may be paid, seconds since 1970: half an hour to a day from now.
    pub expires_at: i64,
}

/// Opens a payment page for an order, and has what is paid with kept for the months after.
pub fn create_session(new: NewSession<'_>) -> Call {
    let metadata = labels(&[("operation", new.operation), ("order", new.order)]);
    let price = CreateCheckoutSessionLineItemsPriceData {
        unit_amount: Some(new.amount.minor),
        product_data: Some(ProductData::new(new.description)),
        ..CreateCheckoutSessionLineItemsPriceData::new(currency(new.amount))
    };
    let line = CreateCheckoutSessionLineItems { price_data: Some(price), quantity: Some(1), ..Default::default() };
    let payment = CreateCheckoutSessionPaymentIntentData {
        // At once, so that Stripe's fee is known when the payment is.
        capture_method: Some(CreateCheckoutSessionPaymentIntentDataCaptureMethod::Automatic),
        description: Some(new.description.to_owned()),
        metadata: Some(metadata.clone()),
        setup_future_usage: Some(CreateCheckoutSessionPaymentIntentDataSetupFutureUsage::OffSession),
        transfer_group: Some(new.order.to_owned()),
        ..Default::default()
    };
    call(
        &CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Payment)
            // What is paid is what the order costs, and not its worth in the buyer's currency.
            .adaptive_pricing(CreateCheckoutSessionAdaptivePricing { enabled: Some(false) })
            .customer(new.customer.as_str())
            .client_reference_id(new.order)
            .line_items(vec![line])
            .payment_intent_data(payment)
            .metadata(metadata)
            .success_url(new.success_url)
            .cancel_url(new.cancel_url)
            .expires_at(new.expires_at),
    )
}

/// Reads a visit to a payment page, with its payment and what Stripe keeps of it.
pub fn session(id: &SessionId) -> Call {
    let followed = expanding(&["payment_intent.latest_charge.balance_transaction"]);
    call(&RetrieveCheckoutSession::new(id.as_str()).expand(followed))
}

/// Closes a payment page.
pub fn expire_session(id: &SessionId) -> Call {
    call(&ExpireCheckoutSession::new(id.as_str()))
}

/// Lists the visits of a buyer, newest first.
pub fn sessions_of(customer: &CustomerId) -> Call {
    call(&ListCheckoutSession::new().customer(customer.as_str()).limit(PAGE))
}

/// Opens a page where a buyer saves something to pay with later, without paying.
pub fn create_saving(operation: &str, customer: &CustomerId, success_url: &str, cancel_url: &str) -> Call {
    call(
        &CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Setup)
            .customer(customer.as_str())
            // What can be saved depends on it, and nothing is paid.
            .currency(Currency::USD)
            .metadata(labels(&[("operation", operation)]))
            .success_url(success_url)
            .cancel_url(cancel_url),
    )
}

/// Has a method charged from now on, of those that a buyer has.
pub fn prefer_method(customer: &CustomerId, method: &MethodId) -> Call {
    let preferred = UpdateCustomerInvoiceSettings {
        default_payment_method: Some(method.to_string()),
        ..UpdateCustomerInvoiceSettings::default()
    };
    call(&UpdateCustomer::new(customer.as_str()).invoice_settings(preferred))
}

/// Forgets a method.
pub fn forget_method(method: &MethodId) -> Call {
    RequestBuilder::new(StripeMethod::Post, format!("/payment_methods/{method}/detach")).into()
}

/// A payment without its payer being there.
#[derive(Clone, Copy, Debug)]
pub struct NewPayment<'a> {
    /// Names what is done.
    pub operation: &'a str,
    /// Our id of the order.
    pub order: &'a str,
    /// Who pays.
    pub customer: &'a CustomerId,
    /// With what.
    pub method: &'a MethodId,
    /// How much.
    pub amount: Money,
    /// What the buyer reads.
    pub description: &'a str,
}

/// Charges what a buyer has paid with before.
pub fn create_payment(new: NewPayment<'_>) -> Call {
    call(
        &CreatePaymentIntent::new(new.amount.minor, currency(new.amount))
            .customer(new.customer.as_str())
            .payment_method(new.method.as_str())
            .off_session(CreatePaymentIntentOffSession::Bool(true))
            .confirm(true)
            .capture_method(PaymentIntentCaptureMethod::Automatic)
            .description(new.description)
            .metadata(labels(&[("operation", new.operation), ("order", new.order)]))
            .transfer_group(new.order)
            .expand(expanding(&["latest_charge.balance_transaction"])),
    )
}

/// Reads a payment, with what Stripe keeps of it.
pub fn payment(id: &PaymentId) -> Call {
    call(&RetrievePaymentIntent::new(id.as_str()).expand(expanding(&["latest_charge.balance_transaction"])))
}

/// Lists the payments of a buyer, newest first.
pub fn payments_of(customer: &CustomerId) -> Call {
    call(&ListPaymentIntent::new().customer(customer.as_str()).limit(PAGE))
}

/// Gives a payment back; all that is left of it where no amount is named.
pub fn create_refund(operation: &str, payment: &PaymentId, amount: Option<Money>) -> Call {
    let refund = CreateRefund::new().payment_intent(payment.as_str()).metadata(labels(&[("operation", operation)]));
    match amount {
        Some(amount) => call(&refund.amount(amount.minor)),
        None => call(&refund),
    }
}

/// Reads a refund.
pub fn refund(id: &RefundId) -> Call {
    call(&RetrieveRefund::new(id.as_str()))
}

/// Lists what was given back of a payment.
pub fn refunds_of(payment: &PaymentId) -> Call {
    call(&ListRefund::new().payment_intent(payment.as_str()).limit(PAGE))
}

/// Reads a dispute.
pub fn dispute(id: &DisputeId) -> Call {
    call(&RetrieveDispute::new(id.as_str()))
}

/// Reads what a payment took.
pub fn charge(id: &ChargeId) -> Call {
    call(&RetrieveCharge::new(id.as_str()))
}

fn between(since: i64, until: i64) -> RangeQueryTs {
    RangeQueryTs::Bounds(RangeBoundsTs { gte: Some(since), lte: Some(until), ..RangeBoundsTs::default() })
}

/// Lists payments that were begun from one moment until another, seconds since 1970, newest first; after one of them
/// if it is named.
pub fn payments_between(since: i64, until: i64, after: Option<&PaymentId>) -> Call {
    let list = ListPaymentIntent::new().created(between(since, until)).limit(PAGE);
    match after {
        Some(after) => call(&list.starting_after(after.as_str())),
        None => call(&list),
    }
}

/// Lists refunds in the same way.
pub fn refunds_between(since: i64, until: i64, after: Option<&RefundId>) -> Call {
    let list = ListRefund::new().created(between(since, until)).limit(PAGE);
    match after {
        Some(after) => call(&list.starting_after(after.as_str())),
        None => call(&list),
    }
}

/// Lists what happened from a moment on, seconds since 1970, newest first; after one of them if it is named.
pub fn events_since(since: i64, kinds: &[&str], after: Option<&EventId>) -> Call {
    let created = RangeQueryTs::Bounds(RangeBoundsTs { gte: Some(since), ..RangeBoundsTs::default() });
    let list = ListEvent::new().created(created).types(expanding(kinds)).limit(PAGE);
    match after {
        Some(after) => call(&list.starting_after(after.as_str())),
        None => call(&list),
    }
}

/// Reads our own account.
pub fn own_account() -> Call {
    RequestBuilder::new(StripeMethod::Get, "/account").into()
}
