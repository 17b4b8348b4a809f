//! Stripe Connect as the `Payouts` port: providers have accounts with Stripe, and what they have earned is transferred
//! to those. Stripe pays it out to their banks.
//!
//! What a newcomer gets wrong: that a provider has come back from Stripe's page says nothing. Whether its account can
//! be paid to is what Stripe says of the account.

use async_trait::async_trait;
use domain::Timestamp;
use services::ports::{
    Due, OpenedPayoutAccount, PaidOut, PaymentsError, PayoutAccountRequest, PayoutAccountStatus, PayoutError,
    PayoutRequest, Payouts, ReversalRequest,
};
use stripe::calls::{self, NewAccount, NewReversal, NewTransfer};
use stripe::objects::{self, AccountLink, LoginLink, ProviderAccount, Requirements, Reversal, Transfer};
use stripe::{AccountId, ReversalId, TransferId};

use super::outbox::{Made, Operation, Undone};
use super::{StripeRail, another, refused};

impl Made for ProviderAccount {
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn operation(&self) -> Option<&str> {
        self.metadata.as_ref()?.get("operation").map(String::as_str)
    }
    fn by_id(id: &str) -> Option<stripe::Call> {
        AccountId::parse(id).ok().map(|id| calls::account(&id))
    }
}

impl Made for Transfer {
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn operation(&self) -> Option<&str> {
        self.metadata.get("operation").map(String::as_str)
    }
    fn by_id(id: &str) -> Option<stripe::Call> {
        TransferId::parse(id).ok().map(|id| calls::transfer(&id))
    }
}

impl Made for Reversal {
    /// Stripe knows a reversal by its transfer, too.
    fn id(&self) -> String {
        format!("{}/{}", self.transfer.id(), self.id)
    }
    fn operation(&self) -> Option<&str> {
        self.metadata.as_ref()?.get("operation").map(String::as_str)
    }
    fn by_id(id: &str) -> Option<stripe::Call> {
        let (transfer, id) = id.split_once('/')?;
        Some(calls::reversal(&TransferId::parse(transfer).ok()?, &ReversalId::parse(id).ok()?))
    }
}

#[async_trait]
impl Payouts for StripeRail {
    async fn open_account(&self, request: PayoutAccountRequest) -> Result<OpenedPayoutAccount, PaymentsError> {
        let (name, provider) = (format!("account:{}", request.provider), request.provider.to_string());
        let call = calls::create_account(NewAccount { operation: &name, provider: &provider, email: &request.email });
        let operation = Operation { name: name.clone(), call, among: calls::accounts(), no_is_final: false };
        let account: ProviderAccount = self.outbox.perform(&operation).await?;
        if account.operation() != Some(&name) {
            return Err(another("account"));
        }
        // A page that is over leads to where the next one is asked for.
        let call = calls::account_link(&account.id, &request.refresh_url, &request.return_url);
        let link: AccountLink = self
            .outbox
            .client
            .send(&call, None)
            .await
            .and_then(|answer| answer.read())
            .map_err(|trouble| PaymentsError::from(Undone::from(trouble)))?;
        let expires_at = link.expires_at.map(Timestamp::from_seconds);
        Ok(OpenedPayoutAccount { reference: account.id.to_string(), url: link.url, expires_at })
    }

    async fn account(&self, reference: &str) -> Result<PayoutAccountStatus, PaymentsError> {
        let id = AccountId::parse(reference).map_err(refused)?;
        let account: ProviderAccount = self.read(&calls::account(&id)).await?;
        if account.id != id {
            return Err(another("account"));
        }
        Ok(status(account))
    }

    async fn login_link(&self, reference: &str) -> Result<String, PaymentsError> {
        let id = AccountId::parse(reference).map_err(refused)?;
        let answer = self.outbox.client.send(&calls::login_link(&id), None).await.and_then(|answer| answer.read());
        let link: LoginLink = answer.map_err(|trouble| PaymentsError::from(Undone::from(trouble)))?;
        Ok(link.url)
    }

    async fn pay_out(&self, request: PayoutRequest) -> Result<PaidOut, PayoutError> {
        let account = AccountId::parse(&request.account).map_err(refused)?;
        let name = format!("payout:{}", request.key);
        let call = calls::create_transfer(NewTransfer {
            operation: &name,
            account: &account,
            amount: request.amount,
            description: &request.description,
        });
        let operation = Operation { name, call, among: calls::transfers_to(&account), no_is_final: false };
        let transfer: Transfer = match self.outbox.perform(&operation).await {
            // What was paid is not all here yet: Stripe holds it for some days. It is asked again.
            Err(Undone::Refused(no)) if no.code == "balance_insufficient" => {
                return Err(
                    PaymentsError::Unavailable("our balance with Stripe does not hold it yet".to_owned()).into()
                );
            }
            Err(Undone::Refused(no)) if no.kind == "invalid_request_error" => {
                tracing::warn!(stripe.account = %account, stripe.request_id = %no.request_id, why = %no.message, "Stripe pays a provider nothing out");
                let text = "Stripe does not pay to your account as it stands. Open your payout account to see what is missing.";
                return Err(PayoutError::Refused(text.to_owned()));
            }
            outcome => outcome.map_err(PaymentsError::from)?,
        };
        let same = transfer.amount == request.amount.minor
            && objects::is(&transfer.currency, request.amount)
            && transfer.destination() == Some(&account);
        if !same {
            return Err(another("transfer").into());
        }
        Ok(PaidOut { reference: transfer.id.to_string() })
    }

