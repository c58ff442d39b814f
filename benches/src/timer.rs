//! A timer that fires when it is due. The runtime's own rounds up to whole milliseconds, which would put one or two of them
//! on every wait of a script and hide what is to be measured.

use std::{
    collections::BTreeMap,
    os::fd::OwnedFd,
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::{io::unix::AsyncFd, sync::oneshot};

/// One clock of the system for all who wait; the runtime's own poll wakes them.
struct Timer {
    fd: AsyncFd<OwnedFd>,
    alarms: Mutex<Alarms>,
}

#[derive(Default)]
struct Alarms {
    waiting: BTreeMap<(Instant, u64), oneshot::Sender<()>>,
    count: u64,
}

impl Timer {
    fn new() -> Self {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags).expect("Linux has timers");
        // The way that replaces this one is unsafe code; the descriptor is owned and never changed here.
        #[allow(deprecated)]
        let fd = AsyncFd::new(fd).expect("within a runtime");
        Self { fd, alarms: Mutex::default() }
    }

    fn set(&self, after: Duration) {
        let at = Timespec {
            tv_sec: after.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: i64::from(after.subsec_nanos()).max(1),
        };
        let once = Itimerspec { it_interval: Timespec::default(), it_value: at };
        timerfd_settime(self.fd.get_ref(), TimerfdTimerFlags::empty(), &once).expect("a time to come");
    }

    async fn run(&self) {
        loop {
            let mut ready = self.fd.readable().await.expect("the runtime runs");
            let _fired = rustix::io::read(self.fd.get_ref(), &mut [0; 8]);
            ready.clear_ready();
            self.ring();
        }
    }

    fn ring(&self) {
        let mut alarms = self.alarms.lock().unwrap();
        let now = Instant::now();
        while let Some(next) = alarms.waiting.first_entry() {
            let at = next.key().0;
            if at > now {
                self.set(at - now);
                return;
            }
            // Whoever waited may have given up.
            let _gone = next.remove().send(());
        }
    }
}

/// Waits until `at`, to a tenth of a millisecond.
pub async fn sleep_until(at: Instant) {
    static TIMER: OnceLock<&'static Timer> = OnceLock::new();
    let timer = *TIMER.get_or_init(|| {
        let timer: &'static Timer = Box::leak(Box::new(Timer::new()));
        tokio::spawn(timer.run());
        timer
    });
    let left = at.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return;
    }
    let (ring, rung) = oneshot::channel();
    {
        let mut alarms = timer.alarms.lock().unwrap();
        alarms.count += 1;
        let key = (at, alarms.count);
        alarms.waiting.insert(key, ring);
        if alarms.waiting.first_key_value().is_some_and(|(first, _)| *first == key) {
            timer.set(left);
        }
    }
    let _rung = rung.await;
}
