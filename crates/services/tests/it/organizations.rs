//! Organizations, their projects and their people.

use domain::{OrganizationId, Role};
use services::{Error, Principal, Result, operator, organizations};
use testkit::{Seller, TestCtx, invitation_token, on_every_ctx, token_in};

fn conflict<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
}

fn forbidden<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::Forbidden(_))), "{result:?}");
}

fn hidden<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::NotFound(_))), "{result:?}");
}

fn gone<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::Gone(_))), "{result:?}");
}

/// Makes someone a member of another's organization.
async fn join(t: &TestCtx, owner: &Seller, email: &str, role: Role) -> Seller {
    let guest = t.register(email).await;
    organizations::invite(&t.ctx, &owner.who, owner.organization, email, role).await.expect("invited");
    let token = invitation_token(&t.ctx.store, &t.mailer, email).await;
    organizations::accept_invitation(&t.ctx, &guest.who, &token).await.expect("accepted");
    t.refreshed(guest).await
}

async fn roles(t: &TestCtx, who: &Principal, id: OrganizationId) -> Vec<(String, Role)> {
    let members = organizations::members(&t.ctx, who, id).await.expect("members");
    members.into_iter().map(|row| (row.user.name, row.role)).collect()
}

#[tokio::test]
async fn an_organization_is_nobody_elses() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let eve = t.register("eve@example.com").await;
        let (ctx, id) = (&t.ctx, ada.organization);
        assert_eq!(organizations::get(ctx, &ada.who, id).await.expect("it is hers").role, Some(Role::Owner));
        hidden(organizations::get(ctx, &eve.who, id).await);
        hidden(organizations::update(ctx, &eve.who, id, "Mine", "eve@example.com").await);
        hidden(organizations::projects(ctx, &eve.who, Some(id)).await);
        hidden(organizations::create_project(ctx, &eve.who, id, "Mine").await);
        hidden(organizations::members(ctx, &eve.who, id).await);
        hidden(organizations::invitations(ctx, &eve.who, id).await);
        hidden(organizations::invite(ctx, &eve.who, id, "x@example.com", Role::Member).await);
        hidden(organizations::set_role(ctx, &eve.who, id, ada.user, Role::Member).await);
        hidden(organizations::remove_member(ctx, &eve.who, id, ada.user).await);
        hidden(organizations::remove_member(ctx, &eve.who, id, eve.user).await);
        hidden(organizations::dashboard(ctx, &eve.who, id).await);
        let visitor = organizations::get(ctx, &Principal::Visitor, id).await;
        assert!(matches!(visitor, Err(Error::SignedOut)));
        let operator = t.operator().await;
        assert_eq!(organizations::get(ctx, &operator, id).await.expect("operators see any").role, None);
    })
    .await;
}

