//! Mail: into a directory, or over SMTP.

use std::path::Path;

use anyhow::Context as _;
use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::ExposeSecret as _;
use services::ports::{Mail, MailError, Mailer};

use crate::config::MailSection;

/// Sends mail as the settings say.
pub struct ConfiguredMailer {
    from: Mailbox,
    transport: Transport,
}

enum Transport {
    Directory(AsyncFileTransport<Tokio1Executor>),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

impl std::fmt::Debug for ConfiguredMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfiguredMailer").field("from", &self.from).finish_non_exhaustive()
    }
}

impl ConfiguredMailer {
    /// Makes a mailer; without an SMTP address, `directory` takes one `.eml` file a message.
    pub fn new(settings: &MailSection, directory: &Path) -> anyhow::Result<Self> {
        let from = settings.from.parse().with_context(|| {
            format!("key \"mail.from\": {:?} is not a mailbox like CMP <no-reply@example.com>", settings.from)
        })?;
        let transport = match &settings.smtp_url {
            Some(url) => Transport::Smtp(
                AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
                    .context("key \"mail.smtp_url\" is not like smtp://user:password@host:port")?
                    .build(),
            ),
            None => {
                std::fs::create_dir_all(directory)
                    .with_context(|| format!("the mail directory {} cannot be made", directory.display()))?;
                Transport::Directory(AsyncFileTransport::new(directory))
            }
        };
        Ok(Self { from, transport })
    }
}

#[async_trait]
impl Mailer for ConfiguredMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let refused = |error: &dyn std::error::Error| MailError(services::error::chain(error));
        let message = Message::builder()
            .from(self.from.clone())
            .to(mail.to.as_str().parse().map_err(|error: lettre::address::AddressError| refused(&error))?)
            .subject(&mail.subject)
            .body(mail.text.clone())
            .map_err(|error| refused(&error))?;
        match &self.transport {
            Transport::Directory(transport) => {
                transport.send(message).await.map_err(|error| refused(&error))?;
            }
            Transport::Smtp(transport) => {
                transport.send(message).await.map_err(|error| refused(&error))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn mail_without_a_server_lands_in_the_directory() {
        let directory = tempfile::tempdir().expect("a directory");
        let mailer = ConfiguredMailer::new(&MailSection::default(), directory.path()).expect("a mailer");
        let mail = Mail {
            to: "ada@example.com".parse().expect("an address"),
            subject: "Hello".to_owned(),
            text: "There".to_owned(),
        };
        mailer.send(&mail).await.expect("sent");
        let files: Vec<_> = std::fs::read_dir(directory.path()).expect("listed").flatten().collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(files[0].path()).expect("read");
        assert!(text.contains("To: ada@example.com") && text.contains("Subject: Hello"), "{text}");
    }
}
