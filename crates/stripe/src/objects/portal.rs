//! What is read of Stripe's own pages for buyers.

use serde::Deserialize;

use super::{Labels, Link, Named};
use crate::id::{CustomerId, PortalConfigurationId};

/// How Stripe's pages for buyers are set up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PortalConfiguration {
    /// Which.
    pub id: PortalConfigurationId,
    /// Whether anybody may be sent there.
    pub active: bool,
    /// What can be done there.
    pub features: PortalFeatures,
    /// Names that we gave it.
    pub metadata: Option<Labels>,
}

/// What can be done on Stripe's pages for buyers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PortalFeatures {
    /// Whether cards are added, removed, and said to go first.
    pub payment_method_update: PortalFeature,
    /// Whether subscriptions are ended.
    pub subscription_cancel: PortalFeature,
    /// Whether plans are switched.
    pub subscription_update: PortalFeature,
}

/// Something that can be done there, or not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PortalFeature {
    /// Whether it can.
    pub enabled: bool,
}

impl PortalConfiguration {
    /// Says why no buyer is sent there; nothing where it is set up as it must be.
    pub fn wrong(&self) -> Option<&'static str> {
        let PortalFeatures { payment_method_update, subscription_cancel, subscription_update } = &self.features;
        if !self.active {
            Some("is not active")
        } else if subscription_cancel.enabled {
            Some("lets buyers end subscriptions, which they do here")
        } else if subscription_update.enabled {
            Some("lets buyers switch plans, which they do here")
        } else if !payment_method_update.enabled {
            Some("does not let buyers say what they pay with")
        } else {
            None
        }
    }
}

/// The way to Stripe's pages for one buyer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PortalSession {
    /// Whose pages they are.
    pub customer: CustomerId,
    /// How they are set up.
    pub configuration: Link<PortalConfigurationId, Named<PortalConfigurationId>>,
    /// Where they are.
    pub url: String,
}

impl PortalSession {
    /// Returns how the pages are set up.
    pub fn configuration(&self) -> &PortalConfigurationId {
        self.configuration.id()
    }
}
