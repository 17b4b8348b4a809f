//! The catalog's repositories, on both databases: agents, offerings, plans, submissions, reviews, figures.

use domain::{
    AgentId, CategoryId, Currency, Day, FlowVersionId, Money, OfferingId, OrganizationId, PlanId, ReviewId,
    SubmissionId, Timestamp, UserId,
    state::{Capability, OfferingState, ProviderState, SubmissionState},
    view::agent::{FlowClass, FlowReport},
    view::knowledge::DocumentQuota,
};
use store::{
    Scope, Store, Tenant, Tx, agents, catalog,
    offerings::{self, NewOffering, PlanTerms, Words},
    provider_figures, providers,
    samples::{self, SampleReview, Seller},
    submissions::{self, NewSubmission},
};
use testkit::on_every_database;
use uuid::Uuid;

const NOW: Timestamp = Timestamp(1_795_262_400_000_000);
const CATEGORY: CategoryId = CategoryId(Uuid::from_u128(1));
const AGENT: AgentId = AgentId(Uuid::from_u128(2));
const VERSION: FlowVersionId = FlowVersionId(Uuid::from_u128(3));
const OFFERING: OfferingId = OfferingId(Uuid::from_u128(4));
const PLAN: PlanId = PlanId(Uuid::from_u128(5));
const SUBMISSION: SubmissionId = SubmissionId(Uuid::from_u128(6));

fn organization(number: u128) -> Tenant {
    Tenant::assume_authorized(OrganizationId(Uuid::from_u128(100 + number)))
}

fn person(number: u128) -> UserId {
    UserId(Uuid::from_u128(200 + number))
}

/// Makes organization 1 to `count`, each an approved provider with a person, and the category.
async fn sellers(tx: &mut Tx, count: u128) {
    let category = samples::Category {
        id: CATEGORY,
        slug: "agents",
        title: "Agents",
        description: "They act.",
        icon: "robot",
        color: "#3B82F6",
        position: 1,
    };
    samples::category(tx, &category).await.expect("a category");
    for number in 1..=count {
        let seller = Seller {
            user: person(number),
            email: &format!("seller{number}@example.com"),
            organization: organization(number).id(),
            name: &format!("Seller {number}"),
            slug: &format!("seller-{number}"),
            description: "Sells.",
        };
        samples::seller(tx, &seller, NOW).await.expect("a seller");
        samples::seller(tx, &seller, NOW).await.expect("repeating is harmless");
    }
}

fn report() -> FlowReport {
    FlowReport {
        verdict: FlowClass::Native,
        flow_name: "Helper".to_owned(),
        node_count: 3,
        edge_count: 2,
        nodes: Vec::new(),
        edges: vec![("a".to_owned(), "b".to_owned())],
        needs: Vec::new(),
        problems: Vec::new(),
        notes: Vec::new(),
        secrets_removed: Vec::new(),
        remote: domain::view::agent::RemoteRuntime::None,
    }
}

fn words() -> Words {
    Words {
        name: "Helper".to_owned(),
        tagline: "Helps.".to_owned(),
        full_description: "# Helper".to_owned(),
        greeting: "Hello!".to_owned(),
        starters: vec!["What can you do?".to_owned()],
        tags: vec!["help".to_owned()],
        demo: true,
        ..Words::default()
    }
}

fn terms(minor: i64) -> PlanTerms<'static> {
    PlanTerms {
        name: "Starter",
        description: "",
        price: Money::new(minor, Currency::Usd),
        monthly_quota: Some(1000),
        requests_per_minute: 60,
        terms: domain::pricing::Terms::default(),
        documents: DocumentQuota::default(),
    }
}

/// Makes an agent of organization 1 with one version, an offering and a plan.
async fn draft(tx: &mut Tx) {
    sellers(tx, 2).await;
    let tenant = organization(1);
    let agent = agents::NewAgentRow {
        id: AGENT,
        category: CATEGORY,
        name: "Helper",
        slug: "helper",
        description: "Helps.",
        now: NOW,
    };
    agents::insert(tx, tenant, &agent).await.expect("an agent");
    version(tx, VERSION, 1).await;
    let offering = NewOffering {
        id: OFFERING,
        agent: AGENT,
        category: CATEGORY,
        flow_version: Some(VERSION),
        slug: "helper",
        words: &words(),
        search_text: "helper helps",
        capabilities: Capability::of_category("agents"),
        now: NOW,
    };
    offerings::insert(tx, tenant, &offering).await.expect("an offering");
    offerings::insert_plan(tx, tenant, OFFERING, PLAN, &terms(2900), NOW).await.expect("a plan");
}

