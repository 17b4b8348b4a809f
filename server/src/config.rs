//! Settings, from a TOML file and the environment; an error names the file and the key.
//!
//! The order, later wins: built-in defaults, `cmp.toml` (or `--config FILE`), `CMP_SECTION__KEY`
//! variables, the variables with names of their own (`JWT_SIGNING_KEY` …), the command line.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where we listen and how browsers reach us.
    pub server: ServerSection,
    /// Where the data is.
    pub database: DatabaseSection,
    /// What the marketplace is called and keeps.
    pub site: SiteSection,
    /// How keys are signed.
    pub keys: KeysSection,
    /// The model that flows use.
    pub model: ModelSection,
    /// How flows run.
    pub runtime: RuntimeSection,
    /// What flows may read from the web.
    pub web: WebSection,
    /// The Langflow server for flows that our engine does not run.
    pub langflow: LangflowSection,
    /// How documents are read.
    pub knowledge: KnowledgeSection,
    /// The RAGFlow server that keeps and searches documents; without one they are kept and searched here.
    pub ragflow: RagflowSection,
    /// The model that says what passages of documents mean: one of this machine, or one that is asked by OpenAI's
    /// `/embeddings`; without one they are found by their words alone. When it is changed, all passages are asked about again, and found by the earlier one meanwhile.
    pub embedding: EmbeddingSection,
    /// The model that looks again at the passages that were found and puts them in order, by the `/rerank` of Jina and
    /// Cohere, as TEI, vLLM and Infinity have it; without one they stay as they are.
    pub rerank: EndpointSection,
    /// The payment company; the sandbox pretends to be one where there is none.
    pub stripe: StripeSection,
    /// How mail leaves.
    pub mail: MailSection,
    /// Logs and metrics.
    pub telemetry: TelemetrySection,
}

/// Where we listen and how browsers reach us.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSection {
    /// The address to listen on.
    pub host: String,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// How browsers reach us, `https://cmp.example`; made of host and port where it is empty.
    pub public_url: String,
    /// The directory for everything that is written.
    pub data_dir: PathBuf,
    /// Believe `X-Forwarded-For` and `X-Forwarded-Proto`: only behind a proxy that sets them.
    pub behind_proxy: bool,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 3000,
            public_url: String::new(),
            data_dir: PathBuf::from("data"),
            behind_proxy: false,
        }
    }
}

/// Where the data is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSection {
    /// `sqlite:FILE` or `postgres://…`; a SQLite file in the data directory where it is empty.
    #[serde(serialize_with = "without_password")]
    pub url: String,
    /// Connections at most.
    pub max_connections: u32,
    /// Accept a PostgreSQL role that row-level security does not hold.
    pub allow_superuser: bool,
}

impl Default for DatabaseSection {
    fn default() -> Self {
        Self { url: String::new(), max_connections: 16, allow_superuser: false }
    }
}

fn without_password<S: serde::Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = url::Url::parse(url).ok().filter(|url| url.password().is_some()).and_then(|mut url| {
        url.set_password(Some("…")).ok()?;
        Some(url.to_string())
    });
    serializer.serialize_str(shown.as_deref().unwrap_or(url))
}

/// What the marketplace is called and keeps.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteSection {
    /// The name in titles and mails.
    pub name: String,
    /// Who invoices: the legal name of whoever runs the marketplace; its own name where this is empty.
    pub legal_name: String,
    /// Where that is, in lines, as it stands on invoices.
    pub legal_address: String,
    /// Its VAT id.
    pub vat_id: String,
    /// The platform's share of a sale where no rule says otherwise, in hundredths of a percent.
    pub commission_basis_points: u16,
    /// Where payment pages may lead buyers back to besides this marketplace: origins, `https://shop.example`.
    pub return_origins: Vec<String>,
    /// For how many days what a provider earns is held back, from 0 to 365.
    pub hold_days: i64,
    /// The least that is paid out to a provider at once, in minor units (cents) of any currency.
    pub payout_minimum: i64,
    /// How many messages a visitor may send to a demo.
    pub demo_messages: i64,
}

