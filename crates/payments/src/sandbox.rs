//! The sandbox rail: a payment company without money. Its cards behave as Stripe's test cards do.
//!
//! What is here is pure: what a card does, what an object becomes, what an event says. Who keeps the
//! objects and delivers the events is the program's business.

mod bank;
mod card;
mod wallet;

use domain::Money;
use serde::{Deserialize, Serialize};

pub use bank::{Bank, BankError};
pub use card::{Card, CardError, Outcome};
pub use wallet::{Means, SavedCard, Wallet};

/// A visit to the payment page, as the rail keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// `cs_…`.
    pub id: String,
    /// What the merchant calls it: the order.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// What the buyer reads.
    pub description: String,
    /// Who is paid.
    pub merchant: String,
    /// Where the buyer goes after paying.
    pub success_url: String,
    /// Where the buyer goes to leave.
    pub cancel_url: String,
    /// Until when it may be paid, seconds since 1970.
    pub expires_at: i64,
    /// Where it stands.
    pub status: Status,
    /// The payment, once it is paid.
    pub payment: Option<Payment>,
    /// Whose visit it is; visits of before this was kept have none.
    #[serde(default)]
    pub customer: Option<String>,
    /// Whether it saves a card and takes no money.
    #[serde(default)]
    pub saves: bool,
}

/// Where a visit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// May be paid.
    Open,
    /// Is paid.
    Complete,
    /// Can no longer be paid.
    Expired,
}

/// Money that the sandbox pretends to have taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// `pi_…`.
    pub id: String,
    /// `Visa •••• 4242`.
    pub method: String,
    /// Whether all of it was given back, as of the time before it could be given back in parts.
    #[serde(default)]
    pub refunded: bool,
    /// What was given back of it.
    #[serde(default)]
    pub refunds: Vec<Refund>,
    /// The dispute of its owner's bank.
    #[serde(default)]
    pub dispute: Option<Dispute>,
    /// What becomes of it later, as its card says.
    #[serde(default)]
    pub fate: Fate,
    /// When it was made, seconds since 1970.
    #[serde(default)]
    pub at: i64,
    /// What the sandbox keeps of it, in minor units; it is not given back.
    #[serde(default)]
    pub fee_minor: i64,
    /// Why its card is declined when it is charged again without its owner; nothing where it is taken.
    #[serde(default)]
    pub later: Option<String>,
    /// The card, where it is kept.
    #[serde(default)]
    pub card: Option<String>,
}

/// Money that the sandbox pretends to have given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// `re_…`.
    pub id: String,
    /// The key that it was asked for with.
    pub key: String,
    /// How much, in minor units.
    pub minor: i64,
    /// When, seconds since 1970.
    #[serde(default)]
    pub at: i64,
    /// Whether the bank did not take it, so that the money is here again.
    pub failed: bool,
}

/// A bank's dispute of a payment. The bank has the money until it is won.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// `dp_…`.
    pub id: String,
    /// `needs_response`, `won` or `lost`.
    pub status: String,
    /// `fraudulent`, `product_not_received`.
    pub reason: String,
    /// How much, in minor units.
    pub minor: i64,
    /// Until when the bank hears the merchant, seconds since 1970.
    pub due_by: i64,
}

/// What the sandbox keeps for a dispute, in minor units; it is not given back.
pub const DISPUTE_FEE: i64 = 1500;
/// How long the bank hears the merchant, in seconds: a week.
const HEARD_SECONDS: i64 = 7 * 24 * 3600;

/// What becomes of a payment after it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Nothing.
    #[default]
    Stays,
    /// Its refunds fail some time after they were made.
    RefundsFail,
    /// Its owner says to have known nothing of it.
    Fraudulent,
    /// Its owner says to have got nothing for it.
    NotReceived,
}

impl Fate {
    /// Returns the bank's word for why it disputes the payment, if it does.
    pub const fn disputed(self) -> Option<&'static str> {
        match self {
            Self::Fraudulent => Some("fraudulent"),
            Self::NotReceived => Some("product_not_received"),
            Self::Stays | Self::RefundsFail => None,
        }
    }
}

impl Payment {
    fn new(id: String, method: String, fee_minor: i64, later: Option<String>, at: i64) -> Self {
        let (refunds, fate) = (Vec::new(), Fate::Stays);
        Self { id, method, refunded: false, refunds, dispute: None, fate, fee_minor, later, card: None, at }
    }

