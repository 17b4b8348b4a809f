//! What is read of Stripe's answers: the fields that matter, and nothing else, so that a field that comes or goes
//! breaks nothing.

mod portal;

use std::collections::HashMap;

use domain::Money;
use serde::Deserialize;

pub use portal::{PortalConfiguration, PortalFeature, PortalFeatures, PortalSession};

use crate::id::{
    AccountId, ChargeId, CustomerId, DisputeId, EventId, MethodId, PaymentId, RefundId, ReversalId, SessionId,
    TransferId,
};

/// An object, or only its id where the answer does not hold it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Link<I, T> {
    /// The id.
    Id(I),
    /// The object.
    Object(Box<T>),
}

impl<I, T> Link<I, T> {
    /// Returns the object, where the answer holds it.
    pub fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

impl<I, T: Identified<I>> Link<I, T> {
    /// Returns the id, whichever of the two the answer holds.
    pub fn id(&self) -> &I {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => object.id(),
        }
    }
}

/// What has an id.
pub trait Identified<I> {
    /// Returns it.
    fn id(&self) -> &I;
}

impl<I> Identified<I> for Named<I> {
    fn id(&self) -> &I {
        &self.id
    }
}

/// An object of which only the id matters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Named<I> {
    /// Its id.
    pub id: I,
}

/// Names that we gave things.
pub type Labels = HashMap<String, String>;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct List<T> {
    /// What is in it.
    pub data: Vec<T>,
    /// Whether there is more.
    pub has_more: bool,
}

/// A buyer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Customer {
    /// Which.
    pub id: CustomerId,
    /// Names that we gave it.
    #[serde(default)]
    pub metadata: Labels,
    /// What is charged where nothing else is said.
    pub invoice_settings: Option<InvoiceSettings>,
}

/// What a buyer is charged with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct InvoiceSettings {
    /// The method.
    pub default_payment_method: Option<Link<MethodId, Named<MethodId>>>,
}

impl Customer {
    /// Returns the method that is charged where nothing else is said.
    pub fn preferred(&self) -> Option<&MethodId> {
        self.invoice_settings.as_ref()?.default_payment_method.as_ref().map(Link::id)
    }
}

/// A visit to a payment page.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// `open`, `complete` or `expired`.
    pub status: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: String,
    /// How much, with taxes and discounts.
    pub amount_total: Option<i64>,
    /// Of what.
    pub currency: Option<String>,
    /// What we call it: the order.
    pub client_reference_id: Option<String>,
    /// Where the buyer pays, as long as it is open.
    pub url: Option<String>,
    /// The payment, once there is one.
    pub payment_intent: Option<Link<PaymentId, Payment>>,
    /// Names that we gave it.
    pub metadata: Option<Labels>,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Payment {
    /// Which.
    pub id: PaymentId,
    /// How much is asked for.
    pub amount: i64,
    /// How much was taken.
    #[serde(default)]
    pub amount_received: i64,
    /// Of what.
    pub currency: String,
    /// `succeeded`, `processing`, `requires_payment_method` and others.
    pub status: String,
    /// Who pays.
    pub customer: Option<Link<CustomerId, Named<CustomerId>>>,
    /// With what.
    pub payment_method: Option<Link<MethodId, Named<MethodId>>>,
    /// What it took.
    pub latest_charge: Option<Link<ChargeId, Charge>>,
    /// Why the last try failed.
    pub last_payment_error: Option<PaymentError>,
    /// Names that we gave it.
    #[serde(default)]
    pub metadata: Labels,
}

impl Payment {
    /// Returns who pays.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.customer.as_ref().map(Link::id)
    }

    /// Returns what it is paid with.
    pub fn method(&self) -> Option<&MethodId> {
        self.payment_method.as_ref().map(Link::id)
    }

    /// Tells whether it asks for an amount.
    pub fn asks_for(&self, money: Money) -> bool {
        self.amount == money.minor && is(&self.currency, money)
    }
}

/// Why a payment failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PaymentError {
    /// A word for programs.
    pub code: Option<String>,
    /// A sentence for the payer.
    pub message: Option<String>,
}

/// What a payment took.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Charge {
    /// Which.
    pub id: ChargeId,
    /// How much.
    pub amount: i64,
    /// How much of it went back.
    #[serde(default)]
    pub amount_refunded: i64,
    /// Of what.
    pub currency: String,
    /// Of which payment.
    pub payment_intent: Option<Link<PaymentId, Named<PaymentId>>>,
    /// What it did to our balance; missing while it is not settled.
    pub balance_transaction: Option<Link<String, BalanceTransaction>>,
    /// What was paid with.
    pub payment_method_details: Option<MethodDetails>,
}

