//! Settings: a flag wins over the environment, that over the profile file, that over what is built in.
//!
//! Secrets have no flag. The API key comes from `WORKOS_API_KEY`, or from a file or a command that the profile names.

mod file;
mod secret;

use std::env;
use std::path::PathBuf;

use serde::Serialize;

pub(crate) use self::file::EXAMPLE;
pub(crate) use self::file::Profile;
pub(crate) use self::file::path;
pub(crate) use self::secret::KEY_VARIABLE;
pub(crate) use self::secret::api_key;
use crate::failure::Failure;

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// A flag of this command.
    Flag,
    /// This environment variable.
    Environment(&'static str),
    /// The profile file.
    Profile,
    /// Nobody set it.
    Default,
}

impl Origin {
    /// What to correct to change it, by the name of its flag.
    pub(crate) fn name(&self, flag: &'static str) -> &'static str {
        match self {
            Self::Flag => flag,
            Self::Environment(name) => name,
            Self::Profile => "the profile",
            Self::Default => "the default",
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag => formatter.write_str("flag"),
            Self::Environment(name) => formatter.write_str(name),
            Self::Profile => formatter.write_str("profile"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// A profile that was chosen, and the file that it is in.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// Its name; `None` when there is no file, or nothing in it was chosen.
    pub(crate) name: Option<String>,
    /// The file, whether or not it exists.
    pub(crate) path: Option<PathBuf>,
    /// What it says.
    pub(crate) profile: Profile,
}

/// The profile of this name, or of DSYNC_PROFILE, or the file's own choice, or `default` where there is one.
pub(crate) fn choose(asked: Option<&str>) -> Result<Chosen, Failure> {
    let path = path();
    let file = match &path {
        Some(path) => file::read(path)?,
        None => None,
    };
    let asked = asked.map(str::to_owned).or(variable("DSYNC_PROFILE")?);
    let place = path
        .as_deref()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let Some(mut file) = file else {
        return match asked {
            Some(name) => Err(Failure::usage(format!(
                "there is no profile `{name}`: `{place}` does not exist; `dsync config init` writes it"
            ))),
            None => Ok(Chosen {
                path,
                ..Chosen::default()
            }),
        };
    };
    let wanted = asked.or_else(|| file.default_profile.clone());
    let name = wanted.clone().unwrap_or_else(|| "default".to_owned());
    match file.profiles.remove(&name) {
        Some(profile) => Ok(Chosen {
            name: Some(name),
            path,
            profile,
        }),
        None if wanted.is_none() => Ok(Chosen {
            path,
            ..Chosen::default()
        }),
        None => {
            let names: Vec<_> = file.profiles.keys().map(String::as_str).collect();
            Err(Failure::usage(format!(
                "there is no profile `{name}` in `{place}`; it has {}",
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            )))
        }
    }
}

/// The first of flag, environment and profile, with where it comes from.
pub(crate) fn first<T: Clone>(
    flag: Option<&T>,
    (name, parse): (&'static str, impl FnOnce(String) -> Result<T, Failure>),
    profile: Option<&T>,
) -> Result<Option<(T, Origin)>, Failure> {
    if let Some(value) = flag {
        return Ok(Some((value.clone(), Origin::Flag)));
    }
    if let Some(value) = variable(name)? {
        return Ok(Some((parse(value)?, Origin::Environment(name))));
    }
    Ok(profile.map(|value| (value.clone(), Origin::Profile)))
}

/// An environment variable; an empty one counts as not set.
pub(crate) fn variable(name: &'static str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        // What it has instead of text is not shown: it may be a secret.
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("{name} is not text"))),
    }
}
