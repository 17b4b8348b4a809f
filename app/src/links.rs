//! The addresses of the portal's pages, each made in one place.
//!
//! Every path ends with a slash, as the API's do; a path without one is another page.

use std::fmt::Display;

/// The list of everything on sale.
pub const MARKETPLACE: &str = "/marketplace/";
/// Where to sign in.
pub const LOGIN: &str = "/login/";
/// Where to sign up.
pub const REGISTER: &str = "/register/";
/// Where someone who has lost their password asks for a link; the link's page is below it.
pub const PASSWORD: &str = "/password/";
/// The operator's first page.
pub const ADMIN: &str = "/admin/";

/// Where an invitation is accepted.
pub fn invitation(token: &str) -> String {
    format!("/invitation/{}/", escape(token))
}

/// A category's page, by slug.
pub fn category(slug: &str) -> String {
    format!("/marketplace-category/{slug}/")
}

/// A product's page.
pub fn offering(id: impl Display) -> String {
    format!("/marketplace-public-offering/{id}/")
}

/// A provider's public page.
pub fn public_provider(id: impl Display) -> String {
    format!("/marketplace-service-provider/{id}/")
}

/// Where a plan is bought.
pub fn buy(plan: impl Display) -> String {
    format!("/buy/{plan}/")
}

/// The list of products that are sold together.
pub const BUNDLES: &str = "/bundles/";

/// A bundle's page.
pub fn bundle(id: impl Display) -> String {
    format!("{BUNDLES}{id}/")
}

/// An order's page.
pub fn order(id: impl Display) -> String {
    format!("/marketplace-order/{id}/")
}

/// What was paid for an order, and what went back.
pub fn order_money(id: impl Display) -> String {
    format!("/marketplace-order/{id}/money/")
}

/// A page of an organization; `rest` ends with a slash or is empty.
pub fn organization(id: impl Display, rest: &str) -> String {
    format!("/organizations/{id}/{rest}")
}

/// A page of one of an organization's agents.
pub fn agent(organization: impl Display, config: impl Display, rest: &str) -> String {
    format!("/organizations/{organization}/agents/{config}/{rest}")
}

/// An agent's usage as a table for a spreadsheet, from one day to another.
pub fn usage_table(config: impl Display, from: &str, to: &str) -> String {
    format!("/api/customer-agent-configs/{config}/usage_csv/?from={from}&to={to}")
}

/// What a provider has earned as a table for a spreadsheet.
pub fn earnings_table(provider: impl Display) -> String {
    format!("/api/marketplace-service-providers/{provider}/earnings_csv/")
}

/// What a provider has earned in a year, as a table for its taxes.
pub fn tax_table(id: impl Display, year: i64) -> String {
    format!("/api/marketplace-service-providers/{id}/tax_year_csv/?year={year}")
}

/// An organization's invoices as a table for a spreadsheet.
pub fn invoices_table(organization: impl Display) -> String {
    format!("/api/customers/{organization}/invoices_csv/")
}

/// An invoice as a PDF.
pub fn invoice_file(invoice: impl Display) -> String {
    format!("/api/marketplace-invoices/{invoice}/pdf/")
}

/// A page of a provider.
pub fn provider(id: impl Display, rest: &str) -> String {
    format!("/providers/{id}/{rest}")
}

/// A page of the operator's.
pub fn admin(rest: &str) -> String {
    format!("{ADMIN}{rest}")
}

/// The sign-in page that leads back to where the person was.
pub fn login_then(next: &str) -> String {
    format!("{LOGIN}?next={}", escape(next))
}

/// A page with a notice on it, see [`crate::ui::notice`].
pub fn with_notice(path: &str, notice: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}notice={notice}")
}

/// Returns `path` if it is one of our own: a redirect must never lead where someone else wants.
pub fn own_path(path: &str) -> Option<&str> {
    let fine = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
        && !path.contains("/../")
        && path.len() <= 1000;
    fine.then_some(path)
}

/// Escapes a text for use as a query's value.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Builds a query of those pairs that have a value: `?a=1&b=2`, or nothing.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.push_str(&escape(value));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_only_to_our_own_pages() {
        assert_eq!(own_path("/marketplace/?a=b"), Some("/marketplace/?a=b"));
        for foreign in ["https://evil.test/", "//evil.test/", "/\\evil.test", "marketplace", "/a\r\nb", ""] {
            assert_eq!(own_path(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn a_query_holds_what_has_a_value() {
        assert_eq!(
            query(&[("search", "slow & sure"), ("category", ""), ("page", "2")]),
            "?search=slow%20%26%20sure&page=2"
        );
        assert_eq!(query(&[("a", "")]), "");
    }
}