async fn version(tx: &mut Tx, id: FlowVersionId, number: i64) {
    let version = agents::NewFlowVersion {
        id,
        agent: AGENT,
        number,
        label: "1.0.0",
        flow: &serde_json::json!({"nodes": [number]}),
        digest: &[7; 32],
        report: &report(),
        by: person(1),
        now: NOW,
    };
    agents::insert_version(tx, organization(1), &version).await.expect("a version");
}

/// Puts the draft on sale, as the steps of a review would.
async fn list(tx: &mut Tx) {
    let tenant = organization(1);
    for (from, to) in
        [(OfferingState::Draft, OfferingState::InReview), (OfferingState::InReview, OfferingState::Active)]
    {
        offerings::step(tx, tenant, OFFERING, from, to, NOW).await.expect("a step");
    }
}

async fn write(store: &Store) -> Tx {
    store.write(Scope::System).await.expect("a transaction")
}

/// Lets organization 2 buy and use the offering of organization 1.
async fn use_it(tx: &mut Tx) {
    let (buyer, seller) = (organization(2).id(), organization(1).id());
    let [project, subscription, config, order, invocation, payment] =
        [300, 301, 302, 303, 304, 305].map(Uuid::from_u128);
    tx.query("INSERT INTO projects (id, organization_id, name, created_at) VALUES ($1, $2, 'Default', $3)")
        .bind(project)
        .bind(buyer)
        .bind(NOW)
        .execute()
        .await
        .expect("a project")
        .any();
    tx.query(
        "INSERT INTO subscriptions
             (id, organization_id, project_id, offering_id, plan_id, provider_id, flow_version_id, name
            , state, error_message, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'Mine', 'OK', '', $8, $8)",
    )
    .bind(subscription)
    .bind(buyer)
    .bind(project)
    .bind(OFFERING)
    .bind(PLAN)
    .bind(seller)
    .bind(VERSION)
    .bind(NOW)
    .execute()
    .await
    .expect("a subscription")
    .any();
    tx.query(
        "INSERT INTO orders
             (id, organization_id, project_id, provider_id, offering_id, plan_id, subscription_id, kind
            , state, name, amount_minor, currency, error_message, created_by, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'Create', 'done', 'Mine', 2900, 'USD', '', $8, $9, $9)",
    )
    .bind(order)
    .bind(buyer)
    .bind(project)
    .bind(seller)
    .bind(OFFERING)
    .bind(PLAN)
    .bind(subscription)
    .bind(person(2))
    .bind(NOW)
    .execute()
    .await
    .expect("an order")
    .any();
    tx.query(
        "INSERT INTO payments
             (id, order_id, organization_id, provider_id, rail, reference, amount_minor, currency, state
            , method, created_at)
         VALUES ($1, $2, $3, $4, 'sandbox', 'pay_1', 2900, 'USD', 'succeeded', 'Visa', $5)",
    )
    .bind(payment)
    .bind(order)
    .bind(buyer)
    .bind(seller)
    .bind(NOW)
    .execute()
    .await
    .expect("a payment")
    .any();
    tx.query(
        "INSERT INTO configs
             (id, organization_id, project_id, subscription_id, agent_name, greeting_message
            , system_prompt_override, tone, avatar_url, primary_color, logo_url, welcome_message
            , widget_position, widget_theme, allowed_origins, live, created_at, modified_at)
         VALUES ($1, $2, $3, $4, 'Helper', '', '', 'friendly', '', '#3B82F6', '', '', 'bottom-right'
               , 'auto', $5, $6, $7, $7)",
    )
    .bind(config)
    .bind(buyer)
    .bind(project)
    .bind(subscription)
    .bind(store::Json(Vec::<String>::new()))
    .bind(true)
    .bind(NOW)
    .execute()
    .await
    .expect("a config")
    .any();
    tx.query(
        "INSERT INTO invocations
             (id, organization_id, config_id, subscription_id, provider_id, session_id, source, state
            , status, input_tokens, output_tokens, elapsed_ms, error, started_at, day)
         VALUES ($1, $2, $3, $4, $5, 's', 'api', 'succeeded', 200, 10, 20, 5, '', $6, $7)",
    )
    .bind(invocation)
    .bind(buyer)
    .bind(config)
    .bind(subscription)
    .bind(seller)
    .bind(NOW)
    .bind(NOW.day())
    .execute()
    .await
    .expect("an invocation")
    .any();
    tx.query(
        "INSERT INTO usage_days
             (config_id, day, organization_id, provider_id, offering_id, calls, failed, input_tokens
            , output_tokens)
         VALUES ($1, $2, $3, $4, $5, 3, 1, 10, 20)",
    )
    .bind(config)
    .bind(NOW.day())
    .bind(buyer)
    .bind(seller)
    .bind(OFFERING)
    .execute()
    .await
    .expect("a day of usage")
    .any();
}

