//! Network interfaces whose other end is a descriptor in this process: what is sent through one can be read here.

use std::os::fd::OwnedFd;

/// An interface that this process holds. It is gone when the descriptor is closed, wherever it has been moved to.
#[derive(Debug)]
pub(super) struct Tap {
    /// As the kernel has named it, before it is moved.
    pub(super) name: String,
    /// A read is a frame, and so is a write; neither waits. Children do not inherit it.
    pub(super) descriptor: OwnedFd,
}

impl Tap {
    /// A new one, in the namespace of this process, and down.
    #[cfg(target_os = "linux")]
    pub(super) fn open() -> anyhow::Result<Self> {
        use std::os::fd::AsFd as _;

        use anyhow::Context as _;
        use tun_rs::{DeviceBuilder, Layer};

        const DEVICE: &str = "/dev/net/tun";
        // Looked for first: the library would make one.
        anyhow::ensure!(
            std::fs::exists(DEVICE).is_ok_and(|exists| exists),
            "{DEVICE} is missing: load the kernel's module tun"
        );
        let device = DeviceBuilder::new()
            .layer(Layer::L2)
            .enable(false)
            .build_sync()
            .with_context(|| format!("cannot make a network interface by {DEVICE}"))?;
        device.set_nonblocking(true)?;
        let descriptor = device.as_fd().try_clone_to_owned()?;
        Ok(Self { name: device.name()?, descriptor })
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn open() -> anyhow::Result<Self> {
        anyhow::bail!("only Linux has network namespaces")
    }
}