    /// Adds up what was given back.
    pub fn back(&self) -> i64 {
        self.refunds.iter().filter(|refund| !refund.failed).map(|refund| refund.minor).sum()
    }
}

/// Returns what the sandbox keeps of a payment: 2.9 % and 30 minor units, and never more than there is.
fn fee(amount: Money) -> i64 {
    let share = (i128::from(amount.minor) * 29 + 500) / 1000 + 30;
    i64::try_from(share).unwrap_or(i64::MAX).min(amount.minor)
}

/// What a payment attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The session is paid now.
    Paid,
    /// It was paid before; nothing changed.
    AlreadyPaid,
    /// The card's owner must confirm first.
    Confirm,
    /// The card was declined.
    Declined {
        /// A code like Stripe's.
        code: &'static str,
        /// A sentence for the payer.
        message: &'static str,
    },
    /// The session can no longer be paid.
    Closed,
}

impl Session {
    /// Tells whether it can be paid at `now`, seconds since 1970.
    pub fn is_open(&self, now: i64) -> bool {
        self.status == Status::Open && self.expires_at > now
    }

    /// Tries to pay. `payment_id` names the payment if it succeeds.
    pub fn pay(&mut self, card: &Card, confirmed: bool, payment_id: String, now: i64) -> Attempt {
        if self.status == Status::Complete {
            return Attempt::AlreadyPaid;
        }
        if !self.is_open(now) {
            return Attempt::Closed;
        }
        match card.outcome() {
            Outcome::Declined { code, message } => Attempt::Declined { code, message },
            Outcome::AsksOwner if !confirmed => Attempt::Confirm,
            Outcome::AsksOwner | Outcome::Succeeds => {
                self.status = Status::Complete;
                if self.saves {
                    return Attempt::Paid;
                }
                let later = card.later().map(str::to_owned);
                let mut payment = Payment::new(payment_id, card.label(), fee(self.amount), later, now);
                payment.fate = card.fate();
                payment.dispute = payment.fate.disputed().map(|reason| Dispute {
                    id: payment.id.replacen("pi_", "dp_", 1),
                    status: "needs_response".to_owned(),
                    reason: reason.to_owned(),
                    minor: self.amount.minor,
                    due_by: now + HEARD_SECONDS,
                });
                self.payment = Some(payment);
                Attempt::Paid
            }
        }
    }

    /// Charges something without its owner being there; an error says why it is declined.
    pub fn charge(&mut self, with: Means<'_>, payment_id: String, now: i64) -> Result<(), String> {
        if let Some(why) = with.later {
            return Err(why.to_owned());
        }
        // What becomes of a payment is its own affair: those of later months stay.
        let payment = Payment::new(payment_id, with.label.to_owned(), fee(self.amount), None, now);
        self.payment = Some(Payment { card: with.card.map(str::to_owned), ..payment });
        self.status = Status::Complete;
        Ok(())
    }

    /// Closes the page; one that is paid stays paid.
    pub fn expire(&mut self) {
        if self.status == Status::Open {
            self.status = Status::Expired;
        }
    }

    /// Gives so much of the payment back; the same key gives it back once. An error says why not.
    pub fn refund(&mut self, key: &str, minor: i64, at: i64) -> Result<Refund, String> {
        let amount = self.amount.minor;
        let payment = self.payment.as_mut().ok_or_else(|| "It was never paid.".to_owned())?;
        if let Some(known) = payment.refunds.iter().find(|refund| refund.key == key) {
            return Ok(known.clone());
        }
        if payment.refunded {
            return Err("It has been given back already.".to_owned());
        }
        if payment.dispute.as_ref().is_some_and(|dispute| dispute.status != "won") {
            return Err("Its owner’s bank has taken it back already.".to_owned());
        }
        if minor <= 0 || minor > amount - payment.back() {
            return Err(format!("{} minor units are left of it.", amount - payment.back()));
        }
        let id = format!("{}_{}", payment.id.replacen("pi_", "re_", 1), payment.refunds.len() + 1);
        let refund = Refund { id, key: key.to_owned(), minor, at, failed: false };
        payment.refunds.push(refund.clone());
        Ok(refund)
    }

    /// Has every refund fail; tells whether there is one that had not.
    pub fn fail_refunds(&mut self) -> bool {
        let refunds = self.payment.iter_mut().flat_map(|payment| &mut payment.refunds);
        let mut changed = false;
        for refund in refunds {
            changed |= !refund.failed;
            refund.failed = true;
        }
        changed
    }

