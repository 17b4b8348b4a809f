//! A buyer of a story, with a provisioned agent and a gateway that runs.

use std::net::IpAddr;

use domain::state::{KeyKind, KeyScope};
use domain::view::config::{CreatedKey, NewKey};
use domain::view::order::NewOrder;
use domain::view::provider::PlanForm;
use domain::{ConfigId, Currency, Money, SubscriptionId};
use services::gateway::{self, Call, Caller, Credential, GatewayError};
use services::{configs, keys, orders, provider};
use tokio_util::sync::CancellationToken;

use crate::catalog::Offered;
use crate::story::{IP, Seller, TestCtx};

/// A buyer with an agent that answers.
#[derive(Debug)]
pub struct Bought {
    /// What was bought.
    pub offered: Offered,
    /// Who bought it.
    pub buyer: Seller,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The agent's config.
    pub config: ConfigId,
    stop: CancellationToken,
    gateway: tokio::task::JoinHandle<()>,
}

impl TestCtx {
    /// Buys a free plan of so many calls a month and a minute, and starts the gateway.
    pub async fn bought(&self, monthly_quota: Option<i64>, per_minute: i64) -> Bought {
        let seller = self.provider("seller@example.com").await;
        let offered = self.draft_offering(&seller, "Helper").await;
        let plan = PlanForm {
            id: None,
            name: "Tested".to_owned(),
            description: String::new(),
            price: Money::new(0, Currency::Usd),
            monthly_quota,
            requests_per_minute: Some(per_minute),
            terms: domain::pricing::Terms::default(),
            documents: None,
        };
        let plan = provider::save_plan(&self.ctx, &seller.who, offered.offering, plan).await.unwrap().id;
        self.list(&offered).await;
        let buyer = self.register("buyer@example.com").await;
        let order = NewOrder {
            organization_id: buyer.organization,
            project_id: None,
            offering_id: offered.offering,
            plan_id: Some(plan),
            name: String::new(),
            accept_terms: true,
        };
        orders::place(&self.ctx, &buyer.who, order).await.unwrap();
        self.run_jobs().await;
        let config = configs::list(&self.ctx, &buyer.who, None).await.unwrap().remove(0);
        let stop = CancellationToken::new();
        let gateway = tokio::spawn(gateway::run(self.ctx.clone(), stop.clone()));
        Bought { offered, buyer, subscription: config.subscription_id, config: config.id, stop, gateway }
    }

    /// Makes a secret key that may invoke.
    pub async fn secret_key(&self, bought: &Bought) -> CreatedKey {
        self.key(bought, KeyKind::Secret, &[KeyScope::Invoke], &[]).await
    }

    /// Makes a key.
    pub async fn key(&self, bought: &Bought, kind: KeyKind, scopes: &[KeyScope], origins: &[&str]) -> CreatedKey {
        let new = NewKey {
            name: "A key".to_owned(),
            kind,
            scopes: scopes.to_vec(),
            allowed_origins: origins.iter().map(ToString::to_string).collect(),
            expires_in_days: None,
        };
        keys::create(&self.ctx, &bought.buyer.who, bought.config, new).await.unwrap()
    }

    /// Finds out who a program's key belongs to.
    pub async fn caller(&self, key: &str) -> Result<Caller, GatewayError> {
        gateway::authenticate(&self.ctx, &credential(key)).await
    }

    /// Asks an agent as a program.
    pub async fn ask(&self, key: &str, call: Call) -> Result<domain::view::chat::Answer, GatewayError> {
        let caller = self.caller(key).await?;
        gateway::invoke(&self.ctx, caller, call).await?.answer().await
    }
}

impl Bought {
    /// Ends the gateway; what was answered is committed then.
    pub async fn finish(self) {
        self.stop.cancel();
        self.gateway.await.unwrap();
    }
}

/// What a program sends.
pub fn credential(token: &str) -> Credential<'_> {
    Credential { token, origin: None, from_page: false, ip: IP }
}

/// What a page sends.
pub fn page_credential<'a>(token: &'a str, origin: &'a str) -> Credential<'a> {
    Credential { token, origin: Some(origin), from_page: true, ip: IpAddr::from([192, 0, 2, 7]) }
}

/// A call that says something.
pub fn saying(input: &str) -> Call {
    Call { input: input.to_owned(), ..Call::default() }
}