#[tokio::test]
async fn a_draft_is_seen_by_id_and_listed_only_when_active_approved_and_not_blocked() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        draft(&mut tx).await;
        assert_eq!(catalog::listed(&mut tx).await.expect("a list"), []);
        let card = catalog::card(&mut tx, OFFERING).await.expect("a read").expect("a card");
        assert!(!card.listed);
        assert_eq!(card.card.from_price, Some(Money::new(2900, Currency::Usd)));
        assert_eq!(card.published, None);

        list(&mut tx).await;
        let listed = catalog::listed(&mut tx).await.expect("a list");
        assert_eq!(listed.len(), 1);
        assert!(listed[0].listed);
        assert_eq!(listed[0].published, Some(NOW));
        assert_eq!(listed[0].card.provider_name, "Seller 1");
        assert_eq!(listed[0].card.tags, ["help"]);
        assert_eq!(catalog::categories(&mut tx).await.expect("categories")[0].offerings, 1);
        assert_eq!(catalog::count_providers(&mut tx).await.expect("a count"), 2);
        let sellers = catalog::providers(&mut tx, 1, 0).await.expect("providers");
        assert_eq!((sellers.len(), sellers[0].offerings), (1, 1));

        // A suspended provider's offerings are gone, and back when it is approved again.
        let seller = organization(1).id();
        let (approved, suspended) = (ProviderState::Approved, ProviderState::Suspended);
        providers::step(&mut tx, seller, approved, suspended, "late", person(2), NOW).await.expect("a step");
        assert_eq!(catalog::listed(&mut tx).await.expect("a list"), []);
        assert_eq!(catalog::categories(&mut tx).await.expect("categories")[0].offerings, 0);
        providers::step(&mut tx, seller, suspended, approved, "", person(2), NOW).await.expect("a step");

        tx.query("UPDATE organizations SET blocked_at = $2 WHERE id = $1")
            .bind(seller)
            .bind(NOW)
            .execute()
            .await
            .expect("a block")
            .any();
        assert_eq!(catalog::listed(&mut tx).await.expect("a list"), []);
        let seen = catalog::provider(&mut tx, seller).await.expect("a read").expect("a provider");
        assert_eq!(seen.state, ProviderState::Suspended);
    })
    .await;
}

#[tokio::test]
async fn a_step_from_a_state_that_has_passed_changes_nothing() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        draft(&mut tx).await;
        list(&mut tx).await;
        let (draft, review) = (OfferingState::Draft, OfferingState::InReview);
        assert!(offerings::step(&mut tx, organization(1), OFFERING, draft, review, NOW).await.is_err());
        let other = organization(2);
        let (active, paused) = (OfferingState::Active, OfferingState::Paused);
        assert!(offerings::step(&mut tx, other, OFFERING, active, paused, NOW).await.is_err());
        assert_eq!(offerings::lock(&mut tx, other, OFFERING).await.expect("a read"), None);
        assert_eq!(offerings::lock(&mut tx, organization(1), OFFERING).await.expect("a read"), Some(active));
    })
    .await;
}

