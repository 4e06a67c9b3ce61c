//! `cargo xtask parity FILE`: our document against an upstream one, within the paths that ours covers.
//!
//! ```text
//! compare      both documents → differences, by model rather than by answer
//! places       what we have, by the names that differences give it
//! deviations   spec/parity.toml: what is covered, and which differences are meant, with a reason each
//! report       differences as text, JSON or a table for a pull request
//! ```
//!
//! Without a file it checks spec/parity.toml alone: that it is well-formed and has everything that only the seed knows.
//!
//! A schema of ours is compared with everything that upstream has in its places: where upstream has one schema for a list
//! and another one for a single object, ours has to cover both. What upstream says inside of `x-raw-json` is the customer's.
//!
//! | said of a schema | compared |
//! | --- | --- |
//! | types, `null`, values, bounds | wherever either side says something |
//! | a requirement | `lacking` where upstream alone has it: a client may expect less than is promised; else `differs` |
//! | `format` | in requests; in answers where upstream has one |
//! | `default` | of parameters and fields, not of models |

mod compare;
mod deviations;
mod places;
mod report;

use std::path::PathBuf;

use anyhow::Result;
use anyhow::bail;

use self::compare::Difference;
pub(crate) use self::deviations::Deviations;
use self::report::Format;
use self::report::Outcome;
use crate::openapi::Document;

/// From the workspace's root.
pub(crate) const DEVIATIONS: &str = "spec/parity.toml";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The upstream document: OpenAPI 3.0 or 3.1, YAML or JSON; without it, only spec/parity.toml is checked
    #[arg(value_name = "FILE")]
    upstream: Option<PathBuf>,
    /// Our document
    #[arg(long, value_name = "FILE", default_value_os_t = crate::root().join("spec/openapi.yaml"))]
    spec: PathBuf,
    /// What is covered, and the differences that are meant
    #[arg(long, value_name = "FILE", default_value_os_t = crate::root().join(DEVIATIONS))]
    deviations: PathBuf,
    /// How differences are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let ours = Document::read(&arguments.spec)?;
    let deviations = Deviations::read(&arguments.deviations)?;
    let Some(upstream) = &arguments.upstream else {
        return bookkeeping(&ours, &deviations);
    };
    let upstream = Document::read(upstream)?;
    let differences = compare::compare(&ours, &upstream, deviations.scope());
    let outcome = Outcome::of(&differences, &deviations);
    print!("{}", report::render(arguments.format, &outcome)?);
    match outcome.unexplained.len() {
        0 => Ok(()),
        1 => bail!("1 difference is not explained: change the document, or give the reason in {DEVIATIONS}"),
        count => {
            bail!("{count} differences are not explained: change the document, or give the reasons in {DEVIATIONS}")
        }
    }
}

fn bookkeeping(ours: &Document, deviations: &Deviations) -> Result<()> {
    let faults = deviations.faults(ours);
    if faults.is_empty() {
        println!("{DEVIATIONS} is well-formed and has all that only the seed knows");
        return Ok(());
    }
    bail!("{DEVIATIONS}: {}", faults.join("\n       "))
}
