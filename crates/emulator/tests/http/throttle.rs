//! Rate limits, on a clock that the test drives.

use std::time::Duration;

use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::ManualClock;
use workos_directory_emulator::RateLimits;

use crate::asking::Asking;
use crate::asking::population;

async fn limited(limits: RateLimits) -> (Asking, ManualClock) {
    let clock = ManualClock::at("2022-01-01T00:00:00.250Z".parse().unwrap());
    let builder = Emulator::builder().population(population()).rate_limit_headers(true);
    (
        Asking::of(builder.rate_limits(limits).clock(clock.clone())).await,
        clock,
    )
}

#[tokio::test]
async fn the_eleventh_request_of_a_second_is_one_too_many_for_the_reference() {
    let (asking, clock) = limited(RateLimits::of(Behaviour::Reference)).await;
    for left in (0..10).rev() {
        let answer = asking.get("/directories").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-limit"), "10");
        assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
        assert_eq!(answer.header("x-ratelimit-reset"), "1640995201");
    }
    let refused = asking.get("/nowhere").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    assert_eq!(refused.json()["code"], "rate_limit_exceeded");
    clock.advance(Duration::from_millis(750));
    assert_eq!(asking.get("/directories").await.status, 200);
}

#[tokio::test]
async fn lists_of_users_are_limited_for_each_directory_by_itself() {
    let (asking, clock) = limited(RateLimits::of(Behaviour::Live)).await;
    let directories = asking.all_ids("/directories").await;
    let list = |place: usize| format!("/directory_users?directory={}", directories[place]);
    for _ in 0..4 {
        assert_eq!(asking.get(&list(0)).await.status, 200);
    }
    let refused = asking.get(&list(0)).await;
    assert_eq!((refused.status, refused.header("x-ratelimit-limit")), (429, "4"));
    assert_eq!(asking.get(&list(1)).await.status, 200);
    let groups = format!("/directory_groups?directory={}", directories[0]);
    assert_eq!(asking.get(&groups).await.status, 200);
    clock.advance(Duration::from_secs(1));
    assert_eq!(asking.get(&list(0)).await.status, 200);
}

#[tokio::test]
async fn limits_can_be_set() {
    let limits = RateLimits::unlimited().general(2, Duration::from_secs(60));
    let (asking, _) = limited(limits).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(asking.get("/directories").await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
}