impl Default for SiteSection {
    fn default() -> Self {
        Self {
            name: "CMP".to_owned(),
            legal_name: String::new(),
            legal_address: String::new(),
            vat_id: String::new(),
            commission_basis_points: 2000,
            return_origins: Vec::new(),
            hold_days: 14,
            payout_minimum: 1_000,
            demo_messages: 5,
        }
    }
}

/// How keys are signed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysSection {
    /// At least 32 characters (`JWT_SIGNING_KEY`); without it a ring in the database signs.
    #[serde(serialize_with = "hidden")]
    pub signing_key: Option<SecretString>,
    /// The issuer in keys.
    pub issuer: String,
    /// The audience in keys.
    pub audience: String,
    /// For how many days a key holds if nobody says otherwise.
    pub default_days: i64,
}

impl Default for KeysSection {
    fn default() -> Self {
        Self { signing_key: None, issuer: "cmp".to_owned(), audience: "agent-gateway".to_owned(), default_days: 365 }
    }
}

/// The model that flows use.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSection {
    /// An OpenAI-compatible endpoint, `https://api.example/v1`; without it the built-in offline
    /// answerer answers.
    pub base_url: String,
    /// Its key.
    #[serde(serialize_with = "hidden")]
    pub api_key: Option<SecretString>,
    /// The model to use in place of the one that a flow names; empty keeps the flow's.
    pub name: String,
}

/// How flows run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeSection {
    /// Seconds that a run may take.
    pub timeout_seconds: u64,
    /// The secret that remote runtimes report usage with (`LANGFLOW_RUNTIME_SECRET`).
    #[serde(serialize_with = "hidden")]
    pub secret: Option<SecretString>,
}

impl Default for RuntimeSection {
    fn default() -> Self {
        Self { timeout_seconds: 30, secret: None }
    }
}

/// What flows may read from the web: every component and MCP server goes through one client that holds to this.
///
/// A host is a name, `api.example.com`, or `*.example.com` for all below one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSection {
    /// Whether flows may read from the web at all.
    pub enabled: bool,
    /// The hosts that flows may ask, and no others; every public host where the list is empty.
    pub allow: Vec<String>,
    /// Hosts that flows may never ask.
    pub deny: Vec<String>,
    /// Hosts with private addresses that flows may ask all the same: services of your own.
    pub private: Vec<String>,
    /// Seconds that one request may take, redirects included.
    pub timeout_seconds: u64,
    /// Bytes of an answer that are read.
    pub max_bytes: usize,
}

impl Default for WebSection {
    fn default() -> Self {
        let (allow, deny, private) = (Vec::new(), Vec::new(), Vec::new());
        Self { enabled: true, allow, deny, private, timeout_seconds: 15, max_bytes: 2 * 1024 * 1024 }
    }
}

/// The Langflow server that runs what our engine does not, for providers who choose it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LangflowSection {
    /// `http://lfx:8000`; without it there is none.
    pub url: String,
    /// Its key: `LANGFLOW_API_KEY` of `lfx serve`, or one made in Langflow.
    #[serde(serialize_with = "hidden")]
    pub api_key: Option<SecretString>,
    /// What it is; found out where it is left out.
    pub kind: LangflowKind,
}

/// What kind of Langflow server it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LangflowKind {
    /// To be found out.
    #[default]
    Probe,
    /// `lfx serve`: no database, no editor; the better one for us.
    Lfx,
    /// Langflow itself.
    Langflow,
}

/// How documents are read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnowledgeSection {
    /// The program that reads files, called as `cmp extract`: this one where it is empty. A wrapper can lock it in
    /// further than the program does by itself.
    pub reader: PathBuf,
}

/// The RAGFlow server that keeps and searches documents. When one is named, the documents that are here are sent to
/// it; when it is taken away again, they are searched here, and what it has of them stays there.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RagflowSection {
    /// Where its API is: `http://ragflow:9380` (`RAGFLOW_BASE_URL`); without it there is none.
    pub url: String,
    /// Its key (`RAGFLOW_API_KEY`), which RAGFlow shows under "API".
    #[serde(serialize_with = "hidden")]
    pub api_key: Option<SecretString>,
}

