//! A buyer's agent: persona, branding, widget, keys and usage.

use serde::{Deserialize, Serialize};

use crate::{
    Color, ConfigId, InvocationId, KeyId, OfferingId, OrganizationId, Origin, ProjectId, SubscriptionId, Timestamp,
    state::{
        Capability, InvocationState, KeyKind, KeyScope, Source, SubscriptionState, Tone, WidgetPosition, WidgetTheme,
    },
};

/// Everything that a buyer sets for one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigSettings {
    /// What the agent calls itself.
    pub agent_name: String,
    /// What it says first.
    pub greeting_message: String,
    /// What it should do or not do, beside what its provider built in.
    pub system_prompt_override: String,
    /// How it speaks.
    pub tone: Tone,
    /// A picture's address; empty for initials.
    pub avatar_url: String,
    /// The accent colour.
    pub primary_color: Color,
    /// A picture's address; empty for none.
    pub logo_url: String,
    /// What stands above the conversation.
    pub welcome_message: String,
    /// Where the widget sits.
    pub widget_position: WidgetPosition,
    /// The widget's colours.
    pub widget_theme: WidgetTheme,
    /// Pages that may show the widget and call with a key from a browser.
    pub allowed_origins: Vec<Origin>,
    /// Whether the agent answers at all: the buyer's own switch.
    pub live: bool,
    /// Whether visitors are told which documents an answer is from.
    pub show_citations: bool,
    /// Whether the provider may read what is said, in the traces of runs.
    pub share_texts: bool,
}

/// A config and what it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigView {
    /// Which.
    pub id: ConfigId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Whose, by name.
    pub organization_name: String,
    /// In which project.
    pub project_id: ProjectId,
    /// Of which subscription.
    pub subscription_id: SubscriptionId,
    /// What the subscription is called.
    pub subscription_name: String,
    /// Where the subscription stands.
    pub subscription_state: SubscriptionState,
    /// Of which offering.
    pub offering_id: OfferingId,
    /// Of which offering, by name.
    pub offering_name: String,
    /// Its artwork.
    pub offering_thumbnail: String,
    /// Which plan, by name.
    pub plan_name: String,
    /// Calls in a month; nothing means without a limit.
    pub monthly_quota: Option<i64>,
    /// Calls made this month.
    pub used: i64,
    /// What the product can do, and so which tabs there are.
    pub capabilities: Vec<Capability>,
    /// Questions to start with.
    pub starters: Vec<String>,
    /// What the buyer has set.
    pub settings: ConfigSettings,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
}

/// A change to a config: what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigPatch {
    /// See [`ConfigSettings::agent_name`]; 1 to 80 characters.
    pub agent_name: Option<String>,
    /// See [`ConfigSettings::greeting_message`]; up to 500 characters.
    pub greeting_message: Option<String>,
    /// See [`ConfigSettings::system_prompt_override`]; up to 8,000 characters.
    pub system_prompt_override: Option<String>,
    /// `professional`, `friendly` or `casual`.
    pub tone: Option<String>,
    /// An https address, or empty.
    pub avatar_url: Option<String>,
    /// `#RRGGBB`.
    pub primary_color: Option<String>,
    /// An https address, or empty.
    pub logo_url: Option<String>,
    /// Up to 200 characters.
    pub welcome_message: Option<String>,
    /// `bottom-right`, `bottom-left`, `top-right` or `top-left`.
    pub widget_position: Option<String>,
    /// `light`, `dark` or `auto`.
    pub widget_theme: Option<String>,
    /// Web origins; up to 50.
    pub allowed_origins: Option<Vec<String>>,
    /// Whether the agent answers.
    pub live: Option<bool>,
    /// Whether visitors are told which documents an answer is from.
    pub show_citations: Option<bool>,
    /// Whether the provider may read what is said; false also removes what could be read so far.
    pub share_texts: Option<bool>,
}

/// A key, as its organization sees it: never the key itself, but for publishable ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyView {
    /// Which.
    pub id: KeyId,
    /// Of which config.
    pub config_id: ConfigId,
    /// What kind.
    pub kind: KeyKind,
    /// What its maker calls it.
    pub name: String,
    /// Its first characters, to recognize it by.
    pub prefix: String,
    /// The whole key, for publishable ones alone.
    pub publishable: Option<String>,
    /// What it may do.
    pub scopes: Vec<KeyScope>,
    /// Where a browser may use it.
    pub allowed_origins: Vec<Origin>,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it holds.
    pub expires: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
    /// When it was last used, if it was.
    pub last_used: Option<Timestamp>,
    /// Set when a secret key was seen in a browser: the page's origin.
    pub seen_in_browser: Option<String>,
    /// Calls a month that its organization allows for it; nothing where it has set none.
    pub cap: Option<i64>,
}

/// What a buyer sends to make a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// What to call it; 1 to 80 characters.
    pub name: String,
    /// What kind.
    pub kind: KeyKind,
    /// What it may do; a publishable key may only invoke.
    pub scopes: Vec<KeyScope>,
    /// Where a browser may use it; mandatory for publishable keys.
    pub allowed_origins: Vec<String>,
    /// For how many days it holds; 365 where it is left out, at most 3,650.
    pub expires_in_days: Option<i64>,
}

/// A key that was just made: the only time that the secret is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreatedKey {
    /// The key's row.
    pub key: KeyView,
    /// The credential itself.
    pub secret: String,
}

/// What a buyer needs to put the agent on a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WidgetEmbed {
    /// The config.
    pub widget_id: ConfigId,
    /// The HTML to paste.
    pub embed_code: String,
    /// The loader's address.
    pub loader_url: String,
    /// The publishable key in the snippet; nothing while there are no allowed origins.
    pub publishable_key: Option<String>,
}

/// A config's usage in one month or range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageView {
    /// First day, `2026-11-01`.
    pub from: String,
    /// Last day.
    pub to: String,
    /// Answered calls.
    pub calls: i64,
    /// Calls that failed and cost nothing.
    pub failed: i64,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// Calls in a month; nothing means without a limit.
    pub monthly_quota: Option<i64>,
    /// Calls counted against the quota of the running month.
    pub used: i64,
    /// The same by day, oldest first, with empty days.
    pub days: Vec<UsageDay>,
    /// The last calls, newest first.
    pub recent: Vec<InvocationView>,
}

/// One day of usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageDay {
    /// `2026-11-21`.
    pub day: String,
    /// Answered calls.
    pub calls: i64,
    /// Calls that failed.
    pub failed: i64,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvocationView {
    /// The `request_id`.
    pub id: InvocationId,
    /// Through which door.
    pub source: Source,
    /// The key's name, if a key was used.
    pub key_name: Option<String>,
    /// How it ended.
    pub state: InvocationState,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// How long it took.
    pub elapsed_ms: i64,
    /// What went wrong; empty when nothing did.
    pub error: String,
    /// When, readable.
    pub started: String,
}