    /// Has the bank decide a dispute; tells whether there is one that was not decided.
    pub fn decide_dispute(&mut self, won: bool) -> bool {
        let dispute = self.payment.as_mut().and_then(|payment| payment.dispute.as_mut());
        match dispute.filter(|dispute| dispute.status == "needs_response") {
            Some(dispute) => {
                if won { "won" } else { "lost" }.clone_into(&mut dispute.status);
                true
            }
            None => false,
        }
    }
}

/// An event, in the shape that Stripe's have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// `checkout.session.completed`, `checkout.session.expired`, `charge.refunded`, `refund.failed`,
    /// `charge.dispute.created` or `charge.dispute.closed`.
    pub r#type: String,
    /// When, seconds since 1970.
    pub created: i64,
    /// The session as it was then.
    pub data: Data,
}

/// What an event carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// The session.
    pub object: Session,
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::*;

    fn session() -> Session {
        Session {
            id: "cs_1".to_owned(),
            reference: "order".to_owned(),
            amount: Money::new(2900, Currency::Usd),
            description: String::new(),
            merchant: String::new(),
            success_url: String::new(),
            cancel_url: String::new(),
            expires_at: 1000,
            status: Status::Open,
            payment: None,
            customer: None,
            saves: false,
        }
    }

    fn card(number: &str) -> Card {
        Card::parse(number, "12/34", "123", "Ada", (2026, 11)).expect("a card")
    }

    #[test]
    fn a_session_is_paid_once() {
        let mut session = session();
        assert_eq!(session.pay(&card("4242424242424242"), false, "pi_1".to_owned(), 10), Attempt::Paid);
        assert_eq!(session.pay(&card("4242424242424242"), false, "pi_2".to_owned(), 11), Attempt::AlreadyPaid);
        assert_eq!(session.payment.as_ref().map(|payment| payment.id.as_str()), Some("pi_1"));
        session.expire();
        assert_eq!(session.status, Status::Complete);
    }

    #[test]
    fn the_fee_is_a_share_and_thirty_cents_and_never_more_than_there_is() {
        let fee = |minor| fee(Money::new(minor, Currency::Usd));
        assert_eq!([2900, 1000, 100, 30, 1, 0].map(fee), [114, 59, 33, 30, 1, 0]);
    }

    #[test]
    fn a_declined_card_leaves_the_session_open() {
        let mut session = session();
        let attempt = session.pay(&card("4000000000000002"), false, "pi_1".to_owned(), 10);
        assert!(matches!(attempt, Attempt::Declined { code: "card_declined", .. }));
        assert!(session.is_open(10) && session.payment.is_none());
    }

    #[test]
    fn a_card_that_asks_its_owner_is_paid_after_confirming() {
        let mut session = session();
        assert_eq!(session.pay(&card("4000002500003155"), false, "pi_1".to_owned(), 10), Attempt::Confirm);
        assert_eq!(session.pay(&card("4000002500003155"), true, "pi_1".to_owned(), 10), Attempt::Paid);
    }

    #[test]
    fn a_payment_goes_back_in_parts_each_key_once_and_never_more_than_there_is() {
        let mut session = session();
        assert!(session.refund("a", 1, 20).is_err(), "nothing was paid");
        session.pay(&card("4242424242424242"), false, "pi_1".to_owned(), 10);
        let first = session.refund("a", 900, 20).expect("given back");
        assert_eq!(session.refund("a", 900, 20), Ok(first));
        assert!(session.refund("b", 2001, 20).is_err());
        assert!(session.refund("b", 0, 20).is_err());
        assert_eq!(session.refund("b", 2000, 20).map(|refund| refund.id), Ok("re_1_2".to_owned()));
        assert!(session.refund("c", 1, 20).is_err());
        assert!(session.fail_refunds() && !session.fail_refunds());
        assert_eq!(session.payment.as_ref().map(Payment::back), Some(0));
    }

    #[test]
    fn a_disputed_payment_is_the_banks_until_it_decides() {
        let mut session = session();
        session.pay(&card("4000000000000259"), false, "pi_1".to_owned(), 10);
        assert!(session.refund("a", 1, 20).is_err());
        assert!(session.decide_dispute(true) && !session.decide_dispute(false));
        assert!(session.refund("a", 1, 20).is_ok());
    }

    #[test]
    fn an_expired_session_takes_nothing() {
        let mut session = session();
        assert_eq!(session.pay(&card("4242424242424242"), false, "pi_1".to_owned(), 1000), Attempt::Closed);
    }
}