#[tokio::test]
async fn words_and_plans_are_read_back_as_written() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        draft(&mut tx).await;
        let tenant = organization(1);
        assert_eq!(offerings::owner(&mut tx, OFFERING).await.expect("a read"), Some(tenant.id()));
        assert_eq!(offerings::plan_owner(&mut tx, PLAN).await.expect("a read"), Some((tenant.id(), OFFERING)));
        assert!(offerings::slug_is_taken(&mut tx, "helper").await.expect("a read"));
        assert!(!offerings::slug_is_taken(&mut tx, "helper-2").await.expect("a read"));
        assert_eq!(offerings::of_organization(&mut tx, tenant).await.expect("a list"), [OFFERING]);
        assert_eq!(catalog::offering_by_slug(&mut tx, "helper").await.expect("a read"), Some(OFFERING));

        let new_words = Words { name: "Helper 2".to_owned(), manual_approval: true, ..words() };
        offerings::save_words(&mut tx, tenant, OFFERING, &new_words, "helper 2", NOW).await.expect("a change");
        let row = offerings::get(&mut tx, OFFERING).await.expect("a read").expect("an offering");
        assert_eq!(row.words, new_words);
        assert_eq!(row.flow_version_number, Some(1));
        let details = catalog::details(&mut tx, OFFERING).await.expect("a read").expect("details");
        assert!(details.manual_approval);
        assert_eq!(details.capabilities, Capability::of_category("agents"));
        assert_eq!(details.starters, ["What can you do?"]);

        let cheap = PlanId(Uuid::from_u128(50));
        offerings::insert_plan(&mut tx, tenant, OFFERING, cheap, &terms(0), NOW).await.expect("a plan");
        offerings::update_plan(&mut tx, tenant, PLAN, &terms(3900)).await.expect("a change");
        assert!(!offerings::plan_is_in_use(&mut tx, PLAN).await.expect("a read"));
        let plans = catalog::plans(&mut tx, OFFERING).await.expect("plans");
        assert_eq!(plans.iter().map(|plan| plan.price.minor).collect::<Vec<_>>(), [0, 3900]);

        offerings::archive_plan(&mut tx, tenant, cheap, NOW).await.expect("archived");
        offerings::archive_plan(&mut tx, tenant, cheap, NOW).await.expect("repeating is harmless");
        assert!(offerings::update_plan(&mut tx, tenant, cheap, &terms(1)).await.is_err());
        let plans = catalog::plans(&mut tx, OFFERING).await.expect("plans");
        assert_eq!(plans.iter().map(|plan| plan.archived).collect::<Vec<_>>(), [false, true]);
        let card = catalog::card(&mut tx, OFFERING).await.expect("a read").expect("a card");
        assert_eq!(card.card.from_price, Some(Money::new(3900, Currency::Usd)));
    })
    .await;
}

#[tokio::test]
async fn an_agent_shows_its_newest_version_and_nobody_elses() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        draft(&mut tx).await;
        let tenant = organization(1);
        version(&mut tx, FlowVersionId(Uuid::from_u128(33)), 2).await;
        let agent = agents::get(&mut tx, tenant, AGENT).await.expect("a read").expect("an agent");
        let latest = agent.latest.expect("a version");
        assert_eq!((latest.number, latest.digest.as_str()), (2, "07".repeat(32).as_str()));
        assert_eq!(latest.report, report());
        assert_eq!(agent.offering_id, Some(OFFERING));
        assert_eq!(agents::list(&mut tx, tenant).await.expect("a list").len(), 1);
        assert_eq!(agents::list(&mut tx, organization(2)).await.expect("a list"), []);
        assert_eq!(agents::get(&mut tx, organization(2), AGENT).await.expect("a read"), None);
        assert_eq!(agents::owner(&mut tx, AGENT).await.expect("a read"), Some(tenant.id()));
        assert!(agents::slug_is_taken(&mut tx, tenant, "helper").await.expect("a read"));
        assert!(!agents::slug_is_taken(&mut tx, organization(2), "helper").await.expect("a read"));
        assert_eq!(agents::count(&mut tx, tenant).await.expect("a count"), 1);
        assert_eq!(agents::category_by_slug(&mut tx, "agents").await.expect("a read"), Some(CATEGORY));
        let numbers: Vec<i64> = agents::versions(&mut tx, tenant, AGENT)
            .await
            .expect("versions")
            .iter()
            .map(|version| version.number)
            .collect();
        assert_eq!(numbers, [2, 1]);
        let (owner, found) = agents::version(&mut tx, VERSION).await.expect("a read").expect("a version");
        assert_eq!((owner, found.number), (tenant.id(), 1));
        let flow = agents::flow(&mut tx, VERSION).await.expect("a read").expect("a flow");
        assert_eq!(flow.flow, serde_json::json!({"nodes": [1]}));

        assert!(agents::touch(&mut tx, tenant, AGENT, NOW).await.expect("a write"));
        assert!(!agents::touch(&mut tx, organization(2), AGENT, NOW).await.expect("a write"));
        agents::update(&mut tx, tenant, AGENT, "New", "Name", NOW).await.expect("a change");
        assert!(!offerings::has_history(&mut tx, OFFERING).await.expect("a read"));
        offerings::delete(&mut tx, tenant, OFFERING).await.expect("deleted");
        agents::delete(&mut tx, tenant, AGENT).await.expect("deleted");
        assert_eq!(agents::list(&mut tx, tenant).await.expect("a list"), []);
    })
    .await;
}

