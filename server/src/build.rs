//! Builds what the configuration asks for, and plugs it into the ports of the use cases.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::BasisPoints;
use domain::view::money::PartyView;
use knowledge::embed::{LocalEmbedder, OpenAiEmbedder};
use knowledge::extract::worker::{Bounds, Worker};
use knowledge::{Embedder, HttpReranker};
use secrecy::ExposeSecret as _;
use services::clock::{Clock, SystemClock};
use services::ctx::Parts;
use services::gateway::Gateway;
use services::ports::{KnowledgeBase, Payments, Payouts, SandboxPage};
use services::seed::SampleFlow;
use services::{Ctx, Settings};
use store::{Options, Scope, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::adapters::knowledge::EmbeddedKnowledge;
use crate::adapters::mailer::ConfiguredMailer;
use crate::adapters::pages::PublicPages;
use crate::adapters::ragflow::RagflowKnowledge;
use crate::adapters::routed::RoutedRuntime;
use crate::adapters::sandbox::Sandbox;
use crate::config::{Config, EmbeddingSection, EndpointSection, RagflowSection, StripeSection};

/// Returns the address that browsers reach us at.
pub fn public_url(config: &Config, port: u16) -> String {
    if config.server.public_url.is_empty() {
        let host = match config.server.host.as_str() {
            "0.0.0.0" | "::" => "127.0.0.1",
            host => host,
        };
        format!("http://{host}:{port}")
    } else {
        config.server.public_url.trim_end_matches('/').to_owned()
    }
}

/// Opens the database and brings its schema up to date.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    let directory = &config.server.data_dir;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("the data directory {} cannot be made", directory.display()))?;
    let options = Options {
        url: config.database_url(),
        max_connections: config.database.max_connections,
        allow_superuser: config.database.allow_superuser,
    };
    Store::open(&options).await.context("the database cannot be opened")
}

/// Builds the surroundings of the use cases.
pub async fn ctx(config: &Config, public_url: String) -> anyhow::Result<Ctx> {
    Ok(Ctx::new(parts(config, public_url).await?))
}

