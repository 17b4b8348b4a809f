//! What every `KnowledgeBase` does, whichever it is: the suite that the embedded engine and RAGFlow pass.
//!
//! A [`Subject`] is a base below the use cases, so that what is tried is what buyers get: documents are given by
//! `services::knowledge`, read by jobs, searched in the buyer's name. Time is moved, not waited for.

use std::fmt::Debug;
use std::sync::Arc;

use domain::state::DocumentState;
use domain::view::knowledge::{DocumentView, FoundPassage};
use domain::view::order::NewOrder;
use domain::{ConfigId, DocumentId, Permission};
use futures::future::BoxFuture;
use services::knowledge::{self, NewSource};
use services::ports::{KnowledgeBase, KnowledgeError, KnowledgeQuery, KnowledgeScope, Reading};
use services::{configs, orders};

use crate::{Bought, Seller, TestCtx};

/// A base to be tried.
#[derive(Debug)]
pub struct Subject {
    /// The base.
    pub base: Arc<dyn KnowledgeBase>,
    /// What it is below.
    pub t: TestCtx,
    /// A buyer with an agent.
    pub bought: Bought,
    /// The same buyer's other agent.
    pub other: ConfigId,
    /// Another buyer, with an agent.
    pub stranger: (Seller, ConfigId),
}

impl Subject {
    /// Puts buyers and agents around a base, which is the one of `t`.
    pub async fn new(base: Arc<dyn KnowledgeBase>, t: TestCtx) -> Self {
        let bought = t.bought(None, 600).await;
        let other = another_agent(&t, &bought, &bought.buyer).await;
        let stranger = t.register("stranger@example.com").await;
        let theirs = another_agent(&t, &bought, &stranger).await;
        Self { base, t, bought, other, stranger: (stranger, theirs) }
    }

    /// Tries every case, and says all that does not hold.
    pub async fn try_all(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for case in CASES {
            if let Err(why) = (case.try_on)(self).await {
                broken.push(format!("{}: {why}", case.name));
            }
        }
        broken
    }

    async fn give_to(&self, who: &Seller, config: ConfigId, source: NewSource) -> Result<DocumentView, String> {
        let given = knowledge::add(&self.t.ctx, &who.who, config, source).await.map_err(|error| error.to_string())?;
        self.read(who, given.id).await
    }

    /// Runs jobs until a document is read or has failed.
    async fn read(&self, who: &Seller, id: DocumentId) -> Result<DocumentView, String> {
        for _ in 0..60 {
            self.t.run_jobs().await;
            let document = knowledge::get(&self.t.ctx, &who.who, id).await.map_err(|error| error.to_string())?;
            if !document.state.is_under_way() {
                return Ok(document);
            }
            self.t.clock.advance_seconds(2);
        }
        Err("it was not read in two minutes".to_owned())
    }

    async fn give(&self, name: &str, bytes: &[u8]) -> Result<DocumentView, String> {
        let source = NewSource::File { name: name.to_owned(), bytes: bytes.to_vec() };
        let document = self.give_to(&self.bought.buyer, self.bought.config, source).await?;
        check(document.state == DocumentState::Ready, "it was not read", &document)?;
        Ok(document)
    }

    async fn find(&self, question: &str) -> Result<Vec<FoundPassage>, String> {
        self.find_as(&self.bought.buyer, self.bought.config, question).await
    }

    async fn find_as(&self, who: &Seller, config: ConfigId, question: &str) -> Result<Vec<FoundPassage>, String> {
        let found = knowledge::search(&self.t.ctx, &who.who, config, question, None).await;
        found.map_err(|error| format!("{question:?} could not be asked: {error}"))
    }

    async fn delete(&self, id: DocumentId) -> Result<(), String> {
        knowledge::delete(&self.t.ctx, &self.bought.buyer.who, id).await.map_err(|error| error.to_string())?;
        self.t.run_jobs().await;
        Ok(())
    }

