//! Orders, usage and payouts while the program is killed at random moments: everything is paid once, closed once and
//! paid out once, and the books are right.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::both::{Moments, both};
use crate::client::Connection;
use crate::program::Program;
use crate::story::{self, Person};

/// How many subscriptions are bought, used and ended.
const STORIES: usize = 60;
/// They take turns, because nobody may ask for payment pages as fast as the stories follow one another.
const BUYERS: usize = 6;
const KILLS: u32 = 15;
/// What each of them reports as used, in calls at a cent each.
const CALLS: i64 = 135;
const PRICE: i64 = 2_900;
const RUNTIME_SECRET: &str = "a secret of the proof";
/// A job of a process that died is taken up when its lease of two minutes is over.
const PATIENCE: Duration = Duration::from_mins(6);

/// Runs the proof on SQLite, and on PostgreSQL where one is given.
pub(crate) async fn run(binary: &Path, postgres: Option<String>) -> anyhow::Result<Value> {
    let each = PRICE + CALLS;
    let sold = each * i64::try_from(STORIES)?;
    let holds = |row: &Value| {
        row["ended"] == STORIES
            && row["taken"] == sold
            && row["statements"] == CALLS * i64::try_from(STORIES).unwrap_or_default()
            && row["the provider has or was paid"] == sold - sold / 5
            && row["the books are right"] == true
            && row["payouts under way"] == 0
    };
    both("kill-billing", postgres, holds, |database| one(binary, database)).await
}

