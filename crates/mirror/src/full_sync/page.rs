//! A page of raw objects, read one by one: rows to write, and what cannot be read.

use serde_json::value::RawValue;

use crate::Kind;
use crate::record;
use crate::record::Absent;
use crate::record::OddField;
use crate::record::ReadObject;
use crate::record::Table;
use crate::store::FOREIGN;
use crate::store::Finding;
use crate::store::Findings;
use crate::store::Source;

/// Reads the objects of a page of a directory's list, or of the list of directories.
pub(crate) fn read(
    table: &'static Table,
    directory: Option<&str>,
    page: &[Box<RawValue>],
) -> (Vec<ReadObject>, Findings) {
    let mut findings = Findings::default();
    let mut objects = Vec::with_capacity(page.len());
    for raw in page {
        if let Some(object) = take(table, directory, raw.get(), Source::List, &mut findings) {
            objects.push(object);
        }
    }
    (objects, findings)
}

/// Reads an object and notes what of it cannot be read.
pub(super) fn take(
    table: &'static Table,
    directory: Option<&str>,
    json: &str,
    source: Source,
    findings: &mut Findings,
) -> Option<ReadObject> {
    let object = match record::read_object(table, json, Absent::Null) {
        Ok(object) => object,
        Err(unreadable) => {
            let inactive = unreadable.inactive(table);
            if inactive.is_none() {
                // It is there: what is known of it stays.
                findings.seen.extend(unreadable.id.clone());
            }
            findings.unread += 1;
            findings.odd.push(Finding::object(*unreadable, directory, source));
            return inactive;
        }
    };
    let id = object.record.id.as_str();
    if let Some(asked) = directory
        && object.record.directory_id(table) != asked
    {
        // A server that ignores a filter must not move people between directories.
        let fault = foreign(object.record.directory_id(table), asked, json);
        let finding = Finding::field(table.kind, id, Some(asked), fault, source);
        findings.odd.push(finding);
        findings.unread += 1;
        return ReadObject::inactive(table, id, object.record.state(table)?);
    }
    let of = directory.or((table.kind == Kind::Directories).then_some(id));
    for fault in &object.odd {
        findings
            .odd
            .push(Finding::field(table.kind, id, of, fault.clone(), source));
    }
    Some(object)
}

/// Reads the ids of users or groups that are listed for a group or user.
pub(super) fn read_ids(kind: Kind, directory: &str, page: &[Box<RawValue>]) -> (Vec<String>, Findings) {
    let mut findings = Findings::default();
    let mut ids = Vec::with_capacity(page.len());
    for raw in page {
        match record::read_ids(kind, raw.get()) {
            Ok((id, of)) if of == directory => ids.push(id),
            Ok((id, of)) => {
                let fault = foreign(&of, directory, raw.get());
                findings
                    .odd
                    .push(Finding::field(kind, &id, Some(directory), fault, Source::List));
            }
            Err(unreadable) => match unreadable.id {
                // Who is in which group takes ids only.
                Some(id) => ids.push(id),
                None => findings
                    .odd
                    .push(Finding::object(*unreadable, Some(directory), Source::List)),
            },
        }
    }
    (ids, findings)
}

fn foreign(found: &str, asked: &str, json: &str) -> OddField {
    OddField {
        path: "directory_id".to_owned(),
        error: format!("{FOREIGN}, `{found}`, than the one of the list, `{asked}`"),
        payload: record::payload(json),
    }
}