    /// Returns where the buyer's documents are.
    pub fn scope(&self) -> KnowledgeScope {
        let member = self.bought.buyer.who.member(self.bought.buyer.organization, Permission::View).unwrap();
        KnowledgeScope { tenant: member.tenant, config: self.bought.config }
    }
}

async fn another_agent(t: &TestCtx, bought: &Bought, buyer: &Seller) -> ConfigId {
    let before = configs::list(&t.ctx, &buyer.who, None).await.unwrap();
    let order = NewOrder {
        organization_id: buyer.organization,
        project_id: None,
        offering_id: bought.offered.offering,
        plan_id: Some(bought.offered.free_plan),
        name: "Another".to_owned(),
        accept_terms: true,
    };
    orders::place(&t.ctx, &buyer.who, order).await.unwrap();
    t.run_jobs().await;
    let now = configs::list(&t.ctx, &buyer.who, None).await.unwrap();
    now.into_iter().find(|one| before.iter().all(|known| known.id != one.id)).unwrap().id
}

/// One thing that every base does.
pub struct Case {
    /// As a sentence.
    pub name: &'static str,
    /// Tries it; the error says what was wrong.
    pub try_on: for<'s> fn(&'s Subject) -> BoxFuture<'s, Result<(), String>>,
}

impl Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Everything that every base does.
pub static CASES: &[Case] = &[
    Case { name: "a base without a document finds nothing", try_on: |subject| Box::pin(is_empty(subject)) },
    Case { name: "a text is found by its words, with the part that answers", try_on: |s| Box::pin(finds(s)) },
    Case { name: "an answer is found by its question", try_on: |subject| Box::pin(finds_answers(subject)) },
    Case { name: "a PDF says on which page it answers", try_on: |subject| Box::pin(tells_pages(subject)) },
    Case { name: "a web page is found", try_on: |subject| Box::pin(finds_pages(subject)) },
    Case { name: "a format that few read is found", try_on: |subject| Box::pin(finds_foreign(subject)) },
    Case { name: "other languages and signs are kept", try_on: |subject| Box::pin(keeps_letters(subject)) },
    Case { name: "the best comes first, and no more than is wanted", try_on: |subject| Box::pin(ranks(subject)) },
    Case { name: "a search can be kept to some documents", try_on: |subject| Box::pin(is_kept_to(subject)) },
    Case { name: "what is in no document is not found", try_on: |subject| Box::pin(finds_nothing(subject)) },
    Case { name: "a question that is none finds nothing or is refused", try_on: |subject| Box::pin(refuses(subject)) },
    Case { name: "no agent finds what another was given", try_on: |subject| Box::pin(keeps_apart(subject)) },
    Case { name: "a document without text says so", try_on: |subject| Box::pin(says_why(subject)) },
    Case { name: "reading a document twice makes it no longer", try_on: |subject| Box::pin(reads_twice(subject)) },
    Case { name: "a deleted document is not found, nor comes back", try_on: |subject| Box::pin(deletes(subject)) },
    Case {
        name: "a document that is deleted while it is read leaves nothing",
        try_on: |subject| Box::pin(deletes_under_way(subject)),
    },
    Case { name: "reading a document that is gone is harmless", try_on: |subject| Box::pin(reads_gone(subject)) },
    Case {
        name: "a page that has changed is found by what it says now",
        try_on: |subject| Box::pin(refreshes(subject)),
    },
    Case { name: "visitors' files are searched by themselves", try_on: |subject| Box::pin(searches_loose(subject)) },
];

fn check(holds: bool, what: &str, seen: &dyn Debug) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what}: {seen:?}")) }
}

fn names(found: &[FoundPassage]) -> Vec<&str> {
    found.iter().map(|passage| passage.document_name.as_str()).collect()
}

async fn is_empty(subject: &Subject) -> Result<(), String> {
    let found = subject.find("anything at all").await?;
    check(found.is_empty(), "it found something", &found)
}