#[tokio::test]
async fn an_owner_renames_it_adds_projects_and_makes_another() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let (ctx, id) = (&t.ctx, ada.organization);
        let renamed =
            organizations::update(ctx, &ada.who, id, " Ada Ltd ", "Office@example.com").await.expect("renamed");
        assert_eq!((renamed.name.as_str(), renamed.email.as_str()), ("Ada Ltd", "office@example.com"));
        let wrong = organizations::update(ctx, &ada.who, id, "x", "office").await;
        assert!(matches!(wrong, Err(Error::Invalid(problems)) if problems.len() == 2));

        organizations::create_project(ctx, &ada.who, id, "Shop").await.expect("a project");
        let other = organizations::create(ctx, &ada.who, "Second").await.expect("another");
        let ada = t.refreshed(ada).await;
        let projects = organizations::projects(ctx, &ada.who, None).await.expect("projects");
        let names: Vec<_> = projects.iter().map(|row| (row.organization_name.as_str(), row.name.as_str())).collect();
        assert_eq!(names, [("Ada Ltd", "Default"), ("Ada Ltd", "Shop"), ("Second", "Default")]);
        let listed = organizations::list(ctx, &ada.who).await.expect("a list");
        assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), [id, other.id]);
        assert_eq!(organizations::projects(ctx, &ada.who, Some(other.id)).await.expect("projects").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_invitation_comes_by_mail_and_is_for_its_address_alone() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let (ctx, id) = (&t.ctx, ada.organization);
        organizations::invite(ctx, &ada.who, id, "Bob@example.com", Role::Admin).await.expect("invited");
        t.run_jobs().await;
        let mail = t.mailer.sent().pop().expect("a mail");
        assert_eq!(mail.to.as_str(), "bob@example.com");
        assert!(mail.text.contains("http://cmp.test/invitation/") && mail.text.contains("5 Dec 2026"), "{}", mail.text);
        let token = token_in(&mail.text).expect("a token");
        let waiting = organizations::invitations(ctx, &ada.who, id).await.expect("invitations");
        assert_eq!((waiting.len(), waiting[0].email.as_str(), waiting[0].role), (1, "bob@example.com", Role::Admin));

        // Whoever holds it is told what it offers, before they sign in or up.
        let offer = organizations::invitation(ctx, &token).await.expect("an offer");
        assert_eq!((offer.organization_name.as_str(), offer.role), ("ada’s organization", Role::Admin));
        assert_eq!((offer.email.as_str(), offer.expires.as_str()), ("bob@example.com", "5 Dec 2026"));
        gone(organizations::invitation(ctx, "nonsense").await);

        let eve = t.register("eve@example.com").await;
        forbidden(organizations::accept_invitation(ctx, &eve.who, &token).await);
        gone(organizations::accept_invitation(ctx, &eve.who, "nonsense").await);
        let bob = t.register("bob@example.com").await;
        assert_eq!(organizations::accept_invitation(ctx, &bob.who, &token).await.expect("accepted"), id);
        gone(organizations::accept_invitation(ctx, &bob.who, &token).await);
        gone(organizations::invitation(ctx, &token).await);
        let bob = t.refreshed(bob).await;
        assert_eq!(roles(&t, &bob.who, id).await, [("ada".to_owned(), Role::Owner), ("bob".to_owned(), Role::Admin)]);
        assert!(organizations::invitations(ctx, &ada.who, id).await.expect("invitations").is_empty());
        let again = organizations::invite(ctx, &ada.who, id, "bob@example.com", Role::Member).await;
        assert!(matches!(again, Err(Error::Invalid(_))), "a member already");
    })
    .await;
}

#[tokio::test]
async fn an_invitation_ends_by_time_by_a_newer_one_and_by_being_withdrawn() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let bob = t.register("bob@example.com").await;
        let (ctx, id) = (&t.ctx, ada.organization);
        let invite = async || {
            organizations::invite(ctx, &ada.who, id, "bob@example.com", Role::Member).await.expect("invited");
            t.run_jobs().await;
            token_in(&t.mailer.sent().pop().expect("a mail").text).expect("a token")
        };
        let first = invite().await;
        let second = invite().await;
        gone(organizations::accept_invitation(ctx, &bob.who, &first).await);
        let waiting = organizations::invitations(ctx, &ada.who, id).await.expect("invitations");
        assert_eq!(waiting.len(), 1);
        hidden(organizations::withdraw_invitation(ctx, &bob.who, id, waiting[0].id).await);
        organizations::withdraw_invitation(ctx, &ada.who, id, waiting[0].id).await.expect("withdrawn");
        hidden(organizations::withdraw_invitation(ctx, &ada.who, id, waiting[0].id).await);
        gone(organizations::accept_invitation(ctx, &bob.who, &second).await);

        let third = invite().await;
        t.clock.advance_seconds(14 * 86_400);
        gone(organizations::accept_invitation(ctx, &bob.who, &third).await);
        let fourth = invite().await;
        let operator = t.operator().await;
        operator::set_blocked(ctx, &operator, id, true).await.expect("blocked");
        conflict(organizations::accept_invitation(ctx, &bob.who, &fourth).await);
        operator::set_blocked(ctx, &operator, id, false).await.expect("unblocked");
        organizations::accept_invitation(ctx, &bob.who, &fourth).await.expect("accepted");
    })
    .await;
}

