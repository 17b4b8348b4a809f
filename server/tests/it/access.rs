//! Everyone who should be refused is: every route and every server function, tried by a stranger,
//! by a member of another organization, and by a member without the right.
//!
//! The table has to name each route of the OpenAPI description and each server function; one that
//! is missing fails the test, and so does one that no longer exists.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::{Account, TestApp, on_every_app};
use crate::story::{Listed, Subscribed, list_an_offering, subscribe};

/// What someone may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    /// Open to them: anything but 401 and 403, and no error of ours.
    Open,
    /// 401.
    Unknown,
    /// 403.
    Forbidden,
    /// 404: not even that it exists.
    Hidden,
    /// An empty list.
    Empty,
    /// 401 of the gateway, which knows keys and no users.
    NeedsKey,
}

use Is::{Empty, Forbidden, Hidden, NeedsKey, Open, Unknown};

/// Who a thing in the path belongs to.
type Row = (&'static str, &'static str, fn() -> Value, Is, Is, Is);

const fn none() -> Value {
    Value::Null
}

fn theirs() -> Value {
    json!({"question": "Whose is it?", "answer": "Theirs.", "config": "{config}"})
}

/// Method, path, body; what a stranger, a member of another organization, and a member of the
/// owning organization with the role `member` are answered.
const TABLE: &[Row] = &[
    // About.
    ("GET", "/api/version/", none, Open, Open, Open),
    ("GET", "/api/configuration/", none, Open, Open, Open),
    ("GET", "/api/docs/", none, Open, Open, Open),
    // Users.
    (
        "POST",
        "/api-auth/password/",
        || json!({"username": "nobody@example.com", "password": "wrong wrong wrong"}),
        Unknown,
        Unknown,
        Unknown,
    ),
    ("POST", "/api-auth/register/", none, Open, Open, Open),
    ("GET", "/api/users/me/", none, Unknown, Open, Open),
    // Organizations.
    ("GET", "/api/customers/", none, Unknown, Open, Open),
    ("POST", "/api/customers/", || json!({"name": ""}), Unknown, Open, Open),
    ("GET", "/api/customers/{buyer}/", none, Unknown, Hidden, Open),
    ("GET", "/api/projects/", none, Unknown, Open, Open),
    ("POST", "/api/projects/", || json!({"name": "Theirs", "customer": "{buyer}"}), Unknown, Hidden, Forbidden),
    ("GET", "/api/projects/{project}/", none, Unknown, Hidden, Open),
    // Catalog: for everyone.
    ("GET", "/api/marketplace-categories/", none, Open, Open, Open),
    ("GET", "/api/marketplace-categories/{category}/", none, Open, Open, Open),
    ("GET", "/api/marketplace-public-offerings/", none, Open, Open, Open),
    ("GET", "/api/marketplace-public-offerings/{offering}/", none, Open, Open, Open),
    ("GET", "/api/marketplace-public-offerings/{offering}/plans/", none, Open, Open, Open),
    ("GET", "/api/marketplace-public-offerings/{offering}/plans/{plan}/", none, Open, Open, Open),
    ("GET", "/api/marketplace-service-providers/", none, Open, Open, Open),
    (
        "POST",
        "/api/marketplace-service-providers/",
        || json!({"customer": "{buyer}", "description": "We would like to sell what we make."}),
        Unknown,
        Hidden,
        Forbidden,
    ),
    ("GET", "/api/marketplace-service-providers/{provider}/", none, Open, Open, Open),
    ("POST", "/api/marketplace-service-providers/{provider}/approve/", none, Unknown, Forbidden, Forbidden),
    (
        "POST",
        "/api/marketplace-service-providers/{provider}/reject/",
        || json!({"reason": "no"}),
        Unknown,
        Forbidden,
        Forbidden,
    ),
    // Orders and subscriptions of the buyer.
    ("GET", "/api/marketplace-orders/", none, Unknown, Empty, Open),
    (
        "POST",
        "/api/marketplace-orders/",
        || json!({"offering": "{offering}", "project": "{project}", "plan": "{plan}"}),
        Unknown,
        Open,
        Forbidden,
    ),
    ("GET", "/api/marketplace-orders/{order}/", none, Unknown, Hidden, Open),
    ("POST", "/api/marketplace-orders/{order}/cancel/", none, Unknown, Hidden, Forbidden),
    ("POST", "/api/marketplace-orders/{order}/approve_by_consumer/", none, Unknown, Hidden, Forbidden),
    ("POST", "/api/marketplace-orders/{order}/approve_by_provider/", none, Unknown, Hidden, Hidden),
    (
        "POST",
        "/api/marketplace-orders/{order}/reject_by_provider/",
        || json!({"reason": "no"}),
        Unknown,
        Hidden,
        Hidden,
    ),
    ("POST", "/api/stripe/checkout/", || json!({"order_uuid": "{order}"}), Unknown, Hidden, Forbidden),
    ("GET", "/api/marketplace-resources/", none, Unknown, Empty, Open),
    ("GET", "/api/marketplace-resources/{resource}/", none, Unknown, Hidden, Open),
    (
        "POST",
        "/api/marketplace-resources/{resource}/switch_plan/",
        || json!({"plan": "{plan}"}),
        Unknown,
        Hidden,
        Forbidden,
    ),
    ("POST", "/api/marketplace-resources/{resource}/terminate/", none, Unknown, Hidden, Forbidden),
    ("GET", "/api/stripe-subscriptions/", none, Unknown, Empty, Open),
    // About their own organizations, which do not sell.
    ("GET", "/api/stripe/connect/", none, Unknown, Open, Open),
    ("POST", "/api/stripe/connect/", || json!({"customer_uuid": "{provider}"}), Unknown, Hidden, Hidden),
    ("POST", "/api/stripe/connect/login-link/", || json!({"customer_uuid": "{provider}"}), Unknown, Hidden, Hidden),
    ("POST", "/api/stripe/connect/login-link/", || json!({"customer_uuid": "{buyer}"}), Unknown, Hidden, Forbidden),
    ("POST", "/api/stripe/connect/", || json!({"customer_uuid": "{buyer}"}), Unknown, Hidden, Forbidden),
    ("GET", "/api/stripe/config/", none, Open, Open, Open),
    ("GET", "/api/stripe-customers/", none, Unknown, Empty, Open),
    ("GET", "/api/stripe-payment-methods/", none, Unknown, Empty, Open),
    // Without Stripe there is nobody to believe.
    ("POST", "/api/stripe/webhook/", none, Hidden, Hidden, Hidden),
    ("POST", "/api/stripe/webhook/connect/", none, Hidden, Hidden, Hidden),
    ("POST", "/api/stripe-subscriptions/{resource}/cancel/", none, Unknown, Hidden, Forbidden),
    ("POST", "/api/stripe-subscriptions/{resource}/resume/", none, Unknown, Hidden, Forbidden),
    ("GET", "/api/stripe-subscriptions/{resource}/preview_change/", none, Unknown, Hidden, Open),
    ("GET", "/api/marketplace-provider-resources/", none, Unknown, Empty, Empty),
    ("POST", "/api/payments/sandbox/checkout/{session}/pay/", none, Open, Open, Open),
    ("POST", "/api/payments/sandbox/payouts/{session}/bank/", || json!({}), Open, Open, Open),
    // The buyer's agent and keys.
    ("GET", "/api/customer-agent-configs/", none, Unknown, Empty, Open),
    ("GET", "/api/customer-agent-configs/{config}/", none, Unknown, Hidden, Open),
    ("PATCH", "/api/customer-agent-configs/{config}/", || json!({"tone": "casual"}), Unknown, Hidden, Open),
    ("GET", "/api/customer-agent-configs/{config}/api_keys/", none, Unknown, Hidden, Forbidden),
    (
        "POST",
        "/api/customer-agent-configs/{config}/api_keys/",
        || json!({"name": "theirs"}),
        Unknown,
        Hidden,
        Forbidden,
    ),
    ("GET", "/api/customer-agent-configs/{config}/usage/", none, Unknown, Hidden, Open),
    ("GET", "/api/customer-agent-configs/{config}/usage_csv/", none, Unknown, Hidden, Open),
    ("GET", "/api/customer-agent-configs/{config}/invocations/", none, Unknown, Hidden, Open),
    ("GET", "/api/customer-agent-configs/{config}/widget_embed/", none, Unknown, Hidden, Open),
    // What the agent answers from.
    ("GET", "/api/customer-agent-configs/{config}/training_documents/", none, Unknown, Hidden, Open),
    ("POST", "/api/customer-agent-configs/{config}/training_documents/", theirs, Unknown, Hidden, Open),
    ("GET", "/api/training-documents/", none, Unknown, Empty, Open),
    ("POST", "/api/training-documents/", theirs, Unknown, Hidden, Open),
    ("GET", "/api/training-documents/{document}/", none, Unknown, Hidden, Open),
    ("DELETE", "/api/training-documents/{document}/", none, Unknown, Hidden, Open),
    ("POST", "/api/training-documents/{document}/process/", none, Unknown, Hidden, Open),
    ("GET", "/api/training-documents/{document}/download/", none, Unknown, Hidden, Open),
    ("GET", "/api/customer-agent-configs/{config}/training_sites/", none, Unknown, Hidden, Open),
    ("GET", "/api/training-sites/{site}/", none, Unknown, Hidden, Open),
    ("POST", "/api/training-sites/{site}/process/", none, Unknown, Hidden, Open),
    ("DELETE", "/api/training-sites/{site}/", none, Unknown, Hidden, Open),
    ("GET", "/api/marketplace-ai-knowledge-bases/", none, Unknown, Empty, Open),
    ("POST", "/api/marketplace-ai-knowledge-bases/", || json!({"config": "{config}"}), Unknown, Hidden, Open),
    ("GET", "/api/marketplace-ai-knowledge-bases/{config}/", none, Unknown, Hidden, Open),
    (
        "POST",
        "/api/marketplace-ai-knowledge-bases/{config}/search/",
        || json!({"query": "theirs"}),
        Unknown,
        Hidden,
        Open,
    ),
    ("GET", "/api/marketplace-ai-knowledge-documents/", none, Unknown, Empty, Open),
    ("POST", "/api/marketplace-ai-knowledge-documents/", theirs, Unknown, Hidden, Open),
    ("GET", "/api/marketplace-ai-knowledge-documents/{document}/", none, Unknown, Hidden, Open),
    ("DELETE", "/api/marketplace-ai-knowledge-documents/{document}/", none, Unknown, Hidden, Open),
    ("GET", "/api/agent-api-keys/", none, Unknown, Empty, Empty),
    ("POST", "/api/agent-api-keys/", || json!({"name": "theirs", "config": "{config}"}), Unknown, Hidden, Forbidden),
    ("POST", "/api/agent-api-keys/{key}/revoke/", none, Unknown, Hidden, Forbidden),
    ("POST", "/api/agent-api-keys/{key}/regenerate/", none, Unknown, Hidden, Forbidden),
    // The provider's side; the member without the right is a member of the buyer's organization,
    // which sells nothing, so that all of this is another organization's to them.
    ("GET", "/api/provider-agents/", none, Unknown, Empty, Empty),
    (
        "POST",
        "/api/provider-agents/",
        || json!({"name": "Theirs", "category": "agents", "customer_uuid": "{provider}"}),
        Unknown,
        Hidden,
        Hidden,
    ),
    ("POST", "/api/provider-agents/validate_flow/", || json!({"flow_definition": {}}), Unknown, Open, Open),
    ("GET", "/api/provider-agents/{agent}/", none, Unknown, Hidden, Hidden),
    ("PUT", "/api/provider-agents/{agent}/", || json!({"name": "Theirs"}), Unknown, Hidden, Hidden),
    ("PATCH", "/api/provider-agents/{agent}/", || json!({"name": "Theirs"}), Unknown, Hidden, Hidden),
    ("DELETE", "/api/provider-agents/{agent}/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/provider-agents/{agent}/validate_flow/", || json!({"flow_definition": {}}), Unknown, Hidden, Hidden),
    ("POST", "/api/provider-agents/{agent}/import_flow/", || json!({"flow_definition": {}}), Unknown, Hidden, Hidden),
    ("GET", "/api/provider-agents/{agent}/runs/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/provider-agent-runs/{run}/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/provider-agents/{agent}/publish/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/provider-agents/{agent}/unpublish/", none, Unknown, Hidden, Hidden),
    (
        "POST",
        "/api/flows/import/",
        || json!({"flow_definition": {}, "customer_uuid": "{provider}"}),
        Unknown,
        Hidden,
        Hidden,
    ),
    ("GET", "/api/marketplace-provider-offerings/", none, Unknown, Empty, Empty),
    ("POST", "/api/marketplace-provider-offerings/", || json!({"agent": "{agent}"}), Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-provider-offerings/{offering}/", none, Unknown, Hidden, Hidden),
    (
        "PATCH",
        "/api/marketplace-provider-offerings/{offering}/",
        || json!({"tagline": "Theirs"}),
        Unknown,
        Hidden,
        Hidden,
    ),
    ("POST", "/api/marketplace-provider-offerings/{offering}/submit/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/marketplace-provider-offerings/{offering}/activate/", none, Unknown, Forbidden, Forbidden),
    ("POST", "/api/marketplace-provider-offerings/{offering}/reject/", none, Unknown, Forbidden, Forbidden),
    ("POST", "/api/marketplace-provider-offerings/{offering}/pause/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/marketplace-provider-offerings/{offering}/unpause/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/marketplace-provider-offerings/{offering}/draft/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/marketplace-provider-offerings/{offering}/archive/", none, Unknown, Hidden, Hidden),
    (
        "POST",
        "/api/marketplace-plans/",
        || json!({"offering": "{offering}", "name": "Theirs", "unit_price": 1.0}),
        Unknown,
        Hidden,
        Hidden,
    ),
    ("POST", "/api/marketplace-plans/{plan}/archive/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/stripe-subscriptions/{resource}/usage_bill/", none, Unknown, Hidden, Open),
    ("POST", "/api/stripe-subscriptions/{resource}/keep_plan/", none, Unknown, Hidden, Forbidden),
    ("POST", "/api/stripe-subscriptions/{resource}/portal/", none, Unknown, Hidden, Forbidden),
    (
        "POST",
        "/api/stripe-subscriptions/{resource}/change_plan/",
        || json!({"plan": "{plan}"}),
        Unknown,
        Hidden,
        Forbidden,
    ),
    // Bundles.
    ("GET", "/api/marketplace-bundles/", none, Open, Open, Open),
    ("GET", "/api/marketplace-bundles/{bundle}/", none, Hidden, Hidden, Hidden),
    ("GET", "/api/marketplace-service-providers/{provider}/bundles/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-service-providers/{buyer}/bundles/", none, Unknown, Hidden, Forbidden),
    (
        "POST",
        "/api/marketplace-bundles/",
        || json!({"provider": "{provider}", "name": "Theirs", "price": "1.00"}),
        Unknown,
        Hidden,
        Hidden,
    ),
    (
        "POST",
        "/api/marketplace-bundles/",
        || json!({"provider": "{buyer}", "name": "Theirs", "price": "1.00"}),
        Unknown,
        Hidden,
        Forbidden,
    ),
    ("POST", "/api/marketplace-bundles/{bundle}/put/", || json!({"plan": "{plan}"}), Unknown, Hidden, Hidden),
    (
        "POST",
        "/api/marketplace-bundles/{bundle}/take_out/",
        || json!({"offering": "{offering}"}),
        Unknown,
        Hidden,
        Hidden,
    ),
    ("POST", "/api/marketplace-bundles/{bundle}/propose/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/marketplace-bundles/{bundle}/agree/", || json!({"offering": "{offering}"}), Unknown, Hidden, Hidden),
    ("POST", "/api/marketplace-bundles/{bundle}/withdraw/", || json!({"reason": "none"}), Unknown, Hidden, Hidden),
    (
        "POST",
        "/api/marketplace-bundles/{bundle}/order/",
        || json!({"customer": "{buyer}", "accepting_terms_of_service": true}),
        Unknown,
        Hidden,
        Forbidden,
    ),
    // Money: a provider's own, and the operator's.
    ("GET", "/api/marketplace-service-providers/{provider}/earnings/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-service-providers/{buyer}/earnings/", none, Unknown, Hidden, Forbidden),
    ("GET", "/api/marketplace-service-providers/{provider}/earnings_csv/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-service-providers/{provider}/balance/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-service-providers/{provider}/tax_year_csv/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-service-providers/{provider}/payouts/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-service-providers/{buyer}/payouts/", none, Unknown, Hidden, Forbidden),
    ("GET", "/api/marketplace-service-providers/{provider}/payout_account/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/marketplace-service-providers/{provider}/payout_account/", none, Unknown, Hidden, Hidden),
    ("POST", "/api/marketplace-service-providers/{buyer}/payout_account/", none, Unknown, Hidden, Forbidden),
    (
        "POST",
        "/api/marketplace-service-providers/{provider}/payout_hold/",
        || json!({"reason": "no"}),
        Unknown,
        Forbidden,
        Forbidden,
    ),
    ("GET", "/api/marketplace-refunds/", none, Unknown, Forbidden, Forbidden),
    ("POST", "/api/marketplace-payments/{payment}/refund/", || json!({"reason": "none"}), Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-orders/{order}/payments/", none, Unknown, Hidden, Forbidden),
    ("GET", "/api/marketplace-orders/{order}/calls/", none, Unknown, Hidden, Forbidden),
    ("GET", "/api/marketplace-cases/", none, Unknown, Forbidden, Forbidden),
    ("POST", "/api/marketplace-cases/{case}/close/", || json!({"note": "done"}), Unknown, Forbidden, Forbidden),
    ("POST", "/api/marketplace-ledger/reconcile/", none, Unknown, Forbidden, Forbidden),
    ("GET", "/api/marketplace-payouts/", none, Unknown, Forbidden, Forbidden),
    ("GET", "/api/marketplace-payouts/plan/", none, Unknown, Forbidden, Forbidden),
    ("POST", "/api/marketplace-payouts/run/", none, Unknown, Forbidden, Forbidden),
    ("GET", "/api/marketplace-payouts/{payout}/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-payouts/{payout}/pdf/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-invoices/", none, Unknown, Empty, Open),
    ("GET", "/api/marketplace-invoices/{invoice}/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/marketplace-invoices/{invoice}/pdf/", none, Unknown, Hidden, Hidden),
    ("GET", "/api/customers/{buyer}/invoices_csv/", none, Unknown, Hidden, Forbidden),
    ("GET", "/api/customers/{buyer}/caps/", none, Unknown, Hidden, Forbidden),
    (
        "POST",
        "/api/customers/{buyer}/caps/",
        || json!({"scope_uuid": "{resource}", "calls": 1}),
        Unknown,
        Hidden,
        Forbidden,
    ),
    ("GET", "/api/customers/{buyer}/billing_details/", none, Unknown, Hidden, Open),
    ("PUT", "/api/customers/{buyer}/billing_details/", || json!({"vat_id": "X1"}), Unknown, Hidden, Forbidden),
    ("GET", "/api/marketplace-revenue/", none, Unknown, Forbidden, Forbidden),
    ("GET", "/api/marketplace-ledger/", none, Unknown, Forbidden, Forbidden),
    ("GET", "/api/marketplace-ledger/balances/", none, Unknown, Forbidden, Forbidden),
    ("GET", "/api/marketplace-ledger/check/", none, Unknown, Forbidden, Forbidden),
    ("GET", "/api/marketplace-commission-rules/", none, Unknown, Forbidden, Forbidden),
    ("POST", "/api/marketplace-commission-rules/", || json!({"percent": "0"}), Unknown, Forbidden, Forbidden),
    ("POST", "/api/marketplace-commission-rules/{rule}/end/", none, Unknown, Forbidden, Forbidden),
    // For visitors and widgets; a wrong body or key is refused by what it is, not by who sends it.
    ("POST", "/api/agent-gateway/demo/{offering}/", || json!({"input": ""}), Open, Open, Open),
    ("POST", "/api/payments/sandbox/webhook/", || json!({}), Forbidden, Forbidden, Forbidden),
    ("POST", "/ui-stream/chat/{config}/", || json!({"input": "hello"}), Unknown, Hidden, Open),
    // Ends the caller's own token, so it comes last.
    ("POST", "/api-auth/logout/", none, Unknown, Open, Open),
];

/// A door of the gateway: method, path, body, and what a user's token is told.
type Door = (&'static str, &'static str, fn() -> Value, Is);

/// The gateway's doors take keys, and no user token opens them.
const GATEWAY: &[Door] = &[
    ("POST", "/api/agent-gateway/invoke/", || json!({"input": "hello"}), NeedsKey),
    ("POST", "/api/agent-gateway/validate/", none, NeedsKey),
    ("GET", "/api/agent-gateway/validate/", none, NeedsKey),
    (
        "POST",
        "/api/agent-gateway/usage/",
        || json!({"config_uuid": "{config}", "input_tokens": 1, "output_tokens": 1}),
        NeedsKey,
    ),
    ("GET", "/api/agent-gateway/session/messages/", none, NeedsKey),
    (
        "POST",
        "/api/agent-gateway/session/",
        || json!({"config_id": "{config}", "key": "ar_pk_live_unknown", "parent_origin": "https://shop.example"}),
        NeedsKey,
    ),
    ("POST", "/api/runtime/auth/", none, NeedsKey),
    ("POST", "/api/runtime/usage/", || json!({"config_uuid": "{config}"}), NeedsKey),
    ("GET", "/api/agent-gateway/health/", none, Open),
];

/// What a server function is sent, and what each is answered.
type UiRow = (&'static str, &'static str, &'static str, Is, Is, Is);

/// The portal's server functions: method, address, fields; what a stranger, a member of another
/// organization (`{foreign}`), and a member of the owning organization with the role `member` are answered.
///
/// They are sent as a browser without JavaScript does: with the cookie, as a form or in the address.
const SERVER_FUNCTIONS: &[UiRow] = &[
    // The catalog: for everyone.
    ("GET", "/ui/catalog/categories", "", Open, Open, Open),
    ("GET", "/ui/catalog/offerings", "filter[search]=parrot", Open, Open, Open),
    ("GET", "/ui/catalog/offering", "id={offering}", Open, Open, Open),
    ("GET", "/ui/catalog/plan", "id={plan}", Open, Open, Open),
    ("GET", "/ui/catalog/provider", "id={provider}&page=1", Open, Open, Open),
    ("GET", "/ui/catalog/category", "id=agents&page=1", Open, Open, Open),
    (
        "POST",
        "/ui/catalog/review",
        "offering={offering}&organization={buyer}&rating=5&title=Good&body=It+repeats+very+politely+indeed.",
        Unknown,
        Hidden,
        Forbidden,
    ),
    (
        "POST",
        "/ui/catalog/review",
        "offering={offering}&organization={foreign}&rating=5&title=Good&body=It+repeats+very+politely+indeed.",
        Unknown,
        Forbidden,
        Hidden,
    ),
    ("POST", "/ui/demo/say", "offering={offering}&input=hello", Open, Open, Open),
    // Signing in and up.
    ("GET", "/ui/session/viewer", "", Open, Open, Open),
    ("POST", "/ui/session/log-in", "email=nobody%40example.com&password=wrong+wrong+wrong", Open, Open, Open),
    ("POST", "/ui/session/register", "name=&email=&password=", Open, Open, Open),
    ("POST", "/ui/password/ask", "email=nobody%40example.com", Open, Open, Open),
    ("GET", "/ui/password/open", "token=nonsense", Open, Open, Open),
    ("POST", "/ui/password/set", "token=nonsense&password=a+long+enough+password", Open, Open, Open),
    ("POST", "/ui/session/theme", "theme=dark", Open, Open, Open),
    ("POST", "/ui/buy/sign-up", "plan={plan}&name=&email=&password=&accept_terms=on", Open, Open, Open),
    // Orders and subscriptions of the buyer.
    ("POST", "/ui/buy/order", "plan={plan}&organization={buyer}&name=&accept_terms=on", Unknown, Hidden, Forbidden),
    ("GET", "/ui/order/get", "id={order}&watching=false", Unknown, Hidden, Open),
    ("GET", "/ui/order/list", "organization={buyer}&page=1", Unknown, Hidden, Open),
    ("POST", "/ui/order/pay", "id={order}", Unknown, Hidden, Forbidden),
    ("POST", "/ui/order/cancel", "id={order}", Unknown, Hidden, Forbidden),
    // Who knows the address of a payment may pay; an address that nobody has is not there.
    ("GET", "/ui/sandbox/checkout", "session={session}", Open, Open, Open),
    ("GET", "/ui/sandbox/payouts", "page={session}", Open, Open, Open),
    (
        "POST",
        "/ui/sandbox/set-bank",
        "page={session}&holder=Ada&routing=110000000&account=000123456789",
        Open,
        Open,
        Open,
    ),
    ("POST", "/ui/sandbox/pay", "session={session}&number=4242&expiry=12/34&cvc=123&name=Ada", Open, Open, Open),
    ("GET", "/ui/subscription/list", "organization={buyer}", Unknown, Hidden, Open),
    ("GET", "/ui/subscription/deploy", "subscription={resource}", Unknown, Hidden, Open),
    ("POST", "/ui/subscription/switch", "subscription={resource}&plan={plan}", Unknown, Hidden, Forbidden),
    ("POST", "/ui/subscription/end", "subscription={resource}", Unknown, Hidden, Forbidden),
    ("GET", "/ui/billing/payments", "organization={buyer}", Unknown, Hidden, Forbidden),
    // The buyer's organization.
    ("GET", "/ui/organization/get", "id={buyer}", Unknown, Hidden, Open),
    (
        "POST",
        "/ui/organization/save-details",
        "id={buyer}&legal_name=Theirs&address=&vat_id=",
        Unknown,
        Hidden,
        Forbidden,
    ),
    ("GET", "/ui/organization/dashboard", "organization={buyer}", Unknown, Hidden, Open),
    ("POST", "/ui/organization/save", "id={buyer}&name=Theirs&email=them%40example.com", Unknown, Hidden, Forbidden),
    ("GET", "/ui/team/list", "organization={buyer}", Unknown, Hidden, Open),
    ("POST", "/ui/team/invite", "organization={buyer}&email=them%40example.com&role=owner", Unknown, Hidden, Forbidden),
    ("POST", "/ui/team/change", "organization={buyer}&subject={user}&what=remove", Unknown, Hidden, Forbidden),
    ("POST", "/ui/team/change", "organization={buyer}&subject={user}&what=member", Unknown, Hidden, Forbidden),
    ("POST", "/ui/team/change", "organization={buyer}&subject={invitation}&what=withdraw", Unknown, Hidden, Forbidden),
    // Whoever holds an invitation sees what it offers; its address alone accepts it.
    ("GET", "/ui/invitation/get", "token={token}", Open, Open, Open),
    ("POST", "/ui/invitation/accept", "token={token}", Unknown, Forbidden, Forbidden),
    // With an organization of their own around someone else's things.
    ("POST", "/ui/team/change", "organization={foreign}&subject={user}&what=remove", Unknown, Hidden, Hidden),
    ("POST", "/ui/team/change", "organization={foreign}&subject={invitation}&what=withdraw", Unknown, Hidden, Hidden),
    // The buyer's agent and keys.
    ("GET", "/ui/agent/list", "organization={buyer}", Unknown, Hidden, Open),
    ("GET", "/ui/agent/get", "id={config}", Unknown, Hidden, Open),
    ("GET", "/ui/agent/said", "id={config}", Unknown, Hidden, Open),
    ("POST", "/ui/agent/say", "id={config}&input=hello", Unknown, Hidden, Open),
    ("GET", "/ui/agent/usage", "id={config}&days=30", Unknown, Hidden, Open),
    ("POST", "/ui/demo/forget", "offering={offering}", Open, Open, Open),
    ("POST", "/ui/agent/share-texts", "id={config}&share=true", Unknown, Hidden, Forbidden),
    ("GET", "/ui/training/get", "id={config}", Unknown, Hidden, Open),
    (
        "POST",
        "/ui/training/pages",
        "id={config}&url=https%3A%2F%2Ftheirs.invalid%2Fa&pages=1&hours=0",
        Unknown,
        Hidden,
        Open,
    ),
    ("POST", "/ui/training/site", "id={config}&site={site}&what=process", Unknown, Hidden, Open),
    ("POST", "/ui/training/site", "id={config}&site={site}&what=delete", Unknown, Hidden, Open),
    ("GET", "/ui/training/search", "id={config}&q=theirs", Unknown, Hidden, Open),
    ("GET", "/ui/training/search", "id={config}&q=", Unknown, Hidden, Open),
    ("GET", "/ui/training/passages", "document={document}", Unknown, Hidden, Open),
    ("POST", "/ui/training/answer", "id={config}&question=Whose%3F&answer=Theirs.", Unknown, Hidden, Open),
    ("POST", "/ui/training/document", "id={config}&document={document}&what=process", Unknown, Hidden, Open),
    ("POST", "/ui/training/document", "id={config}&document={document}&what=delete", Unknown, Hidden, Open),
    ("POST", "/ui/training/citations", "id={config}&show=true", Unknown, Hidden, Open),
    ("GET", "/ui/agent/usage-now", "id={config}", Unknown, Hidden, Open),
    (
        "POST",
        "/ui/agent/save-persona",
        "id={config}&agent_name=Theirs&tone=casual&greeting_message=Hi&system_prompt_override=&avatar_url=",
        Unknown,
        Hidden,
        Open,
    ),
    (
        "POST",
        "/ui/agent/save-branding",
        "id={config}&primary_color=%23000000&logo_url=&welcome_message=&widget_position=bottom-right&widget_theme=light",
        Unknown,
        Hidden,
        Open,
    ),
    ("POST", "/ui/agent/set-live", "id={config}&live=false", Unknown, Hidden, Forbidden),
    ("GET", "/ui/widget/embed", "id={config}", Unknown, Hidden, Open),
    (
        "POST",
        "/ui/widget/origins",
        "id={config}&allowed_origins=https%3A%2F%2Ftheirs.example",
        Unknown,
        Hidden,
        Forbidden,
    ),
    ("GET", "/ui/keys/list", "id={config}", Unknown, Hidden, Forbidden),
    ("POST", "/ui/keys/create", "id={config}&name=theirs&scope=invoke", Unknown, Hidden, Forbidden),
    ("POST", "/ui/keys/end", "id={config}&key={key}&what=revoke", Unknown, Hidden, Forbidden),
    ("POST", "/ui/keys/end", "id={config}&key={key}&what=regenerate", Unknown, Hidden, Forbidden),
    // The provider's side: another organization's to both.
    ("GET", "/ui/provider/application", "organization={buyer}", Unknown, Hidden, Open),
    (
        "POST",
        "/ui/provider/apply",
        "organization={buyer}&description=We+would+like+to+sell+what+we+make.&website=",
        Unknown,
        Hidden,
        Forbidden,
    ),
    ("GET", "/ui/provider/dashboard", "provider={provider}", Unknown, Hidden, Hidden),
    ("GET", "/ui/provider/agents", "provider={provider}", Unknown, Hidden, Hidden),
    ("GET", "/ui/provider/agent", "id={agent}", Unknown, Hidden, Hidden),
    ("GET", "/ui/provider/runs", "agent={agent}&run=&state=&page=1", Unknown, Hidden, Hidden),
    (
        "POST",
        "/ui/provider/create-agent",
        "provider={provider}&name=Theirs&category=agents&description=Theirs",
        Unknown,
        Hidden,
        Hidden,
    ),
    ("POST", "/ui/provider/import-flow", "id={agent}&flow_definition=%7B%7D", Unknown, Hidden, Hidden),
    ("POST", "/ui/provider/create-offering", "id={agent}", Unknown, Hidden, Hidden),
    ("GET", "/ui/provider/offerings", "provider={provider}", Unknown, Hidden, Hidden),
    ("GET", "/ui/provider/offering", "id={offering}", Unknown, Hidden, Hidden),
    (
        "POST",
        "/ui/provider/save-offering",
        "id={offering}&name=Theirs&tagline=&full_description=&greeting=&starters=&tags=&thumbnail=&terms=",
        Unknown,
        Hidden,
        Hidden,
    ),
    ("POST", "/ui/provider/move-offering", "id={offering}&what=pause", Unknown, Hidden, Hidden),
    (
        "POST",
        "/ui/provider/save-plan",
        "id={offering}&plan_name=Theirs&plan_description=&price=1&currency=USD&interval=month&monthly_quota=&calls_price=&read_price=&written_price=&once_price=&trial_days=",
        Unknown,
        Hidden,
        Hidden,
    ),
    ("POST", "/ui/provider/archive-plan", "id={offering}&plan={plan}", Unknown, Hidden, Hidden),
    ("GET", "/ui/provider/orders", "provider={provider}&page=1", Unknown, Hidden, Hidden),
    ("POST", "/ui/provider/decide-order", "order={order}&what=approve&reason=", Unknown, Hidden, Hidden),
    ("POST", "/ui/provider/decide-order", "order={order}&what=reject&reason=no", Unknown, Hidden, Hidden),
    ("GET", "/ui/provider/customers", "provider={provider}", Unknown, Hidden, Hidden),
    // The operator's.
    ("GET", "/ui/admin/overview", "", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/admin/applications", "", Unknown, Forbidden, Forbidden),
    (
        "POST",
        "/ui/admin/decide-application",
        "organization={provider}&what=approve&reason=",
        Unknown,
        Forbidden,
        Forbidden,
    ),
    (
        "POST",
        "/ui/admin/decide-application",
        "organization={provider}&what=refuse&reason=no",
        Unknown,
        Forbidden,
        Forbidden,
    ),
    (
        "POST",
        "/ui/admin/decide-application",
        "organization={provider}&what=suspend&reason=no",
        Unknown,
        Forbidden,
        Forbidden,
    ),
    (
        "POST",
        "/ui/admin/decide-application",
        "organization={provider}&what=reinstate&reason=no",
        Unknown,
        Forbidden,
        Forbidden,
    ),
    ("GET", "/ui/admin/submissions", "", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/admin/submission", "id={submission}", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/admin/decide-submission", "id={submission}&what=approve&reason=", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/admin/decide-submission", "id={submission}&what=reject&reason=no", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/admin/orders", "page=1", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/admin/organizations", "search=&page=1", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/admin/block", "organization={buyer}&blocked=true", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/admin/users", "search=&page=1", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/admin/lock", "user={user}&disabled=true", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/admin/jobs", "", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/admin/retry-job", "job={job}", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/subscription/cancel", "subscription={resource}", Unknown, Hidden, Forbidden),
    ("POST", "/ui/subscription/resume", "subscription={resource}", Unknown, Hidden, Forbidden),
    // Pages of figures: a provider's own, and the operator's.
    ("GET", "/ui/sheet", "of=earnings&id={provider}&page=&account=&owner=", Unknown, Hidden, Hidden),
    ("GET", "/ui/sheet", "of=earnings&id={buyer}&page=&account=&owner=", Unknown, Hidden, Forbidden),
    ("GET", "/ui/sheet", "of=simulation&id={resource}&page=&account=&owner=", Unknown, Hidden, Open),
    ("GET", "/ui/sheet", "of=usage-bill&id={resource}&page=&account=&owner=", Unknown, Hidden, Open),
    ("POST", "/ui/sheet/press", "what=keep-plan&id={resource}&value=", Unknown, Hidden, Forbidden),
    ("GET", "/ui/sheet", "of=invoices&id={buyer}&page=&account=&owner=", Unknown, Hidden, Forbidden),
    ("GET", "/ui/sheet", "of=bundles&id=&page=&account=&owner=", Open, Open, Open),
    ("GET", "/ui/sheet", "of=bundle&id={bundle}&page=&account=&owner=", Hidden, Hidden, Hidden),
    ("GET", "/ui/sheet", "of=own-bundles&id={provider}&page=&account=&owner=", Unknown, Hidden, Hidden),
    ("GET", "/ui/sheet", "of=own-bundles&id={buyer}&page=&account=&owner=", Unknown, Hidden, Forbidden),
    ("GET", "/ui/sheet", "of=own-bundle&id={bundle}&page=&account=&owner=", Hidden, Hidden, Hidden),
    ("POST", "/ui/sheet/press", "what=bundle-order&id={bundle}-{buyer}&value=", Unknown, Hidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=bundle-create&id={provider}&value=Theirs&also=1", Unknown, Hidden, Hidden),
    ("POST", "/ui/sheet/press", "what=bundle-create&id={buyer}&value=Theirs&also=1", Unknown, Hidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=bundle-put&id={bundle}-{plan}&value=", Unknown, Hidden, Hidden),
    ("POST", "/ui/sheet/press", "what=bundle-take-out&id={bundle}-{offering}&value=", Unknown, Hidden, Hidden),
    ("POST", "/ui/sheet/press", "what=bundle-agree&id={bundle}-{offering}&value=", Unknown, Hidden, Hidden),
    ("POST", "/ui/sheet/press", "what=bundle-propose&id={bundle}&value=", Unknown, Hidden, Hidden),
    ("POST", "/ui/sheet/press", "what=bundle-withdraw&id={bundle}&value=none", Unknown, Hidden, Hidden),
    ("GET", "/ui/sheet", "of=caps&id={buyer}&page=&account=&owner=", Unknown, Hidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=cap&id={buyer}-{resource}&value=1", Unknown, Hidden, Forbidden),
    ("GET", "/ui/sheet", "of=methods&id={buyer}&page=&account=&owner=", Unknown, Hidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=method-add&id={buyer}&value=", Unknown, Hidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=method-portal&id={buyer}&value=", Unknown, Hidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=method-prefer&id={buyer}/pm_1&value=", Unknown, Hidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=method-forget&id={buyer}/pm_1&value=", Unknown, Hidden, Forbidden),
    ("GET", "/ui/sheet", "of=invoice&id={invoice}&page=&account=&owner=", Unknown, Hidden, Hidden),
    ("GET", "/ui/sheet", "of=payouts&id={provider}&page=&account=&owner=", Unknown, Hidden, Hidden),
    ("GET", "/ui/sheet", "of=payout&id={payout}&page=&account=&owner=", Unknown, Hidden, Hidden),
    ("GET", "/ui/sheet", "of=payout-run&id=&page=&account=&owner=", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=payout-account&id={provider}&value=", Unknown, Hidden, Hidden),
    ("POST", "/ui/sheet/press", "what=payout-account&id={buyer}&value=", Unknown, Hidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=payout-run&id=&value=", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=payout-again&id={payout}&value=", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=payout-hold&id={provider}&value=no", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=payout-release&id={provider}&value=", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/sheet", "of=order-money&id={order}&page=&account=&owner=", Unknown, Hidden, Forbidden),
    ("GET", "/ui/sheet", "of=cases&id=&page=&account=&owner=", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=give-back&id={payment}&value=&also=none", Unknown, Hidden, Hidden),
    ("POST", "/ui/sheet/press", "what=case-close&id={case}&value=done", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=sandbox-dispute&id={case}&value=won", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/sheet/press", "what=reconcile&id=&value=", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/sheet", "of=revenue&id=&page=&account=&owner=", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/sheet", "of=ledger&id=&page=&account=&owner=", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/sheet", "of=check&id=&page=&account=&owner=", Unknown, Forbidden, Forbidden),
    ("GET", "/ui/admin/commission", "", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/admin/add-commission", "scope=all&percent=0&from=&until=&note=", Unknown, Forbidden, Forbidden),
    ("POST", "/ui/admin/end-commission", "rule={rule}", Unknown, Forbidden, Forbidden),
    // Ends the caller's own session, so it comes last.
    ("POST", "/ui/session/log-out", "", Open, Open, Open),
];

struct Names<'a> {
    pairs: Vec<(&'a str, String)>,
}

impl Names<'_> {
    fn fill(&self, text: &str) -> String {
        self.pairs.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }
}

async fn names<'a>(app: &TestApp, listed: &Listed, subscribed: &Subscribed) -> Names<'a> {
    let token = subscribed.buyer.token.as_str();
    let keys = format!("/api/customer-agent-configs/{}/api_keys/", subscribed.config);
    let key = app.ok("POST", &keys, token, json!({"name": "k"})).await["uuid"].as_str().expect("a uuid").to_owned();
    let document = json!({"question": "What is it?", "answer": "Ours."});
    let documents = format!("/api/customer-agent-configs/{}/training_documents/", subscribed.config);
    let document = app.ok("POST", &documents, token, document).await["uuid"].as_str().expect("a uuid").to_owned();
    let pages = json!({"url": "https://ours.invalid/help/"});
    let site = app.ok("POST", &documents, token, pages).await["site_uuid"].as_str().expect("a uuid").to_owned();
    let draft = json!({"provider": listed.provider.organization, "name": "Theirs", "price": "10.00"});
    let bundle = app.ok("POST", "/api/marketplace-bundles/", &listed.provider.token, draft).await;
    let bundle = bundle["uuid"].as_str().expect("a uuid").to_owned();
    let categories = app.ok("GET", "/api/marketplace-categories/", "", Value::Null).await;
    Names {
        pairs: vec![
            ("buyer", subscribed.buyer.organization.clone()),
            ("document", document),
            ("site", site),
            ("project", subscribed.buyer.project.clone()),
            ("provider", listed.provider.organization.clone()),
            ("category", categories[0]["uuid"].as_str().expect("a uuid").to_owned()),
            ("offering", listed.offering.clone()),
            ("plan", listed.free_plan.clone()),
            ("agent", listed.agent.clone()),
            ("order", subscribed.order.clone()),
            ("resource", subscribed.resource.clone()),
            ("config", subscribed.config.clone()),
            ("key", key),
            ("bundle", bundle),
            ("session", "sb_unknown".to_owned()),
            ("submission", "0".repeat(32)),
            ("job", "0".repeat(32)),
            ("rule", "0".repeat(32)),
            ("invoice", "0".repeat(32)),
            ("payout", "0".repeat(32)),
            ("payment", "0".repeat(32)),
            ("case", "0".repeat(32)),
        ],
    }
}

/// Calls the agent once; returns what the run is called.
async fn run(app: &TestApp, subscribed: &Subscribed) -> String {
    let keys = format!("/api/customer-agent-configs/{}/api_keys/", subscribed.config);
    let key = app.ok("POST", &keys, &subscribed.buyer.token, json!({"name": "caller"})).await;
    let answer = app.invoke(key["key"].as_str().expect("a key"), &json!({"input": "hello"})).await.expect(200);
    answer["request_id"].as_str().expect("a request").to_owned()
}

/// Makes a member, with the role `member`, of the buyer's organization.
async fn member(app: &TestApp, owner: &Account) -> Account {
    let member = app.register("member").await;
    let principal = services::identity::principal_of_token(&app.ctx, &owner.token).await.expect("the owner");
    let organization = owner.organization.parse().expect("an id");
    let email = "member@example.com";
    services::organizations::invite(&app.ctx, &principal, organization, email, domain::Role::Member)
        .await
        .expect("invited");
    let guest = services::identity::principal_of_token(&app.ctx, &member.token).await.expect("the guest");
    let token = testkit::invitation_token(&app.ctx.store, &app.mailer, email).await;
    services::organizations::accept_invitation(&app.ctx, &guest, &token).await.expect("accepted");
    member
}

fn check(problems: &mut Vec<String>, what: &str, who: &str, is: Is, answer: &crate::app::Answer) {
    check_status(problems, what, who, is, answer.status.as_u16(), answer);
}

fn check_status(problems: &mut Vec<String>, what: &str, who: &str, is: Is, status: u16, answer: &crate::app::Answer) {
    let fine = match is {
        Open => status < 500 && status != 401 && status != 403,
        Unknown | NeedsKey => status == 401,
        Forbidden => status == 403,
        Hidden => status == 404,
        Empty => status == 200 && answer.json() == json!([]),
    };
    if !fine {
        problems.push(format!(
            "{what} by {who}: {status} is not {is:?}: {}",
            answer.text.chars().take(200).collect::<String>()
        ));
    }
}

#[tokio::test]
async fn everyone_who_should_be_refused_is() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let mut names = names(app, &listed, &subscribed).await;
        names.pairs.push(("run", run(app, &subscribed).await));
        let foreign = app.register("foreign").await;
        let member = member(app, &subscribed.buyer).await;
        let mut problems = Vec::new();
        for &(method, path, body, stranger_is, foreign_is, member_is) in TABLE {
            let filled = names.fill(path);
            let body: Value = serde_json::from_str(&names.fill(&body().to_string())).unwrap_or_default();
            let what = format!("{method} {path}");
            let tries = [
                (None, "a stranger", stranger_is),
                (Some(&foreign), "a member of another organization", foreign_is),
                (Some(&member), "a member without the right", member_is),
            ];
            for (account, who, is) in tries {
                let token = account.map(|account| account.token.as_str());
                check(&mut problems, &what, who, is, &app.call(method, &filled, token, &body).await);
            }
        }
        for &(method, path, body, is) in GATEWAY {
            let body: Value = serde_json::from_str(&names.fill(&body().to_string())).unwrap_or_default();
            check(
                &mut problems,
                &format!("{method} {path}"),
                "a stranger",
                is,
                &app.call(method, path, None, &body).await,
            );
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        drop(listed.operator);
    })
    .await;
}

#[tokio::test]
async fn everyone_who_should_be_refused_by_a_server_function_is() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let mut names = names(app, &listed, &subscribed).await;
        let foreign = app.register("foreign").await;
        member(app, &subscribed.buyer).await;
        let owner = services::identity::principal_of_token(&app.ctx, &subscribed.buyer.token).await.expect("the owner");
        let organization = subscribed.buyer.organization.parse().expect("an id");
        let email = "guest@example.com";
        services::organizations::invite(&app.ctx, &owner, organization, email, domain::Role::Member)
            .await
            .expect("invited");
        let invitations = services::organizations::invitations(&app.ctx, &owner, organization).await.expect("a list");
        names.pairs.push(("invitation", invitations[0].id.to_string()));
        names.pairs.push(("user", owner.user().expect("signed in").user.id.to_string()));
        names.pairs.push(("foreign", foreign.organization.clone()));
        names.pairs.push(("token", testkit::invitation_token(&app.ctx.store, &app.mailer, email).await));
        let (foreign, member) = (app.sign_in("foreign").await, app.sign_in("member").await);
        let mut problems = Vec::new();
        for &(method, path, fields, stranger_is, foreign_is, member_is) in SERVER_FUNCTIONS {
            let filled = names.fill(fields);
            let tries = [
                (None, "a stranger", stranger_is),
                (Some(foreign.as_str()), "a member of another organization", foreign_is),
                (Some(member.as_str()), "a member without the right", member_is),
            ];
            for (cookie, who, is) in tries {
                let (answer, status) = if method == "GET" {
                    let answer = app.load(&format!("{path}?{filled}"), cookie).await;
                    let status = answer.status.as_u16();
                    (answer, status)
                } else {
                    // A plain form is always led on; what was wrong stands in the address.
                    let answer = app.submit(path, cookie, &filled).await;
                    let led = answer.status.as_u16();
                    let status = if led == 302 { answer.form_error().map_or(302, |error| error.status()) } else { led };
                    (answer, status)
                };
                let what = format!("{method} {path} {fields}");
                // What could not be read was not tried.
                if answer.text.contains("deserializ") || answer.text.contains("missing field") {
                    problems.push(format!("{what} by {who} is not what it takes: {}", answer.text));
                }
                check_status(&mut problems, &what, who, is, status, &answer);
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        // None of it has happened.
        let members = services::organizations::members(&app.ctx, &owner, organization).await.expect("a list");
        assert_eq!(members.len(), 2);
        let agent = app
            .ok("GET", &format!("/api/provider-agents/{}/", listed.agent), &listed.provider.token, Value::Null)
            .await;
        assert_eq!(agent["name"], "Parrot");
    })
    .await;
}

#[test]
fn the_table_names_every_server_function() {
    let registered: BTreeSet<String> =
        leptos::server_fn::axum::server_fn_paths().map(|(path, method)| format!("{method} {path}")).collect();
    assert!(registered.len() > 70, "{registered:?}");
    let tabled: BTreeSet<String> = SERVER_FUNCTIONS.iter().map(|row| format!("{} {}", row.0, row.1)).collect();
    let missing: Vec<_> = registered.difference(&tabled).collect();
    assert!(missing.is_empty(), "not tried: {missing:#?}");
    let gone: Vec<_> = tabled.difference(&registered).collect();
    assert!(gone.is_empty(), "tried, but not there: {gone:#?}");
}

#[test]
fn the_table_names_every_route_of_the_description() {
    let openapi = serde_json::to_value(server::api::documented_router().into_openapi()).expect("JSON");
    let mut described = BTreeSet::new();
    for (path, methods) in openapi["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            described.insert(format!("{} {}", method.to_uppercase(), shape(path)));
        }
    }
    let tabled: BTreeSet<String> = TABLE
        .iter()
        .map(|row| (row.0, row.1))
        .chain(GATEWAY.iter().map(|row| (row.0, row.1)))
        .map(|(method, path)| format!("{method} {}", shape(path)))
        .collect();
    let missing: Vec<_> = described.difference(&tabled).collect();
    assert!(missing.is_empty(), "not tried: {missing:#?}");
    let gateway: BTreeSet<String> = GATEWAY.iter().map(|row| format!("{} {}", row.0, shape(row.1))).collect();
    let gone: Vec<_> = tabled.difference(&described).filter(|row| !gateway.contains(*row)).collect();
    assert!(gone.is_empty(), "tried, but not described: {gone:#?}");
}

/// Writes a path with `{}` for each parameter.
fn shape(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}
