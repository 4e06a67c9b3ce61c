//! What a change of the document means, one rule a row: the documented answer to "which version is this?".
//!
//! `answers` and `requests` are for users of the HTTP API, by where the thing is used; `rust` is for those who compile
//! against the generated client. [`table`] shows all of it (`cargo xtask breaking --rules`).

use std::fmt;

use serde::Serialize;

/// A step of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Patch,
    Minor,
    Major,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    answers: Level,
    requests: Level,
    pub(crate) rust: Level,
    pub(crate) reason: &'static str,
}

/// Where a thing is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) answers: bool,
    pub(crate) requests: bool,
}

impl Rule {
    /// What it means for users of the HTTP API.
    pub(crate) fn api(&self, place: Use) -> Level {
        match (place.answers, place.requests) {
            (true, true) => self.answers.max(self.requests),
            (_, false) => self.answers,
            (false, true) => self.requests,
        }
    }
}

macro_rules! rules {
    ($($constant:ident: $name:literal, $answers:ident, $requests:ident, $rust:ident, $reason:literal;)*) => {
        $(pub(crate) const $constant: Rule = Rule {
            name: $name,
            answers: Level::$answers,
            requests: Level::$requests,
            rust: Level::$rust,
            reason: $reason,
        };)*
        const ALL: &[Rule] = &[$($constant),*];
    };
}

