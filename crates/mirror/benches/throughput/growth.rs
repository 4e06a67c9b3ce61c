//! Time, memory and calls of full syncs, and the calls of a poll, for a directory of a size.

use sqlx::AnyConnection;
use sqlx::Connection as _;

use crate::one_by_one::Habit;
use crate::process;
use crate::ratio::Database;
use crate::source::Shape;
use crate::source::Source;

/// Prints the table.
pub(crate) fn measure(users: u32) {
    println!("| Database | Source | Users | Run | Seconds | Users/s | Rows/s | Calls | Least possible | Peak memory |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for database in Database::ALL {
        for shape in [Shape::Embedded, Shape::Listed] {
            run(database, shape, users);
        }
    }
    println!("\nA poll with nothing new took one request each time.\n");
}

fn run(database: Database, shape: Shape, users: u32) {
    let source = Source::start(shape, users);
    let folder = tempfile::tempdir().expect("a folder");
    let address = database.made(&folder, Habit::Tuned);
    let reports = process::reports(&["mirror", "2", &address, &source.base_url, &source.api_key]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let least = runtime.block_on(least_calls(&address, shape));
    let mut calls = 0;
    for (report, name) in reports.iter().zip(["first", "second"]) {
        assert_eq!(report.users, u64::from(users));
        assert_eq!(report.inserted, if name == "first" { report.users } else { 0 });
        assert!(
            report.calls * 100 <= least * 105,
            "{} calls, {least} would do",
            report.calls
        );
        assert!(report.peak_megabytes < 100.0, "{} MB", report.peak_megabytes);
        calls += report.calls;
        println!(
            "| {} | {} | {users} | {name} | {:.1} | {:.0} | {:.0} | {} | {least} | {:.0} MB |",
            database.name(),
            shape.name(),
            report.seconds,
            report.per_second(),
            report.rows_per_second(),
            report.calls,
            report.peak_megabytes,
        );
    }
    let requests = source.end();
    assert_eq!(
        requests["listEvents"], 2,
        "one poll before the full syncs, one after them"
    );
    assert_eq!(
        requests.values().sum::<u64>(),
        calls + 2,
        "no request that is not counted"
    );
}

/// How many calls the source's lists take at least, a hundred objects each.
async fn least_calls(address: &str, shape: Shape) -> u64 {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(address).await.expect("a database");
    let mut calls = 0;
    for (table, per_list) in [
        ("directories", "SELECT COUNT(*) AS n FROM directories"),
        ("groups", "SELECT COUNT(*) AS n FROM groups GROUP BY directory_id"),
        ("users", "SELECT COUNT(*) AS n FROM users GROUP BY directory_id"),
        (
            "users per group",
            "SELECT COUNT(*) AS n FROM memberships GROUP BY group_id",
        ),
    ] {
        if table == "users per group" && shape != Shape::Listed {
            continue;
        }
        let sql = format!("SELECT CAST(SUM((n + 99) / 100) AS BIGINT) FROM ({per_list}) AS lists");
        let pages: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut connection)
            .await
            .expect("a sum");
        calls += u64::try_from(pages).expect("no negative count");
    }
    connection.close().await.expect("it closes");
    calls
}