/// The model that says what passages mean: in a directory, or over HTTP.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingSection {
    /// A model of this machine, of the kind of all-MiniLM-L6-v2: a directory with `config.json`, `model.safetensors`
    /// and `vocab.txt`. It takes 100 MB of memory and asks nobody.
    pub directory: PathBuf,
    /// Where another is asked: `https://api.example/v1`, or `http://localhost:11434/v1` of Ollama.
    pub base_url: String,
    /// Its key.
    #[serde(serialize_with = "hidden")]
    pub api_key: Option<SecretString>,
    /// The model that is asked for there.
    pub model: String,
}

/// A model that is asked over HTTP.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointSection {
    /// Where: `https://api.example/v1`, or `http://localhost:11434/v1` of Ollama; without it there is none.
    pub base_url: String,
    /// Its key.
    #[serde(serialize_with = "hidden")]
    pub api_key: Option<SecretString>,
    /// The model.
    pub model: String,
}

/// Stripe, with which buyers pay in place of the sandbox.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StripeSection {
    /// `sk_test_…`, `sk_live_…`, or a restricted key, `rk_…` (`STRIPE_API_KEY_SECRET`). Without it there is no Stripe.
    #[serde(serialize_with = "hidden")]
    pub secret_key: Option<SecretString>,
    /// `pk_…` of the same mode, which everybody may know (`STRIPE_PUBLISHABLE_KEY`).
    pub publishable_key: String,
    /// `whsec_…` of the endpoint `/api/stripe/webhook/` (`STRIPE_WEBHOOK_SECRET`). While it is replaced, both,
    /// parted by a comma.
    #[serde(serialize_with = "hidden")]
    pub webhook_secret: Option<SecretString>,
    /// The same of the endpoint `/api/stripe/webhook/connect/` (`STRIPE_CONNECT_WEBHOOK_SECRET`).
    #[serde(serialize_with = "hidden")]
    pub connect_webhook_secret: Option<SecretString>,
    /// `bpc_…`: how Stripe's own pages for buyers are set up (`STRIPE_PORTAL_CONFIGURATION`). Without it the program
    /// sets them up, once.
    pub portal_configuration: String,
    /// Where Stripe is, for tests (`STRIPE_API_BASE`). A live key is never sent in the open.
    pub api_base: String,
}

/// How mail leaves.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSection {
    /// `smtp://user:password@host:port`; without it mail is written to `mail/` in the data directory.
    #[serde(serialize_with = "hidden")]
    pub smtp_url: Option<SecretString>,
    /// Who it is from.
    pub from: String,
}

impl Default for MailSection {
    fn default() -> Self {
        Self { smtp_url: None, from: "CMP <no-reply@cmp.invalid>".to_owned() }
    }
}

/// Logs and metrics.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySection {
    /// Which events are logged, `info` or `info,store=debug`.
    pub log: String,
    /// `json` or `text`; text where it is left out and the output is a terminal.
    pub format: Option<LogFormat>,
    /// Where `/metrics` listens; empty switches it off.
    pub metrics_listen: String,
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self { log: "info".to_owned(), format: None, metrics_listen: "127.0.0.1:9464".to_owned() }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

#[expect(clippy::ref_option, reason = "serde calls it with the field")]
fn hidden<S: serde::Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some("(set)"),
        None => serializer.serialize_none(),
    }
}

/// What the command line overrides.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// See [`ServerSection::host`].
    pub host: Option<String>,
    /// See [`ServerSection::port`].
    pub port: Option<u16>,
    /// See [`ServerSection::data_dir`].
    pub data_dir: Option<PathBuf>,
    /// See [`DatabaseSection::url`].
    pub database: Option<String>,
}

