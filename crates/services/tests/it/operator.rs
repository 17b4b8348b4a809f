//! What the operator sees and decides.

use domain::state::ProviderState;
use domain::view::Paging;
use domain::{JobId, OrganizationId, UserId};
use services::operator::{self, Decision};
use services::{Error, Principal, Result, identity, provider};
use testkit::{IP, PASSWORD, TestCtx, on_every_ctx};
use uuid::Uuid;

fn forbidden<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::Forbidden(_))), "{result:?}");
}

fn conflict<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
}

#[tokio::test]
async fn everything_here_is_for_operators() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let (ctx, who, page) = (&t.ctx, &ada.who, Paging::default());
        forbidden(operator::overview(ctx, who).await);
        forbidden(operator::applications(ctx, who, None).await);
        forbidden(operator::decide_application(ctx, who, ada.organization, Decision::Approve).await);
        forbidden(operator::suspend_provider(ctx, who, ada.organization, "Because.").await);
        forbidden(operator::reinstate_provider(ctx, who, ada.organization).await);
        forbidden(operator::users(ctx, who, "", page).await);
        forbidden(operator::set_user_disabled(ctx, who, ada.user, true).await);
        forbidden(operator::organizations(ctx, who, "", page).await);
        forbidden(operator::set_blocked(ctx, who, ada.organization, true).await);
        forbidden(operator::jobs(ctx, who).await);
        forbidden(operator::retry_job(ctx, who, JobId(Uuid::nil())).await);
        forbidden(operator::audit_log(ctx, who, None, page).await);
        let visitor = operator::overview(ctx, &Principal::Visitor).await;
        assert!(matches!(visitor, Err(Error::SignedOut)));
    })
    .await;
}

#[tokio::test]
async fn an_application_is_decided_once_and_the_organization_hears_of_it() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let operator = t.operator().await;
        let (ctx, id) = (&t.ctx, ada.organization);
        let decide = async |decision| operator::decide_application(ctx, &operator, id, decision).await;
        let refuse = |reason: &str| Decision::Refuse { reason: reason.to_owned() };
        assert!(matches!(decide(Decision::Approve).await, Err(Error::NotFound("application"))));
        let apply = async || {
            provider::apply(ctx, &ada.who, id, "We make agents for small shops.", "").await.expect("applied");
        };
        apply().await;
        let waiting = operator::applications(ctx, &operator, Some(ProviderState::Applied)).await.expect("a list");
        assert_eq!(waiting.iter().map(|row| row.organization_id).collect::<Vec<_>>(), [id]);
        assert_eq!(operator::overview(ctx, &operator).await.expect("an overview").applications, 1);

        assert!(matches!(decide(refuse("  ")).await, Err(Error::Invalid(_))), "a refusal needs a reason");
        let refused = decide(refuse("Tell us more.")).await.expect("refused");
        assert_eq!((refused.state, refused.reason.as_str()), (ProviderState::Rejected, "Tell us more."));
        conflict(decide(Decision::Approve).await);
        apply().await;
        assert_eq!(decide(Decision::Approve).await.expect("approved").state, ProviderState::Approved);
        conflict(decide(refuse("Too late.")).await);
        conflict(operator::reinstate_provider(ctx, &operator, id).await);

        let ada = t.refreshed(ada).await;
        ada.who.approved_provider(id).expect("may sell");
        operator::suspend_provider(ctx, &operator, id, "Complaints.").await.expect("suspended");
        let ada = t.refreshed(ada).await;
        forbidden(ada.who.approved_provider(id));
        operator::reinstate_provider(ctx, &operator, id).await.expect("reinstated");
        t.run_jobs().await;
        let texts: Vec<String> = t.mailer.sent().into_iter().map(|mail| mail.text).collect();
        assert_eq!(texts.len(), 4);
        assert!(
            texts[0].contains("Tell us more.") && texts[1].contains("may sell") && texts[2].contains("Complaints.")
        );
        let log = operator::audit_log(ctx, &operator, Some(id), Paging::default()).await.expect("a log");
        let actions: Vec<_> = log.rows.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["provider.reinstate", "provider.suspend", "provider.approve", "provider.refuse"]);
        assert_eq!((log.rows[3].actor.as_str(), log.rows[3].detail.as_str()), ("Olga", "Tell us more."));
    })
    .await;
}

