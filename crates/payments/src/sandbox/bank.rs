//! Bank accounts of providers: what someone typed, checked, and what the sandbox does when it pays to it.

use serde::{Deserialize, Serialize};

/// A bank account that is well-formed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bank {
    /// Whose it is.
    pub holder: String,
    /// Its last four digits; the others are not kept.
    pub last_digits: String,
    /// Why nothing can be paid to it, a sentence; nothing where it can.
    pub refuses: Option<String>,
}

/// Which field is wrong, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BankError {
    /// `holder`, `routing` or `account`.
    pub field: &'static str,
    /// A sentence for the provider.
    pub message: &'static str,
}

impl Bank {
    /// Checks what someone typed. The numbers that are taken are Stripe's test accounts
    /// (docs.stripe.com/connect/testing), so that nobody leaves a real one here.
    pub fn parse(holder: &str, routing: &str, account: &str) -> Result<Self, BankError> {
        let error = |field, message| Err(BankError { field, message });
        let holder = holder.trim();
        if holder.is_empty() || holder.chars().count() > 100 {
            return error("holder", "Write the name of whoever the account belongs to.");
        }
        let digits = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>();
        let (routing, account) = (digits(routing), digits(account));
        if !checked(&routing) {
            return error("routing", "A routing number has nine digits, like 110000000.");
        }
        if !(4..=17).contains(&account.len()) || !account.chars().all(|c| c.is_ascii_digit()) {
            return error("account", "An account number has 4 to 17 digits.");
        }
        let refuses = match account.as_str() {
            "000123456789" => None,
            "000111111116" => Some("The bank knows no such account."),
            "000111111113" => Some("The account is closed."),
            "000333333335" => Some("The bank does not allow payments to this account."),
            _ => return error("account", "This is a sandbox: it takes test accounts alone, like 000123456789."),
        };
        let last_digits = account[account.len() - 4..].to_owned();
        Ok(Self { holder: holder.to_owned(), last_digits, refuses: refuses.map(str::to_owned) })
    }

    /// Writes `Bank account •••• 6789`.
    pub fn label(&self) -> String {
        format!("Bank account •••• {}", self.last_digits)
    }
}

/// The check digit of an ABA routing number: its digits weigh 3, 7 and 1 in turn, and add up to tens.
fn checked(routing: &str) -> bool {
    let digits: Vec<u32> = routing.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits.iter().zip([3, 7, 1].iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    digits.len() == 9 && routing.len() == 9 && sum > 0 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_field_is_named() {
        let field = |holder, routing, account| Bank::parse(holder, routing, account).err().map(|error| error.field);
        assert_eq!(field(" ", "110000000", "000123456789"), Some("holder"));
        assert_eq!(field("Ada", "110000001", "000123456789"), Some("routing"));
        assert_eq!(field("Ada", "000000000", "000123456789"), Some("routing"));
        assert_eq!(field("Ada", "110000000", "12a4"), Some("account"));
        assert_eq!(field("Ada", "110000000", "123456789"), Some("account"), "a real one is not taken");
        assert_eq!(field("Ada", "110 000 000", "0001-2345-6789"), None);
    }

    #[test]
    fn the_number_is_not_kept() {
        let bank = Bank::parse("Ada", "110000000", "000123456789").expect("a test account");
        assert_eq!((bank.label().as_str(), bank.refuses.as_deref()), ("Bank account •••• 6789", None));
        assert!(!serde_json::to_string(&bank).expect("JSON").contains("000123456789"));
    }

    #[test]
    fn some_accounts_are_refused_when_they_are_paid_to() {
        for account in ["000111111116", "000111111113", "000333333335"] {
            assert!(Bank::parse("Ada", "110000000", account).expect("a test account").refuses.is_some());
        }
    }
}
