//! Asks the detector for the golden values on a bare Cortex-M4, and tells the result through semihosting.

#![no_std]
#![no_main]

use core::arch::asm;
use core::fmt::{self, Write};
use core::time::Duration;
use phi_detector::{AccrualDetector, Normal, NormalConfig};

const GOLDEN: &str = include_str!("../../../../phi-detector/tests/golden/normal_phi.csv");

/// z is in these units, and the last heartbeat at -40 of them, as in phi-detector/tests/golden.rs.
const STD_DEV_NS: u64 = 1 << 30;
const CENTER: u64 = 40;

/// Reset, and the fourteen exceptions after it: NMI, faults, and what never happens here.
// A section is unsafe to choose since what is put there may be taken for something else: here, as it is meant to be.
#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: [extern "C" fn() -> !; 15] = {
    let mut vectors: [extern "C" fn() -> !; 15] = [fault; 15];
    vectors[0] = start;
    vectors
};

// Named for the linker script. Unsafe because names could clash; there is no other program here.
#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    let mut out = Host;
    let ok = match golden(&mut out) {
        Ok(ok) => ok,
        Err(fmt::Error) => false,
    };
    exit(ok)
}

extern "C" fn fault() -> ! {
    exit(false)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Host, "{info}");
    exit(false)
}

/// Whether the detector meets the golden values that are whole nanoseconds, and agrees with its own deadlines.
fn golden(out: &mut impl Write) -> Result<bool, fmt::Error> {
    let deviations = |n| Duration::from_nanos(n * STD_DEV_NS);
    let config = NormalConfig::new(deviations(4))
        .min_std_dev(Duration::from_nanos(1))
        .acceptable_pause(deviations(CENTER - 4));
    let Ok(mut detector) = Normal::<1000>::with_window(config) else {
        writeln!(out, "the configuration was refused")?;
        return Ok(false);
    };
    detector.heartbeat(0, Duration::ZERO);

    let (mut met, mut worst, mut bits) = (0, 0.0_f64, 0_u64);
    for line in GOLDEN.lines().skip(1) {
        let Some((Ok(z), Ok(expected))) =
            line.split_once(',').map(|(z, phi)| (z.parse::<f64>(), phi.parse::<f64>()))
        else {
            writeln!(out, "not a golden value: {line}")?;
            return Ok(false);
        };
        let silence = (z + CENTER as f64) * STD_DEV_NS as f64;
        if silence as u64 as f64 != silence || (z + CENTER as f64) - CENTER as f64 != z {
            continue;
        }
        let at = Duration::from_nanos(silence as u64);
        let got = detector.phi(at);
        let difference = (got - expected).abs();
        if difference > f64::from_bits(1) {
            worst = worst.max(difference / expected);
        }
        let deadline = detector.deadline(got);
        if detector.phi(deadline) < got || deadline > at {
            writeln!(out, "z = {z}: phi is {got:?} at {at:?}, but its deadline {deadline:?}")?;
            return Ok(false);
        }
        bits = bits.rotate_left(5) ^ got.to_bits();
        met += 1;
    }
    writeln!(out, "{met} golden values, largest relative error {worst:.2e}, bits {bits:016x}")?;
    Ok(met >= 400 && worst <= 1e-12)
}

/// The console of the host: Arm's semihosting (Arm IHI 0100), a breakpoint that the debugger answers.
struct Host;

impl Write for Host {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const SYS_WRITEC: u32 = 0x03;
        for byte in text.bytes() {
            semihost(SYS_WRITEC, &raw const byte as u32);
        }
        Ok(())
    }
}

fn exit(ok: bool) -> ! {
    const SYS_EXIT: u32 = 0x18;
    const APPLICATION_EXIT: u32 = 0x2_0026;
    const RUN_TIME_ERROR: u32 = 0x2_0023;
    semihost(SYS_EXIT, if ok { APPLICATION_EXIT } else { RUN_TIME_ERROR });
    loop {}
}

fn semihost(operation: u32, argument: u32) {
    // SAFETY: the two operations above read one byte or nothing, and give back a result in r0 only.
    unsafe {
        asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack, preserves_flags));
    }
}
