//! Values that travel with a message to its delivery report.
#![expect(
    unsafe_code,
    reason = "the trait's signature is rdkafka's, and its implementations keep that contract; \
              the simulated producer itself never turns an opaque into a pointer"
)]

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// A value that can pass through C code as a pointer.
pub trait IntoOpaque: Send + Sync + Sized {
    /// Gives the value up for a pointer.
    fn into_ptr(self) -> *mut c_void;

    /// Takes the value back.
    ///
    /// # Safety
    /// The pointer must come from [`into_ptr`](Self::into_ptr) of this type, and be used once.
    unsafe fn from_ptr(pointer: *mut c_void) -> Self;
}

impl IntoOpaque for () {
    fn into_ptr(self) -> *mut c_void {
        ptr::null_mut()
    }

    unsafe fn from_ptr(_: *mut c_void) -> Self {}
}

impl IntoOpaque for usize {
    fn into_ptr(self) -> *mut c_void {
        ptr::without_provenance_mut(self)
    }

    unsafe fn from_ptr(pointer: *mut c_void) -> Self {
        pointer.addr()
    }
}

impl<T: Send + Sync> IntoOpaque for Box<T> {
    fn into_ptr(self) -> *mut c_void {
        Box::into_raw(self).cast()
    }

    unsafe fn from_ptr(pointer: *mut c_void) -> Self {
        // SAFETY: the caller promises that `into_ptr` of a `Box<T>` gave the pointer, once.
        unsafe { Box::from_raw(pointer.cast()) }
    }
}

impl<T: Send + Sync> IntoOpaque for Arc<T> {
    fn into_ptr(self) -> *mut c_void {
        Arc::into_raw(self).cast_mut().cast()
    }

    unsafe fn from_ptr(pointer: *mut c_void) -> Self {
        // SAFETY: the caller promises that `into_ptr` of an `Arc<T>` gave the pointer, once.
        unsafe { Arc::from_raw(pointer.cast_const().cast()) }
    }
}
