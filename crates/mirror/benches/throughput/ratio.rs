//! Users per second against the loop, in turns.

use crate::cluster;
use crate::one_by_one::Habit;
use crate::process;
use crate::source::Shape;
use crate::source::Source;

/// A database of the program's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// The address of a new one in this folder, or on a server whose commits wait for the disk or do not.
    pub(crate) fn made(self, folder: &tempfile::TempDir, habit: Habit) -> String {
        match (self, habit) {
            (Self::Sqlite, _) => format!("sqlite:{}", folder.path().join("database").display()),
            (Self::Postgres, Habit::Plain) => cluster::durable_database(),
            (Self::Postgres, Habit::Tuned) => cluster::database(),
        }
    }
}

/// How many users the loop has in a turn when each commit waits for the disk: it takes as long for each.
const WAITED_FOR: u32 = 1_000;

/// Prints the table.
pub(crate) fn measure(users: u32, turns: usize) {
    println!(
        "| Database | The loop's habit | Source | Mirror, users/s (rows/s) | Loop, users/s = rows/s | Ratio (lowest–highest) | Aim |"
    );
    println!("|---|---|---|---|---|---|---|");
    for habit in Habit::ALL {
        for database in Database::ALL {
            for shape in Shape::ALL {
                compare(database, habit, shape, users, turns);
            }
        }
    }
    println!();
}

/// Prints some lines of the table.
pub(crate) fn measure_one(database: &str, habit: &str, users: u32, turns: usize) {
    let database = Database::ALL.into_iter().find(|known| known.name() == database);
    let habit = Habit::ALL.into_iter().find(|known| known.name() == habit);
    for shape in Shape::ALL {
        compare(
            database.expect("a database"),
            habit.expect("a habit"),
            shape,
            users,
            turns,
        );
    }
}

fn compare(database: Database, habit: Habit, shape: Shape, users: u32, turns: usize) {
    let source = Source::start(shape, users);
    // Where the official crate can read it: it insists on a list of groups, which the behaviour that embeds them leaves out
    // unless it is asked.
    let readable = if shape == Shape::Embedded { Shape::Listed } else { shape };
    let users_of_loop = if habit == Habit::Plain {
        users.min(WAITED_FOR)
    } else {
        users
    };
    let source_of_loop = Source::start(readable, users_of_loop);
    let (mut ours, mut rows, mut loops, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for turn in 0..turns {
        let mirror = || {
            let folder = tempfile::tempdir().expect("a folder");
            let address = database.made(&folder, habit);
            process::reports(&["mirror", "1", &address, &source.base_url, &source.api_key]).swap_remove(0)
        };
        let one_by_one = || {
            let folder = tempfile::tempdir().expect("a folder");
            let address = database.made(&folder, habit);
            let source = &source_of_loop;
            process::reports(&["loop", habit.name(), &address, &source.base_url, &source.api_key]).swap_remove(0)
        };
        // Who goes first changes too.
        let (ours_now, loop_now) = if turn % 2 == 0 {
            let ours = mirror();
            (ours, one_by_one())
        } else {
            let other = one_by_one();
            (mirror(), other)
        };
        assert_eq!(
            (ours_now.users, ours_now.inserted),
            (u64::from(users), u64::from(users))
        );
        assert_eq!(loop_now.users, u64::from(users_of_loop));
        ours.push(ours_now.per_second());
        rows.push(ours_now.rows_per_second());
        loops.push(loop_now.per_second());
        ratios.push(ours_now.per_second() / loop_now.per_second());
    }
    source.end();
    source_of_loop.end();
    ratios.sort_by(f64::total_cmp);
    println!(
        "| {} | {} | {} | {:.0} ({:.0}) | {:.0} | {:.1} ({:.1}–{:.1}) | ≥ 5 |",
        database.name(),
        habit.name(),
        shape.name(),
        median(&mut ours),
        median(&mut rows),
        median(&mut loops),
        median(&mut ratios.clone()),
        ratios.first().expect("a turn"),
        ratios.last().expect("a turn"),
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