#[tokio::test]
async fn people_are_found_and_locked_out_but_never_the_last_operator() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        t.register("bob@example.com").await;
        let operator = t.operator().await;
        let (ctx, page) = (&t.ctx, Paging::default());
        let found = operator::users(ctx, &operator, "ADA@", page).await.expect("a page");
        assert_eq!((found.total, found.rows[0].user.id), (1, ada.user));
        assert_eq!(
            (&found.rows[0].organizations[..], found.rows[0].disabled),
            (&["ada’s organization".to_owned()][..], false)
        );
        assert_eq!(operator::users(ctx, &operator, "", page).await.expect("a page").total, 3);

        let me = operator.user().expect("an operator").user.id;
        conflict(operator::set_user_disabled(ctx, &operator, me, true).await);
        let nobody = operator::set_user_disabled(ctx, &operator, UserId(Uuid::nil()), true).await;
        assert!(matches!(nobody, Err(Error::NotFound("user"))));
        operator::set_user_disabled(ctx, &operator, ada.user, true).await.expect("locked out");
        assert!(operator::users(ctx, &operator, "ada", page).await.expect("a page").rows[0].disabled);

        // Two operators who lock each other out: the second finds that it would be nobody.
        identity::create_operator(ctx, "otto@example.com", PASSWORD, "Otto").await.expect("made");
        let otto = identity::login(ctx, "otto@example.com", PASSWORD, IP, "").await.expect("signed in");
        let otto_id = otto.viewer.user.id;
        operator::set_user_disabled(ctx, &operator, otto_id, true).await.expect("locked out");
        conflict(operator::set_user_disabled(ctx, &Principal::User(otto.viewer), me, true).await);
        assert!(
            operator::users(ctx, &operator, "olga", page).await.expect("a page").rows.iter().all(|row| !row.disabled)
        );
    })
    .await;
}

#[tokio::test]
async fn organizations_are_found_and_blocked() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        t.register("buyer@example.com").await;
        let operator = t.operator().await;
        let (ctx, page) = (&t.ctx, Paging::default());
        let found = operator::organizations(ctx, &operator, "seller", page).await.expect("a page");
        assert_eq!((found.total, found.rows[0].id, found.rows[0].members), (1, seller.organization, 1));
        assert_eq!((found.rows[0].provider.as_str(), found.rows[0].blocked), ("approved", false));
        operator::set_blocked(ctx, &operator, seller.organization, true).await.expect("blocked");
        assert!(operator::organizations(ctx, &operator, "seller", page).await.expect("a page").rows[0].blocked);
        let nobody = operator::set_blocked(ctx, &operator, OrganizationId(Uuid::nil()), true).await;
        assert!(matches!(nobody, Err(Error::NotFound("organization"))));
    })
    .await;
}

#[tokio::test]
async fn a_blocked_provider_is_not_listed() {
    on_every_ctx(async |t: TestCtx| {
        use domain::view::catalog::CatalogQuery;

        let seller = t.provider("seller@example.com").await;
        t.listed_offering(&seller).await;
        let operator = t.operator().await;
        let listed = async || {
            let page = services::catalog::offerings(&t.ctx, CatalogQuery::default(), Paging::default()).await;
            page.expect("a page").total
        };
        assert_eq!(listed().await, 1);
        operator::set_blocked(&t.ctx, &operator, seller.organization, true).await.expect("blocked");
        assert_eq!(listed().await, 0);
        operator::set_blocked(&t.ctx, &operator, seller.organization, false).await.expect("unblocked");
        operator::suspend_provider(&t.ctx, &operator, seller.organization, "Complaints.").await.expect("suspended");
        assert_eq!(listed().await, 0);
    })
    .await;
}

#[tokio::test]
async fn jobs_are_seen_and_only_those_that_gave_up_are_run_again() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let operator = t.operator().await;
        services::organizations::invite(&t.ctx, &ada.who, ada.organization, "bob@example.com", domain::Role::Member)
            .await
            .expect("invited");
        let jobs = operator::jobs(&t.ctx, &operator).await.expect("a list");
        assert_eq!((jobs.len(), jobs[0].kind.as_str(), jobs[0].dead), (1, "mail", false));
        assert_eq!(operator::overview(&t.ctx, &operator).await.expect("an overview").jobs_waiting, 1);
        let waiting = operator::retry_job(&t.ctx, &operator, jobs[0].id).await;
        assert!(matches!(waiting, Err(Error::NotFound(_))), "{waiting:?}");

        let mut tx = t.ctx.store.write(store::Scope::System).await.expect("a transaction");
        let now = t.ctx.now();
        let row = store::jobs::claim(&mut tx, now, now.plus_seconds(60)).await.expect("a claim").expect("a job");
        assert_eq!(row.id, jobs[0].id);
        store::jobs::bury(&mut tx, &row, t.ctx.now(), "the mail server is away").await.expect("buried");
        tx.commit().await.expect("committed");
        assert_eq!(t.run_jobs().await, 0);
        let dead = operator::jobs(&t.ctx, &operator).await.expect("a list");
        assert_eq!((dead[0].dead, dead[0].last_error.as_str()), (true, "the mail server is away"));
        operator::retry_job(&t.ctx, &operator, dead[0].id).await.expect("revived");
        assert_eq!(t.run_jobs().await, 1);
        assert_eq!(t.mailer.sent().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_overview_counts_what_is_there() {
    on_every_ctx(async |t: TestCtx| {
        let seller = t.provider("seller@example.com").await;
        t.listed_offering(&seller).await;
        let operator = t.operator().await;
        let seen = operator::overview(&t.ctx, &operator).await.expect("an overview");
        assert_eq!((seen.users, seen.organizations, seen.offerings), (2, 1, 1));
        assert_eq!((seen.applications, seen.submissions, seen.subscriptions), (0, 0, 0));
        assert_eq!((seen.trend.len(), seen.revenue.len(), seen.orders.len()), (30, 0, 0));
    })
    .await;
}