impl Charge {
    /// Returns the payment that it is of.
    pub fn payment(&self) -> Option<&PaymentId> {
        self.payment_intent.as_ref().map(Link::id)
    }

    /// Returns what was paid with, `Visa •••• 4242`.
    pub fn method(&self) -> String {
        self.payment_method_details.as_ref().map_or_else(|| "Stripe".to_owned(), MethodDetails::label)
    }
}

/// What was paid with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MethodDetails {
    /// `card`, `sepa_debit` and others.
    pub r#type: String,
    /// The card, where it is one.
    pub card: Option<Card>,
}

impl MethodDetails {
    /// Returns what is shown of it, `Visa •••• 4242`.
    pub fn label(&self) -> String {
        let readable = |word: &str| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>().replace('_', " ")
        };
        match &self.card {
            Some(Card { brand, last4: Some(last4), .. }) => {
                format!("{} •••• {last4}", readable(brand.as_deref().unwrap_or("card")))
            }
            _ => readable(&self.r#type),
        }
    }
}

/// What is shown of a card.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Card {
    /// `visa`.
    pub brand: Option<String>,
    /// The last digits.
    pub last4: Option<String>,
    /// The month until whose end it holds.
    pub exp_month: Option<i64>,
    /// Of which year.
    pub exp_year: Option<i64>,
}

/// What a buyer has paid with and may be charged again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Method {
    /// Which.
    pub id: MethodId,
    /// What it is.
    #[serde(flatten)]
    pub details: MethodDetails,
}

/// What a payment did to our balance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BalanceTransaction {
    /// What Stripe keeps.
    pub fee: i64,
    /// Of what: the currency in which we are paid out, which may be another than the payment's.
    pub currency: String,
}

/// Money that goes back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Refund {
    /// Which.
    pub id: RefundId,
    /// How much.
    pub amount: i64,
    /// Of what.
    pub currency: String,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub status: Option<String>,
    /// Of which payment.
    pub payment_intent: Option<Link<PaymentId, Named<PaymentId>>>,
    /// Names that we gave it.
    pub metadata: Option<Labels>,
}

impl Refund {
    /// Returns the payment that it is of.
    pub fn payment(&self) -> Option<&PaymentId> {
        self.payment_intent.as_ref().map(Link::id)
    }

    /// Tells whether the money is on its way or there.
    pub fn holds(&self) -> bool {
        matches!(self.status.as_deref(), Some("succeeded" | "pending" | "requires_action"))
    }
}

/// A payment that its buyer's bank takes back, or asks about.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Dispute {
    /// Which.
    pub id: DisputeId,
    /// How much.
    pub amount: i64,
    /// Of what.
    pub currency: String,
    /// `needs_response`, `under_review`, `won`, `lost`; with `warning_` before it the bank only asks.
    pub status: String,
    /// `fraudulent`, `product_not_received` …
    pub reason: String,
    /// Of which payment.
    pub payment_intent: Option<Link<PaymentId, Named<PaymentId>>>,
    /// What it did to our balance: the bank takes the money, and gives it back where it decides for us.
    #[serde(default)]
    pub balance_transactions: Vec<DisputeMovement>,
    /// Until when the bank hears us.
    pub evidence_details: Option<EvidenceDetails>,
}

/// What a dispute did to our balance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DisputeMovement {
    /// Below zero where the bank has taken it.
    pub amount: i64,
    /// What Stripe keeps; below zero where it gives that back.
    pub fee: i64,
    /// Of what: the currency in which we are paid out, which may be another than the payment's.
    pub currency: String,
}

/// Until when the bank hears us.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EvidenceDetails {
    /// Seconds since 1970.
    pub due_by: Option<i64>,
}

impl Dispute {
    /// Returns the payment that it is of.
    pub fn payment(&self) -> Option<&PaymentId> {
        self.payment_intent.as_ref().map(Link::id)
    }

    /// Tells whether the bank has the money now.
    pub fn withdrawn(&self) -> bool {
        self.balance_transactions.iter().map(|movement| movement.amount).sum::<i64>() < 0
    }

    /// Returns what Stripe keeps for it, in the payment's currency; nothing where Stripe says it in another.
    pub fn fee(&self) -> i64 {
        let mine = self.balance_transactions.iter().filter(|movement| movement.currency == self.currency);
        mine.map(|movement| movement.fee).sum::<i64>().max(0)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Event {
    /// Which.
    pub id: EventId,
    /// `checkout.session.completed`.
    pub r#type: String,
    /// Whether money moved.
    #[serde(default)]
    pub livemode: bool,
    /// The provider's account that it happened to; none for our own.
    pub account: Option<AccountId>,
    /// When, seconds since 1970.
    #[serde(default)]
    pub created: i64,
    /// What it happened to.
    #[serde(default)]
    pub data: EventData,
}

impl Event {
    /// Returns the id of what it happened to, where it has one.
    pub fn object(&self) -> Option<&str> {
        self.data.object.as_ref()?.id.as_deref()
    }
}

/// What an event happened to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct EventData {
    /// The object as it was then; only its id is believed.
    pub object: Option<EventObject>,
}

/// The object of an event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventObject {
    /// Which; some have none.
    pub id: Option<String>,
}