async fn one(binary: &Path, database: Option<String>) -> anyhow::Result<Value> {
    let data = std::env::temp_dir().join(format!("cmp-billing-{}-{}", std::process::id(), database.is_some()));
    std::fs::create_dir_all(&data)?;
    let settings = [
        ("CMP_RUNTIME__SECRET", RUNTIME_SECRET),
        // Nothing is held back, so that payouts run beside the sales.
        ("CMP_SITE__HOLD_DAYS", "0"),
        ("CMP_SITE__PAYOUT_MINIMUM", "1"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let mut program = Program::start_with(binary, &data, database, settings).await?;
    let host = program.host.clone();
    let shop = Shop::open(&host).await?;
    let began = Instant::now();
    let stories = tokio::spawn({
        let shop = shop.clone();
        async move {
            for number in 0..STORIES {
                shop.story(number).await.with_context(|| format!("story {number}"))?;
            }
            anyhow::Ok(())
        }
    });
    let paying = tokio::spawn({
        let shop = shop.clone();
        async move {
            loop {
                shop.pay_out().await?;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            #[expect(unreachable_code, reason = "it says what the loop may fail with")]
            anyhow::Ok(())
        }
    });
    let mut moments = Moments::new();
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(300 + moments.below(1_200))).await;
        program.kill()?;
        program.restart().await?;
    }
    stories.await??;
    let figures = shop.settled(began).await;
    paying.abort();
    program.kill()?;
    let _ = std::fs::remove_dir_all(&data);
    figures
}

/// A product with a plan by use, and its people.
#[derive(Clone)]
struct Shop {
    host: String,
    operator: String,
    seller: String,
    provider: String,
    offering: String,
    plan: String,
    buyers: Vec<Person>,
}

impl Shop {
    async fn open(host: &str) -> anyhow::Result<Self> {
        let listed = story::listed(host).await?;
        let mut buyers = vec![listed.buyer];
        for _ in 1..BUYERS {
            buyers.push(story::person(host, "buyer").await?);
        }
        let shop = Self {
            host: host.to_owned(),
            operator: listed.operator,
            seller: listed.seller,
            provider: listed.provider,
            offering: listed.offering,
            plan: String::new(),
            buyers,
        };
        let billionths = 1_000_000_000_i64;
        let plan = json!({
            "offering": shop.offering, "name": "By use", "unit_price": 29,
            "components": [{"kind": "per_unit", "meter": "calls", "unit": billionths}],
        });
        let plan = shop.insist("POST", "/api/marketplace-plans/", &shop.seller, &plan, &[]).await?;
        let plan = plan["uuid"].as_str().context("no plan")?.to_owned();
        let account = format!("/api/marketplace-service-providers/{}/payout_account/", shop.provider);
        let opened = shop.insist("POST", &account, &shop.seller, &Value::Null, &[]).await?;
        let page = opened["onboarding_url"].as_str().context("no page")?.trim_end_matches('/').to_owned();
        let page = page.rsplit('/').next().context("no page")?.to_owned();
        let bank = json!({"holder": "Seller", "routing": "110000000", "account": "000123456789"});
        shop.insist("POST", &format!("/api/payments/sandbox/payouts/{page}/bank/"), "", &bank, &[]).await?;
        // Looking at it is what tells the marketplace.
        shop.insist("GET", &account, &shop.seller, &Value::Null, &[]).await?;
        Ok(Self { plan, ..shop })
    }

    /// Calls until there is an answer; those that are named besides success are returned as nothing.
    async fn insist(&self, method: &str, path: &str, token: &str, body: &Value, fine: &[u16]) -> anyhow::Result<Value> {
        let began = Instant::now();
        let mut headers = String::new();
        if !token.is_empty() {
            headers = format!("authorization: Token {token}\r\n");
        }
        if path.ends_with("/usage/") {
            headers = format!("x-runtime-secret: {RUNTIME_SECRET}\r\n");
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        loop {
            let sent = async {
                let mut connection = Connection::open(&self.host).await?;
                connection.send(method, path, &headers, &text).await
            };
            match sent.await {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    return if answer.body.is_empty() { Ok(Value::Null) } else { answer.json() };
                }
                Ok(answer) if fine.contains(&answer.status) => return Ok(Value::Null),
                Ok(answer) if answer.status < 500 => {
                    bail!("{method} {path} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body))
                }
                // The program was killed, or is not up yet; whether it did it is not known.
                _ if began.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(50)).await,
                Ok(answer) => bail!("{method} {path} answered {}", answer.status),
                Err(error) => return Err(error),
            }
        }
    }

    /// Buys, uses and ends one subscription.
    async fn story(&self, number: usize) -> anyhow::Result<()> {
        let name = format!("Story {number}");
        let buyer = &self.buyers[number % BUYERS];
        let order = json!({
            "offering": self.offering, "project": buyer.project, "plan": self.plan, "attributes": {"name": name},
        });
        // What was ordered twice, because the first answer was lost, is never paid and expires.
        let order = self.insist("POST", "/api/marketplace-orders/", &buyer.token, &order, &[]).await?;
        let order = self.pay(buyer, &order).await?;
        let config = order["config_uuid"].as_str().context("no config")?;
        let used = json!({
            "config_uuid": config, "request_id": format!("used-{number}"), "input_tokens": 0, "output_tokens": 0,
            "api_calls": CALLS,
        });
        self.insist("POST", "/api/agent-gateway/usage/", "", &used, &[]).await?;
        let subscription = order["marketplace_resource_uuid"].as_str().context("no subscription")?.to_owned();
        let end = format!("/api/marketplace-resources/{subscription}/terminate/");
        // An answer that was lost leaves an order that waits to be paid, and asking again is a conflict.
        self.insist("POST", &end, &buyer.token, &Value::Null, &[409]).await?;
        let last = self.orders_that_end(buyer).await?;
        let last = last.iter().find(|order| order["marketplace_resource_uuid"] == subscription.as_str());
        self.pay(buyer, last.context("no order to end it")?).await?;
        Ok(())
    }

    /// Lists a buyer's orders to end a subscription.
    async fn orders_that_end(&self, buyer: &Person) -> anyhow::Result<Vec<Value>> {
        let path = format!("/api/marketplace-orders/?customer_uuid={}&page_size=300", buyer.organization);
        let orders = self.insist("GET", &path, &buyer.token, &Value::Null, &[]).await?;
        let Value::Array(orders) = orders else { bail!("no list of orders: {orders}") };
        Ok(orders.into_iter().filter(|order| order["type"] == "Terminate").collect())
    }

    /// Pays an order and waits until it is done.
    async fn pay(&self, buyer: &Person, order: &Value) -> anyhow::Result<Value> {
        let path = format!("/api/marketplace-orders/{}/", order["uuid"].as_str().context("no order")?);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let seen = self.insist("GET", &path, &buyer.token, &Value::Null, &[]).await?;
            match seen["state"].as_str().unwrap_or_default() {
                "done" => return Ok(seen),
                "pending-consumer" => {
                    let wanted = json!({"order_uuid": order["uuid"]});
                    // One person may not ask for pages without end; then it is asked again a little later.
                    let page = self.insist("POST", "/api/stripe/checkout/", &buyer.token, &wanted, &[409, 429]).await?;
                    if let Some(session) = page["session_id"].as_str() {
                        let card =
                            json!({"number": "4242424242424242", "expiry": "12/34", "cvc": "123", "name": "Buyer"});
                        let pay = format!("/api/payments/sandbox/checkout/{session}/pay/");
                        self.insist("POST", &pay, "", &card, &[409]).await?;
                    }
                }
                "executing" | "pending-provider" => {}
                other => bail!("the order is {other}: {seen}"),
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        bail!("the order was not done in time")
    }

    async fn pay_out(&self) -> anyhow::Result<()> {
        self.insist("POST", "/api/marketplace-payouts/run/", &self.operator, &Value::Null, &[]).await?;
        Ok(())
    }

    /// Waits until everything that was earned is paid out, and says what is there.
    async fn settled(&self, began: Instant) -> anyhow::Result<Value> {
        let account = format!("/api/marketplace-service-providers/{}/payout_account/", self.provider);
        let payouts = format!("/api/marketplace-service-providers/{}/payouts/?page_size=300", self.provider);
        loop {
            let check = self.insist("GET", "/api/marketplace-ledger/check/", &self.operator, &Value::Null, &[]).await?;
            let balances =
                self.insist("GET", "/api/marketplace-ledger/balances/", &self.operator, &Value::Null, &[]).await?;
            let of = |account: &str| -> i64 {
                let rows = balances.as_array().into_iter().flatten().filter(|row| row["account"] == account);
                rows.map(|row| minor(&row["balance"])).sum()
            };
            let state = self.insist("GET", &account, &self.seller, &Value::Null, &[]).await?;
            let paid: i64 = state["paid"].as_array().into_iter().flatten().map(|row| minor(&row["amount"])).sum();
            let all = self.insist("GET", &payouts, &self.seller, &Value::Null, &[]).await?;
            let under_way = all.as_array().into_iter().flatten().filter(|row| row["state"] == "sending").count();
            let waits = under_way > 0 || of("provider_pending") > 0 || of("provider_available") > 0;
            if waits && began.elapsed() < PATIENCE * 2 {
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            let (mut ended, mut statements) = (0, 0);
            for buyer in &self.buyers {
                for order in self.orders_that_end(buyer).await?.iter().filter(|order| order["state"] == "done") {
                    ended += 1;
                    let id = order["marketplace_resource_uuid"].as_str().unwrap_or_default();
                    let bill = format!("/api/stripe-subscriptions/{id}/usage_bill/");
                    let bill = self.insist("GET", &bill, &buyer.token, &Value::Null, &[]).await?;
                    statements +=
                        bill["closed"].as_array().into_iter().flatten().map(|row| minor(&row["amount"])).sum::<i64>();
                }
            }
            return Ok(json!({
                "kills": KILLS,
                "ended": ended,
                "taken": of("rail_balance") + of("rail_fees") + paid,
                "statements": statements,
                "payouts": all.as_array().map_or(0, Vec::len),
                "payouts under way": under_way,
                "the provider has or was paid": of("provider_pending") + of("provider_available") + paid,
                "the books are right": check["holds"],
                "seconds": began.elapsed().as_secs(),
            }));
        }
    }
}

/// Reads an amount like `29.00` in minor units.
fn minor(amount: &Value) -> i64 {
    let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "0"));
    let cents: String = cents.chars().chain("00".chars()).take(2).collect();
    whole.parse::<i64>().unwrap_or_default() * 100 + cents.parse::<i64>().unwrap_or_default()
}