/// A setting that cannot be used; the text names the file or variable and the key.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// The variables with names of their own, and the settings that they stand for.
const NAMED_VARIABLES: &[(&str, &str)] = &[
    ("JWT_SIGNING_KEY", "keys.signing_key"),
    ("JWT_ISSUER", "keys.issuer"),
    ("JWT_AUDIENCE", "keys.audience"),
    ("LANGFLOW_RUNTIME_SECRET", "runtime.secret"),
    ("LANGFLOW_RUNTIME_TIMEOUT", "runtime.timeout_seconds"),
    ("RAGFLOW_BASE_URL", "ragflow.url"),
    ("RAGFLOW_API_KEY", "ragflow.api_key"),
    ("DATABASE_URL", "database.url"),
    ("STRIPE_API_KEY_SECRET", "stripe.secret_key"),
    ("STRIPE_PUBLISHABLE_KEY", "stripe.publishable_key"),
    ("STRIPE_WEBHOOK_SECRET", "stripe.webhook_secret"),
    ("STRIPE_CONNECT_WEBHOOK_SECRET", "stripe.connect_webhook_secret"),
    ("STRIPE_PORTAL_CONFIGURATION", "stripe.portal_configuration"),
    ("STRIPE_API_BASE", "stripe.api_base"),
];

impl Config {
    /// Reads the settings; `file` must exist where it is named, and may where it is not.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Defaults::default()));
        figment = match file {
            Some(file) if !file.exists() => {
                return Err(ConfigError(format!("there is no settings file {}", file.display())));
            }
            Some(file) => figment.merge(Toml::file_exact(file)),
            None => figment.merge(Toml::file("cmp.toml")),
        };
        for &(variable, key) in NAMED_VARIABLES {
            figment = figment.merge(Env::raw().only(&[variable]).map(move |_| key.into()).split("."));
        }
        figment = figment.merge(Env::prefixed("CMP_").filter(|key| key.as_str().contains("__")).split("__"));
        let mut config: Self = figment.extract().map_err(|errors| {
            let lines: Vec<String> = errors
                .into_iter()
                .map(|error| {
                    let place = error.metadata.as_ref().map_or_else(|| "the settings".to_owned(), place);
                    format!("{place}, key {:?}: {}", error.path.join("."), error.kind)
                })
                .collect();
            ConfigError(lines.join("\n"))
        })?;
        if let Some(host) = overrides.host {
            config.server.host = host;
        }
        if let Some(port) = overrides.port {
            config.server.port = port;
        }
        if let Some(data_dir) = overrides.data_dir {
            config.server.data_dir = data_dir;
        }
        if let Some(database) = overrides.database {
            config.database.url = database;
        }
        config.validate().map_err(|(key, why)| {
            // A key that is missing is wrong where its section is.
            let section = key.split('.').next().unwrap_or(key);
            let source = figment.find_metadata(key).or_else(|| figment.find_metadata(section));
            let place = source.map_or_else(|| "the settings".to_owned(), place);
            ConfigError(format!("{place}, key {key:?}: {why}"))
        })?;
        Ok(config)
    }

    /// Checks what the types do not; an error names the key.
    fn validate(&self) -> Result<(), (&'static str, &'static str)> {
        let wrong = |key, why| Err((key, why));
        if let Some(key) = &self.keys.signing_key
            && key.expose_secret().len() < 32
        {
            return wrong("keys.signing_key", "must have at least 32 characters; `openssl rand -base64 48` makes one");
        }
        if !(1..=3650).contains(&self.keys.default_days) {
            return wrong("keys.default_days", "must be from 1 to 3650");
        }
        if self.site.commission_basis_points > 10_000 {
            return wrong("site.commission_basis_points", "must be from 0 to 10000");
        }
        let is_origin = |text: &String| {
            url::Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "https" | "http")
                    && url.origin().ascii_serialization() == text.trim_end_matches('/')
            })
        };
        if !self.site.return_origins.iter().all(is_origin) {
            return wrong("site.return_origins", "must hold origins alone, https://shop.example");
        }
        if !(0..=365).contains(&self.site.hold_days) {
            return wrong("site.hold_days", "must be from 0 to 365");
        }
        if !(1..=100_000_000).contains(&self.site.payout_minimum) {
            return wrong("site.payout_minimum", "must be from 1 to 100000000");
        }
        if !(1..=600).contains(&self.runtime.timeout_seconds) {
            return wrong("runtime.timeout_seconds", "must be from 1 to 600");
        }
        if !(1..=120).contains(&self.web.timeout_seconds) {
            return wrong("web.timeout_seconds", "must be from 1 to 120");
        }
        if !(1_024..=64 * 1024 * 1024).contains(&self.web.max_bytes) {
            return wrong("web.max_bytes", "must be from 1024 to 67108864");
        }
        for (key, hosts) in
            [("web.allow", &self.web.allow), ("web.deny", &self.web.deny), ("web.private", &self.web.private)]
        {
            if !hosts.iter().all(|host| is_host(host)) {
                return wrong(key, "must hold hosts alone: api.example.com, *.example.com, 10.0.0.7");
            }
        }
        for (key, text) in [
            ("server.public_url", &self.server.public_url),
            ("model.base_url", &self.model.base_url),
            ("langflow.url", &self.langflow.url),
            ("ragflow.url", &self.ragflow.url),
        ] {
            if !text.is_empty() && !url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                return wrong(key, "must be an address that starts with http:// or https://");
            }
        }
        let key = self.langflow.api_key.as_ref().map(|key| key.expose_secret().trim()).unwrap_or_default();
        if key.is_empty() && !self.langflow.url.is_empty() {
            return wrong("langflow.api_key", "is needed with langflow.url: no Langflow server answers without a key");
        }
        if !self.embedding.directory.as_os_str().is_empty() && !self.embedding.base_url.is_empty() {
            return wrong("embedding.directory", "stands beside embedding.base_url; say which of the two it is");
        }
        let key = self.ragflow.api_key.as_ref().map(|key| key.expose_secret().trim()).unwrap_or_default();
        if key.is_empty() && !self.ragflow.url.is_empty() {
            return wrong("ragflow.api_key", "is needed with ragflow.url: RAGFlow answers nothing without a key");
        }
        // An old version takes a key of two words for no key, and answers as if all were well.
        if key.contains(char::is_whitespace) {
            return wrong("ragflow.api_key", "must hold no blanks");
        }
        self.stripe.validate()
    }

    /// Returns the database's address.
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite:{}", self.server.data_dir.join("cmp.db").display())
        } else {
            self.database.url.clone()
        }
    }

    /// Writes the settings as TOML; secrets only as "(set)".
    pub fn to_toml(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut text = String::new();
        for (section, keys) in value.as_object().into_iter().flatten() {
            text += &["[", section, "]\n"].concat();
            for (key, value) in keys.as_object().into_iter().flatten() {
                let line = if value.is_null() { format!("# {key} is not set\n") } else { format!("{key} = {value}\n") };
                text += &line;
            }
            text.push('\n');
        }
        text
    }
}

