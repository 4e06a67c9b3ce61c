//! Absences: what a list did not give, and what became of asking for it by id.

use serde::Serialize;
use workos_directory_sync::Timestamp;

use crate::Error;
use crate::Kind;
use crate::Mirror;

/// For how long an approval can be used.
const APPROVED_FOR: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// Absent objects of a full sync, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AbsenceCounts {
    /// How many objects were asked for by id or, memberships, by the other side's list.
    pub asked: u64,
    /// How many of them are gone at the source: marked as deleted.
    pub ended: u64,
    /// How many of them are there, though the list did not give them.
    pub refreshed: u64,
    /// How many were asked for without a decision. They stay as they were.
    pub undecided: u64,
    /// How many were not asked for yet.
    pub remaining: u64,
    /// How many seconds it takes to ask for those that remain, at half of the directory's rate.
    pub seconds_left: u64,
}

/// Something in what the API gave that cannot be true, or is not likely. It stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Warning {
    /// The directory's id; empty for the list of directories.
    pub directory: String,
    /// Of which list.
    pub kind: Kind,
    /// What it is.
    pub what: WarningKind,
}

/// What is not likely in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningKind {
    /// It has fewer objects than the directory's metadata says.
    ListContradictsCounts,
    /// The first traversal of the directory had fewer objects than its metadata says.
    FirstSyncShort,
    /// It gave an object twice: objects moved from page to page, and others may have been missed.
    RepeatedObject,
    /// It went on, and its last page had nothing.
    EndedEarly,
    /// It gave an object that cannot be told from those that are absent: one without a readable id, or of another directory.
    UnreadableId,
    /// It has nothing, and had something before.
    ListTurnedEmpty,
    /// Users that had groups come without groups: groups count as not embedded.
    EmbeddedGroupsTurnedEmpty,
}

impl WarningKind {
    const ALL: [Self; 7] = [
        Self::ListContradictsCounts,
        Self::FirstSyncShort,
        Self::RepeatedObject,
        Self::EndedEarly,
        Self::UnreadableId,
        Self::ListTurnedEmpty,
        Self::EmbeddedGroupsTurnedEmpty,
    ];

    /// Its name, as `sync_warnings.what` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListContradictsCounts => "list_contradicts_counts",
            Self::FirstSyncShort => "first_sync_short",
            Self::RepeatedObject => "repeated_object",
            Self::EndedEarly => "ended_early",
            Self::UnreadableId => "unreadable_id",
            Self::ListTurnedEmpty => "list_turned_empty",
            Self::EmbeddedGroupsTurnedEmpty => "embedded_groups_turned_empty",
        }
    }

    /// Returns what it is in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::ListContradictsCounts => "the list has fewer objects than the directory's counts say",
            Self::FirstSyncShort => "the first list has fewer objects than the directory's counts say",
            Self::RepeatedObject => "the list gave an object twice",
            Self::EndedEarly => "the list ended with an empty page",
            Self::UnreadableId => "the list has an object whose id or directory cannot be read",
            Self::ListTurnedEmpty => "the list is empty, and was not before",
            Self::EmbeddedGroupsTurnedEmpty => "most users came without the groups that they had",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == name)
    }

    /// Whether a list with it is no complete picture of what there is.
    pub(crate) fn is_contradiction(self) -> bool {
        !matches!(self, Self::ListTurnedEmpty | Self::EmbeddedGroupsTurnedEmpty)
    }
}

/// What becomes of an object that stays absent for a day and that the API does not decide by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RepeatedAbsence {
    /// It ends after three complete and consistent traversals without it over 24 hours: at most 10 and at most 5 % of the
    /// directory's objects of its kind each day. More waits for an approval.
    #[default]
    End,
    /// It stays until somebody approves its end.
    Keep,
}

/// Objects of a directory whose end is not decided. See [`Mirror::deletions`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PendingDeletions {
    /// The directory's id.
    pub directory: String,
    /// What they are.
    pub kind: Kind,
    /// How many there are.
    pub count: u64,
    /// Since when the first of them has been absent.
    pub oldest_since: String,
    /// Why they are absent and not decided, each reason once.
    pub reasons: Vec<String>,
    /// The ids of some of them; of a membership the user's and the group's with a space between.
    pub sample: Vec<String>,
}

/// That a person allows the end of absent objects. See [`Mirror::approve_deletions`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Approval {
    /// Its number in `deletion_approvals`.
    pub number: i64,
    /// The directory's id.
    pub directory: String,
    /// What may end.
    pub kind: Kind,
    /// How many may end at most: if there are more, none does.
    pub at_most: u64,
    /// Until when it can be used.
    pub expires_at: String,
}

/// How absences are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AbsenceSettings {
    pub(crate) max_lookups: u64,
    pub(crate) repeated_absence: RepeatedAbsence,
    /// Above this share confirmed absences wait for approval.
    pub(crate) deleted_at_once_percent: Option<u8>,
}

impl Default for AbsenceSettings {
    fn default() -> Self {
        Self {
            max_lookups: 1_000,
            repeated_absence: RepeatedAbsence::End,
            deleted_at_once_percent: None,
        }
    }
}

impl AbsenceSettings {
    /// # Errors
    ///
    /// [`Error::Setting`] for a share above 100 %.
    pub(crate) fn check(self) -> Result<(), Error> {
        match self.deleted_at_once_percent {
            Some(percent) if percent > 100 => Err(Error::Setting {
                name: "deleted_at_once_percent",
                value: percent.to_string(),
                expected: "from 0 to 100",
            }),
            _ => Ok(()),
        }
    }
}

impl Mirror {
    /// Returns the absent objects that were asked for and whose end is not decided, by directory and kind.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn deletions(&self) -> Result<Vec<PendingDeletions>, Error> {
        self.store.pending_deletions().await
    }

    /// Allows the end of the undecided absent objects of a directory and kind, if there are at most `at_most` of them; with
    /// [`Kind::Directories`] that of the directory itself. The next full sync or the next pass of [`follow`](Self::follow)
    /// uses it, once, within 24 hours.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn approve_deletions(
        &self,
        directory: impl Into<String>,
        kind: Kind,
        at_most: u64,
    ) -> Result<Approval, Error> {
        let now = self.now();
        let expires = now
            .as_jiff()
            .saturating_add(APPROVED_FOR)
            .map_or_else(|_| now.clone(), Timestamp::from);
        let directory = directory.into();
        let expires_at = expires.canonical();
        let number = self
            .store
            .approve(&directory, kind, at_most, &now.canonical(), &expires_at)
            .await?;
        Ok(Approval {
            number,
            directory,
            kind,
            at_most,
            expires_at,
        })
    }
}
