//! The rules of commission, as the operator sets them.

use domain::ledger::{CommissionRule, RuleScope};
use domain::view::money::{CommissionRuleView, CommissionRules};
use domain::{BasisPoints, CategoryId, CommissionRuleId, Day, OrganizationId, Timestamp};
use store::Scope;
use store::ledger as rows;

use crate::access::Principal;
use crate::audit;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};

/// A rule that an operator makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRule {
    /// For one provider's sales.
    pub provider: Option<OrganizationId>,
    /// For one category's sales, by its slug; empty for all.
    pub category: String,
    /// The platform's share in percent, `12.5`.
    pub percent: String,
    /// The first day it holds, `2026-12-01`; empty for at once.
    pub from: String,
    /// The last day it holds; empty for without an end.
    pub until: String,
    /// Why.
    pub note: String,
}

/// Returns the rules, those that began last first, and the share where none holds.
pub async fn rules(ctx: &Ctx, who: &Principal) -> Result<CommissionRules> {
    who.operator()?;
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let rows = rows::rule_rows(&mut tx).await?;
    Ok(CommissionRules {
        otherwise: percent(ctx.settings.commission),
        rules: rows.into_iter().map(|row| view(row, now)).collect(),
    })
}

fn view(row: rows::RuleRow, now: Timestamp) -> CommissionRuleView {
    let rule = row.rule();
    CommissionRuleView {
        id: row.id,
        provider_id: row.provider_id,
        provider_name: row.provider_name,
        category_id: row.category_id,
        category_title: row.category_title,
        basis_points: row.basis_points,
        percent: percent(rule.rate),
        from: row.valid_from.readable(),
        until: row.valid_until.map(Timestamp::readable),
        began: row.valid_from <= now,
        over: row.valid_until.is_some_and(|until| until <= now),
        note: row.note,
        created_by: row.created_by,
    }
}

/// Writes a share as people do: `15 %`, `12.5 %`.
pub(super) fn percent(rate: BasisPoints) -> String {
    let (whole, rest) = (rate.0 / 100, rate.0 % 100);
    match (rest / 10, rest % 10) {
        (0, 0) => format!("{whole} %"),
        (tenth, 0) => format!("{whole}.{tenth} %"),
        _ => format!("{whole}.{rest:02} %"),
    }
}

/// Makes a rule. It holds for sales from its first day on; what was sold before keeps its share.
pub async fn add_rule(ctx: &Ctx, who: &Principal, new: NewRule) -> Result<CommissionRuleId> {
    let operator = who.operator()?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let mut checks = Checks::default();
    let rate = basis_points(&new.percent);
    checks.require(rate.is_some(), "percent", "must be from 0 to 100, with two decimals at most");
    let category = category(&mut tx, &new.category).await?;
    checks.require(new.category.is_empty() || category.is_some(), "category", "is not a category");
    checks.require(
        new.provider.is_none() || new.category.is_empty(),
        "category",
        "must be empty where the rule is for a provider",
    );
    if let Some(provider) = new.provider {
        let known = store::providers::application(&mut tx, provider).await?.is_some();
        checks.require(known, "provider", "is not a provider");
    }
    let from = match new.from.trim() {
        "" => Some(now),
        text => Day::from_iso(text).map(Day::start),
    };
    checks.require(from.is_some(), "from", "must be a day like 2026-12-01");
    let until = match new.until.trim() {
        "" => Some(None),
        // The last day is meant, so that it ends with the next one.
        text => Day::from_iso(text).map(|day| Some(Day(day.0 + 1).start())),
    };
    checks.require(until.is_some(), "until", "must be a day like 2026-12-31");
    let note = checks.text("note", &new.note, 0, 200);
    let (rate, from, until) = (rate.unwrap_or(BasisPoints(0)), from.unwrap_or(now), until.unwrap_or_default());
    checks.require(from.day() >= now.day(), "from", "must not be in the past: what was sold keeps its share");
    checks.require(until.is_none_or(|until| until > from), "until", "must not be before the first day");
    checks.done()?;
    let scope = match (new.provider, category) {
        (Some(provider), _) => RuleScope::Provider(provider),
        (None, Some(category)) => RuleScope::Category(category),
        (None, None) => RuleScope::All,
    };
    let id = CommissionRuleId(fresh_id());
    let rule = CommissionRule { id, scope, rate, valid_from: from.max(now), valid_until: until };
    rows::insert_rule(&mut tx, &rows::NewRule { rule, note, created_by: operator.id(), now }).await?;
    let detail = percent(rate);
    audit::note(ctx, &mut tx, Some(operator.id()), new.provider, "commission.add", &id.to_string(), &detail).await?;
    tx.commit().await?;
    Ok(id)
}

/// Ends a rule now; one that has not begun never does.
pub async fn end_rule(ctx: &Ctx, who: &Principal, id: CommissionRuleId) -> Result<()> {
    let operator = who.operator()?;
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = rows::rule_rows(&mut tx).await?.into_iter().find(|row| row.id == id);
    let row = row.ok_or(Error::NotFound("commission rule"))?;
    if !rows::end_rule(&mut tx, id, ctx.now()).await? {
        return Err(Error::Conflict("This rule is over already.".to_owned()));
    }
    let detail = percent(row.rule().rate);
    audit::note(ctx, &mut tx, Some(operator.id()), row.provider_id, "commission.end", &id.to_string(), &detail).await?;
    tx.commit().await?;
    Ok(())
}

async fn category(tx: &mut store::Tx, slug: &str) -> Result<Option<CategoryId>> {
    let categories = store::catalog::categories(tx).await?;
    Ok(categories.into_iter().find(|category| category.slug == slug).map(|category| category.id))
}

/// Reads percent, `15` or `12.5`, as hundredths of a percent.
fn basis_points(text: &str) -> Option<BasisPoints> {
    let text = text.trim().trim_end_matches('%').trim_end();
    // A price has two decimals at most, too.
    let hundredths = domain::Money::from_decimal(text, domain::Currency::Eur)?.minor;
    u16::try_from(hundredths).ok().filter(|&points| points <= 10_000).map(BasisPoints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_and_written_as_percent() {
        for (text, points) in [("0", 0), ("15", 1500), ("12.5", 1250), ("12.55 %", 1255), ("100", 10_000), ("0.05", 5)]
        {
            assert_eq!(basis_points(text), Some(BasisPoints(points)), "{text}");
        }
        for wrong in ["", "-1", "100.01", "12.555", "1,5", "all"] {
            assert_eq!(basis_points(wrong), None, "{wrong}");
        }
        let written = [0, 1500, 1250, 1255, 5].map(|points| percent(BasisPoints(points)));
        assert_eq!(written, ["0 %", "15 %", "12.5 %", "12.55 %", "0.05 %"]);
    }
}
