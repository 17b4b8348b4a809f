//! Lists as Waldur clients expect them.

use serde_json::{Value, json};

use crate::app::on_every_app;

#[tokio::test]
async fn a_list_is_walked_by_its_links_and_counted_by_its_header() {
    on_every_app(async |app| {
        let mut path = "/api/marketplace-public-offerings/?page_size=2&field=name&field=uuid".to_owned();
        let mut names = Vec::new();
        for _ in 0..10 {
            let answer = app.call("GET", &path, None, &Value::Null).await;
            assert_eq!(answer.headers["x-result-count"], "5");
            let links = answer.headers["link"].to_str().expect("text").to_owned();
            for row in answer.json().as_array().expect("an array") {
                assert_eq!(row.as_object().map(serde_json::Map::len), Some(2), "only the asked fields: {row}");
                names.push(row["name"].as_str().expect("a name").to_owned());
            }
            let next = links.split(", ").find(|link| link.ends_with("rel=\"next\""));
            let Some(next) = next else { break };
            path = next
                .split_once('<')
                .and_then(|(_, rest)| rest.split_once('>'))
                .expect("an address")
                .0
                .replace("http://cmp.test", "");
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_head_request_counts() {
    on_every_app(async |app| {
        let answer = app.call("HEAD", "/api/marketplace-categories/", None, &Value::Null).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.headers["x-result-count"], "4");
        assert!(answer.text.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_wrong_page_or_filter_says_what_to_do() {
    on_every_app(async |app| {
        let page =
            app.call("GET", "/api/marketplace-public-offerings/?page=zero", None, &Value::Null).await.expect(400);
        assert_eq!(page, json!({"page": ["must be a whole number from 1"]}));
        app.call("GET", "/api/marketplace-public-offerings/?state=ACTIVE", None, &Value::Null).await.expect(400);
        app.call("GET", "/api/marketplace-public-offerings/not-an-id/", None, &Value::Null).await.expect(404);
    })
    .await;
}
