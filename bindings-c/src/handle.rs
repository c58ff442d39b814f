//! The table behind the opaque handles.
//!
//! A handle is a number that is never used again, dressed as a pointer that nobody follows. So a handle that was freed, comes
//! from elsewhere or has another type is recognised, and an object that one thread frees while another uses it lives on until
//! that use is over.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use voice_bridge::{ErrorRecord, Outcome};

#[derive(Default)]
struct Table {
    last: usize,
    objects: HashMap<usize, Arc<dyn Any + Send + Sync>>,
}

static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(RwLock::default);

/// The type of a handle in the header, and what stands behind it.
pub(crate) trait Handle: Sized {
    type Object: Any + Send + Sync;
    const NAME: &'static str;
}

/// Says what stands behind a type of handle. The types themselves are written out, since the header is made from them.
macro_rules! handles {
    ($($name:ident => $object:ty),+) => {$(
        impl $crate::handle::Handle for $name {
            type Object = $object;
            const NAME: &'static str = stringify!($name);
        }
    )+};
}
pub(crate) use handles;

/// Gives an object a handle.
pub(crate) fn open<H: Handle>(object: H::Object) -> *mut H {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    // Steps of 16 keep the numbers aligned like the addresses that C compilers may take them for.
    table.last += 16;
    let number = table.last;
    table.objects.insert(number, Arc::new(object));
    std::ptr::without_provenance_mut(number)
}

/// The object of a handle.
pub(crate) fn get<H: Handle>(handle: *const H) -> Outcome<Arc<H::Object>> {
    let object = TABLE.read().unwrap_or_else(PoisonError::into_inner).objects.get(&handle.addr()).cloned();
    object.and_then(|object| object.downcast().ok()).ok_or_else(|| stale(handle))
}

/// The object of a handle, which is no handle from now on.
pub(crate) fn take<H: Handle>(handle: *const H) -> Outcome<Arc<H::Object>> {
    // Objects may run host code when they are dropped: never under the lock.
    let object = get(handle)?;
    let removed = TABLE.write().unwrap_or_else(PoisonError::into_inner).objects.remove(&handle.addr());
    removed.map(|_| object).ok_or_else(|| stale(handle))
}

pub(crate) fn count() -> usize {
    TABLE.read().unwrap_or_else(PoisonError::into_inner).objects.len()
}

fn stale<H: Handle>(handle: *const H) -> ErrorRecord {
    ErrorRecord::invalid(if handle.is_null() {
        format!("the {} is NULL", H::NAME)
    } else {
        format!("the {} was freed already, or is no {} at all", H::NAME, H::NAME)
    })
}