    async fn take_back(&self, request: ReversalRequest) -> Result<PaidOut, PayoutError> {
        let transfer = TransferId::parse(&request.payout).map_err(refused)?;
        let name = format!("reversal:{}", request.key);
        let call = calls::create_reversal(NewReversal {
            operation: &name,
            transfer: &transfer,
            amount: request.amount,
            description: &request.description,
        });
        let operation = Operation { name, call, among: calls::reversals_of(&transfer), no_is_final: true };
        let reversal: Reversal = match self.outbox.perform(&operation).await {
            // The provider's balance does not hold it, or somebody has taken it back in Stripe's own pages.
            Err(Undone::Refused(no)) if no.kind == "invalid_request_error" => {
                return Err(PayoutError::Refused(format!("{} (request {})", no.message, no.request_id)));
            }
            outcome => outcome.map_err(PaymentsError::from)?,
        };
        let same = reversal.amount == request.amount.minor
            && objects::is(&reversal.currency, request.amount)
            && *reversal.transfer.id() == transfer;
        if !same {
            return Err(another("reversal").into());
        }
        Ok(PaidOut { reference: reversal.id.to_string() })
    }
}

fn status(account: ProviderAccount) -> PayoutAccountStatus {
    let ready = account.capabilities.get("transfers").is_some_and(|state| state == "active");
    let bank = account.external_accounts.and_then(|list| list.data.into_iter().next());
    let destination = match bank {
        Some(objects::ExternalAccount { bank_name, last4: Some(last4) }) => {
            format!("{} •••• {last4}", bank_name.as_deref().unwrap_or("Bank account"))
        }
        _ if ready => "Your account with Stripe".to_owned(),
        _ => String::new(),
    };
    let Requirements { currently_due, disabled_reason } = account.requirements.unwrap_or_default();
    let wanted = |code: &String| Due { text: sentence(code), code: code.clone() };
    let mut due: Vec<Due> = currently_due.unwrap_or_default().iter().map(wanted).collect();
    if let Some(reason) = disabled_reason.as_ref().filter(|_| !ready) {
        due.push(Due { text: reason_in_words(reason).to_owned(), code: reason.clone() });
    }
    if !ready && due.is_empty() {
        let code = "requirements.pending_verification".to_owned();
        due.push(Due { text: reason_in_words(&code).to_owned(), code });
    }
    PayoutAccountStatus { ready, destination, due, pays_out: account.payouts_enabled, disabled: disabled_reason }
}

/// Says what Stripe still wants, in words; what has none is named by its last part.
fn sentence(code: &str) -> String {
    let known = [
        ("external_account", "Your bank account."),
        ("tos_acceptance", "That you accept Stripe’s terms."),
        ("verification.document", "A document that shows who you are."),
        ("dob", "Your date of birth."),
        ("address", "Your address."),
        ("first_name", "Your name."),
        ("last_name", "Your name."),
        ("ssn", "The number by which your state knows you."),
        ("id_number", "The number by which your state knows you."),
        ("tax_id", "The number by which your tax office knows you."),
        ("representative", "Who acts for your company."),
        ("owners", "Who owns your company."),
        ("business_profile", "What you sell and where."),
        ("business_type", "Whether you are a person or a company."),
        ("phone", "Your telephone number."),
        ("email", "Your e-mail address."),
    ];
    let found = known.iter().find(|(part, _)| code.contains(part)).map(|(_, words)| (*words).to_owned());
    found.unwrap_or_else(|| format!("{}.", code.rsplit('.').next().unwrap_or(code).replace('_', " ")))
}

fn reason_in_words(reason: &str) -> &'static str {
    match reason {
        "requirements.past_due" => "Stripe has stopped the account until it has what it wants.",
        "requirements.pending_verification" => "Stripe is checking what you have told it.",
        "listed" | "under_review" => "Stripe is reviewing the account.",
        reason if reason.starts_with("rejected") => "Stripe has rejected the account. Write to us.",
        _ => "Stripe does not pay to the account now.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value) -> PayoutAccountStatus {
        status(serde_json::from_value(json).expect("an account"))
    }

    #[test]
    fn what_stripe_wants_of_a_provider_is_said_in_words() {
        let fresh = read(
            serde_json::json!({"id": "acct_1", "capabilities": {"transfers": "inactive"}, "requirements": {
            "currently_due": ["external_account", "individual.first_name", "individual.last_name", "company.strange_thing"],
            "disabled_reason": "requirements.past_due"}}),
        );
        assert!(!fresh.ready && fresh.destination.is_empty());
        let due = [
            ("external_account", "Your bank account."),
            ("individual.first_name", "Your name."),
            ("individual.last_name", "Your name."),
            ("company.strange_thing", "strange thing."),
            ("requirements.past_due", "Stripe has stopped the account until it has what it wants."),
        ];
        let said = |status: &PayoutAccountStatus| -> Vec<(String, String)> {
            status.due.iter().map(|due| (due.code.clone(), due.text.clone())).collect()
        };
        assert_eq!(said(&fresh), due.map(|(code, text)| (code.to_owned(), text.to_owned())));
        let checked = read(serde_json::json!({"id": "acct_1", "capabilities": {"transfers": "pending"}}));
        assert_eq!(said(&checked)[0].1, "Stripe is checking what you have told it.");
    }

    #[test]
    fn an_account_that_can_be_paid_to_says_where_the_money_goes() {
        let bank = serde_json::json!({"data": [{"bank_name": "STRIPE TEST BANK", "last4": "6789"}], "has_more": false});
        let ready = read(
            serde_json::json!({"id": "acct_1", "capabilities": {"transfers": "active"}, "external_accounts": bank, "payouts_enabled": true}),
        );
        assert_eq!(
            ready,
            PayoutAccountStatus {
                ready: true,
                destination: "STRIPE TEST BANK •••• 6789".to_owned(),
                due: vec![],
                pays_out: true,
                disabled: None,
            }
        );
    }
}
