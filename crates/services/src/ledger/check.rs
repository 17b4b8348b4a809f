//! The ledger looks at itself.

use domain::ledger::findings;
use domain::view::money::{LedgerCheck, LedgerFinding};
use store::ledger as rows;
use store::{Scope, Tx};

use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::Result;

/// Says what must hold, and whether it does: inside the ledger, and between it, payments and earnings.
pub async fn check(ctx: &Ctx, who: &Principal) -> Result<LedgerCheck> {
    who.operator()?;
    let book = ctx.payments.rail();
    let mut tx = ctx.store.read(Scope::System).await?;
    let findings = all_findings(&mut tx, book).await?;
    Ok(LedgerCheck { book: book.to_owned(), at: ctx.now().readable(), findings })
}

/// Looks at everything that must hold.
pub(super) async fn all_findings(tx: &mut Tx, book: &str) -> Result<Vec<LedgerFinding>> {
    let figures = rows::facts(tx, book).await?;
    let unbalanced = rows::unbalanced(tx, book).await?;
    let broken = rows::broken(tx, book).await?;
    let unposted = rows::unposted(tx, book, 10).await?;
    let gaps = store::invoices::gaps(tx).await?;
    let mismatched = store::payouts::mismatched(tx, book).await?;
    let mut findings: Vec<LedgerFinding> = findings(&figures)
        .into_iter()
        .map(|finding| LedgerFinding { rule: finding.rule.to_owned(), problems: finding.problems })
        .collect();
    let problem = |wrong: bool, text: String| if wrong { vec![text] } else { Vec::new() };
    findings.push(LedgerFinding {
        rule: "Every transaction adds up to zero".to_owned(),
        problems: problem(unbalanced > 0, format!("{unbalanced} transactions do not")),
    });
    findings.push(LedgerFinding {
        rule: "No transaction was changed or removed since it was written".to_owned(),
        problems: broken
            .map(|broken| format!("transaction {} is not what was written, or is missing", broken.number))
            .into_iter()
            .collect(),
    });
    findings.push(LedgerFinding {
        rule: "Every payment is in the ledger".to_owned(),
        problems: unposted.into_iter().map(|id| format!("payment {id} is not")).collect(),
    });
    findings.push(LedgerFinding {
        rule: "Invoices and credit notes are numbered without gaps".to_owned(),
        problems: gaps.into_iter().map(|series| format!("the series {series} is not")).collect(),
    });
    findings.push(LedgerFinding {
        rule: "Each payout is the sum of what it pays".to_owned(),
        problems: mismatched.into_iter().map(|id| format!("payout {id} is not")).collect(),
    });
    Ok(findings)
}
