//! A parameter of a request while the request is being built: unset, set, or set to something that it cannot be.
//!
//! Setters of builders cannot fail, so that they chain; what was wrong comes out when the request is sent.

use std::fmt::Display;

use progenitor_client::QueryParam;
use serde::Serialize;

use crate::Error;
use crate::Timestamp;
use crate::operation::Operation;

/// The value that a caller gave a parameter, if any.
#[derive(Clone, Debug)]
pub struct Parameter<T> {
    name: &'static str,
    required: bool,
    /// `Err` has the reason why the value was refused.
    value: Result<Option<T>, String>,
}

impl<T> Parameter<T> {
    /// A parameter that may be left out.
    pub const fn optional(name: &'static str) -> Self {
        Self {
            name,
            required: false,
            value: Ok(None),
        }
    }

    /// A parameter that the request cannot do without.
    pub const fn required(name: &'static str) -> Self {
        Self {
            name,
            required: true,
            value: Ok(None),
        }
    }

    /// Takes a value; one that does not convert is reported when the request is sent.
    pub fn set<V>(&mut self, value: V)
    where
        V: TryInto<T>,
        V::Error: Display,
    {
        self.value = value.try_into().map(Some).map_err(|error| error.to_string());
    }

    /// The value, if there is a good one.
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref().ok()?.as_ref()
    }

    /// Whether the caller gave a value, good or bad.
    pub fn is_set(&self) -> bool {
        !matches!(self.value, Ok(None))
    }

    fn into_value(self, operation: &'static Operation) -> Result<Option<T>, Error> {
        let name = self.name;
        match self.value {
            Ok(None) if self.required => Err(Error::invalid_request(operation, format!("`{name}` is required"))),
            Ok(value) => Ok(value),
            Err(reason) => Err(Error::invalid_request(operation, format!("`{name}`: {reason}"))),
        }
    }
}

impl<T: Serialize> Parameter<T> {
    /// Adds the parameter to the query; a list is repeated, one without a value is left out.
    pub fn query(
        self,
        operation: &'static Operation,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::RequestBuilder, Error> {
        let name = self.name;
        Ok(match self.into_value(operation)? {
            None => request,
            Some(value) => request.query(&QueryParam::new(name, &value)),
        })
    }
}

impl Parameter<Timestamp> {
    /// Adds the time to the query, in UTC: the API takes no offsets.
    pub fn time_query(
        self,
        operation: &'static Operation,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::RequestBuilder, Error> {
        let value = self.value.map(|time| time.map(|time| time.to_utc()));
        Self { value, ..self }.query(operation, request)
    }
}

impl<T: Serialize> Parameter<T> {
    /// Adds the value as the request's JSON body; a request without one has no body.
    pub fn json(
        self,
        operation: &'static Operation,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::RequestBuilder, Error> {
        Ok(match self.into_value(operation)? {
            None => request,
            Some(value) => request.json(&value),
        })
    }
}

impl<T: Display> Parameter<T> {
    /// The parameter as a segment of the path, not yet encoded.
    pub fn path(self, operation: &'static Operation) -> Result<(&'static str, String), Error> {
        let name = self.name;
        match self.into_value(operation)? {
            None => Err(Error::invalid_request(operation, format!("`{name}` is required"))),
            Some(value) => Ok((name, value.to_string())),
        }
    }
}