#[tokio::test]
async fn two_agents_of_one_organization_cannot_share_a_slug() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        draft(&mut tx).await;
        let again = agents::NewAgentRow {
            id: AgentId(Uuid::from_u128(22)),
            category: CATEGORY,
            name: "Helper",
            slug: "helper",
            description: "",
            now: NOW,
        };
        let error = agents::insert(&mut tx, organization(1), &again).await.expect_err("the slug is taken");
        assert!(error.is_unique_violation());
    })
    .await;
}

#[tokio::test]
async fn a_submission_is_decided_once() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        draft(&mut tx).await;
        let tenant = organization(1);
        let submission = NewSubmission {
            id: SUBMISSION,
            offering: OFFERING,
            flow_version: VERSION,
            note: "Please.",
            by: person(1),
            now: NOW,
        };
        submissions::insert(&mut tx, tenant, &submission).await.expect("a submission");
        assert_eq!(submissions::pending(&mut tx, tenant, OFFERING).await.expect("a read"), Some(SUBMISSION));
        assert_eq!(submissions::pending(&mut tx, organization(2), OFFERING).await.expect("a read"), None);
        assert_eq!(submissions::list(&mut tx, Some(SubmissionState::Pending), 10).await.expect("a list").len(), 1);

        let (from, to) = (SubmissionState::Pending, SubmissionState::Rejected);
        submissions::step(&mut tx, SUBMISSION, from, to, "Too short.", person(2), NOW).await.expect("a step");
        assert!(submissions::step(&mut tx, SUBMISSION, from, to, "", person(2), NOW).await.is_err());
        assert_eq!(
            submissions::last(&mut tx, OFFERING).await.expect("a read"),
            Some((SubmissionState::Rejected, "Too short.".to_owned()))
        );
        let row = submissions::get(&mut tx, SUBMISSION).await.expect("a read").expect("a submission");
        assert_eq!(row.organization_email, "seller1@example.com");
        assert_eq!(row.view.provider_name, "Seller 1");
        assert!(row.view.decided.is_some());
        assert_eq!(submissions::list(&mut tx, None, 10).await.expect("a list"), [row]);
        assert!(offerings::has_history(&mut tx, OFFERING).await.expect("a read"));
    })
    .await;
}

#[tokio::test]
async fn an_application_can_be_corrected_until_it_is_approved() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        sellers(&mut tx, 1).await;
        let applicant = organization(1);
        assert!(!providers::apply(&mut tx, applicant, "x", "", NOW).await.expect("a write"), "it is approved");

        tx.query("DELETE FROM providers WHERE organization_id = $1")
            .bind(applicant.id())
            .execute()
            .await
            .expect("a clean start")
            .any();
        assert_eq!(providers::application(&mut tx, applicant.id()).await.expect("a read"), None);
        assert!(providers::apply(&mut tx, applicant, "We sell.", "", NOW).await.expect("a write"));
        let later = NOW.plus_seconds(60);
        assert!(providers::apply(&mut tx, applicant, "We sell a lot.", "", later).await.expect("a write"));
        let seen = providers::application(&mut tx, applicant.id()).await.expect("a read").expect("one");
        assert_eq!((seen.description.as_str(), seen.applied), ("We sell a lot.", NOW.readable()));

        let (applied, rejected) = (ProviderState::Applied, ProviderState::Rejected);
        providers::step(&mut tx, applicant.id(), applied, rejected, "Why?", person(1), NOW).await.expect("a step");
        assert!(providers::apply(&mut tx, applicant, "Because.", "", later).await.expect("a write"));
        let waiting = providers::applications(&mut tx, Some(applied), 10).await.expect("a list");
        assert_eq!(waiting.len(), 1);
        assert_eq!((waiting[0].reason.as_str(), &waiting[0].applied), ("", &later.readable()));
    })
    .await;
}

