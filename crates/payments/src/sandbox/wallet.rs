//! What a buyer may be charged with again: the cards that it paid with or saved, and which goes first.

use serde::{Deserialize, Serialize};

use super::Card;

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

    /// Returns the card that is charged: the preferred one, or what was paid with last time, or the newest.
    pub fn charged(&self, paid_with: Option<&str>) -> Option<&SavedCard> {
        let find = |id: Option<&str>| self.cards.iter().find(|card| Some(card.id.as_str()) == id);
        find(self.preferred.as_deref()).or_else(|| find(paid_with)).or_else(|| self.cards.first())
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

    #[test]
    fn the_preferred_card_goes_first_then_what_was_paid_with_then_the_newest() {
        let mut wallet = Wallet::default();
        let charged = |wallet: &Wallet, with| wallet.charged(with).map(|card| card.id.clone());
        assert_eq!(charged(&wallet, Some("a")), None);
        for id in ["a", "b", "a", "c"] {
            wallet.add(card(id));
        }
        assert_eq!(wallet.cards.len(), 3);
        assert_eq!(charged(&wallet, Some("b")).as_deref(), Some("b"));
        assert_eq!(charged(&wallet, Some("gone")).as_deref(), Some("c"));
        assert!(wallet.prefer("a") && !wallet.prefer("gone"));
        assert_eq!(charged(&wallet, Some("b")).as_deref(), Some("a"));
        assert!(wallet.forget("a") && !wallet.forget("a"));
        assert_eq!(charged(&wallet, Some("b")).as_deref(), Some("b"));
    }
}
