//! Cards: what someone typed, checked, and what the sandbox does with it.

use super::Fate;

/// A card that is well-formed and not expired.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    digits: String,
    expires: (i64, i64),
}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Card").field(&self.label()).finish()
    }
}

/// Which field is wrong, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CardError {
    /// `number`, `expiry`, `cvc` or `name`.
    pub field: &'static str,
    /// A sentence for the payer.
    pub message: &'static str,
}

/// What the sandbox does with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Takes it.
    Succeeds,
    /// Takes it once its owner has confirmed.
    AsksOwner,
    /// Does not.
    Declined {
        /// A code like Stripe's.
        code: &'static str,
        /// A sentence for the payer.
        message: &'static str,
    },
}

impl Card {
    /// Checks what someone typed; `today` is year and month.
    pub fn parse(number: &str, expiry: &str, cvc: &str, name: &str, today: (i64, i64)) -> Result<Self, CardError> {
        let error = |field, message| Err(CardError { field, message });
        let digits: String = number.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if !(12..=19).contains(&digits.len()) || !digits.chars().all(|c| c.is_ascii_digit()) || !luhn(&digits) {
            return error("number", "Your card number is not valid.");
        }
        let Some((month, year)) = expiry
            .split_once('/')
            .and_then(|(month, year)| Some((month.trim().parse::<i64>().ok()?, year.trim().parse::<i64>().ok()?)))
        else {
            return error("expiry", "Write the expiry as MM/YY.");
        };
        let year = if year < 100 { year + 2000 } else { year };
        if !(1..=12).contains(&month) || !(2000..=2100).contains(&year) {
            return error("expiry", "Write the expiry as MM/YY.");
        }
        if (year, month) < today {
            return error("expiry", "Your card has expired.");
        }
        let cvc = cvc.trim();
        let wanted = if digits.starts_with("34") || digits.starts_with("37") { 4 } else { 3 };
        if cvc.len() != wanted || !cvc.chars().all(|c| c.is_ascii_digit()) {
            return error(
                "cvc",
                "The security code is the three digits on the back (four on the front of an American Express).",
            );
        }
        if name.trim().is_empty() || name.chars().count() > 100 {
            return error("name", "Write the name on the card.");
        }
        Ok(Self { digits, expires: (month, year) })
    }

    /// Returns what the sandbox does: the numbers are Stripe's test cards (docs.stripe.com/testing).
    pub fn outcome(&self) -> Outcome {
        let declined = |code, message| Outcome::Declined { code, message };
        match self.digits.as_str() {
            "4242424242424242" | "4000000000000341" | "4000056655665556" | "5555555555554444" | "2223003122003222"
            | "5200828282828210" | "378282246310005" | "6011111111111117" | "3056930009020004" | "3566002020360505"
            | "6200000000000005" | "4000000000005126" | "4000000000000259" | "4000000000002685" => Outcome::Succeeds,
            "4000002500003155" | "4000002760003184" => Outcome::AsksOwner,
            "4000000000000002" => declined("card_declined", "Your card was declined."),
            "4000000000009995" => declined("insufficient_funds", "Your card has insufficient funds."),
            "4000000000009987" => declined("lost_card", "Your card was declined."),
            "4000000000009979" => declined("stolen_card", "Your card was declined."),
            "4000000000000069" => declined("expired_card", "Your card has expired."),
            "4000000000000127" => declined("incorrect_cvc", "Your card’s security code is incorrect."),
            "4000000000000119" => {
                declined("processing_error", "An error occurred while processing your card. Try again in a little bit.")
            }
            _ => declined(
                "test_mode_live_card",
                "This is a sandbox: it takes test cards alone, like 4242 4242 4242 4242.",
            ),
        }
    }

    /// Returns why the card is declined when it is charged again without its owner; nothing where it is taken.
    pub fn later(&self) -> Option<&'static str> {
        match self.digits.as_str() {
            "4000000000000341" => Some("Your card was declined."),
            "4000002760003184" => Some("Your bank wants you to confirm each payment."),
            _ => None,
        }
    }

    /// Returns until the end of which month it holds, and of which year.
    pub fn expires(&self) -> (i64, i64) {
        self.expires
    }

    /// Returns what becomes of a payment with this card later.
    pub fn fate(&self) -> Fate {
        match self.digits.as_str() {
            "4000000000005126" => Fate::RefundsFail,
            "4000000000000259" => Fate::Fraudulent,
            "4000000000002685" => Fate::NotReceived,
            _ => Fate::Stays,
        }
    }

    /// Writes `Visa •••• 4242`.
    pub fn label(&self) -> String {
        let brand = match self.digits.as_bytes() {
            [b'4', ..] => "Visa",
            [b'5' | b'2', ..] => "Mastercard",
            [b'3', b'4' | b'7', ..] => "American Express",
            [b'3', b'0' | b'6', ..] => "Diners Club",
            [b'3', b'5', ..] => "JCB",
            [b'6', b'2', ..] => "UnionPay",
            [b'6', ..] => "Discover",
            _ => "Card",
        };
        format!("{brand} •••• {}", &self.digits[self.digits.len() - 4..])
    }
}

/// The check digit of ISO/IEC 7812.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0');
            match (index % 2, digit * 2) {
                (0, _) => digit,
                (_, double) if double > 9 => double - 9,
                (_, double) => double,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TODAY: (i64, i64) = (2026, 11);

    #[test]
    fn each_wrong_field_is_named() {
        let field =
            |number, expiry, cvc, name| Card::parse(number, expiry, cvc, name, TODAY).err().map(|error| error.field);
        assert_eq!(field("4242 4242 4242 4241", "12/34", "123", "Ada"), Some("number"));
        assert_eq!(field("4242 4242 4242 4242", "13/34", "123", "Ada"), Some("expiry"));
        assert_eq!(field("4242 4242 4242 4242", "10/26", "123", "Ada"), Some("expiry"));
        assert_eq!(field("4242 4242 4242 4242", "11/26", "12", "Ada"), Some("cvc"));
        assert_eq!(field("4242 4242 4242 4242", "11/26", "123", " "), Some("name"));
        assert_eq!(field("4242-4242-4242-4242", "11/2026", "123", "Ada"), None);
    }

    #[test]
    fn a_card_that_is_no_test_card_is_declined() {
        let card = Card::parse("4111111111111111", "12/34", "123", "Ada", TODAY).expect("well-formed");
        assert!(matches!(card.outcome(), Outcome::Declined { code: "test_mode_live_card", .. }));
        assert_eq!(format!("{card:?}"), "Card(\"Visa •••• 1111\")");
    }

    #[test]
    fn a_card_may_be_taken_once_and_declined_later() {
        let later = |number| Card::parse(number, "12/34", "123", "Ada", TODAY).expect("well-formed").later().is_some();
        assert!(later("4000000000000341") && later("4000002760003184"));
        assert!(!later("4242424242424242") && !later("4000002500003155"));
    }

    proptest! {
        #[test]
        fn nothing_that_someone_types_panics(number in ".{0,40}", expiry in ".{0,12}", cvc in ".{0,6}", name in ".{0,8}") {
            let _ = Card::parse(&number, &expiry, &cvc, &name, TODAY);
        }
    }
}
