//! What the API does wrong meanwhile.

use fastrand::Rng;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::Movement;

/// One fault or two.
pub(super) fn some(random: &mut Rng) -> Vec<FaultRule> {
    let count = random.u8(1..3);
    (0..count)
        .map(|_| {
            let fault = match random.u8(0..9) {
                0 => Fault::status(500),
                1 => Fault::status(404),
                2 => Fault::rate_limited(1),
                3 => Fault::Reset { processed: false },
                4 => Fault::TruncatedBody {
                    claims_to_be_whole: random.bool(),
                },
                5 => Fault::UnknownEnumValues,
                6 => Fault::MissingOptionalFields,
                7 => Fault::RepeatedCursor,
                _ => {
                    let all = [
                        Movement::Deleted,
                        Movement::Added,
                        Movement::Changed,
                        Movement::Repeated,
                    ];
                    Fault::Movement {
                        change: *random.choice(&all).unwrap(),
                    }
                }
            };
            FaultRule::new(fault).skip(random.u64(0..10)).times(random.u64(1..3))
        })
        .collect()
}

/// Whether what the API says is wrong, rather than missing. It is believed until the next full sync.
pub(super) fn are_lies(faults: &[FaultRule]) -> bool {
    faults.iter().any(|rule| {
        matches!(
            rule.fault,
            Fault::UnknownEnumValues | Fault::MissingOptionalFields | Fault::Status { status: 404, .. }
        )
    })
}

/// Whether the API says of something that it does not exist.
pub(super) fn deny(faults: &[FaultRule]) -> bool {
    let mut faults = faults.iter().map(|rule| &rule.fault);
    faults.any(|fault| matches!(fault, Fault::Status { status: 404, .. }))
}
