//! `dsync emulator members`: add, remove.

use crate::emulator::control::Place;
use crate::emulator::control::tell;
use crate::emulator::users::Home;
use crate::failure::Failure;
use crate::output::Format;

/// Members of a group of a running emulator: add, remove
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a user a member of a group, told by `dsync.group.user_added`
    #[command(after_help = "\
Example:
  dsync emulator members add --directory directory_01ECAZ4NV9QMV47GW873HDCX74 \
--group directory_group_01E1JJS84MFPPQ3G655FHTKX6Z directory_user_01E1JG7J09H96KYP8HM9B0G5SJ")]
    Add(Membership),
    /// End a membership, told by `dsync.group.user_removed`
    #[command(after_help = "\
Example:
  dsync emulator members remove --directory directory_01ECAZ4NV9QMV47GW873HDCX74 \
--group directory_group_01E1JJS84MFPPQ3G655FHTKX6Z directory_user_01E1JG7J09H96KYP8HM9B0G5SJ")]
    Remove(Membership),
}

#[derive(Debug, clap::Args)]
struct Membership {
    /// The user's id
    user: String,
    /// The group's id
    #[arg(long, value_name = "ID")]
    group: String,
    #[command(flatten)]
    home: Home,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    let (membership, is_added) = match &arguments.verb {
        Verb::Add(membership) => (membership, true),
        Verb::Remove(membership) => (membership, false),
    };
    let client = membership.place.client()?;
    let (directory, group, user) = (&*membership.home.directory, &*membership.group, &*membership.user);
    if is_added {
        let add = client.add_member().directory(directory).group(group).user(user);
        add.send().await?;
        tell(asked, "added", user)
    } else {
        let remove = client.remove_member().directory(directory).group(group).user(user);
        remove.send().await?;
        tell(asked, "removed", user)
    }
}
