//! Where control groups for processor time can be made.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Of the kernel's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Version {
    /// Files of a group and what to write there, in this order.
    pub(super) fn limits(self, quota: Duration, period: Duration) -> Vec<(&'static str, String)> {
        let (quota, period) = (quota.as_micros(), period.as_micros());
        match self {
            Self::One => {
                vec![("cpu.cfs_period_us", period.to_string()), ("cpu.cfs_quota_us", quota.to_string())]
            }
            Self::Two => vec![("cpu.max", format!("{quota} {period}"))],
        }
    }
}

/// A group in which another can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) version: Version,
    pub(super) parent: PathBuf,
    /// The group of this program, and so of what it starts.
    pub(super) home: PathBuf,
}

/// All places that may do, those nearest to this program first; by what `/proc` says of mounts and of the groups of this program.
pub(super) fn places(mounts: &str, groups: &str) -> Vec<Place> {
    mounts
        .lines()
        .filter_map(|line| mount(line, groups))
        .flat_map(|(version, root, home)| from(version, &root, &home))
        .collect()
}

/// Version, root and own group of one line of `mountinfo`, if it is about processor time.
fn mount(line: &str, groups: &str) -> Option<(Version, PathBuf, PathBuf)> {
    let (head, tail) = line.split_once(" - ")?;
    let head: Vec<&str> = head.split(' ').collect();
    let (inner, root) = (Path::new(head.get(3)?), Path::new(head.get(4)?));
    let tail: Vec<&str> = tail.split(' ').collect();
    let has_cpu = |options: &str| options.split(',').any(|option| option == "cpu");
    let version = match (*tail.first()?, tail.get(2)) {
        ("cgroup", Some(options)) if has_cpu(options) => Version::One,
        ("cgroup2", _) => Version::Two,
        _ => return None,
    };
    // `4:cpu,cpuacct:/a/b`, in version 2 `0::/a/b`.
    let own = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let is_it = if version == Version::One { has_cpu(controllers) } else { controllers.is_empty() };
        is_it.then_some(path)
    })?;
    // Within a container the mount may begin at a group whose own path is not to be seen.
    let home = Path::new(own).strip_prefix(inner).map_or(root.to_owned(), |below| root.join(below));
    Some((version, root.to_owned(), home))
}

fn from(version: Version, root: &Path, home: &Path) -> Vec<Place> {
    let home = if home.exists() { home } else { root };
    let mut places = Vec::new();
    for parent in home.ancestors().take_while(|dir| dir.starts_with(root)) {
        // In version 2 a group has what its parent hands down, and one with processes of its own hands down nothing.
        let hands_down = || {
            let text = fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap_or_default();
            text.split_whitespace().any(|controller| controller == "cpu")
        };
        if version == Version::One || hands_down() {
            places.push(Place { version, parent: parent.to_owned(), home: home.to_owned() });
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_and_the_own_group_in_them() {
        let one = "32 31 0:29 / /c/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct";
        let groups = "3:cpuset:/\n1:cpuacct,cpu:/a/b\n0::/user.slice";
        let found = mount(one, groups).unwrap();
        assert_eq!(found, (Version::One, "/c/cpu,cpuacct".into(), "/c/cpu,cpuacct/a/b".into()));
        let two = "41 31 0:38 / /c rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(mount(two, groups).unwrap(), (Version::Two, "/c".into(), "/c/user.slice".into()));
        for other in [
            "34 31 0:31 / /c/cpuset rw - cgroup cgroup rw,cpuset",
            "23 1 0:20 / / rw - ext4 /dev/sda rw,cpu",
            "nonsense",
        ] {
            assert_eq!(mount(other, groups), None, "{other}");
        }
        let inner = "32 31 0:29 /docker/x /c/cpu rw - cgroup cgroup rw,cpu";
        assert_eq!(mount(inner, groups).unwrap().2, Path::new("/c/cpu"), "the own group is outside");
    }

    #[test]
    fn a_group_of_version_2_is_made_where_processor_time_is_handed_down() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("a/b");
        fs::create_dir_all(&home).unwrap();
        fs::write(root.path().join("cgroup.subtree_control"), "cpuset cpu io\n").unwrap();
        fs::write(root.path().join("a/cgroup.subtree_control"), "cpuset io\n").unwrap();
        let found = from(Version::Two, root.path(), &home);
        let wanted = Place { version: Version::Two, parent: root.path().to_owned(), home: home.clone() };
        assert_eq!(found, [wanted]);
        let parents: Vec<PathBuf> =
            from(Version::One, root.path(), &home).into_iter().map(|p| p.parent).collect();
        assert_eq!(parents, [home, root.path().join("a"), root.path().to_owned()]);
        assert_eq!(from(Version::One, root.path(), &root.path().join("gone")).len(), 1);
    }

    #[test]
    fn limits_are_in_microseconds() {
        let (quota, period) = (Duration::from_millis(5), Duration::from_millis(100));
        assert_eq!(Version::Two.limits(quota, period), [("cpu.max", "5000 100000".to_owned())]);
        assert_eq!(Version::One.limits(quota, period)[1], ("cpu.cfs_quota_us", "5000".to_owned()));
    }
}