async fn finds(subject: &Subject) -> Result<(), String> {
    let text = "Returns\n\nThe restocking fee for opened kayaks is seventeen percent.\n";
    let document = subject.give("returns.txt", text.as_bytes()).await?;
    check(document.passages > 0 && document.reason.is_empty(), "its row is wrong", &document)?;
    let found = subject.find("restocking fee kayaks").await?;
    let Some(first) = found.first() else { return Err("it was not found".to_owned()) };
    check(first.document_id == document.id && first.document_name == "returns.txt", "it is another one", first)?;
    check(first.text.contains("seventeen percent"), "its text is another one", first)?;
    check(first.pieces.concat().contains("restocking fee"), "its part is another one", first)?;
    let marked = first.pieces.iter().skip(1).step_by(2).any(|piece| piece.eq_ignore_ascii_case("kayaks"));
    check(marked && first.matched.iter().any(|word| word.contains("kayak")), "the words are not marked", first)?;
    check((1..=100).contains(&first.coverage), "its coverage is no share", first)?;
    let passages = knowledge::passages(&subject.t.ctx, &subject.bought.buyer.who, document.id).await;
    let passages = passages.map_err(|error| error.to_string())?;
    let cited = passages.iter().find(|passage| passage.id == first.id);
    check(cited.is_some_and(|passage| passage.text == first.text), "a citation leads nowhere", &passages)
}

async fn finds_answers(subject: &Subject) -> Result<(), String> {
    let source = NewSource::Answer {
        question: "Where is the ferry landing?".to_owned(),
        answer: "Behind the sawmill, at pier four.".to_owned(),
    };
    let document = subject.give_to(&subject.bought.buyer, subject.bought.config, source).await?;
    check(document.state == DocumentState::Ready, "it was not read", &document)?;
    let found = subject.find("ferry landing").await?;
    let right = found.first().is_some_and(|first| first.document_id == document.id && first.text.contains("sawmill"));
    check(right, "the answer was not found", &found)
}

/// A PDF of such pages, a line of Latin letters each.
pub fn pdf(pages: &[&str]) -> Vec<u8> {
    let mut objects = vec!["<< /Type /Catalog /Pages 2 0 R >>".to_owned()];
    let kids: Vec<String> = (0..pages.len()).map(|page| format!("{} 0 R", 4 + page * 2)).collect();
    objects.push(format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()));
    objects.push("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned());
    for (page, text) in pages.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + page * 2
        ));
        let stream = format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET");
        objects.push(format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()));
    }
    let mut file = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", number + 1));
    }
    let table = file.len();
    file.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for place in places {
        file.push_str(&format!("{place:010} 00000 n \n"));
    }
    file.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1));
    file.into_bytes()
}

async fn tells_pages(subject: &Subject) -> Result<(), String> {
    // Short pages may be one passage, which is said to stand where it begins.
    let lanterns = "A page about lanterns and nothing else. ".repeat(60);
    let berths = "Berths are let by the week. ".repeat(90) + "Moorings cost nine crowns a night.";
    let pages = [lanterns.as_str(), lanterns.as_str(), berths.as_str()];
    // What it is called does not make it a text.
    subject.give("harbour.txt", &pdf(&pages)).await?;
    let found = subject.find("moorings crowns night").await?;
    let first = found.first();
    check(first.is_some_and(|first| first.page == Some(3)), "it does not say page 3", &found)
}

async fn finds_pages(subject: &Subject) -> Result<(), String> {
    let url = "https://example.com/opening";
    let page =
        "<html><head><title>Opening hours</title></head><body><p>The lighthouse opens at dawn.</p></body></html>";
    subject.t.web.put(url, "Opening hours", page, &[]);
    let document = page_of(subject, url).await?;
    check(document.state == DocumentState::Ready, "it was not read", &document)?;
    let found = subject.find("lighthouse opens").await?;
    check(names(&found).first() == Some(&"Opening hours"), "it was not found", &found)
}

