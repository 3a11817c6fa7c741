//! A program without std that uses the detectors and the fencing gate. If any dependency brought std along, its panic handler would be
//! there twice, and this would not compile.

#![no_std]

use core::fmt::Write;
use core::time::Duration;
use fencing_gate::{FencingGate, Token};
use phi_detector::{AccrualDetector, Exponential, ExponentialConfig, Normal, NormalConfig};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

// Without a fixed name nothing would keep the function, nor what it calls, in the library. The attribute is unsafe
// because names could clash; there is no other program here.
#[unsafe(no_mangle)]
pub extern "C" fn use_the_core(seq: u64, now_ns: u64) -> f64 {
    let now = Duration::from_nanos(now_ns);
    let second = Duration::from_secs(1);
    let mut level = 0.0;
    match Normal::<100>::with_window(NormalConfig::new(second)) {
        Ok(mut detector) => level += drive(&mut detector, seq, now),
        Err(error) => level += say(&error),
    }
    match Exponential::<100>::with_window(ExponentialConfig::new(second)) {
        Ok(mut detector) => level += drive(&mut detector, seq, now),
        Err(error) => level += say(&error),
    }
    level
}

fn drive(detector: &mut impl AccrualDetector, seq: u64, now: Duration) -> f64 {
    detector.heartbeat(seq, now);
    detector.phi(detector.deadline(8.0))
}

// Named, and unsafe, for the same reason.
#[unsafe(no_mangle)]
pub extern "C" fn use_the_gate(genesis: u64, token: u64) -> f64 {
    match FencingGate::new(genesis, "lease") {
        Ok(mut gate) => gate.admit(genesis, "lease", Token::new(token)).map_or_else(|e| say(&e), |()| 0.0),
        Err(error) => say(&error),
    }
}

/// Errors can be displayed without memory to put the message in.
fn say(error: &dyn core::error::Error) -> f64 {
    struct Count(u32);
    impl Write for Count {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0 += text.len() as u32;
            Ok(())
        }
    }
    let mut count = Count(0);
    match write!(count, "{error}") {
        Ok(()) => f64::from(count.0),
        Err(_) => 0.0,
    }
}

#[cfg(feature = "alloc")]
mod with_alloc {
    use core::alloc::{GlobalAlloc, Layout};
    use core::time::Duration;
    use phi_detector::{Exponential, ExponentialConfig, Monitor};

    struct NoMemory;

    // SAFETY: a null pointer says that there is no memory, and may always be said; so there is nothing to give back.
    unsafe impl GlobalAlloc for NoMemory {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            core::ptr::null_mut()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }

    #[global_allocator]
    static ALLOCATOR: NoMemory = NoMemory;

    // Named, and unsafe, for the same reason as above.
    #[unsafe(no_mangle)]
    pub extern "C" fn use_the_monitor(seq: u64, now_ns: u64) -> u64 {
        let now = Duration::from_nanos(now_ns);
        let detector = Exponential::<100>::with_window(ExponentialConfig::new(Duration::from_secs(1)));
        let (Ok(mut monitor), Ok(detector)) = (Monitor::new(8.0), detector) else {
            return 0;
        };
        monitor.watch(1_u64, detector);
        monitor.heartbeat(&1, seq, now);
        monitor.poll(now).map_or(0, |suspicion| suspicion.peer)
    }
}
