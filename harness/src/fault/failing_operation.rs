//! Lets the operations of a disk fail, as a runner does it for every kind of failing operation.

use whitewater_sim::disk_fault::Operation;
use whitewater_sim::disk_mount::volume_of;
use whitewater_sim::host::HostId;

use super::inject::Begun;

/// From now on `times` operations fail, after `after` more that succeed; at its end they work again.
pub(super) fn begin(host: HostId, operation: Operation, after: u64, times: u64) -> Begun {
    let volume = volume_of(host);
    let failed = volume.disk().fault_hits(operation);
    volume.disk().fail(operation, after, times);
    Begun::armed(async move {
        volume.disk().fail(operation, 0, 0);
        volume.disk().fault_hits(operation) > failed
    })
}