async fn page_of(subject: &Subject, url: &str) -> Result<DocumentView, String> {
    let pages = knowledge::sites::NewPages { url: url.to_owned(), most: 1, every_hours: 0 };
    subject.give_to(&subject.bought.buyer, subject.bought.config, NewSource::Pages(pages)).await
}

async fn finds_foreign(subject: &Subject) -> Result<(), String> {
    let mail = "From: a@example.com\r\nSubject: The tide table\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
                The spring tide rises four fathoms.\r\n";
    subject.give("tide.eml", mail.as_bytes()).await?;
    subject.give("NOTES", b"Barnacles are scraped in October.").await?;
    for (question, text) in [("spring tide fathoms", "four fathoms"), ("barnacles scraped", "October")] {
        let found = subject.find(question).await?;
        check(found.first().is_some_and(|first| first.text.contains(text)), "it was not found", &found)?;
    }
    Ok(())
}

async fn keeps_letters(subject: &Subject) -> Result<(), String> {
    let text = "Der Fährmann verlangt fünf Gulden für die Überfahrt; „Kähne“ zahlen nichts. 🚣";
    subject.give("Fähre.md", text.as_bytes()).await?;
    let found = subject.find("Fährmann Überfahrt").await?;
    check(
        found.first().is_some_and(|first| first.text.contains("„Kähne“ zahlen nichts. 🚣")),
        "letters are lost",
        &found,
    )
}

async fn ranks(subject: &Subject) -> Result<(), String> {
    for number in 0..4 {
        subject.give(&format!("rope-{number}.txt"), format!("Rope number {number} is hemp.").as_bytes()).await?;
    }
    subject.give("rope-best.txt", b"Tarred rope of manila hemp outlasts every other rope.").await?;
    let query = KnowledgeQuery { text: "tarred manila rope".to_owned(), most: 2, documents: Vec::new() };
    let found = subject.base.search(subject.scope(), &query).await.map_err(|error| error.to_string())?;
    check((1..=2).contains(&found.len()), "there should be two at the most", &found)?;
    check(found[0].document_name == "rope-best.txt", "the best is not first", &found)?;
    check(found.windows(2).all(|two| two[0].score >= two[1].score), "they are in no order", &found)
}

async fn is_kept_to(subject: &Subject) -> Result<(), String> {
    let one = subject.give("anchor-one.txt", b"The anchor weighs ten stone.").await?;
    let two = subject.give("anchor-two.txt", b"The anchor weighs twelve stone.").await?;
    for (wanted, other) in [(&one, &two), (&two, &one)] {
        let query = KnowledgeQuery { text: "anchor weighs stone".to_owned(), most: 5, documents: vec![wanted.id] };
        let found = subject.base.search(subject.scope(), &query).await.map_err(|error| error.to_string())?;
        let only = !found.is_empty() && found.iter().all(|passage| passage.document_id == wanted.id);
        check(only, &format!("{} should not be there", other.name), &found)?;
    }
    // A word that none of them holds does not bring the others back.
    let query = KnowledgeQuery { text: "restocking kayaks".to_owned(), most: 5, documents: vec![one.id] };
    let found = subject.base.search(subject.scope(), &query).await.map_err(|error| error.to_string())?;
    check(found.iter().all(|passage| passage.document_id == one.id), "another document was searched", &found)
}

async fn finds_nothing(subject: &Subject) -> Result<(), String> {
    let found = subject.find("zeppelin quarantine").await?;
    check(found.is_empty(), "something was found", &found)
}

async fn refuses(subject: &Subject) -> Result<(), String> {
    let query = |text: &str| KnowledgeQuery { text: text.to_owned(), most: 5, documents: Vec::new() };
    for text in ["", "   ", "?!", "\"'*(){}", "\u{0}"] {
        let found = subject.base.search(subject.scope(), &query(text)).await;
        check(found.as_ref().is_ok_and(Vec::is_empty), &format!("{text:?} should find nothing"), &found)?;
    }
    let found = subject.base.search(subject.scope(), &query(&"very long ".repeat(500))).await;
    check(found.is_ok(), "a long question should be asked", &found)
}

