//! A source that gives whatever JSON a test wants, byte for byte.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::retry::RetryPolicy;

/// An object as raw fields, in the order of their names.
#[derive(Clone, Debug)]
pub(crate) struct RawObject {
    fields: BTreeMap<String, Vec<u8>>,
    /// What comes in place of the object.
    instead: Option<Vec<u8>>,
}

impl RawObject {
    pub(crate) fn new<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let fields = fields.into_iter();
        Self {
            fields: fields
                .map(|(name, json)| (name.to_owned(), json.into_bytes()))
                .collect(),
            instead: None,
        }
    }

    /// Something else in place of the object.
    pub(crate) fn instead(json: impl AsRef<[u8]>) -> Self {
        Self {
            fields: BTreeMap::new(),
            instead: Some(json.as_ref().to_vec()),
        }
    }

    /// The same with another value for a field.
    pub(crate) fn with(&self, field: &str, json: impl AsRef<[u8]>) -> Self {
        let mut object = self.clone();
        object.fields.insert(field.to_owned(), json.as_ref().to_vec());
        object
    }

    /// The same without a field.
    pub(crate) fn without(&self, field: &str) -> Self {
        let mut object = self.clone();
        object.fields.remove(field);
        object
    }

    fn bytes(&self) -> Vec<u8> {
        if let Some(instead) = &self.instead {
            return instead.clone();
        }
        let fields = self
            .fields
            .iter()
            .map(|(name, json)| [format!("\"{name}\":").as_bytes(), json].concat());
        [b"{".as_slice(), &fields.collect::<Vec<_>>().join(&b','), b"}"].concat()
    }
}

/// What the source has: the lists, and what it says of single objects where that is not what the lists say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) directories: Vec<(String, RawObject)>,
    /// The directory in whose list each is, its true id, and what the list says.
    pub(crate) users: Vec<(String, String, RawObject)>,
    pub(crate) groups: Vec<(String, String, RawObject)>,
    /// Group and user.
    pub(crate) members: Vec<(String, String)>,
    pub(crate) by_id: BTreeMap<String, RawObject>,
}

impl Content {
    fn list(&self, path: &str, query: &BTreeMap<String, String>) -> Vec<RawObject> {
        let asked = |name: &str| query.get(name).map(String::as_str);
        let member = |group: &str, user: &str| self.members.iter().any(|(g, u)| g == group && u == user);
        match path {
            "directories" => self.directories.iter().map(|(_, object)| object.clone()).collect(),
            "directory_users" => self
                .users
                .iter()
                .filter(|(directory, id, _)| {
                    asked("directory").is_none_or(|asked| asked == directory)
                        && asked("group").is_none_or(|group| member(group, id))
                })
                .map(|(_, _, object)| object.clone())
                .collect(),
            _ => self
                .groups
                .iter()
                .filter(|(directory, id, _)| {
                    asked("directory").is_none_or(|asked| asked == directory)
                        && asked("user").is_none_or(|user| member(id, user))
                })
                .map(|(_, _, object)| object.clone())
                .collect(),
        }
    }

    fn single(&self, id: &str) -> Option<RawObject> {
        let listed = || {
            let directory = self
                .directories
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, object)| object);
            let member = self.users.iter().chain(&self.groups).find(|(_, known, _)| known == id);
            directory.or(member.map(|(_, _, object)| object))
        };
        self.by_id.get(id).or_else(listed).cloned()
    }
}

/// The server. It ends with the test's runtime.
pub(crate) struct RawSource {
    pub(crate) client: Client,
    content: Arc<Mutex<Content>>,
}

impl RawSource {
    pub(crate) async fn start(content: Content) -> Self {
        let content = Arc::new(Mutex::new(content));
        let served = Arc::clone(&content);
        let app = Router::new().fallback(move |request: Request| {
            let response = respond(&served.lock().unwrap(), &request);
            async { response }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let client = Client::builder()
            .api_key("sk_test_raw")
            .base_url(base_url)
            .retry(RetryPolicy::off())
            .rate_limits(RateLimits::off())
            .build()
            .unwrap();
        Self { client, content }
    }

    pub(crate) fn set(&self, content: Content) {
        *self.content.lock().unwrap() = content;
    }
}

fn respond(content: &Content, request: &Request) -> Response {
    let uri = request.uri();
    let query: BTreeMap<String, String> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let (status, body) = match uri.path().trim_matches('/').split_once('/') {
        None => {
            let objects: Vec<_> = content
                .list(uri.path().trim_matches('/'), &query)
                .iter()
                .map(RawObject::bytes)
                .collect();
            let list = [
                b"{\"object\":\"list\",\"data\":[".as_slice(),
                &objects.join(&b','),
                b"],\"list_metadata\":{\"before\":null,\"after\":null}}",
            ];
            (200, list.concat())
        }
        Some((_, id)) => match content.single(id) {
            Some(object) => (200, object.bytes()),
            None => (
                404,
                format!(r#"{{"message":"Not Found","code":"entity_not_found","entity_id":"{id}"}}"#).into_bytes(),
            ),
        },
    };
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .unwrap()
}