#[tokio::test]
async fn a_review_needs_an_answered_call_and_is_written_once() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        draft(&mut tx).await;
        list(&mut tx).await;
        let buyer = organization(2);
        assert!(!catalog::has_used(&mut tx, buyer, OFFERING).await.expect("a read"));
        use_it(&mut tx).await;
        assert!(catalog::has_used(&mut tx, buyer, OFFERING).await.expect("a read"));
        assert!(!catalog::has_used(&mut tx, organization(1), OFFERING).await.expect("a read"));
        assert!(offerings::plan_is_in_use(&mut tx, PLAN).await.expect("a read"));

        for number in 1..=2 {
            let sample = SampleReview {
                id: ReviewId(Uuid::from_u128(400 + number)),
                offering: OFFERING,
                author: "Sample",
                rating: 4,
                title: "Fine",
                body: "Fine.",
            };
            samples::review(&mut tx, &sample, NOW).await.expect("a sample review");
            samples::review(&mut tx, &sample, NOW).await.expect("repeating is harmless");
        }
        let review = catalog::NewReview {
            id: ReviewId(Uuid::from_u128(410)),
            offering: OFFERING,
            author: "Ada, Buyer",
            rating: 5,
            title: "Good",
            body: "Good.",
            now: NOW.plus_days(1),
        };
        catalog::insert_review(&mut tx, buyer, &review).await.expect("a review");
        let shown = catalog::reviews(&mut tx, OFFERING, 2).await.expect("reviews");
        assert_eq!(shown.len(), 2);
        assert_eq!((shown[0].author.as_str(), shown[0].sample), ("Ada, Buyer", false));
        let card = catalog::card(&mut tx, OFFERING).await.expect("a read").expect("a card").card;
        assert_eq!((card.review_count, card.rating_tenths, card.customers), (3, 43, 1));

        let again = catalog::NewReview { id: ReviewId(Uuid::from_u128(411)), ..review };
        let error = catalog::insert_review(&mut tx, buyer, &again).await.expect_err("it has reviewed");
        assert!(error.is_unique_violation());
    })
    .await;
}

#[tokio::test]
async fn a_provider_sees_the_figures_of_its_own_sales() {
    on_every_database(async |store: Store| {
        let mut tx = write(&store).await;
        draft(&mut tx).await;
        list(&mut tx).await;
        use_it(&mut tx).await;
        samples::set_screenshots(&mut tx, OFFERING, &["/art/x.svg".to_owned()]).await.expect("a write");
        tx.commit().await.expect("a commit");

        // In the provider's own scope, so that row-level security is tried too.
        let seller = organization(1);
        let mut tx = store.read(seller).await.expect("a transaction");
        let dollars = |minor| vec![Money::new(minor, Currency::Usd)];
        assert_eq!(provider_figures::monthly(&mut tx, seller).await.expect("a sum"), dollars(2900));
        assert_eq!(provider_figures::subscriptions(&mut tx, seller, None).await.expect("a count"), (1, 1));
        assert_eq!(provider_figures::subscriptions(&mut tx, seller, Some(OFFERING)).await.expect("a count"), (1, 1));
        assert_eq!(provider_figures::revenue(&mut tx, seller, NOW).await.expect("a sum"), dollars(2900));
        let later = NOW.plus_seconds(1);
        assert_eq!(provider_figures::revenue(&mut tx, seller, later).await.expect("a sum"), []);
        let month = NOW.month_start().day();
        let days = provider_figures::usage(&mut tx, seller, Some(OFFERING), month).await.expect("days");
        assert_eq!(days.len(), 1);
        assert_eq!((days[0].0, days[0].1.calls, days[0].1.failed), (NOW.day(), 3, 1));
        let tomorrow = Day(NOW.day().0 + 1);
        assert_eq!(provider_figures::usage(&mut tx, seller, None, tomorrow).await.expect("days"), []);
        assert_eq!(provider_figures::offerings(&mut tx, seller).await.expect("counts"), [(OfferingState::Active, 1)]);
        let customers = provider_figures::customers(&mut tx, seller, month).await.expect("customers");
        assert_eq!(customers.len(), 1);
        assert_eq!((customers[0].name.as_str(), customers[0].subscriptions, customers[0].calls), ("Seller 2", 1, 3));
        drop(tx);

        let stranger = organization(2);
        let mut tx = store.read(stranger).await.expect("a transaction");
        assert_eq!(provider_figures::monthly(&mut tx, stranger).await.expect("a sum"), []);
        assert_eq!(provider_figures::customers(&mut tx, stranger, month).await.expect("none"), []);
    })
    .await;
}
