//! Lists as Waldur clients expect them: a bare array, `X-Result-Count`, `Link`, sparse fields.

use axum::Json;
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::view::{Page, Paging};
use serde::Serialize;
use serde_json::Value;

use super::error::{ApiError, ApiResult};
use crate::http::AppState;

/// What a list is asked for: its page, its filters (repeatable), the fields to answer.
#[derive(Clone, Debug)]
pub(crate) struct ListQuery {
    /// Which page; 10 rows unless asked otherwise, 300 at most.
    pub(crate) paging: Paging,
    base: String,
    pairs: Vec<(String, String)>,
}

impl FromRequestParts<AppState> for ListQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let path =
            parts.extensions.get::<OriginalUri>().map_or_else(|| parts.uri.path(), |uri| uri.0.path()).to_owned();
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let number = |name: &str, default: i64| match pairs.iter().find(|(key, _)| key == name) {
            None => Ok(default),
            Some((_, text)) => text
                .parse::<i64>()
                .ok()
                .filter(|number| *number >= 1)
                .ok_or_else(|| ApiError(services::Error::invalid(name, "must be a whole number from 1"))),
        };
        let paging = Paging::clamped(number("page", 1)?, number("page_size", 10)?);
        Ok(Self { paging, base: format!("{}{path}", state.ctx.settings.public_url), pairs })
    }
}

impl ListQuery {
    /// Returns every value of a filter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the first value of a filter that is not empty.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Reads a filter.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &str) -> ApiResult<Option<T>> {
        self.one(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    ApiError(services::Error::invalid(name, format!("{text:?} is not a value of this filter")))
                })
            })
            .transpose()
    }

    /// Answers with one page.
    pub(crate) fn answer<T: Serialize>(&self, page: Page<T>) -> ApiResult<Response> {
        let mut rows = serde_json::to_value(&page.rows).map_err(|error| ApiError(services::Error::internal(error)))?;
        self.sparse(&mut rows);
        let mut response = Json(rows).into_response();
        let headers = response.headers_mut();
        headers.insert("x-result-count", HeaderValue::from(page.total));
        if let Ok(links) = HeaderValue::from_str(&self.links(page.page, page.pages())) {
            headers.insert(header::LINK, links);
        }
        Ok(response)
    }

    /// Answers with the asked page of a whole list.
    pub(crate) fn answer_all<T: Serialize>(&self, rows: Vec<T>) -> ApiResult<Response> {
        let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let skip = usize::try_from(self.paging.offset()).unwrap_or(usize::MAX);
        let take = usize::try_from(self.paging.page_size).unwrap_or(usize::MAX);
        self.answer(Page {
            rows: rows.into_iter().skip(skip).take(take).collect(),
            total,
            page: self.paging.page,
            page_size: self.paging.page_size,
        })
    }

    /// Leaves only the fields of `?field=` in each row.
    fn sparse(&self, rows: &mut Value) {
        let fields: Vec<&str> = self.all("field").collect();
        if fields.is_empty() {
            return;
        }
        for row in rows.as_array_mut().into_iter().flatten() {
            if let Some(row) = row.as_object_mut() {
                row.retain(|key, _| fields.contains(&key.as_str()));
            }
        }
    }

    fn links(&self, page: i64, pages: i64) -> String {
        let link = |number: i64, rel: &str| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (key, value) in self.pairs.iter().filter(|(key, _)| key != "page") {
                query.append_pair(key, value);
            }
            query.append_pair("page", &number.to_string());
            format!("<{}?{}>; rel=\"{rel}\"", self.base, query.finish())
        };
        let mut links = vec![link(1, "first")];
        if page > 1 {
            links.push(link(page - 1, "prev"));
        }
        if page < pages {
            links.push(link(page + 1, "next"));
        }
        links.push(link(pages, "last"));
        links.join(", ")
    }
}
