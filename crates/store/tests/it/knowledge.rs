//! Documents: one row a content, passages that come and go with their document, questions that found nothing.

use domain::state::{DocumentKind, DocumentState};
use domain::{DocumentId, PassageId};
use store::knowledge::{self as rows, NewDocument, PassageRow, ReadDocument};
use store::{Json, Scope, Tenant};
use testkit::{Bought, TestCtx, on_every_ctx};
use uuid::Uuid;

const FIRST: DocumentId = DocumentId(Uuid::from_u128(1));
const SECOND: DocumentId = DocumentId(Uuid::from_u128(2));

fn document<'a>(bought: &Bought, id: DocumentId, name: &'a str, content: &'a [u8]) -> NewDocument<'a> {
    let hash = [content[0]; 32];
    NewDocument { id, config: bought.config, kind: DocumentKind::File, name, hash, content }
}

fn read(document: DocumentId, texts: &[&str]) -> ReadDocument {
    let passage = |(place, text): (u128, &&str)| PassageRow {
        id: PassageId(Uuid::from_u128(document.0.as_u128() * 100 + place)),
        document_id: document,
        headings: Json(vec!["A heading".to_owned()]),
        first_page: Some(1),
        last_page: Some(2),
        text: (*text).to_owned(),
        language: "en".to_owned(),
        analysis: vec![1, 2, 3],
        content_hash: vec![u8::try_from(place).unwrap_or(0); 32],
    };
    ReadDocument {
        title: "A title".to_owned(),
        language: "en".to_owned(),
        pages: 2,
        warnings: vec!["A picture was left out.".to_owned()],
        passages: (0..).zip(texts).map(passage).collect(),
    }
}

fn tenant(bought: &Bought) -> Tenant {
    Tenant::assume_authorized(bought.buyer.organization)
}

#[tokio::test]
async fn a_content_is_taken_once_and_kept_until_its_last_document_goes() {
    on_every_ctx(async |t: TestCtx| {
        let bought = t.bought(None, 60).await;
        let (tenant, now) = (tenant(&bought), t.ctx.now());
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let first = document(&bought, FIRST, "a.txt", b"alpha");
        assert_eq!(rows::insert(&mut tx, tenant, &first, now).await.expect("a write"), None);
        let again = document(&bought, SECOND, "b.txt", b"alpha");
        assert_eq!(rows::insert(&mut tx, tenant, &again, now).await.expect("a write"), Some(FIRST));
        let size = rows::size(&mut tx, tenant, bought.config).await.expect("a read");
        assert_eq!(size, rows::Size { documents: 1, bytes: 5, pages: 0 });
        assert_eq!(rows::content(&mut tx, tenant, FIRST).await.expect("a read").as_deref(), Some(&b"alpha"[..]));
        assert_eq!(rows::owner(&mut tx, FIRST).await.expect("a read"), Some(bought.buyer.organization));

        assert!(rows::delete(&mut tx, tenant, bought.config, FIRST).await.expect("a write"));
        assert!(!rows::delete(&mut tx, tenant, bought.config, FIRST).await.expect("a write"));
        assert_eq!(rows::content(&mut tx, tenant, FIRST).await.expect("a read"), None);
        assert_eq!(rows::owner(&mut tx, FIRST).await.expect("a read"), None);
        tx.commit().await.expect("a commit");
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn passages_take_the_place_of_those_before_and_go_with_their_document() {
    on_every_ctx(async |t: TestCtx| {
        let bought = t.bought(None, 60).await;
        let (tenant, now) = (tenant(&bought), t.ctx.now());
        let config = bought.config;
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        for (id, content) in [(FIRST, b"a"), (SECOND, b"b")] {
            let new = document(&bought, id, "a.txt", content);
            rows::insert(&mut tx, tenant, &new, now).await.expect("a write");
        }
        assert_eq!(rows::base(&mut tx, tenant, config).await.expect("a read").version, 0);
        assert!(rows::finish(&mut tx, tenant, config, FIRST, &read(FIRST, &["x", "y"]), now).await.expect("a write"));
        assert!(rows::finish(&mut tx, tenant, config, FIRST, &read(FIRST, &["z"]), now).await.expect("a write"));
        assert!(rows::finish(&mut tx, tenant, config, SECOND, &read(SECOND, &["w"]), now).await.expect("a write"));
        assert_eq!(rows::base(&mut tx, tenant, config).await.expect("a read").version, 3);

        let view = rows::get(&mut tx, tenant, FIRST).await.expect("a read").expect("a document");
        assert_eq!((view.state, view.progress, view.pages, view.passages), (DocumentState::Ready, 100, 2, 1));
        assert_eq!((view.title.as_str(), view.warnings.len()), ("A title", 1));
        let listed = rows::list(&mut tx, tenant, config).await.expect("a read");
        assert_eq!(listed.len(), 2);
        let texts = rows::passages(&mut tx, tenant, FIRST).await.expect("a read");
        assert_eq!(texts.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), ["z"]);
        let ranked = rows::ranked(&mut tx, tenant, config).await.expect("a read");
        assert_eq!(ranked.iter().map(|row| row.document_id).collect::<Vec<_>>(), [FIRST, SECOND]);
        let cited = rows::cited(&mut tx, tenant, config, ranked[0].id).await.expect("a read").expect("a passage");
        assert_eq!((cited.text.as_str(), cited.document_name.as_str(), cited.first_page), ("z", "a.txt", Some(1)));

        rows::delete(&mut tx, tenant, config, FIRST).await.expect("a write");
        assert_eq!(rows::cited(&mut tx, tenant, config, ranked[0].id).await.expect("a read"), None);
        assert_eq!(rows::ranked(&mut tx, tenant, config).await.expect("a read").len(), 1);
        let gone = rows::finish(&mut tx, tenant, config, FIRST, &read(FIRST, &["late"]), now).await;
        assert!(!gone.expect("a write"), "a document that was deleted meanwhile stays gone");
        tx.commit().await.expect("a commit");
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn questions_without_an_answer_are_counted() {
    on_every_ctx(async |t: TestCtx| {
        let bought = t.bought(None, 60).await;
        let (tenant, now) = (tenant(&bought), t.ctx.now());
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        for question in ["where", "why", "why"] {
            rows::note_gap(&mut tx, tenant, bought.config, question, now).await.expect("a write");
        }
        let gaps = rows::gaps(&mut tx, tenant, bought.config, 9).await.expect("a read");
        let found: Vec<_> = gaps.iter().map(|gap| (gap.question.as_str(), gap.times)).collect();
        assert_eq!(found, [("why", 2), ("where", 1)]);
        rows::forget_gaps(&mut tx, tenant, bought.config).await.expect("a write");
        assert_eq!(rows::gaps(&mut tx, tenant, bought.config, 9).await.expect("a read"), []);
        tx.commit().await.expect("a commit");
        bought.finish().await;
    })
    .await;
}
