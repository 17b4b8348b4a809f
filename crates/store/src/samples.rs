//! Rows that come with a fresh install. Each insert leaves a row that is already there as it is.

use domain::{CategoryId, OfferingId, OrganizationId, ReviewId, Timestamp, UserId};

use crate::{Error, Tx};

/// A category.
#[derive(Clone, Copy, Debug)]
pub struct Category<'a> {
    /// Its id, the same in every install.
    pub id: CategoryId,
    /// Its name in URLs.
    pub slug: &'a str,
    /// What people read.
    pub title: &'a str,
    /// One sentence.
    pub description: &'a str,
    /// The icon's name.
    pub icon: &'a str,
    /// `#RRGGBB`.
    pub color: &'a str,
    /// Its place in the menu.
    pub position: i64,
}

/// The organization that sells the samples, and the person who made them.
#[derive(Clone, Copy, Debug)]
pub struct Seller<'a> {
    /// The person; has no password, and so cannot sign in.
    pub user: UserId,
    /// The person's address; nobody reads it.
    pub email: &'a str,
    /// The organization.
    pub organization: OrganizationId,
    /// What both are called.
    pub name: &'a str,
    /// The organization's name in URLs.
    pub slug: &'a str,
    /// What it says of itself.
    pub description: &'a str,
}

/// A review that is marked as a sample.
#[derive(Clone, Copy, Debug)]
pub struct SampleReview<'a> {
    /// Its id, the same in every install.
    pub id: ReviewId,
    /// Of what.
    pub offering: OfferingId,
    /// Who signs it.
    pub author: &'a str,
    /// 1 to 5.
    pub rating: i64,
    /// In a few words.
    pub title: &'a str,
    /// In more.
    pub body: &'a str,
}

/// Stores a category unless its slug is there.
pub async fn category(tx: &mut Tx, category: &Category<'_>) -> Result<(), Error> {
    tx.query(
        "INSERT INTO categories (id, slug, title, description, icon, color, position)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING",
    )
    .bind(category.id)
    .bind(category.slug.to_owned())
    .bind(category.title.to_owned())
    .bind(category.description.to_owned())
    .bind(category.icon.to_owned())
    .bind(category.color.to_owned())
    .bind(category.position)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Stores the seller of the samples: a person who cannot sign in, and an approved organization.
pub async fn seller(tx: &mut Tx, seller: &Seller<'_>, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO users (id, email, name, operator, created_at, disabled_at)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(seller.user)
    .bind(seller.email.to_owned())
    .bind(seller.name.to_owned())
    .bind(false)
    .bind(now)
    .execute()
    .await?
    .any();
    tx.query(
        "INSERT INTO organizations (id, name, slug, email, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(seller.organization)
    .bind(seller.name.to_owned())
    .bind(seller.slug.to_owned())
    .bind(seller.email.to_owned())
    .bind(now)
    .execute()
    .await?
    .any();
    tx.query(
        "INSERT INTO providers
             (organization_id, state, description, website, reason, applied_at, decided_at)
         VALUES ($1, 'approved', $2, '', '', $3, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(seller.organization)
    .bind(seller.description.to_owned())
    .bind(now)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Stores a sample review unless it is there.
pub async fn review(tx: &mut Tx, review: &SampleReview<'_>, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO reviews (id, offering_id, author, rating, title, body, sample, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT DO NOTHING",
    )
    .bind(review.id)
    .bind(review.offering)
    .bind(review.author.to_owned())
    .bind(review.rating)
    .bind(review.title.to_owned())
    .bind(review.body.to_owned())
    .bind(true)
    .bind(now)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Sets an offering's further pictures.
pub async fn set_screenshots(tx: &mut Tx, offering: OfferingId, paths: &[String]) -> Result<(), Error> {
    tx.query("UPDATE offerings SET screenshots = $2 WHERE id = $1")
        .bind(offering)
        .bind(crate::Json(paths.to_vec()))
        .execute()
        .await?
        .exactly_one()
}
