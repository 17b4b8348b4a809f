//! `cmp billing …`: whether payments are set up right.

use std::process::ExitCode;

use crate::config::Config;

/// Looks at how payments are set up, and asks Stripe; with `live_test` a test payment is made and given back.
#[cfg(not(feature = "stripe"))]
pub(super) async fn doctor(config: &Config, _live_test: bool) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(config.stripe.secret_key.is_none(), "this program was built without Stripe");
    println!("The sandbox takes payments. No money moves.");
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "stripe")]
pub(super) use asked::doctor;

#[cfg(feature = "stripe")]
mod asked {
    use anyhow::{Context as _, bail, ensure};
    use domain::{Currency, Money};
    use services::clock::{Clock as _, SystemClock};
    use stripe::calls::{self, NewCustomer, NewPayment, NewSession};
    use stripe::objects::{
        Account, Customer, Event, Link, List, Payment, PortalConfiguration, PortalSession, Refund, Session,
    };
    use stripe::{Client, MethodId, Mode, PortalConfigurationId, Trouble};

    use super::{Config, ExitCode};
    use crate::adapters::stripe::{PORTAL, WebhookSecrets};
    use crate::build;
    use crate::config::StripeSection;

    /// Looks at how payments are set up, and asks Stripe; with `live_test` a test payment is made and given back.
    pub(in crate::cli) async fn doctor(config: &Config, live_test: bool) -> anyhow::Result<ExitCode> {
        let section = &config.stripe;
        if section.secret_key.is_none() {
            println!("The sandbox takes payments. No money moves.");
            ensure!(!live_test, "--live-test needs stripe.secret_key");
            return Ok(ExitCode::SUCCESS);
        }
        let client = build::stripe_client(section)?;
        println!("ok    stripe.secret_key is of {} mode", if client.mode() == Mode::Live { "live" } else { "test" });
        let webhook = section.webhook_secret.as_ref().context("stripe.webhook_secret is not set")?;
        WebhookSecrets::parse(webhook, section.connect_webhook_secret.as_ref())
            .map_err(|(key, why)| anyhow::anyhow!("{key} {why}"))?;
        println!("ok    webhooks are verified; Stripe is to deliver them to:");
        let url = build::public_url(config, config.server.port);
        println!("      {url}/api/stripe/webhook/ (events of your account, version {})", calls::version());
        match &section.connect_webhook_secret {
            Some(_) => println!("      {url}/api/stripe/webhook/connect/ (events of connected accounts)"),
            None => {
                println!("note  stripe.connect_webhook_secret is not set: events of connected accounts are refused");
            }
        }
        if section.publishable_key.is_empty() {
            println!("note  stripe.publishable_key is not set: pages of others cannot use Stripe's own fields");
        }
        let mut fine = true;
        if client.mode() == Mode::Live && !url.starts_with("https://") {
            println!("wrong server.public_url is {url}: Stripe sends buyers and events of live mode to https:// alone");
            fine = false;
        }
        let account: Account = client.read(&calls::own_account()).await.context("the account cannot be read")?;
        println!("ok    Stripe knows the key: account {}", account.id);
        for (can, what) in [(account.charges_enabled, "take payments"), (account.payouts_enabled, "be paid out")] {
            if !can {
                println!("wrong the account cannot {what} yet: finish its set-up in Stripe's pages");
                fine = false;
            }
        }
        let paid_out = account.default_currency.unwrap_or_default().to_uppercase();
        println!(
            "note  the account is paid out in {paid_out}; for sales in another currency Stripe's fee is not in the ledger"
        );
        let _: List<Event> = client
            .read(&calls::events_since(0, &["checkout.session.completed"], None))
            .await
            .context("events cannot be listed: a restricted key needs the right to read them")?;
        println!("ok    events can be listed, should one not be delivered");
        let portal = portal(&client, section).await?;
        fine &= portal.is_ok();
        if live_test {
            golden(&client, portal.ok().flatten()).await?;
        }
        Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Looks at how Stripe's own pages for buyers are set up; returns that, unless they are not yet. An error was said.
    async fn portal(
        client: &Client,
        section: &StripeSection,
    ) -> anyhow::Result<Result<Option<PortalConfigurationId>, ()>> {
        let found: Option<PortalConfiguration> = match build::stripe_portal(section)? {
            Some(id) => match client.read(&calls::portal_configuration(&id)).await {
                Ok(found) => Some(found),
                Err(Trouble::Refused(no)) => {
                    println!("wrong stripe.portal_configuration: {}", no.message);
                    return Ok(Err(()));
                }
                Err(trouble) => return Err(trouble).context("stripe.portal_configuration cannot be read"),
            },
            None => {
                let list: List<PortalConfiguration> = client.read(&calls::portal_configurations()).await.context(
                    "portal configurations cannot be listed: a restricted key needs the right to read and write them",
                )?;
                let ours = |one: &PortalConfiguration| {
                    one.metadata.as_ref().is_some_and(|labels| labels.get("operation").is_some_and(|it| it == PORTAL))
                };
                list.data.into_iter().find(ours)
            }
        };
        let Some(found) = found else {
            println!("note  Stripe's own pages for buyers are set up when the first of them goes there");
            return Ok(Ok(None));
        };
        let PortalConfiguration { id, .. } = &found;
        if let Some(why) = found.wrong() {
            println!("wrong the portal configuration {id} {why}");
            return Ok(Err(()));
        }
        println!("ok    on Stripe's own pages buyers say what they pay with, and end or switch nothing: {id}");
        Ok(Ok(Some(found.id)))
    }

    /// Opens a payment page, closes it, charges a test card, and gives it back.
    async fn golden(client: &Client, portal: Option<PortalConfigurationId>) -> anyhow::Result<()> {
        if client.mode() == Mode::Live {
            bail!("--live-test makes payments, and the key is a live one: use a test key");
        }
        let now = SystemClock.now().seconds();
        let run = services::secret::random_token();
        let name = |what: &str| format!("doctor:{what}:{run}");
        let amount = Money::new(1099, Currency::Usd);
        let send = async |call: &stripe::Call, what: &str| {
            client.send(call, Some(&name(what))).await.with_context(|| format!("{what}: Stripe does not do it"))
        };

        let new = NewCustomer { operation: &name("customer"), organization: "doctor", email: "doctor@example.com" };
        let customer: Customer = send(&calls::create_customer(new), "customer").await?.read()?;
        println!("ok    a customer was made: {}", customer.id);
        let call = calls::create_session(NewSession {
            operation: &name("page"),
            order: "doctor",
            customer: &customer.id,
            amount,
            description: "A test of the set-up",
            success_url: "https://example.com/",
            cancel_url: "https://example.com/",
            expires_at: now + 3600,
        });
        let session: Session = send(&call, "page").await?.read()?;
        let again: Session = send(&call, "page").await?.read()?;
        ensure!(session.id == again.id, "the same key has opened two payment pages");
        ensure!(session.amount_total == Some(amount.minor), "the payment page asks for {:?}", session.amount_total);
        let closed: Session = send(&calls::expire_session(&session.id), "close").await?.read()?;
        ensure!(closed.status.as_deref() == Some("expired"), "the payment page is {:?}", closed.status);
        println!("ok    a payment page was opened, once under one key, and closed: {}", session.id);

        let call = calls::create_payment(NewPayment {
            operation: &name("payment"),
            order: "doctor",
            customer: &customer.id,
            method: &MethodId::parse("pm_card_visa")?,
            amount,
            description: "A test of the set-up",
        });
        let payment: Payment = send(&call, "payment").await?.read()?;
        ensure!(payment.asks_for(amount) && payment.status == "succeeded", "the payment is {}", payment.status);
        let charge = payment.latest_charge.as_ref().and_then(Link::object).context("the payment took nothing")?;
        let balance = charge.balance_transaction.as_ref().and_then(Link::object);
        let balance = balance.context("Stripe does not say what it keeps of the payment")?;
        println!(
            "ok    {} was charged {amount}: {}; Stripe keeps {} {}",
            charge.method(),
            payment.id,
            balance.fee,
            balance.currency
        );
        let refund: Refund = send(&calls::create_refund(&name("refund"), &payment.id, None), "refund").await?.read()?;
        ensure!(refund.amount == amount.minor && refund.holds(), "the refund is {:?}", refund.status);
        println!("ok    it was given back: {}", refund.id);
        if let Some(portal) = portal {
            let call = calls::open_portal(&customer.id, &portal, "https://example.com/");
            let session: PortalSession = send(&call, "portal").await?.read()?;
            ensure!(*session.configuration() == portal, "Stripe's own pages are set up otherwise");
            println!("ok    Stripe's own pages were opened for the customer");
        }
        Ok(())
    }
}
