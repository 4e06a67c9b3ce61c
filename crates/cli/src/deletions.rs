//! `dsync deletions`: absent objects whose end the API does not decide, and a person's permission for it.

use std::fmt::Write as _;

use clap::Subcommand;
use futures_util::stream;
use serde::Serialize;
use workos_directory_mirror::Approval;
use workos_directory_mirror::Kind;
use workos_directory_mirror::Mirror;
use workos_directory_mirror::PendingDeletions;

use crate::connection::Place;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Cell;
use crate::listing::Column;
use crate::listing::Row;
use crate::listing::Several;
use crate::output;
use crate::output::Format;
use crate::output::plain;

/// Look at absent objects whose end is not decided, and approve it
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what a list left out and what asking by id did not decide, by directory and kind
    #[command(after_help = "\
Examples:
  dsync deletions list --database sqlite:mirror.sqlite
  dsync deletions list --database sqlite:mirror.sqlite --output json | jq -r '.sample[]'

None of them has ended. `dsync follow` and `dsync sync` ask for them again.")]
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Allow the end of a directory's undecided absent objects of a kind, once
    #[command(after_help = "\
Examples:
  dsync deletions approve --directory directory_01ECAZ4NV9QMV47GW873HDCX74 --kind users --at-most 12
  dsync deletions approve --directory directory_01ECAZ4NV9QMV47GW873HDCX74 --kind directories --at-most 1

It ends nothing by itself: the next `dsync sync` or `dsync follow` uses it, once and within 24 hours, for what is undecided \
then. If that is more than `--at-most`, nothing ends. With `--kind directories` the directory ends with all that is in it.")]
    Approve(Approve),
}

#[derive(Debug, clap::Args)]
struct Approve {
    #[command(flatten)]
    place: Place,

    /// The directory's id
    #[arg(long, value_name = "ID")]
    directory: String,

    /// What may end
    #[arg(long, value_enum)]
    kind: KindName,

    /// How many may end at most
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    at_most: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum KindName {
    /// Users of the directory
    Users,
    /// Groups of the directory
    Groups,
    /// Memberships in the directory's groups
    Memberships,
    /// The directory itself, with all that is in it
    Directories,
}

impl KindName {
    fn kind(self) -> Kind {
        match self {
            Self::Users => Kind::Users,
            Self::Groups => Kind::Groups,
            Self::Memberships => Kind::Memberships,
            Self::Directories => Kind::Directories,
        }
    }
}

/// An approval and what it is for.
#[derive(Debug, Serialize)]
struct Approved {
    #[serde(flatten)]
    approval: Approval,
    pending: PendingDeletions,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::List { place } => {
            let format = Format::of_lists(asked).general()?;
            let mirror = place.read().await?;
            let pending = mirror.deletions().await;
            mirror.close().await;
            list(pending?, format).await
        }
        Verb::Approve(approve) => {
            let format = asked.unwrap_or_default().general()?;
            let mirror = approve.place.existing().await?;
            let approved = approve.run(&mirror).await;
            mirror.close().await;
            let approved = approved?;
            output::result(format, &approved, || text(&approved))
        }
    }
}

impl Approve {
    async fn run(&self, mirror: &Mirror) -> Result<Approved, Failure> {
        let kind = self.kind.kind();
        let all = mirror.deletions().await?;
        let pending = all
            .into_iter()
            .find(|pending| pending.directory == self.directory && pending.kind == kind);
        let Some(pending) = pending else {
            return Err(Failure::other(format!(
                "no {kind} of `{}` are undecided, so nothing was approved: `dsync deletions list` shows what is",
                self.directory
            )));
        };
        if pending.count > self.at_most {
            return Err(Failure::other(format!(
                "{} {kind} of `{}` are undecided, more than `--at-most {}`, so nothing was approved: look at `dsync deletions \
                 list`, and write `--at-most {}` if all of them may end",
                pending.count, self.directory, self.at_most, pending.count
            )));
        }
        let approval = mirror
            .approve_deletions(self.directory.as_str(), kind, self.at_most)
            .await?;
        Ok(Approved { approval, pending })
    }
}

async fn list(pending: Vec<PendingDeletions>, format: Format) -> Result<(), Failure> {
    if pending.is_empty() && format == Format::Text {
        return output::write(b"nothing is undecided\n");
    }
    let pending = Several::new(stream::iter(pending.into_iter().map(Ok)));
    listing::write(pending, None, |_| true, Some(format)).await
}

fn text(approved: &Approved) -> String {
    let Approved { approval, pending } = approved;
    let mut text = format!(
        "approved: up to {} {} of {} may end, {} at present:\n",
        approval.at_most,
        approval.kind,
        plain(&approval.directory),
        pending.count
    );
    for id in &pending.sample {
        let _ = writeln!(text, "  {}", plain(id));
    }
    let shown = u64::try_from(pending.sample.len()).unwrap_or(u64::MAX);
    if let Some(more) = pending.count.checked_sub(shown).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} more");
    }
    let _ = writeln!(
        text,
        "the next `dsync sync` or `dsync follow` uses it, once, until {}",
        plain(&approval.expires_at)
    );
    text
}

impl Row for PendingDeletions {
    const COLUMNS: &'static [Column] = &[
        Column::key("DIRECTORY", 36),
        Column::key("KIND", 11),
        Column::number("COUNT", 5),
        Column::new("SINCE", 24),
        Column::new("WHY", 3),
    ];

    fn cells(&self) -> Vec<Cell> {
        vec![
            (&self.directory).into(),
            self.kind.as_str().into(),
            self.count.to_string().into(),
            (&self.oldest_since).into(),
            self.reasons.join("; ").into(),
        ]
    }
}