#[tokio::test]
async fn a_member_uses_and_does_not_manage() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let bob = join(&t, &ada, "bob@example.com", Role::Member).await;
        let (ctx, id) = (&t.ctx, ada.organization);
        assert_eq!(organizations::members(ctx, &bob.who, id).await.expect("members").len(), 2);
        let dashboard = organizations::dashboard(ctx, &bob.who, id).await.expect("a dashboard");
        assert!(dashboard.spend_by_month.is_empty(), "payments are not for members");
        forbidden(organizations::update(ctx, &bob.who, id, "Mine", "bob@example.com").await);
        forbidden(organizations::create_project(ctx, &bob.who, id, "Mine").await);
        forbidden(organizations::invite(ctx, &bob.who, id, "x@example.com", Role::Member).await);
        forbidden(organizations::invitations(ctx, &bob.who, id).await);
        forbidden(organizations::set_role(ctx, &bob.who, id, bob.user, Role::Owner).await);
        forbidden(organizations::remove_member(ctx, &bob.who, id, ada.user).await);
        organizations::remove_member(ctx, &bob.who, id, bob.user).await.expect("anyone may leave");
        let bob = t.refreshed(bob).await;
        hidden(organizations::members(ctx, &bob.who, id).await);
    })
    .await;
}

#[tokio::test]
async fn only_owners_make_owners_and_the_last_one_stays() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let bob = join(&t, &ada, "bob@example.com", Role::Admin).await;
        let eve = t.register("eve@example.com").await;
        let (ctx, id) = (&t.ctx, ada.organization);
        forbidden(organizations::set_role(ctx, &bob.who, id, bob.user, Role::Owner).await);
        forbidden(organizations::set_role(ctx, &bob.who, id, ada.user, Role::Member).await);
        forbidden(organizations::remove_member(ctx, &bob.who, id, ada.user).await);
        forbidden(organizations::invite(ctx, &bob.who, id, "x@example.com", Role::Owner).await);
        conflict(organizations::set_role(ctx, &ada.who, id, ada.user, Role::Member).await);
        conflict(organizations::remove_member(ctx, &ada.who, id, ada.user).await);
        hidden(organizations::set_role(ctx, &ada.who, id, eve.user, Role::Admin).await);
        hidden(organizations::remove_member(ctx, &ada.who, id, eve.user).await);

        organizations::set_role(ctx, &ada.who, id, bob.user, Role::Owner).await.expect("two owners");
        organizations::remove_member(ctx, &ada.who, id, ada.user).await.expect("one may go");
        let bob = t.refreshed(bob).await;
        assert_eq!(roles(&t, &bob.who, id).await, [("bob".to_owned(), Role::Owner)]);
        conflict(organizations::remove_member(ctx, &bob.who, id, bob.user).await);
    })
    .await;
}

#[tokio::test]
async fn two_owners_who_remove_each_other_at_once_leave_one() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let bob = join(&t, &ada, "bob@example.com", Role::Owner).await;
        let (ctx, id) = (&t.ctx, ada.organization);
        let (one, two) = tokio::join!(
            organizations::remove_member(ctx, &ada.who, id, bob.user),
            organizations::remove_member(ctx, &bob.who, id, ada.user),
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    })
    .await;
}

#[tokio::test]
async fn a_blocked_organization_is_gone_for_its_members() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let operator = t.operator().await;
        operator::set_blocked(&t.ctx, &operator, ada.organization, true).await.expect("blocked");
        let ada = t.refreshed(ada).await;
        assert!(organizations::list(&t.ctx, &ada.who).await.expect("a list").is_empty());
        hidden(organizations::get(&t.ctx, &ada.who, ada.organization).await);
        assert!(organizations::get(&t.ctx, &operator, ada.organization).await.expect("it is there").blocked);
    })
    .await;
}

#[tokio::test]
async fn a_first_page_begins_at_zero() {
    on_every_ctx(async |t: TestCtx| {
        let ada = t.register("ada@example.com").await;
        let dashboard = organizations::dashboard(&t.ctx, &ada.who, ada.organization).await.expect("a dashboard");
        assert_eq!((dashboard.agents, dashboard.calls, dashboard.failed), (0, 0, 0));
        assert!(dashboard.spend.is_empty() && dashboard.orders.is_empty() && dashboard.subscriptions.is_empty());
        assert_eq!((dashboard.trend.len(), dashboard.trend[29].0.as_str()), (30, "2026-11-21"));
        let months: Vec<_> = dashboard.spend_by_month.iter().map(|(month, _)| month.as_str()).collect();
        assert_eq!(months, ["2026-06", "2026-07", "2026-08", "2026-09", "2026-10", "2026-11"]);
    })
    .await;
}
