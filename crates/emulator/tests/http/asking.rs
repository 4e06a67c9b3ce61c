//! How the tests ask: plain HTTP, plain JSON, no client of ours in between.

use serde_json::Value;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::EmulatorBuilder;
use workos_directory_emulator::Population;
use workos_directory_emulator::ReferenceParameters;

pub(crate) struct Asking {
    pub(crate) emulator: Emulator,
    http: reqwest::Client,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    /// The ids on a page.
    pub(crate) fn ids(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.text);
        let json = self.json();
        let data = json["data"].as_array().unwrap();
        data.iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The fields that a 422 names.
    pub(crate) fn fields(&self) -> Vec<String> {
        assert_eq!(self.status, 422, "{}", self.text);
        let json = self.json();
        assert_eq!(json["message"], "Validation failed");
        let errors = json["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Three directories of two organizations, small enough to look at.
pub(crate) fn population() -> Population {
    Population {
        seed: 5,
        directories: 3,
        users: 90,
        groups: 12,
        memberships: 200,
    }
}

impl Asking {
    pub(crate) async fn new() -> Self {
        Self::of(Emulator::builder().population(population())).await
    }

    /// An emulator that takes every parameter and needs no scope: many tests read all users at once.
    pub(crate) async fn of(builder: EmulatorBuilder) -> Self {
        let builder = builder.reference_parameters(ReferenceParameters::Honour);
        Self::exactly(builder.unscoped_lists(true)).await
    }

    pub(crate) async fn exactly(builder: EmulatorBuilder) -> Self {
        Self {
            emulator: builder.start().await.unwrap(),
            http: reqwest::Client::new(),
        }
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        let request = self
            .http
            .request(method, format!("{}{target}", self.emulator.base_url()));
        request.bearer_auth(self.emulator.api_key())
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(self.request("GET", target)).await
    }

    /// All objects of a list, page after page.
    pub(crate) async fn all(&self, list: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let separator = if list.contains('?') { '&' } else { '?' };
        let mut target = format!("{list}{separator}limit=100&order=asc");
        loop {
            let page = self.get(&target).await.json();
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            let Some(after) = page["list_metadata"]["after"].as_str() else {
                return all;
            };
            target = format!("{list}{separator}limit=100&order=asc&after={after}");
        }
    }

    /// The ids of all objects of a list.
    pub(crate) async fn all_ids(&self, list: &str) -> Vec<String> {
        let all = self.all(list).await;
        all.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
}
