//! What may be expected of the database, by what happened so far.

/// Whether one more poll leads to the truth: events are polled, and a full sync of everything served that began later.
/// What it brought and what came since then may be spoilt.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// It is noted from when on events are read, and none of them was lost since.
    is_polled: bool,
    /// The last full sync, which may go on, is of everything, began after that, and nothing has spoilt it.
    is_run_good: bool,
    is_followed: bool,
    /// The source said that something is gone which is not. Events that come before a full sync brings it back are stale,
    /// and those that happened before them can come later: no full sync knows of that.
    is_misled: bool,
}

impl Trust {
    pub(super) fn polled(&mut self) {
        self.is_polled = true;
    }

    /// A full sync began, rather than went on with an earlier one.
    pub(super) fn began(&mut self, is_of_all: bool) {
        self.is_run_good = self.is_polled && is_of_all;
    }

    /// A full sync of everything came to its end.
    pub(super) fn synced(&mut self) {
        self.is_followed = self.is_run_good;
    }

    /// Events were lost. They are read from now on.
    pub(super) fn cursor_lost(&mut self) {
        self.is_polled = true;
        self.spoil();
    }

    /// The source lied, which only a new full sync mends.
    pub(super) fn spoil(&mut self) {
        self.is_run_good = false;
        self.is_followed = false;
    }

    /// The source said that something is gone which is not.
    pub(super) fn misled(&mut self) {
        self.is_misled = true;
    }

    /// The cursor is too old by now.
    pub(super) fn slept(&mut self) {
        self.is_polled = false;
        self.spoil();
    }

    pub(super) fn is_followed(&self) -> bool {
        self.is_followed && !self.is_misled
    }
}