/// Our own account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Which.
    pub id: AccountId,
    /// Whether buyers can pay.
    #[serde(default)]
    pub charges_enabled: bool,
    /// Whether we are paid out.
    #[serde(default)]
    pub payouts_enabled: bool,
    /// The currency in which we are paid out, where it is one.
    pub default_currency: Option<String>,
    /// Where it is.
    pub country: Option<String>,
}

/// A provider's account.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ProviderAccount {
    /// Which.
    pub id: AccountId,
    /// What it may do: `transfers` is `active`, `pending` or `inactive`.
    #[serde(default)]
    pub capabilities: HashMap<String, String>,
    /// Whether Stripe pays it out to a bank.
    #[serde(default)]
    pub payouts_enabled: bool,
    /// What Stripe still wants.
    pub requirements: Option<Requirements>,
    /// Where Stripe pays it out to.
    pub external_accounts: Option<List<ExternalAccount>>,
    /// Names that we gave it.
    pub metadata: Option<Labels>,
}

/// What Stripe wants of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Requirements {
    /// By now.
    pub currently_due: Option<Vec<String>>,
    /// Why it may not do what it should.
    pub disabled_reason: Option<String>,
}

/// A bank account or a card.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ExternalAccount {
    /// The bank.
    pub bank_name: Option<String>,
    /// The last digits.
    pub last4: Option<String>,
}

/// A page where a provider tells Stripe what it wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountLink {
    /// Where it is; once, for a few minutes, for the provider alone.
    pub url: String,
    /// Until when, seconds since 1970.
    pub expires_at: Option<i64>,
}

/// Stripe's own pages about a provider's account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LoginLink {
    /// Where they are; once, for the provider alone.
    pub url: String,
}

/// Money that went from our balance to a provider's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Transfer {
    /// Which.
    pub id: TransferId,
    /// How much.
    pub amount: i64,
    /// Of what.
    pub currency: String,
    /// How much of it came back.
    #[serde(default)]
    pub amount_reversed: i64,
    /// To whom.
    pub destination: Option<Link<AccountId, Named<AccountId>>>,
    /// Names that we gave it.
    #[serde(default)]
    pub metadata: Labels,
}

impl Transfer {
    /// Returns to whom it went.
    pub fn destination(&self) -> Option<&AccountId> {
        self.destination.as_ref().map(Link::id)
    }
}

/// Something of a transfer that was taken back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Reversal {
    /// Which.
    pub id: ReversalId,
    /// How much.
    pub amount: i64,
    /// Of what.
    pub currency: String,
    /// Of which transfer.
    pub transfer: Link<TransferId, Named<TransferId>>,
    /// Names that we gave it.
    #[serde(default)]
    pub metadata: Option<Labels>,
}

/// Tells whether Stripe's word for a currency is an amount's.
pub fn is(currency: &str, money: Money) -> bool {
    currency.eq_ignore_ascii_case(money.currency.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_paid_with_is_named_as_people_know_it() {
        let label = |json: &str| serde_json::from_str::<MethodDetails>(json).expect("details").label();
        assert_eq!(label(r#"{"type":"card","card":{"brand":"visa","last4":"4242"}}"#), "Visa •••• 4242");
        assert_eq!(label(r#"{"type":"card","card":{"brand":null,"last4":"4242"}}"#), "Card •••• 4242");
        assert_eq!(label(r#"{"type":"sepa_debit"}"#), "Sepa debit");
        assert_eq!(label(r#"{"type":""}"#), "");
    }

    #[test]
    fn an_object_and_its_id_are_read_alike() {
        let read =
            |json: &str| serde_json::from_str::<Refund>(json).expect("a refund").payment().map(ToString::to_string);
        let refund = |payment: &str| {
            format!(r#"{{"id":"re_1","amount":1,"currency":"usd","status":"succeeded","payment_intent":{payment}}}"#)
        };
        assert_eq!(read(&refund(r#""pi_1""#)), Some("pi_1".to_owned()));
        assert_eq!(read(&refund(r#"{"id":"pi_1","amount":5}"#)), Some("pi_1".to_owned()));
        assert_eq!(read(&refund("null")), None);
        assert!(serde_json::from_str::<Refund>(&refund(r#""../pi_1""#)).is_err());
    }
}