async fn keeps_apart(subject: &Subject) -> Result<(), String> {
    let buyer = &subject.bought.buyer;
    let (stranger, theirs) = &subject.stranger;
    // The same content in three hands, and a word of each one's own.
    let same = |own: &str| NewSource::File {
        name: "canary.txt".to_owned(),
        bytes: format!("The canary sings at noon. {own}").into_bytes(),
    };
    subject.give_to(buyer, subject.bought.config, same("Larboard.")).await?;
    subject.give_to(buyer, subject.other, same("Starboard.")).await?;
    subject.give_to(stranger, *theirs, same("Bilgewater.")).await?;
    for (who, config, own) in [
        (buyer, subject.bought.config, "Larboard"),
        (buyer, subject.other, "Starboard"),
        (stranger, *theirs, "Bilgewater"),
    ] {
        for question in ["canary sings noon", "Larboard", "Starboard", "Bilgewater", "restocking kayaks"] {
            let found = subject.find_as(who, config, question).await?;
            let canaries: Vec<&FoundPassage> = found.iter().filter(|one| one.text.contains("canary")).collect();
            check(canaries.iter().all(|one| one.text.contains(own)), &format!("{own} sees another's canary"), &found)?;
            let has = question == "canary sings noon" || question == own;
            check(!has || !canaries.is_empty(), &format!("{own} does not find {question}"), &found)?;
            let leaks = config != subject.bought.config && found.iter().any(|one| one.text.contains("kayaks"));
            check(!leaks, "another agent's document is found", &found)?;
        }
    }
    Ok(())
}

async fn says_why(subject: &Subject) -> Result<(), String> {
    let empty = NewSource::File { name: "scan.pdf".to_owned(), bytes: pdf(&["", ""]) };
    let document = subject.give_to(&subject.bought.buyer, subject.bought.config, empty).await?;
    check(document.state == DocumentState::Failed, "it should have failed", &document)?;
    let reason = document.reason.as_str();
    check(reason.contains("no text") && reason.ends_with('.'), "its reason is no sentence about it", &document)?;
    let again = knowledge::process(&subject.t.ctx, &subject.bought.buyer.who, document.id).await;
    check(again.is_ok(), "it cannot be tried again", &again)?;
    let document = subject.read(&subject.bought.buyer, document.id).await?;
    check(document.state == DocumentState::Failed, "it should have failed again", &document)?;
    subject.delete(document.id).await
}

async fn reads_twice(subject: &Subject) -> Result<(), String> {
    let document = subject.give("keel.txt", b"The keel is laid in spring.").await?;
    let before = subject.find("keel laid").await?;
    let again = knowledge::process(&subject.t.ctx, &subject.bought.buyer.who, document.id).await;
    check(again.is_ok(), "it cannot be read again", &again)?;
    let after = subject.read(&subject.bought.buyer, document.id).await?;
    check(after.state == DocumentState::Ready && after.passages == document.passages, "it is another one", &after)?;
    let found = subject.find("keel laid").await?;
    check(names(&found) == names(&before) && !found.is_empty(), "it is found otherwise", &found)
}

async fn deletes(subject: &Subject) -> Result<(), String> {
    let document = subject.give("cargo.txt", b"Nutmeg is stowed in the forehold.").await?;
    check(!subject.find("nutmeg forehold").await?.is_empty(), "it was not found", &document)?;
    knowledge::delete(&subject.t.ctx, &subject.bought.buyer.who, document.id)
        .await
        .map_err(|error| error.to_string())?;
    // At once, before any job has run.
    let found = subject.find("nutmeg forehold").await?;
    check(found.is_empty(), "it is still found", &found)?;
    subject.t.run_jobs().await;
    let found = subject.find("nutmeg forehold").await?;
    check(found.is_empty(), "it came back", &found)?;
    // The same content may be given anew.
    let document = subject.give("cargo.txt", b"Nutmeg is stowed in the forehold.").await?;
    check(subject.find("nutmeg forehold").await?.len() == 1, "it is not found once", &document)?;
    subject.delete(document.id).await
}

