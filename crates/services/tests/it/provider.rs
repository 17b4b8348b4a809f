//! The provider's side: each rule, and each refusal.

use domain::{
    Currency, Money,
    state::{OfferingState, ProviderState, SubmissionState},
    view::{
        agent::{FlowClass, NewAgent},
        catalog::PlanView,
        provider::{OfferingForm, PlanForm},
    },
};
use services::{
    Error, Principal, Result, catalog,
    operator::{self, Decision},
    ports::{RuntimeChoice, RuntimeError},
    provider,
};
use testkit::{Seller, TestCtx, on_every_ctx};

fn conflict<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Conflict(message)) => message,
        other => panic!("expected a conflict, not {other:?}"),
    }
}

fn invalid<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
    match result {
        Err(Error::Invalid(problems)) => problems.into_iter().map(|(field, _)| field).collect(),
        other => panic!("expected an invalid field, not {other:?}"),
    }
}

fn new_agent(seller: &Seller, name: &str, slug: &str) -> NewAgent {
    NewAgent {
        organization_id: seller.organization,
        name: name.to_owned(),
        slug: slug.to_owned(),
        description: "Helps.".to_owned(),
        category: "agents".to_owned(),
    }
}

fn plan(name: &str, minor: i64) -> PlanForm {
    PlanForm {
        id: None,
        name: name.to_owned(),
        description: String::new(),
        price: Money::new(minor, Currency::Usd),
        monthly_quota: Some(100),
        requests_per_minute: None,
        terms: domain::pricing::Terms::default(),
        documents: None,
    }
}

#[tokio::test]
async fn an_application_is_checked_shown_and_corrected() {
    on_every_ctx(async |t: TestCtx| {
        let person = t.member("ada@example.com").await;
        let (who, organization) = (&person.who, person.organization);
        let long = "We make agents for small shops and look after them.";
        let apply = async |who, text, site| provider::apply(&t.ctx, who, organization, text, site).await;

        assert!(matches!(apply(&Principal::Visitor, long, "").await, Err(Error::SignedOut)));
        let stranger = t.member("eve@example.com").await;
        assert!(matches!(apply(&stranger.who, long, "").await, Err(Error::NotFound("organization"))));
        assert_eq!(invalid(apply(who, "short", "javascript:alert(1)").await), ["description", "website"]);
        assert_eq!(provider::application(&t.ctx, who, organization).await.expect("a read"), None);

        let first = apply(who, long, "https://example.com").await.expect("applied");
        assert_eq!(first.state, ProviderState::Applied);
        let longer = format!("{long} Really.");
        let second = apply(who, &longer, "").await.expect("corrected");
        assert!(second.description.ends_with("Really."));
        let selling = provider::create_agent(&t.ctx, who, new_agent(&person, "Helper", "")).await;
        assert!(matches!(selling, Err(Error::Forbidden(_))), "it is not approved yet");

        let seller = t.approve(person.clone()).await;
        conflict(apply(&seller.who, long, "").await);
    })
    .await;
}