/// Builds what the use cases work with, for a caller that exchanges a part.
pub async fn parts(config: &Config, public_url: String) -> anyhow::Result<Parts> {
    let store = open_store(config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mailer = Arc::new(ConfiguredMailer::new(&config.mail, &config.server.data_dir.join("mail"))?);
    let embedder = embedder(config)?;
    let knowledge = knowledge_base(config, &store, &clock, embedder.clone()).await?;
    let mut runtime = RoutedRuntime::new(&config.model, &config.web, &config.langflow)?;
    if let Some(embedder) = embedder {
        runtime = runtime.with_embedder(embedder);
    }
    let runtime = Arc::new(runtime.with_knowledge(knowledge.clone()));
    let Rails { payments, payouts, sandbox } = rails(config, &store, &clock, &public_url).await?;
    let settings = Settings {
        public_url,
        site_name: config.site.name.clone(),
        seller: PartyView {
            name: config.site.legal_name.clone(),
            address: config.site.legal_address.clone(),
            vat_id: config.site.vat_id.clone(),
            email: String::new(),
        },
        issuer: config.keys.issuer.clone(),
        audience: config.keys.audience.clone(),
        key_days: config.keys.default_days,
        signing_secret: config.keys.signing_key.as_ref().map(|key| key.expose_secret().as_bytes().to_vec()),
        runtime_secret: config.runtime.secret.as_ref().map(|secret| secret.expose_secret().to_owned()),
        run_timeout: Duration::from_secs(config.runtime.timeout_seconds),
        commission: BasisPoints(config.site.commission_basis_points),
        return_origins: config.site.return_origins.clone(),
        hold_days: config.site.hold_days,
        payout_minimum: config.site.payout_minimum,
        demo_messages: config.site.demo_messages,
        publishable_key: Some(config.stripe.publishable_key.trim().to_owned()).filter(|key| !key.is_empty()),
        ..Settings::default()
    };
    Ok(Parts {
        store,
        clock,
        runtime,
        knowledge,
        web: Arc::new(PublicPages::new()?),
        payments,
        payouts,
        sandbox,
        mailer,
        settings,
        gateway: Gateway::default(),
        jobs_wake: tokio::sync::Notify::new(),
    })
}

/// What takes money, pays it out, and shows pages of its own.
struct Rails {
    payments: Arc<dyn Payments>,
    payouts: Option<Arc<dyn Payouts>>,
    sandbox: Option<Arc<dyn SandboxPage>>,
}

/// Returns what takes money: Stripe where there is a key, and otherwise the sandbox with its pages.
async fn rails(config: &Config, store: &Store, clock: &Arc<dyn Clock>, public_url: &str) -> anyhow::Result<Rails> {
    if config.stripe.secret_key.is_some() {
        return stripe_rail(&config.stripe, store, clock);
    }
    let secret = webhook_secret(store).await?;
    let merchant = config.site.name.clone();
    let sandbox = Arc::new(Sandbox::new(store.clone(), clock.clone(), public_url.to_owned(), merchant, secret));
    Ok(Rails { payments: sandbox.clone(), payouts: Some(sandbox.clone()), sandbox: Some(sandbox) })
}

/// Returns Stripe as the settings have it; an error names the setting.
#[cfg(feature = "stripe")]
fn stripe_rail(section: &StripeSection, store: &Store, clock: &Arc<dyn Clock>) -> anyhow::Result<Rails> {
    let secrets = crate::adapters::stripe::WebhookSecrets::parse(
        section.webhook_secret.as_ref().context("stripe.webhook_secret is needed")?,
        section.connect_webhook_secret.as_ref(),
    )
    .map_err(|(key, why)| anyhow::anyhow!("{key} {why}"))?;
    let client = stripe_client(section)?;
    let rail = crate::adapters::stripe::StripeRail::new(store.clone(), clock.clone(), client, secrets)
        .with_portal(stripe_portal(section)?);
    let rail = Arc::new(rail);
    Ok(Rails { payments: rail.clone(), payouts: Some(rail), sandbox: None })
}

/// Returns how Stripe's own pages for buyers are set up, where the operator says so.
#[cfg(feature = "stripe")]
pub fn stripe_portal(section: &StripeSection) -> anyhow::Result<Option<stripe::PortalConfigurationId>> {
    let named = Some(section.portal_configuration.as_str()).filter(|named| !named.is_empty());
    named.map(stripe::PortalConfigurationId::parse).transpose().context("stripe.portal_configuration")
}

/// Returns what asks Stripe.
#[cfg(feature = "stripe")]
pub fn stripe_client(section: &StripeSection) -> anyhow::Result<stripe::Client> {
    let key = section.secret_key.clone().context("stripe.secret_key is not set")?;
    let base = Some(section.api_base.as_str()).filter(|base| !base.is_empty());
    let endpoint = stripe::Endpoint::new(key, base).map_err(|error| match error {
        stripe::BadEndpoint::Key => anyhow::anyhow!("stripe.secret_key: {error}"),
        stripe::BadEndpoint::Base | stripe::BadEndpoint::Plain => anyhow::anyhow!("stripe.api_base: {error}"),
    })?;
    stripe::Client::new(endpoint, stripe::Pauses::default()).context("the client of Stripe cannot be made")
}

#[cfg(not(feature = "stripe"))]
fn stripe_rail(_: &StripeSection, _: &Store, _: &Arc<dyn Clock>) -> anyhow::Result<Rails> {
    anyhow::bail!("stripe.secret_key is set, and this program was built without Stripe")
}

/// Returns what keeps and searches documents: the RAGFlow server if there is one, or we ourselves.
async fn knowledge_base(
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
    embedder: Option<Arc<dyn Embedder>>,
) -> anyhow::Result<Arc<dyn KnowledgeBase>> {
    let here = embedded_knowledge(config, store.clone(), clock.clone(), embedder)?;
    let RagflowSection { url, api_key } = &config.ragflow;
    if url.is_empty() {
        return Ok(Arc::new(here));
    }
    let there = RagflowKnowledge::new(url, api_key.clone().unwrap_or_default(), store.clone(), clock.clone(), here)
        .context("ragflow.url")?;
    there.check().await?;
    Ok(Arc::new(there))
}

/// Returns what keeps and searches documents here, with the model that says what passages mean if there is one.
fn embedded_knowledge(
    config: &Config,
    store: Store,
    clock: Arc<dyn Clock>,
    embedder: Option<Arc<dyn Embedder>>,
) -> anyhow::Result<EmbeddedKnowledge> {
    let mut knowledge = EmbeddedKnowledge::new(store, clock, file_reader(config)?);
    let EndpointSection { base_url, api_key, model } = &config.rerank;
    if !base_url.is_empty() {
        let reranker = HttpReranker::new(base_url, api_key.clone(), model).context("rerank.base_url")?;
        knowledge = knowledge.with_reranker(Arc::new(reranker));
    }
    Ok(match embedder {
        Some(embedder) => knowledge.with_embedder(embedder),
        None => knowledge,
    })
}

/// Returns the model that says what texts mean, if there is one; one of this machine is read into memory.
pub fn embedder(config: &Config) -> anyhow::Result<Option<Arc<dyn Embedder>>> {
    let EmbeddingSection { directory, base_url, api_key, model } = &config.embedding;
    if !directory.as_os_str().is_empty() {
        let embedder = LocalEmbedder::open(directory).with_context(|| {
            format!("embedding.directory: {} holds no model that can be computed here", directory.display())
        })?;
        return Ok(Some(Arc::new(embedder)));
    }
    if base_url.is_empty() {
        return Ok(None);
    }
    anyhow::ensure!(!model.is_empty(), "embedding.model: name the model that embedding.base_url is to be asked for");
    let embedder = OpenAiEmbedder::new(base_url, api_key.clone(), model).context("embedding.base_url")?;
    Ok(Some(Arc::new(embedder)))
}

/// Returns what reads buyers' files: this program again, in processes of their own.
fn file_reader(config: &Config) -> anyhow::Result<Worker> {
    let program = if config.knowledge.reader.as_os_str().is_empty() {
        std::env::current_exe().context("the program does not know its own place")?
    } else {
        config.knowledge.reader.clone()
    };
    Ok(Worker::new(program, &["extract"], Bounds::default(), 2))
}

/// Returns the secret that the sandbox signs its events with: made once, kept with its objects.
async fn webhook_secret(store: &Store) -> anyhow::Result<Vec<u8>> {
    const ID: &str = "webhook_secret";
    let mut tx = store.write(Scope::System).await?;
    let fresh = serde_json::json!({"secret": services::secret::random_token()});
    store::sandbox::insert(&mut tx, ID, &fresh).await?;
    let (object, _) = store::sandbox::get(&mut tx, ID).await?.context("the sandbox has no webhook secret")?;
    tx.commit().await?;
    let secret = object["secret"].as_str().context("the sandbox's webhook secret is no text")?;
    Ok(secret.as_bytes().to_vec())
}

/// Loads the sample content, if it is missing.
pub async fn seed(ctx: &Ctx) -> anyhow::Result<()> {
    let flows: Vec<SampleFlow<'_>> = flow::samples::ALL
        .iter()
        .map(|sample| SampleFlow { slug: sample.slug, json: sample.json.as_bytes() })
        .collect();
    services::seed::load(ctx, &flows).await.context("the sample content cannot be loaded")?;
    Ok(())
}

/// Starts what runs beside requests: the gateway's meter, and jobs where they are wanted here.
pub async fn start_background(
    ctx: &Ctx,
    jobs: bool,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    tasks.spawn(services::gateway::run(ctx.clone(), stop.clone()));
    if jobs {
        services::knowledge::catch_up(ctx).await.context("the documents' state cannot be read")?;
        // Before anything moves money: payments of a version that had no ledger are booked.
        let booked = services::ledger::catch_up(ctx).await.context("the ledger cannot be brought up to date")?;
        services::billing::catch_up(ctx).await.context("subscriptions cannot be given their periods")?;
        if booked > 0 {
            tracing::info!(payments = booked, "payments from before the ledger were booked");
        }
        tasks.spawn(services::jobs::run(ctx.clone(), stop.clone()));
    }
    // The ring is read now, so that the first call does not wait for it.
    services::gateway::ring::current(ctx).await.context("the signing keys cannot be read")?;
    Ok(())
}
