//! The surroundings of a use case with fakes in every port, and the people that a story begins with.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use domain::{OrganizationId, ProjectId, Timestamp, UserId};
use services::clock::FixedClock;
use services::ctx::Parts;
use services::identity::{self, Register};
use services::operator::{self, Decision};
use services::ports::KnowledgeBase;
use services::{Ctx, Principal, Settings, provider};
use store::{Scope, Store};

use crate::database::on_every_database;
use crate::fakes::{FakePayments, FakeWeb, MemoryMailer, PlainKnowledge, ScriptedRuntime};

/// The password of everyone in a story.
pub const PASSWORD: &str = "correct horse battery";
/// Where everyone in a story calls from.
pub const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// When every story begins: 2026-11-21, 12:00 UTC.
pub const START: Timestamp = Timestamp(1_795_262_400_000_000);

/// A [`Ctx`] with fakes that a test can steer and ask.
#[derive(Clone, Debug)]
pub struct TestCtx {
    /// What use cases take.
    pub ctx: Ctx,
    /// The clock, which stands still until it is moved.
    pub clock: Arc<FixedClock>,
    /// What runs flows.
    pub runtime: Arc<ScriptedRuntime>,
    /// What takes money.
    pub payments: Arc<FakePayments>,
    /// What sends mail.
    pub mailer: Arc<MemoryMailer>,
    /// What fetches pages.
    pub web: Arc<FakeWeb>,
}

/// Someone with an organization, which may sell if [`TestCtx::provider`] made it.
#[derive(Clone, Debug)]
pub struct Seller {
    /// As use cases are asked.
    pub who: Principal,
    /// The person.
    pub user: UserId,
    /// Their address.
    pub email: String,
    /// Their organization.
    pub organization: OrganizationId,
    /// Its default project.
    pub project: ProjectId,
    /// The cookie of their browser.
    pub cookie: String,
}

/// Runs a test with a fresh [`TestCtx`] on each database.
pub async fn on_every_ctx(test: impl AsyncFn(TestCtx)) {
    on_every_database(async |store| test(TestCtx::new(store).await).await).await;
}

impl TestCtx {
    /// Puts fakes around a store, and the categories into it.
    pub async fn new(store: Store) -> Self {
        Self::with_settings(store, Self::settings()).await
    }

    /// Returns the settings that a test has if it has none of its own.
    pub fn settings() -> Settings {
        Settings {
            public_url: "http://cmp.test".to_owned(),
            argon2_memory_kib: 8,
            runtime_secret: Some("a secret of the runtime".to_owned()),
            ..Settings::default()
        }
    }

    /// Puts fakes around a store, with settings of the test's own.
    pub async fn with_settings(store: Store, settings: Settings) -> Self {
        Self::with_knowledge(store.clone(), settings, |_| Arc::new(PlainKnowledge::new(store))).await
    }

    /// Puts fakes around a store, and around a base of documents of the test's own.
    pub async fn with_knowledge(
        store: Store,
        settings: Settings,
        knowledge: impl FnOnce(Arc<FixedClock>) -> Arc<dyn KnowledgeBase>,
    ) -> Self {
        let clock = Arc::new(FixedClock::new(START));
        let runtime = Arc::new(ScriptedRuntime::default());
        let payments = Arc::new(FakePayments::default());
        let mailer = Arc::new(MemoryMailer::default());
        let web = Arc::new(FakeWeb::default());
        let ctx = Ctx::new(Parts {
            store,
            clock: clock.clone(),
            runtime: runtime.clone(),
            knowledge: knowledge(clock.clone()),
            web: web.clone(),
            payments: payments.clone(),
            payouts: Some(payments.clone()),
            sandbox: None,
            mailer: mailer.clone(),
            settings,
            gateway: services::gateway::Gateway::default(),
            jobs_wake: tokio::sync::Notify::new(),
        });
        services::seed::load(&ctx, &[]).await.unwrap();
        Self { ctx, clock, runtime, payments, mailer, web }
    }

    /// Signs someone up: a person with an organization and its default project.
    pub async fn register(&self, email: &str) -> Seller {
        let name = email.split('@').next().unwrap().to_owned();
        let form = Register { name, email: email.to_owned(), password: PASSWORD.to_owned() };
        let signed_in = identity::register(&self.ctx, form, IP, "a test").await.unwrap();
        let membership = signed_in.viewer.memberships.first().unwrap();
        Seller {
            user: signed_in.viewer.user.id,
            email: email.to_owned(),
            organization: membership.organization_id,
            project: membership.project_id,
            cookie: signed_in.session_cookie,
            who: Principal::User(signed_in.viewer),
        }
    }

    /// Signs someone up, who does not sell.
    pub async fn member(&self, email: &str) -> Seller {
        self.register(email).await
    }

    /// Signs someone up whose organization is approved to sell.
    pub async fn provider(&self, email: &str) -> Seller {
        let person = self.register(email).await;
        provider::apply(&self.ctx, &person.who, person.organization, "We sell things that tests buy.", "")
            .await
            .unwrap();
        self.approve(person).await
    }

    /// Approves someone who has asked to sell.
    pub async fn approve(&self, person: Seller) -> Seller {
        let operator = self.operator().await;
        operator::decide_application(&self.ctx, &operator, person.organization, Decision::Approve).await.unwrap();
        self.refreshed(person).await
    }

    /// Returns someone as they are now: roles, organizations, whether they may sell.
    pub async fn refreshed(&self, person: Seller) -> Seller {
        let who = identity::principal_of_cookie(&self.ctx, &person.cookie).await.unwrap();
        Seller { who, ..person }
    }

    /// Returns the operator.
    pub async fn operator(&self) -> Principal {
        let email = "operator@example.com";
        identity::create_operator(&self.ctx, email, PASSWORD, "Olga").await.unwrap();
        Principal::User(identity::login(&self.ctx, email, PASSWORD, IP, "a test").await.unwrap().viewer)
    }

    /// Runs every job that is due; returns how many ran.
    pub async fn run_jobs(&self) -> usize {
        services::jobs::run_due(&self.ctx).await.unwrap()
    }
}

/// Returns the token of the last invitation to an address, whether its mail waits or was sent.
pub async fn invitation_token(store: &Store, mailer: &MemoryMailer, email: &str) -> String {
    // In this order: a job goes only after its mail was sent, so a running worker can't hide it from both.
    let mut tx = store.read(Scope::System).await.unwrap();
    let jobs = store::jobs::list(&mut tx, 1000).await.unwrap();
    let waiting = jobs
        .iter()
        .rev()
        .filter(|job| job.kind == "mail" && job.payload.0["to"] == email)
        .find_map(|job| token_in(job.payload.0["text"].as_str()?));
    let sent =
        || mailer.sent().iter().rev().filter(|mail| mail.to.as_str() == email).find_map(|mail| token_in(&mail.text));
    waiting.or_else(sent).unwrap()
}

/// Returns the token in an invitation's text.
pub fn token_in(text: &str) -> Option<String> {
    let (_, after) = text.split_once("/invitation/")?;
    after.split('/').next().map(str::to_owned)
}