rules! {
    OPERATION_ADDED: "operation added", Minor, Minor, Minor, "the client gains a method";
    OPERATION_REMOVED: "operation removed", Major, Major, Major, "calls fail, and the client's method is gone";
    OPERATION_RENAMED: "operation renamed", Patch, Patch, Major, "the client's method has another name; the API has no names";
    OPERATION_MOVED: "operation moved", Major, Major, Patch, "method or path is another one; the client's method keeps its name";
    PARAMETER_ADDED: "optional parameter added", Minor, Minor, Minor, "the request builder gains a method";
    REQUIRED_PARAMETER_ADDED: "required parameter added", Major, Major, Major, "requests without it fail";
    PARAMETER_REMOVED: "parameter removed", Major, Major, Major, "the request builder's method is gone";
    PARAMETER_NOW_REQUIRED: "parameter now required", Major, Major, Major, "requests without it fail";
    PARAMETER_NOW_OPTIONAL: "parameter now optional", Minor, Minor, Minor, "requests without it are good";
    PARAMETER_TYPE: "parameter's type changed", Major, Major, Major, "the request builder takes another type";
    BODY_ADDED: "request body added", Major, Major, Major, "the request builder takes a body";
    BODY_REMOVED: "request body removed", Major, Major, Major, "the request builder takes no body any more";
    BODY_TYPE: "request body changed", Major, Major, Major, "the request builder takes another type";
    STATUS_ADDED: "status added", Minor, Minor, Patch, "the client already tells of every status";
    STATUS_REMOVED: "status removed", Minor, Minor, Patch, "the client still tells of every status";
    ANSWER_TYPE: "answer's type changed", Major, Major, Major, "the client's method returns another type";
    HEADERS: "headers of answers changed", Minor, Minor, Patch, "the client gives all headers as they come";
    PAGES_ADDED: "pagination added", Patch, Patch, Minor, "the request builder gains `pages` and `stream`";
    PAGES_REMOVED: "pagination removed", Patch, Patch, Major, "`pages` and `stream` are gone";
    PAGES_CHANGED: "pagination changed", Patch, Patch, Patch, "the same pages are found another way";
    RATE_LIMIT: "rate limit changed", Minor, Minor, Patch, "the client waits by another measure";
    TAG: "tag changed", Patch, Patch, Patch, "the code moves to another file and is exported from the same place";
    ORIGIN: "origin changed", Patch, Patch, Patch, "who documents it is no part of an interface";
    DEPRECATED: "deprecated", Minor, Minor, Minor, "it works as before, and the documentation warns";
    NOT_DEPRECATED: "no longer deprecated", Patch, Patch, Patch, "the warning is gone";
    MODEL_ADDED: "model added", Patch, Patch, Minor, "the client gains a type; the API has no names of models";
    MODEL_REMOVED: "model removed", Patch, Patch, Major, "the client's type is gone; the API has no names of models";
    MODEL_KIND: "model's kind changed", Major, Major, Major, "struct, open enum, closed enum, union and raw JSON are different types";
    FIELD_ADDED: "optional field added", Minor, Minor, Minor, "structs are non_exhaustive, and constructors take required fields only";
    REQUIRED_FIELD_ADDED: "required field added", Minor, Major, Major, "the struct's constructor takes one more argument";
    FIELD_REMOVED: "field removed", Major, Major, Major, "code that names it does not compile";
    FIELD_TYPE: "field's type changed", Major, Major, Major, "code that uses it does not compile";
    FIELD_NOW_OPTIONAL: "field now optional", Major, Minor, Major, "the field becomes an `Option`, and the constructor loses an argument";
    FIELD_NOW_REQUIRED: "field now required", Minor, Major, Major, "the field is no `Option` any more, and the constructor takes one more argument";
    FIELD_NOW_NULLABLE: "field may now be null", Major, Minor, Major, "the field becomes an `Option`";
    FIELD_NEVER_NULL: "field is never null any more", Minor, Major, Major, "the field is no `Option` any more";
    FIELDS_REORDERED: "required fields reordered", Patch, Patch, Major, "the constructor takes its arguments in another order";
    VALUE_ADDED: "value added to an open enum", Minor, Minor, Minor, "open enums are non_exhaustive and keep values that they do not know";
    VALUE_REMOVED: "value removed from an open enum", Minor, Major, Major, "the variant is gone; the value is still kept as text";
    VALUE_RETIRED: "value of an open enum retired", Patch, Major, Minor, "the variant stays, and `KNOWN` is without it: requests no longer name it";
    VALUE_NOT_RETIRED: "value of an open enum no longer retired", Patch, Minor, Minor, "`KNOWN` has it again";
    CLOSED_VALUE_ADDED: "value added to a closed enum", Major, Minor, Major, "a `match` over a closed enum is no longer complete";
    CLOSED_VALUE_REMOVED: "value removed from a closed enum", Minor, Major, Major, "the variant is gone";
    VARIANT_RENAMED: "variant renamed", Patch, Patch, Major, "the variant has another name; the value is the same";
    ALTERNATIVE_ADDED: "alternative added to a union", Major, Minor, Minor, "unions are non_exhaustive; who reads the API by hand meets a new shape";
    ALTERNATIVE_REMOVED: "alternative removed from a union", Minor, Major, Major, "the variant is gone";
    PAYLOAD_ADDED: "event payload added", Minor, Minor, Minor, "the payload enum is non_exhaustive";
    PAYLOAD_REMOVED: "event payload removed", Major, Major, Major, "the variant is gone";
    PAYLOAD_TYPE: "event payload changed", Major, Major, Major, "the variant holds another type";
    BOUNDS: "bounds or default changed", Minor, Major, Patch, "the server is the judge of values; the types are the same";
    SERVER: "server changed", Major, Major, Minor, "the API is elsewhere; the client knows where";
    SECURITY: "security changed", Major, Major, Major, "requests prove themselves in another way";
    WORDS: "words changed", Patch, Patch, Patch, "descriptions, examples, causes and fixes are documentation";
    UNKNOWN: "not known to any rule", Major, Major, Major, "look at it, and add a rule to xtask/src/breaking/rules.rs";
}

/// All rules as a table in Markdown.
pub(crate) fn table() -> String {
    let mut table =
        String::from("| change | API: in answers | API: in requests | Rust | why |\n| --- | --- | --- | --- | --- |\n");
    for Rule {
        name,
        answers,
        requests,
        rust,
        reason,
    } in ALL
    {
        table.push_str(&format!("| {name} | {answers} | {requests} | {rust} | {reason} |\n"));
    }
    table
}
