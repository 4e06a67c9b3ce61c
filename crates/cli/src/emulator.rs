//! `dsync emulator`: the API on this machine until Ctrl-C.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_emulator::Profile;
use workos_directory_emulator::RateLimits;
use workos_directory_emulator::SeedFile;

use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::output::Format;

/// Run a local stand-in for the Directory Sync API
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dsync emulator
  dsync emulator --port 4010 --users 100000 --groups 500 --memberships 300000
  dsync emulator --data company.json --profile seed --enforce-rate-limits

Then, in another terminal:
  export WORKOS_BASE_URL=http://127.0.0.1:4010 WORKOS_API_KEY=sk_test_emulator
  dsync sync --database sqlite:mirror.sqlite --rate-limit off")]
pub(crate) struct Arguments {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 4010)]
    port: u16,

    /// The address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,

    /// Let `--bind` name an address that other machines can reach
    #[arg(long)]
    allow_remote: bool,

    /// Whose behaviour to show where the seed and the live API differ
    #[arg(long, value_enum, default_value_t = ProfileName::Live)]
    profile: ProfileName,

    /// Answer 429 beyond the profile's rate limits
    #[arg(long)]
    enforce_rate_limits: bool,

    /// Begin with the objects of a JSON file instead of making some up
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "directories", "users", "groups", "memberships"])]
    data: Option<PathBuf>,

    /// The seed of the objects that are made up: the same seed gives the same objects
    #[arg(long, default_value_t = Population::default().seed)]
    seed: u64,

    /// How many directories to make up
    #[arg(long, default_value_t = Population::default().directories)]
    directories: u32,

    /// How many users to make up in all directories together
    #[arg(long, default_value_t = Population::default().users)]
    users: u32,

    /// How many groups to make up in all directories together
    #[arg(long, default_value_t = Population::default().groups)]
    groups: u32,

    /// How many memberships to make up in all directories together
    #[arg(long, default_value_t = Population::default().memberships)]
    memberships: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ProfileName {
    /// The live API
    Live,
    /// The reference that this project started from
    Seed,
}

pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let profile = match arguments.profile {
        ProfileName::Live => Profile::Live,
        ProfileName::Seed => Profile::Seed,
    };
    let mut builder = Emulator::builder()
        .bind(SocketAddr::new(arguments.bind, arguments.port))
        .allow_remote(arguments.allow_remote)
        .profile(profile);
    if arguments.enforce_rate_limits {
        builder = builder.rate_limits(RateLimits::of(profile));
    }
    builder = match &arguments.data {
        Some(path) => builder.seed_file(SeedFile::read(path).map_err(|error| Failure::usage(error.to_string()))?),
        None => {
            let Arguments {
                seed,
                directories,
                users,
                groups,
                memberships,
                ..
            } = *arguments;
            builder.population(Population {
                seed,
                directories,
                users,
                groups,
                memberships,
            })
        }
    };
    let emulator = builder.start().await?;
    let (url, key) = (emulator.base_url().to_owned(), emulator.api_key().to_owned());
    output::result(format, &json!({ "base_url": url, "api_key": key }), || {
        format!("export WORKOS_BASE_URL={url} WORKOS_API_KEY={key}\n")
    })?;
    anstream::eprintln!("listening on {url}, Ctrl-C ends it");
    interrupt::requested().await?;
    let requests = emulator.total_requests();
    emulator.shutdown().await;
    anstream::eprintln!("answered {requests} requests");
    Ok(())
}