async fn deletes_under_way(subject: &Subject) -> Result<(), String> {
    let source = NewSource::File { name: "wreck.txt".to_owned(), bytes: b"The wreck lies off the cape.".to_vec() };
    let ctx = &subject.t.ctx;
    let given = knowledge::add(ctx, &subject.bought.buyer.who, subject.bought.config, source).await;
    let given = given.map_err(|error| error.to_string())?;
    let begun = subject.base.read(subject.scope(), given.id).await;
    check(begun.is_ok(), "it could not be begun", &begun)?;
    knowledge::delete(ctx, &subject.bought.buyer.who, given.id).await.map_err(|error| error.to_string())?;
    for _ in 0..5 {
        subject.t.run_jobs().await;
        subject.t.clock.advance_seconds(11);
    }
    let found = subject.find("wreck cape").await?;
    check(found.is_empty(), "it is found", &found)
}

async fn reads_gone(subject: &Subject) -> Result<(), String> {
    let read = subject.base.read(subject.scope(), DocumentId(services::clock::fresh_id())).await;
    check(matches!(read, Ok(Reading::Done)), "it should be harmless", &read)?;
    let forgotten = subject.base.forget(subject.scope().tenant, DocumentId(services::clock::fresh_id())).await;
    check(forgotten.is_ok(), "forgetting it should be harmless", &forgotten)
}

async fn refreshes(subject: &Subject) -> Result<(), String> {
    let url = "https://example.com/toll";
    let page =
        |toll: &str| format!("<html><title>Toll</title><body><p>The drawbridge toll is {toll}.</p></body></html>");
    subject.t.web.put(url, "Toll", &page("sixpence"), &[]);
    let document = page_of(subject, url).await?;
    let says = async |toll: &str| {
        let found = subject.find("drawbridge toll").await?;
        let texts: Vec<&str> = found.iter().map(|one| one.text.as_str()).filter(|text| text.contains("toll")).collect();
        check(texts.len() == 1 && texts[0].contains(toll), &format!("it does not say {toll}"), &texts)
    };
    says("sixpence").await?;
    subject.t.web.put(url, "Toll", &page("a shilling"), &[]);
    let again = knowledge::process(&subject.t.ctx, &subject.bought.buyer.who, document.id).await;
    check(again.is_ok(), "it cannot be read again", &again)?;
    // It is found by what it said until it is read.
    says("sixpence").await?;
    subject.read(&subject.bought.buyer, document.id).await?;
    says("a shilling").await?;
    subject.t.web.fail(url, services::ports::WebPageError::Gone("There is no such page (status 404).".to_owned()));
    let again = knowledge::process(&subject.t.ctx, &subject.bought.buyer.who, document.id).await;
    check(again.is_ok(), "it cannot be read again", &again)?;
    subject.read(&subject.bought.buyer, document.id).await?;
    let found = subject.find("drawbridge toll").await?;
    check(found.is_empty(), "a page that is gone is found", &found)
}

async fn searches_loose(subject: &Subject) -> Result<(), String> {
    let read = subject.base.loose("mine.md", b"# Mine\n\nThe figurehead is a griffin.").await;
    let passages: Arc<[_]> = read.map_err(|error| error.to_string())?.into();
    let query = KnowledgeQuery { text: "figurehead".to_owned(), most: 3, documents: Vec::new() };
    let found = subject.base.search_loose(&passages, &query).await.map_err(|error| error.to_string())?;
    check(found.len() == 1 && found[0].text.contains("griffin"), "it was not found", &found)?;
    let found = subject.find("figurehead griffin").await?;
    check(found.is_empty(), "it is in a base", &found)?;
    let read = subject.base.loose("mine.txt", b"  ").await;
    check(matches!(read, Err(KnowledgeError::Unreadable(_))), "an empty file should be refused", &read)
}