#[tokio::test]
async fn agents_have_their_own_slugs_and_are_nobody_elses() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let create = async |new| provider::create_agent(&t.ctx, &seller.who, new).await;
        let first = create(new_agent(&seller, "Parcel Helper", "")).await.expect("an agent");
        let second = create(new_agent(&seller, "Parcel helper!", "")).await.expect("an agent");
        assert_eq!((first.slug.as_str(), second.slug.as_str()), ("parcel-helper", "parcel-helper-2"));
        assert_eq!(invalid(create(new_agent(&seller, "Other", "parcel-helper")).await), ["slug"]);
        assert_eq!(invalid(create(new_agent(&seller, "x", "No Slug")).await), ["name", "slug"]);
        let wrong = NewAgent { category: "robots".to_owned(), ..new_agent(&seller, "Other", "") };
        assert_eq!(invalid(create(wrong).await), ["category"]);

        let stranger = t.provider("stranger@example.com").await;
        let refused = provider::agent(&t.ctx, &stranger.who, first.id).await;
        assert!(matches!(refused, Err(Error::NotFound("agent"))));
        let refused = provider::update_agent(&t.ctx, &stranger.who, first.id, "Mine", "").await;
        assert!(matches!(refused, Err(Error::NotFound("agent"))));
        let refused = provider::create_agent(&t.ctx, &stranger.who, new_agent(&seller, "Mine", "")).await;
        assert!(matches!(refused, Err(Error::NotFound(_))));
        assert!(matches!(provider::agent(&t.ctx, &Principal::Visitor, first.id).await, Err(Error::SignedOut)));

        let renamed =
            provider::update_agent(&t.ctx, &seller.who, first.id, "Postman", "Brings.").await.expect("renamed");
        assert_eq!((renamed.name.as_str(), renamed.slug.as_str()), ("Postman", "parcel-helper"));
        assert_eq!(provider::agents(&t.ctx, &seller.who, seller.organization).await.expect("agents").len(), 2);
        provider::delete_agent(&t.ctx, &seller.who, second.id).await.expect("deleted");
        assert_eq!(provider::agents(&t.ctx, &seller.who, seller.organization).await.expect("agents").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_import_is_a_new_version_unless_the_flow_is_the_same() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let agent =
            provider::create_agent(&t.ctx, &seller.who, new_agent(&seller, "Helper", "")).await.expect("an agent");
        let import = async |export: &str, label: Option<&str>| {
            let label = label.map(str::to_owned);
            provider::import_flow(&t.ctx, &seller.who, agent.id, export.as_bytes(), RuntimeChoice::Here, label).await
        };
        let first = import(r#"{"name": "a", "b": 1}"#, None).await.expect("a version");
        assert_eq!((first.number, first.label.as_str(), first.digest.len()), (1, "1.0.0", 64));
        let same = import(r#"{"b": 1, "name": "a"}"#, Some("2.0")).await.expect("the same version");
        assert_eq!(same, first);
        let second = import(r#"{"name": "a", "b": 2}"#, Some("next")).await.expect("a version");
        assert_eq!((second.number, second.label.as_str()), (2, "next"));
        let back = import(r#"{"name": "a", "b": 1}"#, None).await.expect("a version");
        assert_eq!((back.number, &back.digest), (3, &first.digest));

        for wrong in ["", "  ", "not json", r#"{"verdict": "invalid"}"#] {
            assert_eq!(invalid(import(wrong, None).await), ["flow_definition"], "{wrong:?}");
        }
        let huge = " ".repeat(provider::MAX_FLOW_BYTES) + "1";
        assert_eq!(invalid(import(&huge, None).await), ["flow_definition"]);
        assert_eq!(invalid(import("{}", Some(&"x".repeat(41))).await), ["label"]);

        let numbers: Vec<_> = provider::versions(&t.ctx, &seller.who, agent.id)
            .await
            .expect("versions")
            .iter()
            .map(|version| version.number)
            .collect();
        assert_eq!(numbers, [3, 2, 1]);
        let stranger = t.provider("stranger@example.com").await;
        let refused = provider::import_flow(&t.ctx, &stranger.who, agent.id, b"{}", RuntimeChoice::Here, None).await;
        assert!(matches!(refused, Err(Error::NotFound("agent"))));
        let refused = provider::validate_flow(&t.ctx, &Principal::Visitor, b"{}", RuntimeChoice::Here).await;
        assert!(matches!(refused, Err(Error::SignedOut)));
        let report =
            provider::validate_flow(&t.ctx, &seller.who, br#"{"verdict": "never"}"#, RuntimeChoice::Here).await;
        assert_eq!(report.expect("a report").verdict, FlowClass::Never);
    })
    .await;
}

#[tokio::test]
async fn a_preview_runs_the_version_for_its_provider_alone() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let stranger = t.provider("stranger@example.com").await;
        let draft = t.draft_offering(&seller, "Helper").await;
        let preview = async |who, input| provider::preview(&t.ctx, who, draft.version, input).await;

        assert!(preview(&seller.who, "Hello").await.expect("an answer").starts_with("An answer"));
        assert!(matches!(preview(&stranger.who, "Hello").await, Err(Error::NotFound("flow version"))));
        assert_eq!(invalid(preview(&seller.who, " ").await), ["input"]);
        t.runtime.next_run(Err(RuntimeError::Failed("the model is away".to_owned())));
        assert!(matches!(preview(&seller.who, "Hello").await, Err(Error::Upstream(_))));
    })
    .await;
}