impl StripeSection {
    /// Checks what can be checked without asking Stripe, whose crate checks the form of each key.
    fn validate(&self) -> Result<(), (&'static str, &'static str)> {
        let live = |key: &str| key.contains("_live_");
        let public = self.publishable_key.trim();
        if !public.is_empty() && !public.starts_with("pk_test_") && !public.starts_with("pk_live_") {
            return Err(("stripe.publishable_key", "must be the publishable key, pk_…: it is shown to everybody"));
        }
        let Some(secret) = &self.secret_key else { return Ok(()) };
        let secret = secret.expose_secret();
        if secret.trim().is_empty() {
            return Err(("stripe.secret_key", "is empty; leave it out to use the sandbox"));
        }
        if !public.is_empty() && live(public) != live(secret) {
            return Err(("stripe.publishable_key", "is of the other mode than stripe.secret_key"));
        }
        if self.webhook_secret.is_none() {
            return Err((
                "stripe.webhook_secret",
                "is needed with stripe.secret_key: without it nobody hears of payments",
            ));
        }
        Ok(())
    }
}

/// Tells whether a text is a host, or `*.` and one: what would never match anything is a mistake.
fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    url::Host::parse(name).is_ok_and(|host| host.to_string() == name.to_ascii_lowercase())
}

/// Says where a setting came from: a file, a variable.
fn place(metadata: &figment::Metadata) -> String {
    match &metadata.source {
        Some(source) => source.to_string(),
        None => metadata.name.to_string(),
    }
}

