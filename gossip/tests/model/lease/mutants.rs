//! The rules that can be broken, one at a time.

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A certificate counts for whatever suspension is in force when it arrives.
    CertificateUnbound,
    /// A voter that is asked about X@2 does not remember what it promised X@1.
    OldLifeForgotten,
    /// A voter acts on a view before it is on the disk.
    VolatileView,
    /// A voter forgets its vouchers when it stores a view.
    ForgetsAtView,
    /// A voter that has started again takes nobody to be vouched for.
    CertifiesAtOnce,
    /// After a start a voter waits for vouchers as they are now, not for the longest it ever gave.
    ForgetsLongest,
    /// The holder relies on all of a voucher.
    WholeVoucher,
    /// The holder counts from when the voucher arrived.
    FromArrival,
    /// The holder reads one clock only: the one that nobody slews.
    HolderReadsRaw,
    /// The voter reads one clock only: the one that may be slewed.
    VoterReadsBoot,
    /// The voter reads its clocks, is stopped for as long as a voucher lasts, and then receives.
    ReadsTooEarly,
    /// A voter starts from an old copy of its disk.
    RolledBack,
    /// The holder takes the voucher of any electorate for one of the first.
    ElectorateUnbound,
    /// Under a seal the old voters' majority is enough.
    SealedByOne,
    /// A change needs no certificate.
    ChangeAtOnce,
    /// A certificate of one seal counts for another.
    SealUnbound,
    /// A suspended voter is none any more.
    Shrinks,
    /// A voter takes itself to vouch for itself, whatever the electorate, and does not put that down.
    SelfUnrecorded,
    /// The resource lets everybody in.
    NoGate,
    /// A handle that ran out revives with the next voucher.
    Revives,
}
