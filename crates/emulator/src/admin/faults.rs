//! The rules by which answers go wrong.
//!
//! A rule is the same JSON here and in [`FaultRule`], which knows what belongs to which kind of fault.

use std::sync::Arc;

use serde::Deserialize;
use workos_directory_emulator_client::types;
use workos_directory_sync::types::EventName;

use crate::admin::call::Call;
use crate::answer::Reply;
use crate::app::App;
use crate::faults::InjectedFault;
use crate::refusal::Refusal;
use crate::rule::FaultRule;
use crate::strict;

/// All rules.
#[derive(Deserialize)]
struct Rules {
    rules: Vec<FaultRule>,
}

/// `GET /_emulator/faults`
pub(crate) fn list(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let data: Result<Vec<_>, Refusal> = app.faults.list().into_iter().map(shown).collect();
    call.reply(&types::FaultList::new(data?))
}

/// `POST /_emulator/faults`
pub(crate) fn add(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let rule: FaultRule = call.body()?;
    check(call, "", &rule)?;
    let id = app
        .faults
        .inject(rule)
        .map_err(|error| Refusal::unprocessable(&error))?;
    let injected = app.faults.list().into_iter().find(|injected| injected.id == id);
    call.reply(&shown(injected.ok_or_else(Refusal::internal)?)?)
}

/// `PUT /_emulator/faults`
pub(crate) fn replace(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let Rules { rules } = call.body()?;
    for (place, rule) in rules.iter().enumerate() {
        check(call, &format!("rules[{place}]"), rule)?;
    }
    let replaced = app.faults.replace(rules);
    replaced.map_err(|error| Refusal::unprocessable(&error))?;
    list(app, call)
}

/// `DELETE /_emulator/faults`
pub(crate) fn clear(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    app.faults.clear();
    call.done()
}

/// Refuses a rule that makes no sense. `at` is where it stands in the body.
fn check(call: &Call, at: &str, rule: &FaultRule) -> Result<(), Refusal> {
    for (place, name) in rule.events.iter().enumerate() {
        let field = strict::join(at, &format!("events[{place}]"));
        call.known(field, Some(&EventName::from(name.as_str())), EventName::KNOWN)?;
    }
    rule.check().map_err(|error| {
        let field = strict::join(at, error.field());
        Refusal::invalid_field(&field, error.to_string())
    })
}

fn shown(fault: InjectedFault) -> Result<types::InjectedFault, Refusal> {
    let rule = serde_json::to_value(&fault.rule)
        .and_then(serde_json::from_value::<types::FaultRule>)
        .map_err(|_| Refusal::internal())?;
    Ok(types::InjectedFault::new(fault.id, rule, fault.applied))
}
