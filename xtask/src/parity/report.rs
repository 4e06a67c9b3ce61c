//! Differences as text for people, JSON for tools, or a table in Markdown for a pull request.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;

use super::Deviations;
use super::Difference;
use super::compare::Kind;
use super::deviations::Deviation;

/// How differences are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// A table for a pull request
    Markdown,
}

/// Differences sorted by what is known of them.
pub(crate) struct Outcome<'a> {
    pub(crate) unexplained: Vec<&'a Difference>,
    known: Vec<(&'a Difference, &'a Deviation)>,
    /// Deviations that explain nothing any more.
    stale: Vec<&'a Deviation>,
}

impl<'a> Outcome<'a> {
    pub(crate) fn of(differences: &'a [Difference], deviations: &'a Deviations) -> Self {
        let mut outcome = Self {
            unexplained: Vec::new(),
            known: Vec::new(),
            stale: Vec::new(),
        };
        for difference in differences {
            match deviations.all().iter().find(|deviation| deviation.explains(difference)) {
                Some(deviation) => outcome.known.push((difference, deviation)),
                None => outcome.unexplained.push(difference),
            }
        }
        // A narrow deviation behind a wide one still holds, so this asks all differences again.
        let holds = |deviation: &&Deviation| differences.iter().any(|difference| deviation.explains(difference));
        outcome.stale = deviations.all().iter().filter(|deviation| !holds(deviation)).collect();
        outcome
    }
}

pub(crate) fn render(format: Format, outcome: &Outcome<'_>) -> Result<String> {
    match format {
        Format::Text => Ok(text(outcome)?),
        Format::Markdown => Ok(markdown(outcome)?),
        Format::Json => {
            let one = |difference: &Difference| json!(difference);
            let known = |(difference, deviation): &(&Difference, &Deviation)| {
                let mut value = one(difference);
                value["reason"] = json!(deviation.reason);
                value
            };
            let stale = outcome
                .stale
                .iter()
                .map(|deviation| json!({ "kind": deviation.kind, "what": deviation.what, "reason": deviation.reason }));
            let value = json!({
                "unexplained": outcome.unexplained.iter().copied().map(one).collect::<Vec<_>>(),
                "known": outcome.known.iter().map(known).collect::<Vec<_>>(),
                "stale": stale.collect::<Vec<_>>(),
            });
            Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
        }
    }
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Lacking => "upstream has, we lack",
        Kind::Extra => "we have, upstream lacks",
        Kind::Differs => "not the same",
    }
}

fn text(outcome: &Outcome<'_>) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    for kind in Kind::ALL {
        let differences: Vec<_> = outcome
            .unexplained
            .iter()
            .filter(|difference| difference.kind == kind)
            .collect();
        if differences.is_empty() {
            continue;
        }
        writeln!(out, "{}:", title(kind))?;
        for Difference {
            what, upstream, ours, ..
        } in differences
        {
            match kind {
                Kind::Differs => writeln!(out, "  {what}: upstream {upstream}; ours {ours}")?,
                _ => writeln!(out, "  {what}")?,
            }
        }
    }
    if !outcome.stale.is_empty() {
        writeln!(
            out,
            "deviations that no longer hold, to be removed from {}:",
            super::DEVIATIONS
        )?;
        for Deviation { kind, what, .. } in &outcome.stale {
            writeln!(out, "  {what} ({kind})")?;
        }
    }
    writeln!(
        out,
        "{} differences are not explained, {} are known deviations, {} deviations no longer hold",
        outcome.unexplained.len(),
        outcome.known.len(),
        outcome.stale.len()
    )?;
    Ok(out)
}

fn markdown(outcome: &Outcome<'_>) -> Result<String, std::fmt::Error> {
    let mut out = String::from("| | what | upstream | ours | reason |\n| --- | --- | --- | --- | --- |\n");
    let mut row = |mark: &str, difference: &Difference, reason: &str| {
        let Difference {
            kind,
            what,
            upstream,
            ours,
        } = difference;
        writeln!(
            out,
            "| {mark} {} | `{}` | {} | {} | {} |",
            title(*kind),
            cell(what),
            cell(upstream),
            cell(ours),
            cell(reason)
        )
    };
    for difference in &outcome.unexplained {
        row("**unexplained:**", difference, "")?;
    }
    for (difference, deviation) in &outcome.known {
        row("known:", difference, &deviation.reason)?;
    }
    for Deviation { what, reason, .. } in &outcome.stale {
        writeln!(out, "| **no longer holds** | `{}` | | | {} |", cell(what), cell(reason))?;
    }
    Ok(out)
}

/// A text that stays in its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
