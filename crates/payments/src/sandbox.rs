//! The sandbox rail: a payment company without money. Its cards behave as Stripe's test cards do.
//!
//! What is here is pure: what a card does, what an object becomes, what an event says. Who keeps the
//! objects and delivers the events is the program's business.

mod bank;
mod card;

use domain::Money;
use serde::{Deserialize, Serialize};

pub use bank::{Bank, BankError};
pub use card::{Card, CardError, Outcome};

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
    /// Whether it was given back.
    pub refunded: bool,
    /// What the sandbox keeps of it, in minor units; it is not given back.
    #[serde(default)]
    pub fee_minor: i64,
    /// Why its card is declined when it is charged again without its owner; nothing where it is taken.
    #[serde(default)]
    pub later: Option<String>,
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
                let fee_minor = fee(self.amount);
                self.payment = Some(Payment {
                    id: payment_id,
                    method: card.label(),
                    refunded: false,
                    fee_minor,
                    later: card.later().map(str::to_owned),
                });
                Attempt::Paid
            }
        }
    }

    /// Charges the card of this visit once more, for something else; an error says why it is declined.
    pub fn charge_again(
        &self,
        id: String,
        reference: String,
        amount: Money,
        description: String,
    ) -> Result<Self, String> {
        let Some(payment) = &self.payment else {
            return Err("There is no card.".to_owned());
        };
        if let Some(why) = &payment.later {
            return Err(why.clone());
        }
        let again =
            Payment { id: id.replacen("cs_", "pi_", 1), refunded: false, fee_minor: fee(amount), ..payment.clone() };
        Ok(Self { id, reference, amount, description, status: Status::Complete, payment: Some(again), ..self.clone() })
    }

    /// Closes the page; one that is paid stays paid.
    pub fn expire(&mut self) {
        if self.status == Status::Open {
            self.status = Status::Expired;
        }
    }

    /// Gives the payment back; tells whether there is one. A second time changes nothing.
    pub fn refund(&mut self) -> bool {
        match &mut self.payment {
            Some(payment) => {
                payment.refunded = true;
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
    /// `checkout.session.completed`, `checkout.session.expired` or `charge.refunded`.
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
    fn an_expired_session_takes_nothing() {
        let mut session = session();
        assert_eq!(session.pay(&card("4242424242424242"), false, "pi_1".to_owned(), 1000), Attempt::Closed);
    }
}