#[tokio::test]
async fn a_draft_says_what_is_missing_and_cannot_be_submitted_before() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let agent =
            provider::create_agent(&t.ctx, &seller.who, new_agent(&seller, "Helper", "")).await.expect("an agent");
        let start = async || provider::create_offering(&t.ctx, &seller.who, agent.id).await.expect("a draft");
        let draft = start().await;
        assert_eq!(start().await.id, draft.id, "an agent has one offering");
        assert_eq!(draft.missing.len(), 3, "{:?}", draft.missing);
        let refused = invalid(provider::submit(&t.ctx, &seller.who, draft.id, "").await);
        assert_eq!(refused, ["", "", ""]);

        // A flow that does not run here is imported, and refused at the submission.
        let export = br#"{"verdict": "unsupported"}"#;
        let version = provider::import_flow(&t.ctx, &seller.who, agent.id, export, RuntimeChoice::Here, None)
            .await
            .expect("imported");
        provider::use_version(&t.ctx, &seller.who, draft.id, version.id).await.expect("used");
        provider::save_plan(&t.ctx, &seller.who, draft.id, plan("Starter", 2900)).await.expect("a plan");
        let form = OfferingForm { full_description: "A long description. ".repeat(5), ..draft.form.clone() };
        let draft = provider::save_offering(&t.ctx, &seller.who, draft.id, form).await.expect("saved");
        assert_eq!(draft.missing.len(), 1, "{:?}", draft.missing);
        assert_eq!(invalid(provider::submit(&t.ctx, &seller.who, draft.id, "").await), [""]);

        // Unless its provider has chosen the Langflow server that the operator set up.
        let choice = RuntimeChoice::Remote;
        let chosen =
            provider::import_flow(&t.ctx, &seller.who, agent.id, export, choice, None).await.expect("imported");
        assert_ne!(chosen.id, version.id, "the choice is part of the version");
        let draft = provider::use_version(&t.ctx, &seller.who, draft.id, chosen.id).await.expect("used");
        assert!(draft.missing.is_empty(), "{:?}", draft.missing);

        let version = provider::import_flow(&t.ctx, &seller.who, agent.id, b"{}", RuntimeChoice::Here, None)
            .await
            .expect("imported");
        let draft = provider::use_version(&t.ctx, &seller.who, draft.id, version.id).await.expect("used");
        assert!(draft.missing.is_empty(), "{:?}", draft.missing);
        let submitted = provider::submit(&t.ctx, &seller.who, draft.id, "Please.").await.expect("submitted");
        assert_eq!(submitted.state, OfferingState::InReview);
    })
    .await;
}

#[tokio::test]
async fn words_are_checked_and_what_is_reviewed_stays_as_it_is() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let draft = t.draft_offering(&seller, "Helper").await;
        let form = provider::offering(&t.ctx, &seller.who, draft.offering).await.expect("a draft").form;
        let save = async |form| provider::save_offering(&t.ctx, &seller.who, draft.offering, form).await;

        let wrong = OfferingForm {
            name: "x".to_owned(),
            tagline: "y".repeat(161),
            starters: "a\nb\nc\nd\ne\nf\ng".to_owned(),
            tags: "1,2,3,4,5,6,7,8,9,10,11".to_owned(),
            thumbnail: "//evil.test/x.png".to_owned(),
            ..form.clone()
        };
        assert_eq!(invalid(save(wrong).await), ["name", "tagline", "starters", "tags", "thumbnail"]);
        let tidy = OfferingForm {
            starters: " One? \n\n Two?\r\n".to_owned(),
            tags: "Help, help ,,Desk".to_owned(),
            ..form.clone()
        };
        let saved = save(tidy).await.expect("saved").form;
        assert_eq!((saved.starters.as_str(), saved.tags.as_str()), ("One?\nTwo?", "help, desk"));

        provider::submit(&t.ctx, &seller.who, draft.offering, "").await.expect("submitted");
        conflict(save(form.clone()).await);
        conflict(provider::save_plan(&t.ctx, &seller.who, draft.offering, plan("Late", 1)).await);
        conflict(provider::submit(&t.ctx, &seller.who, draft.offering, "").await);
        conflict(provider::delete_agent(&t.ctx, &seller.who, draft.agent).await);
        let back = provider::withdraw_submission(&t.ctx, &seller.who, draft.offering).await.expect("withdrawn");
        assert_eq!(back.state, OfferingState::Draft);
        conflict(provider::withdraw_submission(&t.ctx, &seller.who, draft.offering).await);

        t.list(&draft).await;
        let renamed = OfferingForm { name: "Another".to_owned(), ..form.clone() };
        assert_eq!(invalid(save(renamed).await), ["name"]);
        let empty = OfferingForm { tagline: String::new(), full_description: String::new(), ..form.clone() };
        assert_eq!(invalid(save(empty).await), ["tagline", "full_description"]);
        let saved = save(OfferingForm { tagline: "Better.".to_owned(), ..form }).await.expect("saved");
        assert_eq!((saved.state, saved.form.tagline.as_str()), (OfferingState::Active, "Better."));
        let stranger = t.provider("stranger@example.com").await;
        let refused = provider::offering(&t.ctx, &stranger.who, draft.offering).await;
        assert!(matches!(refused, Err(Error::NotFound("offering"))));
    })
    .await;
}

