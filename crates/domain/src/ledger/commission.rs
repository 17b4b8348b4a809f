//! Which share of a sale the platform keeps: rules by provider, by category and for all, each with dates.

use crate::{BasisPoints, CategoryId, CommissionRuleId, OrganizationId, Timestamp};

/// What a rule is for; a narrower one goes before a wider one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleScope {
    /// Every sale.
    All,
    /// Sales of offerings of one category.
    Category(CategoryId),
    /// Sales of one provider.
    Provider(OrganizationId),
}

/// A rule that says which share the platform keeps of the sales of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommissionRule {
    /// Which.
    pub id: CommissionRuleId,
    /// What it is for.
    pub scope: RuleScope,
    /// Which share.
    pub rate: BasisPoints,
    /// The first moment it holds.
    pub valid_from: Timestamp,
    /// The first moment it holds no more; nothing means without an end.
    pub valid_until: Option<Timestamp>,
}

impl CommissionRule {
    /// Tells whether the rule holds for a sale.
    pub fn holds(&self, provider: OrganizationId, category: CategoryId, at: Timestamp) -> bool {
        let meant = match self.scope {
            RuleScope::All => true,
            RuleScope::Category(id) => id == category,
            RuleScope::Provider(id) => id == provider,
        };
        meant && self.valid_from <= at && self.valid_until.is_none_or(|until| at < until)
    }

    /// Says how narrow the rule is: 2 for a provider, 1 for a category, 0 for all.
    const fn narrowness(&self) -> u8 {
        match self.scope {
            RuleScope::All => 0,
            RuleScope::Category(_) => 1,
            RuleScope::Provider(_) => 2,
        }
    }
}

/// Finds the rule for a sale: the narrowest that holds, and of those the one that began last.
pub fn applicable(
    rules: &[CommissionRule],
    provider: OrganizationId,
    category: CategoryId,
    at: Timestamp,
) -> Option<&CommissionRule> {
    rules
        .iter()
        .filter(|rule| rule.holds(provider, category, at))
        .max_by_key(|rule| (rule.narrowness(), rule.valid_from, rule.id))
}
