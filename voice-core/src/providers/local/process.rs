//! What a forked child must not take over: it has the memory of its parent's threads, but not the threads.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, ErrorKind, Result};

/// A value that each process has for itself.
pub(crate) struct PerProcess<T> {
    held: Mutex<Option<(u32, Arc<T>)>>,
    make: fn() -> T,
}

impl<T> PerProcess<T> {
    /// For a `static`.
    pub(crate) const fn new(make: fn() -> T) -> Self {
        Self { held: Mutex::new(None), make }
    }

    /// This process's own, made first if there is none yet.
    pub(crate) fn get(&self) -> Arc<T> {
        let process = std::process::id();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((owner, value)) = &*held
            && *owner == process
        {
            return Arc::clone(value);
        }
        // The parent's threads may be in the middle of it, so that it cannot even be taken apart here.
        std::mem::forget(held.take());
        let value = Arc::new((self.make)());
        *held = Some((process, Arc::clone(&value)));
        value
    }
}

/// The process that was the first to use threads which a library has once and for all: they work in no child of it.
pub(crate) struct FirstProcess(OnceLock<u32>);

/// The one of the threads among which candle shares large work out.
pub(crate) static CANDLE: FirstProcess = FirstProcess::new();

impl FirstProcess {
    /// For a `static`.
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Makes this process the first, unless there was one.
    pub(crate) fn begin(&self) {
        self.0.get_or_init(std::process::id);
    }

    /// Whether the threads work here: this process is the first, or there was none.
    pub(crate) fn may_be_this(&self) -> bool {
        self.0.get().is_none_or(|first| *first == std::process::id())
    }

    /// Refuses a model that cannot do without the threads where they do not work.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub(crate) fn required_by(&self, model: &str) -> Result<()> {
        if self.may_be_this() {
            return Ok(());
        }
        let message = format!(
            "{model} cannot be used in a forked process whose parent has used local models; start the process without \
             `fork`, or take another model (a language model of 8-bit weights, Q8_0)"
        );
        Err(Error::new(ErrorKind::InvalidConfig, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_its_own_value_and_takes_none_of_its_parents() {
        let value = PerProcess::new(|| 2);
        assert!(Arc::ptr_eq(&value.get(), &value.get()));
        let parent = std::process::id().wrapping_add(1);
        let of_a_parent = PerProcess { held: Mutex::new(Some((parent, Arc::new(1)))), make: || 2 };
        assert_eq!(*of_a_parent.get(), 2);
    }

    #[test]
    fn threads_of_the_first_process_work_in_it_and_in_no_other() {
        let threads = FirstProcess::new();
        assert!(threads.may_be_this());
        threads.begin();
        assert!(threads.may_be_this());
        let of_a_parent = FirstProcess(OnceLock::from(std::process::id().wrapping_add(1)));
        of_a_parent.begin();
        assert!(!of_a_parent.may_be_this());
        assert!(threads.required_by("local/a").is_ok() && of_a_parent.required_by("local/a").is_err());
    }
}
