//! What a buyer may be charged with again: the cards that it paid with or saved, and which goes first.

use serde::{Deserialize, Serialize};

use super::{Card, Payment};

/// A buyer's cards, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Its cards.
    pub cards: Vec<SavedCard>,
    /// The card that is charged where nothing else is said.
    pub preferred: Option<String>,
}

/// A card that may be charged again; nothing that anybody could pay with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedCard {
    /// `pm_…`.
    pub id: String,
    /// `Visa •••• 4242`.
    pub label: String,
    /// Until the end of which month it holds, and of which year.
    pub expires: (i64, i64),
    /// Why it is declined when it is charged without its owner; nothing where it is taken.
    pub later: Option<String>,
}

/// What is charged without its owner being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means<'a> {
    /// `Visa •••• 4242`.
    pub label: &'a str,
    /// Why it is declined; nothing where it is taken.
    pub later: Option<&'a str>,
    /// The card, where it is kept.
    pub card: Option<&'a str>,
}

impl<'a> From<&'a SavedCard> for Means<'a> {
    fn from(card: &'a SavedCard) -> Self {
        Self { label: &card.label, later: card.later.as_deref(), card: Some(&card.id) }
    }
}

impl SavedCard {
    /// Keeps a card under a name.
    pub fn new(id: String, card: &Card) -> Self {
        Self { id, label: card.label(), expires: card.expires(), later: card.later().map(str::to_owned) }
    }
}

impl Wallet {
    /// Adds a card; one that is there moves to the front.
    pub fn add(&mut self, card: SavedCard) {
        self.cards.retain(|known| known.id != card.id);
        self.cards.insert(0, card);
    }

    /// Returns what is charged: the preferred card, or what was paid with last time, or the newest.
    pub fn charged<'a>(&'a self, earlier: Option<&'a Payment>) -> Option<Means<'a>> {
        let find = |id: &str| self.cards.iter().find(|card| card.id == id).map(Means::from);
        let again = |payment: &'a Payment| match &payment.card {
            Some(card) => find(card),
            // Of before cards were kept, so that nobody could take it away.
            None => Some(Means { label: &payment.method, later: payment.later.as_deref(), card: None }),
        };
        let preferred = self.preferred.as_deref().and_then(find);
        preferred.or_else(|| earlier.and_then(again)).or_else(|| self.cards.first().map(Means::from))
    }

    /// Has a card charged from now on; tells whether it is there.
    pub fn prefer(&mut self, id: &str) -> bool {
        let known = self.cards.iter().any(|card| card.id == id);
        if known {
            self.preferred = Some(id.to_owned());
        }
        known
    }

    /// Forgets a card; tells whether it was there.
    pub fn forget(&mut self, id: &str) -> bool {
        let before = self.cards.len();
        self.cards.retain(|card| card.id != id);
        if self.preferred.as_deref() == Some(id) {
            self.preferred = None;
        }
        self.cards.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(id: &str) -> SavedCard {
        SavedCard { id: id.to_owned(), label: String::new(), expires: (12, 2034), later: None }
    }

    fn payment() -> Payment {
        Payment::new("pi_1".to_owned(), "Visa •••• 4242".to_owned(), 0, None, 10)
    }

    #[test]
    fn the_preferred_card_goes_first_then_what_was_paid_with_then_the_newest() {
        let mut wallet = Wallet::default();
        let paid_with = |id: &str| Payment { card: Some(id.to_owned()), ..payment() };
        let charged = |wallet: &Wallet, with: Option<&str>| {
            let earlier = with.map(paid_with);
            wallet.charged(earlier.as_ref()).and_then(|means| means.card.map(str::to_owned))
        };
        assert_eq!((charged(&wallet, Some("a")), charged(&wallet, None)), (None, None));
        for id in ["a", "b", "a", "c"] {
            wallet.add(card(id));
        }
        assert_eq!(wallet.cards.len(), 3);
        assert_eq!(charged(&wallet, Some("b")).as_deref(), Some("b"));
        assert_eq!(charged(&wallet, Some("gone")).as_deref(), Some("c"));
        assert_eq!(charged(&wallet, None).as_deref(), Some("c"));
        assert!(wallet.prefer("a") && !wallet.prefer("gone"));
        assert_eq!(charged(&wallet, Some("b")).as_deref(), Some("a"));
        assert!(wallet.forget("a") && !wallet.forget("a"));
        assert_eq!(charged(&wallet, Some("b")).as_deref(), Some("b"));
    }

    #[test]
    fn a_payment_of_before_cards_were_kept_is_charged_again_until_a_card_is_preferred() {
        let mut wallet = Wallet::default();
        let earlier = payment();
        let again = Some(Means { label: "Visa •••• 4242", later: None, card: None });
        assert_eq!(wallet.charged(Some(&earlier)), again);
        wallet.add(card("a"));
        assert_eq!(wallet.charged(Some(&earlier)), again);
        assert!(wallet.prefer("a"));
        assert_eq!(wallet.charged(Some(&earlier)).and_then(|means| means.card), Some("a"));
    }
}
