//! Web pages as documents: fetched by jobs, followed within bounds, read again in time, and gone for good.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::state::DocumentState;
use domain::view::knowledge::DocumentView;
use services::Error;
use services::knowledge::sites::{self, NewPages};
use services::knowledge::{self, NewSource};
use services::ports::WebPageError;
use testkit::{Bought, TestCtx, on_every_ctx};

const SITE: &str = "https://birch.example/help/";

fn page(name: &str) -> String {
    format!("{SITE}{name}")
}

async fn give(t: &TestCtx, bought: &Bought, most: i64, every_hours: i64) -> DocumentView {
    let pages = NewPages { url: SITE.to_owned(), most, every_hours };
    knowledge::add(&t.ctx, &bought.buyer.who, bought.config, NewSource::Pages(pages)).await.unwrap()
}

/// Names and states of all documents, by name.
async fn all(t: &TestCtx, bought: &Bought) -> Vec<(String, DocumentState)> {
    let listed = knowledge::list(&t.ctx, &bought.buyer.who, bought.config).await.unwrap();
    let mut all: Vec<_> = listed.into_iter().map(|document| (document.name, document.state)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

async fn one(t: &TestCtx, bought: &Bought, url: &str) -> DocumentView {
    let listed = knowledge::list(&t.ctx, &bought.buyer.who, bought.config).await.unwrap();
    listed.into_iter().find(|document| document.url == url).unwrap()
}

async fn finds(t: &TestCtx, bought: &Bought, word: &str) -> usize {
    knowledge::search(&t.ctx, &bought.buyer.who, bought.config, word, None).await.unwrap().len()
}

/// A site of a beginning and three pages below it, with links that lead elsewhere.
fn birch(t: &TestCtx) {
    let (a, b) = (page("a"), page("b"));
    t.web.put(
        SITE,
        "Help",
        "Welcome.",
        &[&a, &b, "https://other.example/", "https://birch.example/jobs/", &page("x.png")],
    );
    t.web.put(&a, "Returns", "Refunds take ten days.", &[&page("c"), SITE, &b]);
    t.web.put(&b, "Parking", "Park behind the sawmill.", &[]);
    t.web.put(&page("c"), "Fees", "Kayaks cost nine.", &[]);
}

#[tokio::test]
async fn a_page_alone_is_read_and_called_by_its_title() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        birch(&t);
        let given = give(&t, &bought, 1, 0).await;
        assert_eq!((given.name.as_str(), given.url.as_str(), given.state), (SITE, SITE, DocumentState::Pending));
        t.run_jobs().await;
        assert_eq!(all(&t, &bought).await, [("Help".to_owned(), DocumentState::Ready)]);
        assert_eq!(finds(&t, &bought, "Welcome.").await, 1);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_site_is_followed_below_where_it_begins_and_no_further() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        birch(&t);
        give(&t, &bought, 50, 0).await;
        t.run_jobs().await;
        let names: Vec<_> = all(&t, &bought).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Fees", "Help", "Parking", "Returns"]);
        let site = &sites::list(&t.ctx, &bought.buyer.who, bought.config).await.unwrap()[0];
        assert_eq!((site.pages, site.under_way, site.failed, site.next), (4, 0, 0, None));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_site_has_no_more_pages_than_it_may() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        birch(&t);
        give(&t, &bought, 2, 0).await;
        t.run_jobs().await;
        assert_eq!(all(&t, &bought).await.len(), 2);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_has_changed_is_read_again_when_its_time_has_come_and_what_is_gone_is_never_found_again() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        birch(&t);
        give(&t, &bought, 50, 24).await;
        t.run_jobs().await;
        let (a, b) = (page("a"), page("b"));
        t.web.put(&a, "Returns", "Reimbursements take twelve days.", &[]);
        t.web.fail(&b, WebPageError::Gone("There is no such page (status 404).".to_owned()));
        t.web.fail(&page("c"), WebPageError::Unavailable("The site answers 503; try again later.".to_owned()));
        t.clock.advance_seconds(23 * 3600);
        services::jobs::sweep(&t.ctx).await.unwrap();
        t.run_jobs().await;
        assert_eq!(finds(&t, &bought, "Refunds").await, 1, "it is not yet time");

        t.clock.advance_seconds(3600);
        services::jobs::sweep(&t.ctx).await.unwrap();
        for _ in 0..8 {
            t.run_jobs().await;
            t.clock.advance_seconds(1800);
        }
        assert_eq!((finds(&t, &bought, "Refunds").await, finds(&t, &bought, "Reimbursements").await), (0, 1));
        assert_eq!(finds(&t, &bought, "sawmill.").await, 0);
        let gone = one(&t, &bought, &b).await;
        assert_eq!((gone.state, gone.reason.as_str()), (DocumentState::Failed, "There is no such page (status 404)."));
        let away = one(&t, &bought, &page("c")).await;
        assert_eq!((away.state, away.passages), (DocumentState::Failed, 1), "what was read of it still serves");
        assert_eq!(finds(&t, &bought, "Kayaks").await, 1);
        assert_eq!(one(&t, &bought, SITE).await.state, DocumentState::Ready);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_that_is_deleted_does_not_come_back_with_its_site() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        birch(&t);
        give(&t, &bought, 50, 0).await;
        t.run_jobs().await;
        let returns = one(&t, &bought, &page("a")).await;
        let site = returns.site_id.unwrap();
        knowledge::delete(&t.ctx, &bought.buyer.who, returns.id).await.unwrap();
        sites::refresh(&t.ctx, &bought.buyer.who, site).await.unwrap();
        t.run_jobs().await;
        let names: Vec<_> = all(&t, &bought).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Fees", "Help", "Parking"]);
        assert_eq!(finds(&t, &bought, "Refunds").await, 0);

        sites::delete(&t.ctx, &bought.buyer.who, site).await.unwrap();
        assert_eq!(all(&t, &bought).await, []);
        assert_eq!(finds(&t, &bought, "Kayaks").await, 0);
        assert_eq!(sites::list(&t.ctx, &bought.buyer.who, bought.config).await.unwrap(), []);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_that_leads_out_of_the_site_or_says_the_same_as_another_is_left_out_with_a_reason() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        birch(&t);
        t.web.put(&page("b"), "Again", "Welcome.", &[]);
        t.web.lead(&page("c"), "https://elsewhere.example/");
        give(&t, &bought, 50, 0).await;
        t.run_jobs().await;
        let (twin, out) = (one(&t, &bought, &page("b")).await, one(&t, &bought, &page("c")).await);
        assert_eq!(twin.state, DocumentState::Failed);
        assert!(twin.reason.contains("says the same as “Help”"), "{}", twin.reason);
        assert!(out.reason.contains("leads to https://elsewhere.example/"), "{}", out.reason);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_that_may_not_be_read_fails_at_once() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        t.web.fail(SITE, WebPageError::Refused("birch.example does not allow it.".to_owned()));
        give(&t, &bought, 1, 0).await;
        t.run_jobs().await;
        let refused = one(&t, &bought, SITE).await;
        assert_eq!(
            (refused.state, refused.reason.as_str()),
            (DocumentState::Failed, "birch.example does not allow it.")
        );
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_an_address_is_said_by_field_and_an_address_is_there_once() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let add = async |url: &str, most, every_hours| {
            let pages = NewPages { url: url.to_owned(), most, every_hours };
            knowledge::add(&t.ctx, &bought.buyer.who, bought.config, NewSource::Pages(pages)).await
        };
        for (url, most, hours, field) in
            [("", 1, 0, "url"), ("ftp://a.example", 1, 0, "url"), (SITE, 0, 0, "pages"), (SITE, 1, -1, "refresh_hours")]
        {
            match add(url, most, hours).await {
                Err(Error::Invalid(wrong)) => assert_eq!(wrong[0].0, field),
                other => panic!("{other:?}"),
            }
        }
        add(SITE, 1, 0).await.unwrap();
        assert!(matches!(add("birch.example/help/", 9, 0).await, Err(Error::Conflict(_))));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_else_sees_or_changes_a_site() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        birch(&t);
        let site = give(&t, &bought, 1, 0).await.site_id.unwrap();
        let other = t.register("other@example.com").await;
        for error in [
            sites::get(&t.ctx, &other.who, site).await.err(),
            sites::refresh(&t.ctx, &other.who, site).await.err(),
            sites::delete(&t.ctx, &other.who, site).await.err(),
        ] {
            assert!(matches!(error, Some(Error::NotFound("site"))), "{error:?}");
        }
        let listed = sites::list(&t.ctx, &other.who, bought.config).await;
        assert!(matches!(listed, Err(Error::NotFound("agent"))), "{listed:?}");
        bought.finish().await;
    })
    .await;
}