#[tokio::test]
async fn plans_are_checked_compared_and_never_change_under_a_buyer() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let listed = t.listed_offering(&seller).await;
        let save = async |form| provider::save_plan(&t.ctx, &seller.who, listed.offering, form).await;

        let wrong = PlanForm { monthly_quota: Some(0), requests_per_minute: Some(0), ..plan("", -1) };
        assert_eq!(invalid(save(wrong).await), ["name", "price", "monthly_quota", "requests_per_minute"]);
        let euros = PlanForm { price: Money::new(100, Currency::Eur), ..plan("Euro", 0) };
        assert_eq!(invalid(save(euros).await), ["price"]);
        assert_eq!(invalid(save(plan("starter", 1)).await), ["name"], "there is a Starter");

        // Nobody has it, so it is changed as it is.
        let changed = PlanForm { id: Some(listed.plan), ..plan("Starter", 3900) };
        let saved = save(changed).await.expect("saved");
        assert_eq!((saved.id, saved.price.minor, saved.requests_per_minute), (listed.plan, 3900, 60));
        let elsewhere = t.draft_offering(&seller, "Other").await;
        let foreign = PlanForm { id: Some(elsewhere.plan), ..plan("Foreign", 1) };
        assert!(matches!(save(foreign).await, Err(Error::NotFound("plan"))));

        let archive = async |id| provider::archive_plan(&t.ctx, &seller.who, id).await;
        assert!(archive(listed.free_plan).await.expect("archived").archived);
        conflict(save(PlanForm { id: Some(listed.free_plan), ..plan("Free", 0) }).await);
        let message = conflict(archive(listed.plan).await);
        assert!(message.contains("needs a plan"), "{message}");
        let stranger = t.provider("stranger@example.com").await;
        let refused: Result<PlanView> = provider::archive_plan(&t.ctx, &stranger.who, listed.plan).await;
        assert!(matches!(refused, Err(Error::NotFound("plan"))));
        let (_, card) = catalog::plan(&t.ctx, listed.plan).await.expect("a plan");
        assert_eq!(card.from_price, Some(Money::new(3900, Currency::Usd)));
    })
    .await;
}

#[tokio::test]
async fn the_operator_lists_or_sends_back_with_a_reason_and_decides_once() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let operator = t.operator().await;
        let draft = t.draft_offering(&seller, "Helper").await;
        let submit = async || {
            provider::submit(&t.ctx, &seller.who, draft.offering, "Please.").await.expect("submitted");
            let waiting = operator::submissions(&t.ctx, &operator, Some(SubmissionState::Pending)).await;
            waiting.expect("a list")[0].id
        };
        let decide = async |id, decision| operator::decide_submission(&t.ctx, &operator, id, decision).await;

        let first = submit().await;
        let detail = operator::submission(&t.ctx, &operator, first).await.expect("details");
        assert_eq!((detail.submission.note.as_str(), detail.report.verdict), ("Please.", FlowClass::Native));
        assert!(matches!(operator::submission(&t.ctx, &seller.who, first).await, Err(Error::Forbidden(_))));
        let silent = Decision::Refuse { reason: " ".to_owned() };
        assert_eq!(invalid(decide(first, silent).await), ["reason"]);
        let refusal = Decision::Refuse { reason: "The description is too thin.".to_owned() };
        let decided = decide(first, refusal).await.expect("decided");
        assert_eq!(decided.state, SubmissionState::Rejected);
        conflict(decide(first, Decision::Approve).await);
        let seen = provider::offering(&t.ctx, &seller.who, draft.offering).await.expect("a draft");
        assert_eq!(seen.state, OfferingState::Draft);
        assert_eq!(seen.review_reason.as_deref(), Some("The description is too thin."));

        let second = submit().await;
        decide(second, Decision::Approve).await.expect("listed");
        conflict(decide(second, Decision::Approve).await);
        let seen = provider::offering(&t.ctx, &seller.who, draft.offering).await.expect("an offering");
        assert_eq!((seen.state, seen.review_reason), (OfferingState::Active, None));
        assert!(matches!(
            operator::decide_submission(&t.ctx, &seller.who, second, Decision::Approve).await,
            Err(Error::Forbidden(_))
        ));
    })
    .await;
}

