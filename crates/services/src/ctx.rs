//! What every use case is given: the store, the clock, the ports and the settings.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use domain::view::money::PartyView;
use domain::{OrganizationId, Timestamp};
use store::Store;

use crate::clock::Clock;
use crate::identity::SignInLimits;
use crate::ports::{AgentRuntime, KnowledgeBase, Mailer, Payments, Payouts, SandboxPage, WebPages};
use crate::throttle::Throttle;

/// The surroundings of a use case; cloning is cheap.
#[derive(Clone, Debug)]
pub struct Ctx(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    sign_in_limits: SignInLimits,
    payment_pages: Throttle,
    removals: [tokio::sync::Mutex<()>; 16],
}

/// What a [`Ctx`] holds.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What runs flows.
    pub runtime: Arc<dyn AgentRuntime>,
    /// What reads and searches documents.
    pub knowledge: Arc<dyn KnowledgeBase>,
    /// What fetches pages of the web.
    pub web: Arc<dyn WebPages>,
    /// What takes money.
    pub payments: Arc<dyn Payments>,
    /// What pays providers, where the rail does.
    pub payouts: Option<Arc<dyn Payouts>>,
    /// The sandbox rail's own pages, where that rail is in use.
    pub sandbox: Option<Arc<dyn SandboxPage>>,
    /// What sends mail.
    pub mailer: Arc<dyn Mailer>,
    /// How the operator has set things.
    pub settings: Settings,
    /// What the gateway keeps in memory.
    pub gateway: crate::gateway::Gateway,
    /// Wakes the job runner when work was enqueued.
    pub jobs_wake: tokio::sync::Notify,
}

/// What the operator sets and a use case needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where browsers reach us, `https://cmp.example`, without a slash at the end.
    pub public_url: String,
    /// What the marketplace is called.
    pub site_name: String,
    /// Who invoices; by the marketplace's name where it is left out.
    pub seller: PartyView,
    /// The issuer in our tokens.
    pub issuer: String,
    /// The audience in our keys.
    pub audience: String,
    /// For how many days a key holds if nobody says otherwise.
    pub key_days: i64,
    /// A signing secret from the configuration; without one the ring in the database is used.
    pub signing_secret: Option<Vec<u8>>,
    /// The secret that remote runtimes report usage with; without one no report is taken.
    pub runtime_secret: Option<String>,
    /// How long a run may take.
    pub run_timeout: Duration,
    /// How much memory a password hash takes, in KiB: 19,456 but in tests.
    pub argon2_memory_kib: u32,
    /// Which share of a sale the platform keeps where no rule says otherwise.
    pub commission: domain::BasisPoints,
    /// Where payment pages may lead back to besides our own address: origins, `https://shop.example`.
    pub return_origins: Vec<String>,
    /// For how many days what a provider earns is held back, so that a refund finds the money there.
    pub hold_days: i64,
    /// The least that is paid out to a provider at once, in minor units of any currency.
    pub payout_minimum: i64,
    /// How many messages a visitor may send to a demo.
    pub demo_messages: i64,
    /// The payment rail's key that browsers may know, where it has one.
    pub publishable_key: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:3000".to_owned(),
            site_name: "CMP".to_owned(),
            seller: PartyView::default(),
            issuer: "cmp".to_owned(),
            audience: "agent-gateway".to_owned(),
            key_days: 365,
            signing_secret: None,
            runtime_secret: None,
            run_timeout: Duration::from_secs(30),
            argon2_memory_kib: 19_456,
            commission: domain::BasisPoints(2000),
            return_origins: Vec::new(),
            hold_days: 14,
            payout_minimum: 1_000,
            demo_messages: 5,
            publishable_key: None,
        }
    }
}

impl Ctx {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let payment_pages = Throttle::new(30, Duration::from_secs(2));
        let removals = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Self(Arc::new(Inner { parts, sign_in_limits: SignInLimits::default(), payment_pages, removals }))
    }

    /// Returns the time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns how often one person may ask for a payment page: thirty times at once, then every two seconds.
    pub(crate) fn payment_pages(&self) -> &Throttle {
        &self.0.payment_pages
    }

    /// Waits until nobody else in this process removes what an organization pays with: each counts what is left, on a
    /// rail that is asked outside of any transaction.
    pub(crate) async fn removes_methods(&self, of: OrganizationId) -> tokio::sync::MutexGuard<'_, ()> {
        // Few remove anything at the same time, so that some organizations may wait for each other.
        let locks = &self.0.removals;
        let at = usize::from(of.0.as_bytes()[15]) % locks.len();
        locks[at].lock().await
    }

    /// Returns how often someone may try to sign in.
    pub(crate) fn sign_in_limits(&self) -> &SignInLimits {
        &self.0.sign_in_limits
    }
}

impl Deref for Ctx {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}