/// Stands in front of all sources so that figment knows no defaults of its own; the real ones are
/// serde's, which also works for secrets that are never written.
#[derive(Default, Serialize)]
struct Defaults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_the_key() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("cmp.toml");
        std::fs::write(&file, "[server]\nport = \"many\"\n").expect("written");
        let error = Config::load(Some(&file), Overrides::default()).expect_err("a port is a number");
        assert!(error.to_string().contains("cmp.toml"), "{error}");
        assert!(error.to_string().contains("server.port"), "{error}");
    }

    #[test]
    fn a_list_of_hosts_holds_hosts_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("cmp.toml");
        let load = |text: &str| {
            std::fs::write(&file, text).expect("written");
            Config::load(Some(&file), Overrides::default())
        };
        let config = load("[web]\nallow = [\"api.example.com\", \"*.example.org\", \"93.184.216.34\", \"[::1]\"]\n");
        assert_eq!(config.expect("hosts").web.allow.len(), 4);
        for wrong in ["https://example.com", "example.com/path", "example.com:443", "", "*.", "a b"] {
            let error = load(&format!("[web]\ndeny = [{wrong:?}]\n")).expect_err(wrong);
            assert!(error.to_string().contains("web.deny"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_misspelled_key_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("cmp.toml");
        std::fs::write(&file, "[server]\nprot = 1\n").expect("written");
        let error = Config::load(Some(&file), Overrides::default()).expect_err("no such key");
        assert!(error.to_string().contains("prot"), "{error}");
    }

    #[test]
    fn a_langflow_server_without_a_key_is_an_error_that_says_where() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("cmp.toml");
        std::fs::write(&file, "[langflow]\nurl = \"http://lfx:8000\"\n").expect("written");
        let error = Config::load(Some(&file), Overrides::default()).expect_err("no key").to_string();
        assert!(error.contains("langflow.api_key") && error.contains("cmp.toml"), "{error}");
        std::fs::write(&file, "[langflow]\nurl = \"lfx:8000\"\napi_key = \"sk-x\"\n").expect("written");
        let error = Config::load(Some(&file), Overrides::default()).expect_err("no address").to_string();
        assert!(error.contains("langflow.url") && error.contains("cmp.toml"), "{error}");
    }

    #[test]
    fn a_key_of_stripe_that_is_secret_is_never_shown_to_everybody() {
        let stripe = |secret: &str, public: &str, webhook: Option<&str>| StripeSection {
            secret_key: Some(secret.to_owned().into()),
            publishable_key: public.to_owned(),
            webhook_secret: webhook.map(|text| text.to_owned().into()),
            ..StripeSection::default()
        };
        let wrong = |section: StripeSection| section.validate().err().map(|(key, _)| key);
        assert_eq!(wrong(StripeSection::default()), None);
        assert_eq!(wrong(stripe("sk_test_1", "pk_test_1", Some("whsec_1"))), None);
        assert_eq!(wrong(stripe("sk_test_1", "", Some("whsec_1"))), None);
        for public in ["sk_test_1", "rk_live_1", "whsec_1", "pk_live_1"] {
            assert_eq!(wrong(stripe("sk_test_1", public, Some("whsec_1"))), Some("stripe.publishable_key"), "{public}");
        }
        assert_eq!(wrong(stripe("sk_test_1", "", None)), Some("stripe.webhook_secret"));
        assert_eq!(wrong(stripe(" ", "", None)), Some("stripe.secret_key"));
    }

    #[test]
    fn a_ragflow_server_without_a_key_is_an_error_that_says_where() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("cmp.toml");
        for (text, key) in [
            ("url = \"http://ragflow:9380\"", "ragflow.api_key"),
            ("url = \"ragflow:9380\"\napi_key = \"ragflow-x\"", "ragflow.url"),
            ("url = \"http://ragflow:9380\"\napi_key = \"Bearer ragflow-x\"", "ragflow.api_key"),
        ] {
            std::fs::write(&file, format!("[ragflow]\n{text}\n")).expect("written");
            let error = Config::load(Some(&file), Overrides::default()).expect_err(text).to_string();
            assert!(error.contains(key) && error.contains("cmp.toml"), "{error}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let mut config = Config::default();
        config.keys.signing_key = Some("x".repeat(40).into());
        config.database.url = "postgres://cmp:hunter2@db/cmp".to_owned();
        let text = config.to_toml();
        assert!(!text.contains("xxxx") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("signing_key = \"(set)\""), "{text}");
    }
}
