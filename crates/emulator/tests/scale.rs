//! The program behind BENCHMARKS.md works: it runs for a moment, with few users.

// The program's own `main` is not called.
#[allow(dead_code)]
#[path = "../examples/scale.rs"]
mod scale;

#[tokio::test]
async fn the_benchmark_starts_compares_saves_and_loads() {
    let measured = scale::measure(3_000, 30, 1).await;
    assert!(measured.is_ok(), "{measured:?}");
}
