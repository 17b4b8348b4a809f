//! Stripe's own pages for buyers: how they are set up, and the way there.

use stripe_billing::billing_portal_configuration::{
    CreateBillingPortalConfiguration, CreateBillingPortalConfigurationFeatures,
    CreateBillingPortalConfigurationFeaturesCustomerUpdate, CreateBillingPortalConfigurationFeaturesSubscriptionCancel,
    CreateBillingPortalConfigurationFeaturesSubscriptionUpdate, InvoiceListParam, ListBillingPortalConfiguration,
    PaymentMethodUpdateParam, RetrieveBillingPortalConfiguration,
};
use stripe_billing::billing_portal_session::CreateBillingPortalSession;

use super::{Call, PAGE, call, labels};
use crate::id::{CustomerId, PortalConfigurationId};

/// Sets the pages up so that buyers say there what they pay with, and nothing else: subscriptions and invoices are
/// ours, and whoever changed a plan there would do so past our rules.
pub fn create_portal_configuration(operation: &str) -> Call {
    let features = CreateBillingPortalConfigurationFeatures {
        customer_update: Some(CreateBillingPortalConfigurationFeaturesCustomerUpdate::new(false)),
        invoice_history: Some(InvoiceListParam::new(false)),
        payment_method_update: Some(PaymentMethodUpdateParam::new(true)),
        subscription_cancel: Some(CreateBillingPortalConfigurationFeaturesSubscriptionCancel::new(false)),
        subscription_update: Some(CreateBillingPortalConfigurationFeaturesSubscriptionUpdate::new(false)),
    };
    call(
        &CreateBillingPortalConfiguration::new(features)
            .name("What buyers pay with")
            .metadata(labels(&[("operation", operation)])),
    )
}

/// Reads how the pages are set up.
pub fn portal_configuration(id: &PortalConfigurationId) -> Call {
    call(&RetrieveBillingPortalConfiguration::new(id.as_str()))
}

/// Lists the ways in which the pages are set up.
pub fn portal_configurations() -> Call {
    call(&ListBillingPortalConfiguration::new().limit(PAGE))
}

/// Opens the pages for a buyer; they lead back to `return_url`.
pub fn open_portal(customer: &CustomerId, configuration: &PortalConfigurationId, return_url: &str) -> Call {
    call(
        &CreateBillingPortalSession::new()
            .customer(customer.as_str())
            .configuration(configuration.as_str())
            .return_url(return_url),
    )
}
