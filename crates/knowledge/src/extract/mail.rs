//! One e-mail: who wrote when about what, and the words.

use mail_parser::{Address, MessageParser, MimeHeaders as _};

use super::flow::Flow;
use super::{ExtractError, Limits, html};
use crate::document::Document;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    let message = MessageParser::default().parse(bytes).ok_or(ExtractError::Damaged)?;
    let mut flow = Flow::new(limits);
    flow.title(message.subject().unwrap_or_default());
    let mut head = Vec::new();
    for (name, address) in [("From", message.from()), ("To", message.to())] {
        let people = people(address);
        if !people.is_empty() {
            head.push(format!("{name}: {people}"));
        }
    }
    head.extend(message.date().map(|date| format!("Date: {}", date.to_rfc3339())));
    head.extend(message.subject().map(|subject| format!("Subject: {subject}")));
    flow.verbatim = true;
    flow.push(&head.join("\n"));
    flow.end();
    // A message that is HTML alone is given as text by the parser, without its tables.
    let part = message.html_body.first().and_then(|part| message.part(*part)).filter(|part| part.is_text_html());
    let plain = message.text_body.first().and_then(|part| message.part(*part)).is_some_and(|part| !part.is_text_html());
    if let Some(text) = part.filter(|_| !plain).and_then(|part| part.text_contents()) {
        flow.append(html::read(text, limits));
    } else {
        for place in 0..message.text_body.len() {
            for paragraph in crate::document::paragraphs(&message.body_text(place).unwrap_or_default()) {
                flow.push(&paragraph);
                flow.end();
            }
        }
    }
    for attachment in message.attachments() {
        if let Some(name) = attachment.attachment_name() {
            flow.warn(format!("The attachment {name} was not read; add it as a file of its own."));
        }
    }
    Ok(flow.finish())
}

fn people(address: Option<&Address<'_>>) -> String {
    let people =
        address.into_iter().flat_map(|list| list.iter()).map(|person| match (person.name(), person.address()) {
            (Some(name), Some(address)) => format!("{name} <{address}>"),
            (name, address) => name.or(address).unwrap_or_default().to_owned(),
        });
    people.collect::<Vec<_>>().join(", ")
}