#[tokio::test]
async fn a_new_version_of_a_listed_offering_is_reviewed_while_the_old_one_stays() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let operator = t.operator().await;
        let listed = t.listed_offering(&seller).await;
        let import = async |export: &[u8]| {
            provider::import_flow(&t.ctx, &seller.who, listed.agent, export, RuntimeChoice::Here, None)
                .await
                .expect("imported")
                .id
        };
        let use_version = async |id| provider::use_version(&t.ctx, &seller.who, listed.offering, id).await;
        let pending = async || {
            let waiting = operator::submissions(&t.ctx, &operator, Some(SubmissionState::Pending)).await;
            waiting.expect("a list").first().map(|submission| submission.id)
        };

        let foreign = import(br#"{"verdict": "review"}"#).await;
        assert_eq!(invalid(use_version(foreign).await), ["flow_version"]);
        let next = import(br#"{"name": "next"}"#).await;
        let seen = use_version(next).await.expect("submitted");
        assert_eq!((seen.state, seen.flow_version_id), (OfferingState::Active, Some(listed.version)));
        conflict(use_version(next).await);

        // Sent back: nothing changes. Approved: the version changes, the state does not.
        let refusal = Decision::Refuse { reason: "Not yet.".to_owned() };
        let id = pending().await.expect("it waits");
        operator::decide_submission(&t.ctx, &operator, id, refusal).await.expect("refused");
        use_version(next).await.expect("submitted again");
        let id = pending().await.expect("it waits");
        operator::decide_submission(&t.ctx, &operator, id, Decision::Approve).await.expect("approved");
        let seen = provider::offering(&t.ctx, &seller.who, listed.offering).await.expect("an offering");
        assert_eq!((seen.state, seen.flow_version_id), (OfferingState::Active, Some(next)));

        // What is taken off the list needs no answer any more.
        use_version(listed.version).await.expect("submitted");
        provider::unpublish(&t.ctx, &seller.who, listed.offering).await.expect("unpublished");
        assert_eq!(pending().await, None);
        let other = t.draft_offering(&seller, "Other").await;
        assert_eq!(invalid(use_version(other.version).await), ["flow_version"]);
    })
    .await;
}

#[tokio::test]
async fn an_offering_goes_only_where_its_provider_may_take_it() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let draft = t.draft_offering(&seller, "Helper").await;
        let (who, id) = (&seller.who, draft.offering);

        conflict(provider::pause(&t.ctx, who, id).await);
        conflict(provider::unpause(&t.ctx, who, id).await);
        conflict(provider::unpublish(&t.ctx, who, id).await);
        conflict(provider::restore(&t.ctx, who, id).await);
        provider::submit(&t.ctx, who, id, "").await.expect("submitted");
        // The machine knows this step, but it is the operator's.
        conflict(provider::unpause(&t.ctx, who, id).await);
        conflict(provider::archive(&t.ctx, who, id).await);
        provider::withdraw_submission(&t.ctx, who, id).await.expect("withdrawn");
        t.list(&draft).await;
        provider::pause(&t.ctx, who, id).await.expect("paused");
        assert_eq!(provider::unpause(&t.ctx, who, id).await.expect("on sale").state, OfferingState::Active);
        provider::archive(&t.ctx, who, id).await.expect("archived");
        conflict(provider::save_plan(&t.ctx, who, id, plan("Late", 1)).await);
        conflict(provider::unpause(&t.ctx, who, id).await);
        assert_eq!(provider::restore(&t.ctx, who, id).await.expect("a draft").state, OfferingState::Draft);
    })
    .await;
}

#[tokio::test]
async fn figures_begin_at_zero_and_are_the_providers_own() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        let stranger = t.provider("stranger@example.com").await;
        let listed = t.listed_offering(&seller).await;
        let dashboard = provider::dashboard(&t.ctx, &seller.who, seller.organization).await.expect("a dashboard");
        assert_eq!((dashboard.subscriptions, dashboard.calls, dashboard.trend.len()), (0, 0, 30));
        assert_eq!(dashboard.offerings, [(OfferingState::Active, 1)]);
        let refused = provider::dashboard(&t.ctx, &stranger.who, seller.organization).await;
        assert!(matches!(refused, Err(Error::NotFound(_))));

        let figures = provider::offering_analytics(&t.ctx, &seller.who, listed.offering).await.expect("figures");
        assert_eq!((figures.calls, figures.days.len()), (0, 30));
        assert_eq!(provider::agent_stats(&t.ctx, &seller.who, listed.agent).await.expect("figures"), figures);
        let refused = provider::offering_analytics(&t.ctx, &stranger.who, listed.offering).await;
        assert!(matches!(refused, Err(Error::NotFound("offering"))));
        let customers = provider::customers(&t.ctx, &seller.who, seller.organization).await;
        assert_eq!(customers.expect("customers"), []);
    })
    .await;
}
