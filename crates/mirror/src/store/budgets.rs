//! The rate budgets that workers share, in PostgreSQL.

use std::time::Duration;

use sqlx::Row;

use super::Store;
use super::json_array;
use crate::Error;
use crate::budget::ledger::Ledger;
use crate::budget::ledger::Limit;
use crate::budget::ledger::Wish;

/// The budget of all requests; those of directories sort after it.
const ALL: &str = "all";

/// What to draw from a budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    pub(crate) limit: Limit,
    pub(crate) wanted: u32,
    /// For how long it may be used, from before it is asked for.
    pub(crate) valid: Duration,
}

/// What was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// So many of all requests, and one of the directory if one was asked for.
    Requests(u32),
    /// One of the budgets has nothing left.
    Nothing {
        /// When to ask again.
        again_in: Duration,
    },
}

/// How often somebody else may come first before this worker waits a moment.
const ATTEMPTS: u32 = 10;

/// That moment.
const MOMENT: Duration = Duration::from_millis(10);

impl Store {
    /// Draws from the budget of all requests, from that of a directory, or from both or neither.
    ///
    /// What was read is written only if nobody else has written meanwhile. So no lock is held between the two, and a worker
    /// that is stopped holds up nobody.
    pub(crate) async fn draw(
        &self,
        worker: i64,
        general: Option<Draw>,
        of_directory: Option<(&str, Draw)>,
    ) -> Result<Drawn, Error> {
        let directory = of_directory.map(|(id, draw)| (format!("directory {id}"), draw));
        let mut wanted: Vec<(&str, Draw)> = general.map(|draw| (ALL, draw)).into_iter().collect();
        wanted.extend(directory.as_ref().map(|(name, draw)| (name.as_str(), *draw)));
        let names = json_array(&wanted.iter().map(|(name, _)| name).collect::<Vec<_>>())?;
        for _ in 0..ATTEMPTS {
            let rows = sqlx::query(
                "SELECT name, ledger, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now
                 FROM rate_budgets WHERE name IN (SELECT json_array_elements_text($1::json)) ORDER BY name",
            )
            .bind(&names)
            .fetch_all(&self.pool)
            .await?;
            if rows.len() < wanted.len() {
                self.open_budgets(&names).await?;
                continue;
            }
            let mut asked = Vec::with_capacity(wanted.len());
            for (row, (name, draw)) in rows.iter().zip(&wanted) {
                let before: &str = row.try_get("ledger")?;
                // One that was made unreadable by hand begins anew.
                let mut ledger: Ledger = serde_json::from_str(before).unwrap_or_default();
                let wish = Wish {
                    worker,
                    now: row.try_get("now")?,
                    wanted: draw.wanted,
                    valid_ms: i64::try_from(draw.valid.as_millis())
                        .unwrap_or(i64::MAX)
                        .saturating_add(1),
                };
                let drawn = ledger.ask(draw.limit, wish);
                asked.push((*name, before, draw.limit, wish, ledger, drawn));
            }
            let is_enough = asked.iter().all(|(.., drawn)| *drawn > 0);
            let mut again_in = 0;
            let mut changes = Vec::with_capacity(asked.len());
            for (name, before, limit, wish, ledger, drawn) in &mut asked {
                if is_enough {
                    ledger.draw(*limit, *wish, *drawn);
                } else if *drawn == 0 {
                    again_in = ledger.again_in(wish.now).max(again_in);
                }
                let after = serde_json::to_string(ledger).map_err(|error| sqlx::Error::Encode(error.into()))?;
                changes.push([(*name).to_owned(), (*before).to_owned(), after]);
            }
            let written = sqlx::query(
                "UPDATE rate_budgets AS b SET ledger = change.value ->> 2, drawn_at = clock_timestamp()
                 FROM json_array_elements($1::json) AS change
                 WHERE b.name = change.value ->> 0 AND b.ledger = change.value ->> 1",
            )
            .bind(json_array(&changes)?)
            .execute(&self.pool)
            .await?
            .rows_affected();
            // If only one of two was written, what it says was drawn is used by nobody and lapses.
            if written < changes.len() as u64 {
                continue;
            }
            return Ok(if is_enough {
                Drawn::Requests(general.and(asked.first()).map_or(0, |(.., drawn)| *drawn))
            } else {
                Drawn::Nothing {
                    again_in: Duration::from_millis(again_in),
                }
            });
        }
        Ok(Drawn::Nothing { again_in: MOMENT })
    }

    /// Makes budgets that are not there, and forgets those that nobody has drawn from for long.
    async fn open_budgets(&self, names: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM rate_budgets WHERE drawn_at < clock_timestamp() - interval '1 day'")
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "INSERT INTO rate_budgets (name, ledger, drawn_at)
             SELECT json_array_elements_text($1::json), '{}', clock_timestamp() ON CONFLICT (name) DO NOTHING",
        )
        .bind(names)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
