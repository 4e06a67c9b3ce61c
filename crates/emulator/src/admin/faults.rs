//! The rules by which answers go wrong.
//!
//! A rule is the same JSON here and in [`FaultRule`]; the body is read by the document's types first, then each rule by its
//! own, which knows what belongs to which kind of fault.

use std::sync::Arc;

use workos_directory_emulator_client::types;

use crate::admin::call::Call;
use crate::answer::Reply;
use crate::app::App;
use crate::faults::InjectedFault;
use crate::refusal::Refusal;
use crate::rule::FaultRule;

/// `GET /_emulator/faults`
pub(crate) fn list(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let data: Result<Vec<_>, Refusal> = app.faults.list().into_iter().map(shown).collect();
    call.reply(&types::FaultList::new(data?))
}

/// `POST /_emulator/faults`
pub(crate) fn add(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let rule = rule(&call.body()?, "")?;
    let id = app
        .faults
        .inject(rule)
        .map_err(|error| Refusal::unprocessable(&error))?;
    let injected = app.faults.list().into_iter().find(|injected| injected.id == id);
    call.reply(&shown(injected.ok_or_else(Refusal::internal)?)?)
}

/// `PUT /_emulator/faults`
pub(crate) fn replace(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let body: types::FaultRules = call.body()?;
    let rules: Result<Vec<FaultRule>, Refusal> = body
        .rules
        .iter()
        .enumerate()
        .map(|(place, text)| rule(text, &format!("rules[{place}].")))
        .collect();
    let replaced = app.faults.replace(rules?);
    replaced.map_err(|error| Refusal::unprocessable(&error))?;
    list(app, call)
}

/// `DELETE /_emulator/faults`
pub(crate) fn clear(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    app.faults.clear();
    call.done()
}

/// A rule as the emulator keeps it. `at` is where it stands in the body.
fn rule(rule: &types::FaultRule, at: &str) -> Result<FaultRule, Refusal> {
    let json = serde_json::to_value(rule).map_err(|_| Refusal::internal())?;
    let rule: FaultRule = serde_path_to_error::deserialize(json).map_err(|error| {
        let place = format!("{at}{}", error.path());
        Refusal::invalid_field(&place, error.into_inner().to_string())
    })?;
    rule.check()
        .map_err(|error| Refusal::invalid_field(at.trim_end_matches('.'), error.to_string()))?;
    Ok(rule)
}

fn shown(fault: InjectedFault) -> Result<types::InjectedFault, Refusal> {
    let rule = serde_json::to_value(&fault.rule)
        .and_then(serde_json::from_value::<types::FaultRule>)
        .map_err(|_| Refusal::internal())?;
    Ok(types::InjectedFault::new(fault.id, rule, fault.applied))
}
